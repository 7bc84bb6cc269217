#!/usr/bin/env python3
"""readers.py MOUNT STATE REWRITES READERS: one writer, and readers that look at once.

The writer commits prompts/fox again and again. After each close() it publishes the
number of the text; whoever begins to look after that must see that picture or a
newer one: its bytes (the text stands in them), and the time that stat(2) tells, by
the name, after a listing, and by a descriptor. The last picture stays open, so that its
inode is in use, and must stay as it is. Prints how often was looked, and exits with 1
at the first that was wrong.
"""
import multiprocessing
import os
import re
import sys

MOUNT, STATE = sys.argv[1:3]
IMAGE = f"{MOUNT}/images/fox.png"


class Wrong(Exception):
    pass


def number_in(picture):
    found = re.search(rb"picture ([0-9]+) of", picture)
    return int(found.group(1)) if found else -1


def look_at_attributes(least_ns, lists):
    # A listing has the attributes for the kernel, which keeps them.
    if lists:
        os.listdir(f"{MOUNT}/images")
    told = os.stat(IMAGE)
    # A pending one is empty, and has the time of its prompt.
    if told.st_size > 0 and told.st_mtime_ns < least_ns:
        raise Wrong("stat(2) told of an older picture")


def look_inside(least, least_ns):
    # EAGAIN: the next one is being generated.
    fd = os.open(IMAGE, os.O_RDONLY | os.O_NONBLOCK)
    picture = os.read(fd, 1 << 20)
    if number_in(picture) < least:
        raise Wrong(f"read {number_in(picture)} after {least}, {len(picture)} bytes")
    if os.fstat(fd).st_mtime_ns < least_ns:
        raise Wrong("fstat(2) told of an older picture")
    return fd, picture


def look(number, closed, time_ns, ending, looked, wrong):
    kept = None
    while not ending.value:
        least, least_ns = closed.value, time_ns.value
        try:
            look_at_attributes(least_ns, number % 2)
            opened = look_inside(least, least_ns)
            if kept and os.pread(kept[0], 1 << 20, 0) != kept[1]:
                raise Wrong("a picture changed while it was open")
        except (FileNotFoundError, BlockingIOError):
            continue
        except (Wrong, OSError) as error:
            wrong.value = str(error).encode()[:199]
            break
        if kept:
            os.close(kept[0])
        kept = opened
        with looked.get_lock():
            looked.value += 1


def main():
    rewrites, count = int(sys.argv[3]), int(sys.argv[4])
    closed, time_ns = multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)
    ending, looked = multiprocessing.Value("b", 0), multiprocessing.Value("q", 0)
    wrong = multiprocessing.Array("c", 200)
    readers = [multiprocessing.Process(target=look,
                                       args=(i, closed, time_ns, ending, looked, wrong))
               for i in range(count)]
    for reader in readers:
        reader.start()
    for number in range(1, rewrites + 1):
        with open(f"{MOUNT}/prompts/fox", "w", encoding="utf-8") as file:
            file.write(f"picture {number} of a fox")
        # In this order: who reads the number has the time or a later one.
        time_ns.value = os.stat(f"{STATE}/images/fox.png").st_mtime_ns
        closed.value = number
        if wrong.value:
            break
    ending.value = 1
    for reader in readers:
        reader.join()
    if wrong.value:
        sys.exit(wrong.value.decode())
    print(looked.value)


main()
