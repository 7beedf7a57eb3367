"""Makes the inputs of a training with Pillow, torchvision and timm, of what was drawn for them, and compares the bytes.

    python check_training.py FOLDER

`crates/data/tests/peer_training.rs` writes the folder and runs this.
"""

import json
import pathlib
import sys

import numpy
from PIL import Image
from torchvision.transforms import functional

import timm_transforms  # noqa: F401: makes timm.data importable on its own
from timm.data.auto_augment import NAME_TO_OP


def operated(image, name, strengths, fill):
    if name == "Posterize" and strengths == [0]:
        # Black, as in Pillow before 13, which refuses it.
        return Image.new(image.mode, image.size)
    return NAME_TO_OP[name](image, *strengths, fillcolor=tuple(fill), resample=Image.Resampling.BICUBIC)


def made(image, choices):
    size = choices["size"]
    image = image.crop(choices["window"])
    # Rows first, in a step of their own: from version 13 on, Pillow begins with the columns where that is less work.
    image = image.resize((size, image.height), Image.Resampling.BICUBIC).resize((size, size), Image.Resampling.BICUBIC)
    if choices["flip"]:
        image = functional.hflip(image)
    for name, *strengths in choices["operations"]:
        image = operated(image, name, strengths, choices["fill"])
    return numpy.array(image)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    about = json.loads((folder / "about.json").read_text())
    image = numpy.fromfile(folder / "image", numpy.uint8).reshape(about["height"], about["width"], 3)
    ours, image = numpy.fromfile(folder / "inputs", numpy.uint8), Image.fromarray(image)
    differ = 0
    for choices in about["inputs"]:
        theirs = made(image, choices).ravel()
        mine, ours = ours[:theirs.size], ours[theirs.size:]
        off = numpy.abs(mine.astype(int) - theirs.astype(int))
        if off.max():
            differ += 1
            print(f"{off.max()} levels off at most, {(off > 0).sum()} in all: {choices}")
    assert ours.size == 0, "there are more inputs than were drawn"
    print(f"{len(about['inputs'])} inputs compared, {differ} differ")
