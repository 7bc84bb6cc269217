#!/usr/bin/python3
"""Readers of an image that is made anew and anew.

  reroll.py MOUNT TIMES

Whoever opens images/fox.png gets a whole picture: the old one, or the new one after a
wait. The exit status is 1 if anything else happened.
"""
import collections
import errno
import os
import sys
import threading

MOUNT, TIMES = sys.argv[1], int(sys.argv[2])
IMAGE = MOUNT + "/images/fox.png"
seen = collections.Counter()
ended = threading.Event()


def look():
    try:
        with open(IMAGE, "rb") as file:
            data = file.read()
        seen["picture" if data[:4] == b"\x89PNG" and data[-8:-4] == b"IEND" else "part"] += 1
        os.stat(IMAGE)
    except OSError as error:
        seen[errno.errorcode[error.errno]] += 1


def read():
    while not ended.is_set():
        look()


def main():
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(TIMES):
        with open(MOUNT + "/prompts/fox", "w", encoding="ascii") as file:
            file.write(f"a fox, {number}")
    ended.set()
    for reader in readers:
        reader.join()
    print(dict(seen))
    return set(seen) != {"picture"}


sys.exit(main())
