"""DeiT's inputs with Pillow, torchvision and timm: inputs in a second with one process.

    python torchvision_training.py FILE...

In the environment that `cargo xtask setup --peers` makes.

The peer of `cargo bench -p bossnas-data --bench training -- FILE...`; `cargo xtask bench training-images` runs both in turn.
"""

import importlib.metadata
import io
import random
import statistics
import sys
import time

import numpy
import PIL
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms

from timm_transforms import create_transform

ROUNDS, ROUND = 9, 1.0


def deit(size):
    """As the published networks were retrained; up to 32 pixels the crop is that of CIFAR."""
    made = create_transform(
        input_size=size, is_training=True, color_jitter=0.4, auto_augment="rand-m9-mstd0.5-inc1", interpolation="bicubic",
        re_prob=0.25, re_mode="pixel", re_count=1,
    )
    if size <= 32:
        made.transforms[0] = transforms.RandomCrop(size, padding=4)
    return made


def black_without_bits():
    """Keeping no bit of a level makes it black, as in Pillow before 13, which refuses it."""
    posterize = ImageOps.posterize
    ImageOps.posterize = lambda image, bits: posterize(image, bits) if bits else Image.new(image.mode, image.size)


def rate(per_epoch, epoch):
    """Inputs in a second, of which `epoch` makes so many: the median of the rounds."""
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
    numpy.random.seed(1)
    black_without_bits()
    files = [open(path, "rb").read() for path in sys.argv[1:]]
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}, timm {importlib.metadata.version('timm')}"
    print(f"{versions}, Pillow {PIL.__version__}")
    large, small = deit(224), deit(32)

    def photographs():
        for data in files:
            with Image.open(io.BytesIO(data)) as image:
                image = image.convert("RGB")
            large(image)

    print(f"deit, 224 px: {rate(len(files), photographs):.0f} inputs/s", flush=True)
    images = [Image.fromarray((numpy.arange(3072) * (n + 3) % 251).astype(numpy.uint8).reshape(32, 32, 3)) for n in range(64)]

    def cifar():
        for image in images:
            small(image)

    print(f"deit, 32 px: {rate(len(images), cifar):.0f} inputs/s", flush=True)
