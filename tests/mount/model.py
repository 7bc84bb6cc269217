#!/usr/bin/python3
"""Does random things to a mount and compares the whole tree with a model.

  model.py SEEDFS OPTIONS MOUNTPOINT OPERATIONS SEED

The model is `man seed` for one user who does one thing at
a time: write, rewrite, a prompt that fails, rename, rm of prompts, images and
versions, mv out of history, callbacks, editors' scratch files, kill -9 and
remount. The tree is compared after each remount and at the end. The same SEED
does the same. Prints the operations that led to a difference; exit status 1.
"""
import os
import random
import signal
import subprocess
import sys
import time

PROGRAM, OPTIONS, MOUNT, COUNT, SEED = sys.argv[1:6]
NAMES = ["fox", "owl", "an elk", "shot/sky", "shot/sea", "bär"]
done = []


class Entry:
    def __init__(self):
        self.prompt = None    # prompts/NAME, None: not there
        self.image = None     # the text that images/NAME.png was made of
        self.failed = False
        self.versions = []    # of history/NAME/, oldest first

    def retire(self):
        if self.image is not None:
            self.versions.append(self.image)
        self.image = None


model = {name: Entry() for name in NAMES}


def start():
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", PROGRAM, "-f", "-o", OPTIONS, MOUNT],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not os.path.exists(MOUNT + "/README"):
        if process.poll() is not None or time.monotonic() > end:
            sys.exit("not mounted: status %s" % process.poll())
        time.sleep(0.01)
    return process


def path(area, name, suffix=""):
    return os.path.join(MOUNT, area, name + suffix)


def history(name):
    try:
        files = os.listdir(path("history", name))
    except FileNotFoundError:
        return []
    return sorted((f for f in files if f.endswith(".png")), key=lambda f: int(f[:-4]))


def put(file, text):
    """What close() says, as an errno's name."""
    try:
        with open(file, "w") as out:
            out.write(text)
    except OSError as error:
        return error.strerror
    return "ok"


def made_of(file):
    """The prompt in the image's text chunk."""
    with open(file, "rb") as image:
        data = image.read(8192)
    at = data.find(b"tEXtprompt\0")
    if at < 4:
        return "?"
    length = int.from_bytes(data[at - 4:at], "big")
    return data[at + 11:at + 4 + length].decode()


# --- operations: each does it, and says what must have come of it ------------

def write(chance, number):
    name = chance.choice(NAMES)
    fails = chance.random() < 0.15
    text = "text %d%s" % (number, " no credits" if fails else "")
    entry = model[name]
    how = chance.choice(["plain", "plain", "scratch"])
    done.append("write %s: %s (%s)" % (name, text, how))
    if how == "scratch":
        folder, base = os.path.split(name)
        scratch = path("prompts", os.path.join(folder, "." + base + ".new"))
        assert put(scratch, text) == "ok"
        os.replace(scratch, path("prompts", name))
        outcome = "ok"
        try:
            os.close(os.open(path("images", name, ".png"), os.O_RDONLY))
        except OSError as error:
            outcome = error.strerror
    else:
        outcome = put(path("prompts", name), text)
    assert outcome == ("Disk quota exceeded" if fails else "ok"), outcome
    entry.retire()
    entry.prompt, entry.failed = text, fails
    entry.image = None if fails else text


def rename(chance, number):
    have = [n for n in NAMES if model[n].prompt is not None]
    if not have:
        return
    a, b = chance.choice(have), chance.choice(NAMES)
    done.append("mv prompts/%s prompts/%s" % (a, b))
    os.rename(path("prompts", a), path("prompts", b))
    if a == b:
        return
    old, new = model[a], model[b]
    new.retire()
    new.versions += old.versions
    new.prompt, new.image, new.failed = old.prompt, old.image, old.failed
    model[a] = Entry()


def remove_prompt(chance, number):
    name = chance.choice(NAMES)
    if model[name].prompt is None:
        return
    done.append("rm prompts/%s" % name)
    os.unlink(path("prompts", name))
    model[name].prompt, model[name].failed = None, False


def remove_image(chance, number):
    name = chance.choice(NAMES)
    if model[name].image is None:
        return
    done.append("rm images/%s.png" % name)
    os.unlink(path("images", name, ".png"))
    model[name].image = None


def remove_version(chance, number):
    name = chance.choice(NAMES)
    if not model[name].versions:
        return
    at = chance.randrange(len(model[name].versions))
    file = history(name)[at]
    done.append("rm history/%s/%s" % (name, file))
    os.unlink(path("history", name + "/" + file))
    del model[name].versions[at]


def restore(chance, number):
    name = chance.choice(NAMES)
    entry = model[name]
    if not entry.versions:
        return
    at = chance.randrange(len(entry.versions))
    file = history(name)[at]
    done.append("mv history/%s/%s images/" % (name, file))
    os.rename(path("history", name + "/" + file), path("images", name, ".png"))
    text = entry.versions.pop(at)
    entry.retire()
    entry.image, entry.failed = text, False


def callback(chance, number):
    name = chance.choice(NAMES)
    entry = model[name]
    text = "callback %d" % number
    done.append("callback %s: %s" % (name, text))
    assert put(path("callbacks", name), '{"data":{},"prompt":"%s"}' % text) == "ok"
    if entry.image is None:
        entry.prompt, entry.image, entry.failed = text, text, False


def look(chance, number):
    subprocess.run(["find", MOUNT, "-name", "*.png", "-size", "+1"], check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


OPERATIONS = [write] * 6 + [rename, remove_prompt, remove_image, remove_version] * 2 + \
    [restore] * 3 + [callback] * 3 + [look]


# --- comparing ---------------------------------------------------------------

def compare():
    for name, entry in model.items():
        wrong = lambda what, is_, should: sys.exit(
            "%s\n%s of %s: is %r, should be %r (seed %s)"
            % ("\n".join(done[-40:]), what, name, is_, should, SEED))
        file = path("prompts", name)
        prompt = open(file).read() if os.path.exists(file) else None
        if prompt != entry.prompt:
            wrong("prompt", prompt, entry.prompt)
        file = path("images", name, ".png")
        try:
            image = made_of(file)
        except OSError as error:
            image = error.strerror
        should = entry.image
        if should is None:
            should = "Disk quota exceeded" if entry.failed else "No such file or directory"
        if image != should:
            wrong("image", image, should)
        versions = [made_of(path("history", name + "/" + f)) for f in history(name)]
        if versions != entry.versions:
            wrong("history", versions, entry.versions)
    listed = sorted(os.path.relpath(os.path.join(folder, file), MOUNT + "/images")
                    for folder, _, files in os.walk(MOUNT + "/images") for file in files)
    should = sorted(name + ".png" for name, entry in model.items() if entry.image is not None)
    if listed != should:
        sys.exit("images/ lists %r, should list %r (seed %s)" % (listed, should, SEED))


def main():
    chance = random.Random(int(SEED))
    print("seed", SEED, flush=True)
    process = start()
    os.mkdir(MOUNT + "/prompts/shot")
    for number in range(int(COUNT)):
        if chance.random() < 0.03:
            done.append("kill")
            process.kill()
            process.wait(60)
            subprocess.run(["umount", "-l", MOUNT], check=True)
            process = start()
            compare()
            continue
        try:
            chance.choice(OPERATIONS)(chance, number)
        except (OSError, AssertionError) as error:
            sys.exit("%s\nfailed: %r (seed %s)" % ("\n".join(done[-40:]), error, SEED))
    compare()
    process.send_signal(signal.SIGTERM)
    sys.exit(process.wait(60))


main()
