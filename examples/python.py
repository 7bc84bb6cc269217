#!/usr/bin/env python3
"""Generates images from Python.

    examples/python.py MOUNT NAME "a prompt"

The file must be closed explicitly, or by `with`: then OSError says why an
image did not come. A file that the interpreter closes at its end cannot.
"""
import errno
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor


def generate(mount, name, prompt, **request):
    """Returns the path of the verified image, or raises OSError."""
    text = json.dumps({"prompt": prompt, **request}) if request else prompt
    with open(os.path.join(mount, "prompts", name), "w", encoding="utf-8") as file:
        file.write(text)
    return os.path.join(mount, "images", name + ".png")


def record(mount, name):
    with open(os.path.join(mount, "records", name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def generate_all(mount, prompts):
    """A dictionary of NAME to path or OSError. Waiting threads are cheap on
    both sides; how many run at the service is the mount's affair."""
    def one(item):
        try:
            return item[0], generate(mount, *item)
        except OSError as error:
            return item[0], error

    with ThreadPoolExecutor(max_workers=64) as pool:
        return dict(pool.map(one, prompts.items()))


def main():
    if len(sys.argv) != 4:
        sys.exit(f"usage: {sys.argv[0]} MOUNT NAME PROMPT")
    mount, name, prompt = sys.argv[1:]
    try:
        path = generate(mount, name, prompt, seed=7)
    except OSError as error:
        if error.errno == errno.EPERM:
            sys.exit(f"{name}: refused by the content policy; change the prompt")
        if error.errno == errno.EDQUOT:
            sys.exit(f"{name}: out of credits, or over the budget")
        sys.exit(f"{name}: {error.strerror}")
    row = record(mount, name)
    print(path, row["resolution"], row["image"]["sha256"])


if __name__ == "__main__":
    main()
