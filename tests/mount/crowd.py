#!/usr/bin/python3
"""Sixteen processes do random things to one mount at once.

  crowd.py MOUNTPOINT CONTROL SECONDS SEED

Each writes, appends, truncates, syncs, renames, removes, restores, reads, lists and
kills writers of its own, all on the same few names, so that what one does meets
what the others do. No text is written twice. Afterwards, once nothing is queued:

  - every system call has ended within 90 s, and with an errno of the manual;
  - the log names nothing but names that were used, and lacks no memory;
  - a text was submitted once at most: nothing here fails;
  - what images/ lists is whole, and of the text that its record has.

A sanitizer's report, an end of the program or what is left behind is helper.bash's
to find. The same SEED makes the same decisions (the moments depend on the
machine). The exit status is 1 if anything is wrong.
"""
import errno
import json
import os
import random
import re
import signal
import struct
import sys
import time
import urllib.request
from mmap import mmap

MOUNT, CONTROL, SECONDS, SEED = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
PROCESSES, LONGEST_S = 16, 90
NAMES = [f"n{i}" for i in range(6)] + [f"d/n{i}" for i in range(3)] + ["e/n0"]
SCRATCH = [".s0", ".s1", "d/.s0"]
BACKUP = "n1~"  # moved to and removed, never moved from: that would be another commit of its text
FOLDERS = ["d", "e", "f"]
AREAS = ["prompts", "images", "records", "history", "callbacks", "thumbs"]
FILES = ["status", "queue", "metrics", "index.html", "README"]
EXPECTED = {"ENOENT", "EEXIST", "ENOTDIR", "EISDIR", "ENOTEMPTY", "EROFS", "ECANCELED", "EINTR", "EAGAIN", "EINVAL",
            "EBUSY", "ENODATA", "EPERM", "ESTALE"}
PNG_END = b"IEND\xaeB`\x82"


class Slot:
    """What a process does just now, and since when: the parent looks."""
    SIZE = 256

    def __init__(self, shared, number):
        self.shared, self.at = shared, number * self.SIZE

    def put(self, what):
        data = struct.pack("d200s", time.monotonic() if what else 0, what.encode()[:200])
        self.shared[self.at:self.at + len(data)] = data

    def get(self):
        since, what = struct.unpack_from("d200s", self.shared, self.at)
        return since, what.rstrip(b"\0").decode(errors="replace")


class Actor:
    def __init__(self, number, slot, report):
        self.number, self.slot, self.report = number, slot, report
        self.chance = random.Random(SEED * 1000 + number)
        self.trace = open(f"{os.path.dirname(MOUNT)}/trace", "a", buffering=1)  # for a person: KEEP=1
        self.count = 0
        self.picked = []

    # --- what it picks ---

    def pick(self, what):
        self.picked.append(what)
        return what

    def text(self, kind="picture"):
        self.count += 1
        return self.pick(f"{kind} {self.number}-{self.count}.")

    def name(self):
        return self.pick(self.chance.choice(NAMES))

    def prompt(self, scratch=0.1):
        names = SCRATCH if self.chance.random() < scratch else NAMES
        return f"{MOUNT}/prompts/{self.pick(self.chance.choice(names))}"

    def version(self):
        folder = f"{MOUNT}/history/{self.name()}"
        return f"{folder}/{self.chance.choice(sorted(os.listdir(folder)) or ['0001.png'])}"

    # --- what it does ---

    def write(self):
        how = self.chance.choice([os.O_TRUNC] * 6 + [os.O_APPEND, 0])
        flags = os.O_WRONLY | os.O_CREAT | how
        if self.chance.random() < 0.4:
            flags |= os.O_NONBLOCK
        fd = os.open(self.prompt(), flags, 0o644)
        try:
            # Parts of "over 1-2." leave no text as it was, which would be a re-roll.
            text = self.text("picture" if how else "over").encode()
            for part in (text[:5], text[5:]) if self.chance.random() < 0.3 else (text,):
                os.write(fd, part)
            if self.chance.random() < 0.2:
                os.fsync(fd)
            if how == os.O_TRUNC and self.chance.random() < 0.1:
                # Not to its own length: what another appended would go, for a re-roll.
                os.ftruncate(fd, self.chance.choice([0, len(text) + 1]))
        except BaseException:
            try:
                os.close(fd)
            except OSError:
                pass
            raise
        os.close(fd)

    def killed(self):
        """A writer that a signal ends, wherever it is."""
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            try:
                self.number += 100  # its texts are its own
                self.count += 1000 * (os.getpid() % 1000)
                self.write()
            except OSError:
                pass
            os._exit(0)
        time.sleep(self.chance.choice([0, 0.001, 0.01, 0.05, 0.2]))
        os.kill(child, self.chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        os.waitpid(child, 0)

    def truncate(self):
        os.truncate(self.prompt(), self.chance.choice([0, 7, 40]))

    def remove(self):
        area, suffix = self.chance.choice([("prompts", ""), ("prompts", ""), ("images", ".png"), ("records", ".json")])
        os.unlink(f"{MOUNT}/{area}/{self.name()}{suffix}")

    def remove_version(self):
        os.unlink(self.version())

    def move(self):
        os.rename(self.prompt(0.3), self.prompt(0))

    def back_up(self):
        path = f"{MOUNT}/prompts/{BACKUP}"
        if self.chance.random() < 0.7:
            os.rename(self.prompt(0), path)
        else:
            os.unlink(path)

    def restore(self):
        os.rename(self.version(), f"{MOUNT}/images/{self.name()}.png")

    def folder(self):
        path = f"{MOUNT}/prompts/{self.pick(self.chance.choice(FOLDERS))}"
        other = f"{MOUNT}/prompts/{self.pick(self.chance.choice(FOLDERS))}"
        self.chance.choice([lambda: os.mkdir(path), lambda: os.rmdir(path), lambda: os.rename(path, other)])()

    def read(self):
        kind = self.chance.random()
        if kind < 0.4:
            path = f"{MOUNT}/images/{self.name()}.png"
        elif kind < 0.6:
            path = f"{MOUNT}/records/{self.name()}.json"
        elif kind < 0.7:
            path = f"{MOUNT}/thumbs/{self.name()}.jpg"
        elif kind < 0.8:
            path = self.prompt()
        elif kind < 0.85:
            path = self.version()
        else:
            path = f"{MOUNT}/{self.chance.choice(FILES)}"
        fd = os.open(path, os.O_RDONLY | (os.O_NONBLOCK if self.chance.random() < 0.7 else 0))
        try:
            while os.read(fd, 1 << 16):
                pass
        finally:
            os.close(fd)

    def look(self):
        path = f"{MOUNT}/{self.chance.choice(AREAS)}/{self.chance.choice(FOLDERS + ['', ''])}"
        for entry in os.scandir(path):
            try:
                entry.stat()
                os.listxattr(entry.path)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EIO, errno.ENOTSUP, errno.ECANCELED):
                    raise

    def turn(self):
        act = self.chance.choices(
            [self.write, self.killed, self.truncate, self.remove, self.remove_version, self.move,
             self.back_up, self.restore, self.folder, self.read, self.look],
            [30, 6, 3, 8, 2, 10, 3, 3, 4, 20, 10])[0]
        self.picked, name, start = [act.__name__], "ok", time.time()
        self.slot.put(act.__name__)
        try:
            act()
        except OSError as error:
            name = errno.errorcode.get(error.errno, str(error.errno))
            if name not in EXPECTED:
                self.report(f"{act.__name__} said {name}: {error.filename} {error.filename2}")
        self.slot.put("")
        print(f"{start % 1000:.3f} {time.time() % 1000:.3f} {self.number}", *self.picked, name, file=self.trace)

    def run(self, end):
        while time.monotonic() < end:
            self.turn()


def act(number, shared, end, out):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        Actor(number, Slot(shared, number), lambda line: os.write(out, (line + "\n").encode())).run(end)
    except BaseException as error:  # pylint: disable=broad-except
        os.write(out, f"process {number}: {error!r}\n".encode())
        os._exit(1)
    os._exit(0)


def crowd():
    """What went wrong while they ran."""
    shared = mmap(-1, PROCESSES * Slot.SIZE)
    ours, theirs = os.pipe()
    end = time.monotonic() + SECONDS
    left = {}
    for number in range(PROCESSES):
        child = os.fork()
        if child == 0:
            os.close(ours)
            act(number, shared, end, theirs)
        left[child] = number
    os.close(theirs)
    wrong = []
    while left and not wrong:
        for child, number in list(left.items()):
            since, what = Slot(shared, number).get()
            if os.waitpid(child, os.WNOHANG)[0]:
                del left[child]
            elif since and time.monotonic() - since > LONGEST_S:
                wrong.append(f"process {number} hangs in {what}")
        time.sleep(0.1)
    for child in left:
        os.kill(child, signal.SIGKILL)
    os.set_blocking(ours, not left)  # one that hangs would keep it open
    with open(ours, "rb") as lines:
        wrong += sorted(set((lines.read() or b"").decode().splitlines()))
    return wrong


def wait_idle():
    end = time.monotonic() + 240
    while time.monotonic() < end:
        with open(f"{MOUNT}/queue") as queue:
            text = queue.read()
        if "# 0 generating, 0 queued" in text:
            return []
        time.sleep(0.2)
    return ["the queue is not empty: " + text]


def judge_log():
    with open(f"{MOUNT}/status", errors="backslashreplace") as status:
        lines = status.read().splitlines()
    # Folders were renamed, also into each other.
    known = {"-"} | {part for name in NAMES + SCRATCH + FOLDERS + [BACKUP] for part in name.split("/")}
    wrong = []
    for line in lines:
        name = line.split(" ")[1]
        if not set(name.split("/")) <= known:
            wrong.append("a name that nobody used: " + line)
        if "Cannot allocate memory" in line or "ENOMEM" in line:
            wrong.append("no memory: " + line)
    return wrong


def judge_submissions():
    with urllib.request.urlopen(f"{CONTROL}/_log?on=create", timeout=60) as answer:
        prompts = [json.loads(line)["prompt"] for line in answer.read().decode().splitlines()]
    whole = [prompt for prompt in prompts if re.fullmatch(r"picture \d+-\d+\.", prompt)]
    again = {prompt for prompt in whole if whole.count(prompt) > 1}
    return len(prompts), [f"submitted more than once: {prompt}" for prompt in sorted(again)]


def judge_images():
    wrong, count = [], 0
    for folder, _, files in os.walk(f"{MOUNT}/images"):
        for file in files:
            with open(f"{folder}/{file}", "rb") as image:
                data = image.read()
            count += 1
            if not data.endswith(PNG_END):
                wrong.append(f"not whole: {folder}/{file}")
            record = f"{folder}/{file}".replace("/images/", "/records/")[:-4] + ".json"
            if not os.path.exists(record):
                continue  # removed by one of them
            with open(record) as text:
                row = json.load(text)
            if row["state"] == "verified" and b"tEXtprompt\0" + row["prompt"].encode() not in data:
                wrong.append(f"{file} is not of its record's prompt, {row['prompt']}")
    return count, wrong


def main():
    print("seed", SEED, flush=True)
    for folder in ("d", "e"):
        os.makedirs(f"{MOUNT}/prompts/{folder}", exist_ok=True)
    wrong = crowd() or wait_idle()
    if not wrong:
        submitted, twice = judge_submissions()
        images, bad = judge_images()
        wrong = judge_log() + twice + bad
        print(f"{submitted} submitted, {images} images at the end")
        if not submitted:
            wrong.append("nothing was submitted")
    print("\n".join(wrong[:40]))
    return 1 if wrong else 0


sys.exit(main())
