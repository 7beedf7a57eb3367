"""Makes views with Pillow and torchvision, of what was drawn for them, and compares the bytes.

    python check_views.py FOLDER

`crates/data/tests/peer_views.rs` writes the folder and runs this.
"""

import json
import pathlib
import sys

import numpy
from PIL import Image, ImageFilter
from torchvision.transforms import functional

ADJUST = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
}


def view(image, choices):
    size = choices["size"]
    image = image.crop(choices["window"])
    # Rows first, in a step of their own: from version 13 on, Pillow begins with the columns where that is less work.
    image = image.resize((size, image.height), Image.Resampling.BICUBIC).resize((size, size), Image.Resampling.BICUBIC)
    if choices["flip"]:
        image = functional.hflip(image)
    for name, strength in choices["adjustments"]:
        image = ADJUST[name](image, strength)
    if choices["grey"]:
        image = functional.rgb_to_grayscale(image, num_output_channels=3)
    if choices["blur"] is not None:
        image = image.filter(ImageFilter.GaussianBlur(radius=choices["blur"]))
    levels = numpy.array(image)
    return numpy.where(levels < 128, levels, 255 - levels) if choices["solarise"] else levels


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    about = json.loads((folder / "about.json").read_text())
    image = numpy.fromfile(folder / "image", numpy.uint8).reshape(about["height"], about["width"], 3)
    ours, image = numpy.fromfile(folder / "views", numpy.uint8), Image.fromarray(image)
    differ = 0
    for choices in about["views"]:
        theirs = view(image, choices).ravel()
        mine, ours = ours[:theirs.size], ours[theirs.size:]
        worst = numpy.abs(mine.astype(int) - theirs.astype(int)).max()
        if worst:
            differ += 1
            print(f"{worst} levels off: {choices}")
    assert ours.size == 0, "there are more views than were drawn"
    print(f"{len(about['views'])} views compared, {differ} differ")
