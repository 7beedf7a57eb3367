"""From a JPEG file in memory to a network's input with Pillow and torchvision: images in a second, with one and two processes.

    python torchvision_images.py FILE...

In the environment that `cargo xtask setup --peers` makes.

The peer of `cargo bench -p bossnas-data --bench images -- FILE...`; run them in turn on an idle machine.
"""

import io
import multiprocessing
import statistics
import sys
import time

import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms

ROUNDS, ROUND = 9, 0.5

TRANSFORM = transforms.Compose([
    transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC),
    transforms.CenterCrop(224),
    transforms.ToTensor(),
    transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
])


def prepare(data):
    with Image.open(io.BytesIO(data)) as image:
        return TRANSFORM(image.convert("RGB"))


def work(files, barrier, rates):
    """One process: every round begins together, and each says how many images a second it made."""
    torch.set_num_threads(1)
    for data in files:
        prepare(data)
    for _ in range(ROUNDS):
        barrier.wait()
        begun, images = time.perf_counter(), 0
        while time.perf_counter() - begun < ROUND:
            for data in files:
                prepare(data)
            images += len(files)
        rates.put(images / (time.perf_counter() - begun))
        barrier.wait()


def rate(files, workers):
    barrier, rates = multiprocessing.Barrier(workers + 1), multiprocessing.Queue()
    processes = [multiprocessing.Process(target=work, args=(files, barrier, rates)) for _ in range(workers)]
    for process in processes:
        process.start()
    rounds = []
    for _ in range(ROUNDS):
        barrier.wait()
        rounds.append(sum(rates.get() for _ in range(workers)))
        barrier.wait()
    for process in processes:
        process.join()
    return statistics.median(rounds)


if __name__ == "__main__":
    files = [open(path, "rb").read() for path in sys.argv[1:]]
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}")
    for workers in (1, 2):
        print(f"{workers} processes: {rate(files, workers):.0f} images/s", flush=True)
