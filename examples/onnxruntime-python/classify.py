"""Classifies a photograph with an ONNX file of bossnas-zoo: python classify.py MODEL.onnx PHOTO.jpg

The file itself says how a photograph becomes its input (`bossnas.preprocessing`) and what its classes are called
(`bossnas.labels`), so that nothing here knows a network.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image


def prepare(photo, how):
    """The evaluation transform: resize to cover a box, cut out the centre, scale to [0, 1], normalise."""
    (height, width), (box_height, box_width) = how["size"], how["resize"]
    if box_height * photo.width >= box_width * photo.height:
        covering = (box_height * photo.width // photo.height, box_height)
    else:
        covering = (box_width, box_width * photo.height // photo.width)
    resample = getattr(Image.Resampling, how["interpolation"].upper())
    photo = photo.resize(covering, resample)

    left, top = round((photo.width - width) / 2), round((photo.height - height) / 2)
    pixels = np.asarray(photo.crop((left, top, left + width, top + height)), dtype=np.float32) / 255
    pixels = (pixels - np.float32(how["mean"])) / np.float32(how["std"])
    return pixels.transpose(2, 0, 1)[np.newaxis]  # (1, 3, height, width)


def softmax(logits):
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    return exponentials / exponentials.sum()


def main(model, photo):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    images = prepare(Image.open(photo).convert("RGB"), json.loads(about["bossnas.preprocessing"]))

    (logits,) = session.run(None, {session.get_inputs()[0].name: images})
    probabilities = softmax(logits[0])

    labels = json.loads(about.get("bossnas.labels", "[]")) or ["?"] * len(probabilities)
    top = np.argsort(-probabilities, kind="stable")[:5]
    widest = max(len(labels[index]) for index in top)
    for index in top:
        print(f"{index:>5}  {labels[index]:<{widest}}  {probabilities[index]:.6f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
