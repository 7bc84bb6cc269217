"""Reads each PATH below a mount to its end, over a change of names made in between.

reading.py MNT PATH… -- COMMAND…: opens each PATH, reads some bytes, runs COMMAND, and reads on. The
whole of each must be what it was before; fstat() must go on to say its size."""
import os
import subprocess
import sys

FIRST = 10


def main():
    mount, *rest = sys.argv[1:]
    at = rest.index("--")
    paths, command = rest[:at], rest[at + 1:]
    opened = []
    for path in paths:
        full = os.path.join(mount, path)
        with open(full, "rb") as file:
            whole = file.read()
        fd = os.open(full, os.O_RDONLY)
        opened.append((path, whole, fd, os.read(fd, FIRST)))
    subprocess.run(command, check=True)
    for path, whole, fd, text in opened:
        size = os.fstat(fd).st_size
        # (That of a record is what an open would read now.)
        if size != len(whole) and not path.endswith(".json"):
            sys.exit(f"{path}: fstat says {size} of {len(whole)} bytes")
        while part := os.read(fd, 65536):
            text += part
        if text != whole:
            sys.exit(f"{path}: read {len(text)} of {len(whole)} bytes, or others")
        os.close(fd)


main()
