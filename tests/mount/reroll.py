#!/usr/bin/python3
"""Readers of an image that is made anew and anew, and of its record.

  reroll.py MOUNT HOW TIMES

HOW: a new text (write), an image from the history (restore), or another prompt that takes
the name (rename). Whoever opens images/fox.png gets a whole picture: the old one, or the
new one after a wait. The record, its attributes and the prompt are there, too. The exit
status is 1 if anything else happened.
"""
import collections
import errno
import json
import os
import sys
import threading

MOUNT, HOW, TIMES = sys.argv[1], sys.argv[2], int(sys.argv[3])
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
        seen["image: " + errno.errorcode[error.errno]] += 1


def look_beside():
    try:
        with open(MOUNT + "/records/fox.json", "rb") as file:
            assert json.load(file)["name"] == "fox"
        os.stat(MOUNT + "/records/fox.json")
        os.getxattr(MOUNT + "/prompts/fox", "user.seed.state")
        with open(MOUNT + "/prompts/fox", "rb") as file:
            file.read()
    except OSError as error:
        seen[f"{error.filename}: {errno.errorcode[error.errno]}"] += 1


def read():
    while not ended.is_set():
        look()
        look_beside()


def write(name, text):
    with open(f"{MOUNT}/prompts/{name}", "w", encoding="ascii") as file:
        file.write(text)


def change(number):
    if HOW == "write":
        write("fox", f"a fox, {number}")
    elif HOW == "restore":
        folder = MOUNT + "/history/fox/"
        os.rename(folder + min(os.listdir(folder)), IMAGE)
    else:
        write("owl", f"an owl, {number}")
        os.rename(MOUNT + "/prompts/owl", MOUNT + "/prompts/fox")


def main():
    write("fox", "a second fox")
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(TIMES):
        change(number)
    ended.set()
    for reader in readers:
        reader.join()
    print(dict(seen))
    return set(seen) != {"picture"}


sys.exit(main())
