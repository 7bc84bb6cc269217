#!/usr/bin/python3
"""Pillow, warm: as tests/bench/vips.c. With a path as second argument, once."""
import os
import sys
import time

from PIL import Image


def make(path, to):
    image = Image.open(path)
    if "-right." in path:
        image.load()
        return
    width, height = image.size
    if width * 1152 > height * 2048:
        used = round(height * 2048 / 1152)
        box = ((width - used) // 2, 0, (width - used) // 2 + used, height)
    else:
        used = round(width * 1152 / 2048)
        box = (0, (height - used) // 2, width, (height - used) // 2 + used)
    image = image.convert("RGB")
    if box[2:] != image.size or box[:2] != (0, 0):
        image = image.crop(box)
    if image.size != (2048, 1152):
        image = image.resize((2048, 1152), Image.LANCZOS)
    image.save(to, compress_level=1)


out = os.path.join(sys.argv[1], "pillow.png")
if len(sys.argv) > 2:
    make(sys.argv[2], out)
    sys.exit()
for line in sys.stdin:
    start = time.perf_counter()
    make(line.rstrip("\n"), out)
    done = (time.perf_counter() - start) * 1e3
    print("%.3f %d 0" % (done, os.path.getsize(out) if os.path.exists(out) else 0), flush=True)
