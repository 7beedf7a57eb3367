"""Writes the small images beside this file, and beside each as PNG what Pillow makes of it: `python write.py`.

NAME.jpg is decoded with `convert("RGB")`; orientation_* are turned by `ImageOps.exif_transpose`, too.
"""

import io

from PIL import Image, ImageOps

BASE = Image.merge("RGB", [
    Image.frombytes("L", (41, 27), bytes((x * a + y * b + x * y // 9) % 256 for y in range(27) for x in range(41)))
    for a, b in ((5, 2), (1, 7), (3, -4))
])
IN_INKS = BASE.convert("CMYK")


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def write(name, data, turned=False):
    with open(name, "wb") as file:
        file.write(data)
    image = Image.open(io.BytesIO(data))
    if turned:
        image = ImageOps.exif_transpose(image)
    image.convert("RGB").save(name.split(".")[0] + ".expected.png", optimize=True)


write("baseline_420.jpg", jpeg(BASE, subsampling="4:2:0"))
write("progressive_422.jpg", jpeg(BASE, subsampling="4:2:2", progressive=True))
write("restarts_444.jpg", jpeg(BASE, subsampling="4:4:4", restart_marker_blocks=3))
write("grey.jpg", jpeg(BASE.convert("L")))
write("cmyk.jpg", jpeg(IN_INKS))
# The same coefficients, said to be YCCK.
adobe = jpeg(IN_INKS)
at = adobe.index(b"Adobe") + 11
write("ycck.jpg", adobe[:at] + b"\x02" + adobe[at + 1:])

for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    write(f"orientation_{orientation}.jpg", jpeg(BASE, exif=exif, quality=50), turned=True)
exif[0x0112] = 6
file = io.BytesIO()
BASE.save(file, "PNG", exif=exif, optimize=True)
write("orientation_png.png", file.getvalue(), turned=True)
