"""The search's augmented views with Pillow and torchvision: views in a second with one process.

    python torchvision_views.py FILE...

In the environment that `cargo xtask setup --peers` makes.

The peer of `cargo bench -p bossnas-data --bench views -- FILE...`; `cargo xtask bench views` runs both in turn.
"""

import io
import random
import statistics
import sys
import time

import numpy
import PIL
import torch
import torchvision
from PIL import Image, ImageFilter
from torchvision import transforms

ROUNDS, ROUND = 9, 0.5


class Blur:
    def __call__(self, image):
        return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


class Solarise:
    def __call__(self, image):
        levels = numpy.array(image)
        return Image.fromarray(numpy.where(levels < 128, levels, 255 - levels))


def byol(blur, solarise):
    """Half of the recipe of HyTra and MBConv (`Recipe::byol(224, 4)`)."""
    jitter = transforms.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
    return transforms.Compose([
        transforms.RandomResizedCrop(224, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(),
        transforms.RandomApply([jitter], p=0.8),
        transforms.RandomGrayscale(p=0.2),
        transforms.RandomApply([Blur()], p=blur),
        transforms.RandomApply([Solarise()], p=solarise),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])


NATS = transforms.Compose([
    transforms.RandomCrop(32, padding=4),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.201)),
])


def rate(per_epoch, epoch):
    """Views in a second, of which `epoch` makes so many: the median of the rounds."""
    epoch()
    rounds = []
    for _ in range(ROUNDS):
        begun, epochs = time.perf_counter(), 0
        while time.perf_counter() - begun < ROUND:
            epoch()
            epochs += 1
        rounds.append(epochs * per_epoch / (time.perf_counter() - begun))
    return statistics.median(rounds)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    random.seed(1)
    files = [open(path, "rb").read() for path in sys.argv[1:]]
    halves = [byol(0.1, 0.0), byol(1.0, 0.2)]
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}")

    def photographs():
        for data in files:
            with Image.open(io.BytesIO(data)) as image:
                image = image.convert("RGB")
            for half in halves:
                for _ in range(4):
                    half(image)

    print(f"byol, 224 px: {rate(8 * len(files), photographs):.0f} views/s", flush=True)
    small = [Image.fromarray((numpy.arange(3072) * (n + 3) % 251).astype(numpy.uint8).reshape(32, 32, 3)) for n in range(64)]

    def cifar():
        for image in small:
            for _ in range(2):
                NATS(image)

    print(f"nats, 32 px: {rate(2 * len(small), cifar):.0f} views/s", flush=True)
