#!/usr/bin/python3
"""Fails each allocation or system call of a generation in turn, and judges.

  torture.py new PAGE
      Makes the page that tells build/failing.so what to fail (failing.c).
  torture.py run PAGE PID MOUNT CONTROL KIND FIRST STEP [SECONDS [TEXT]]
      KIND is allocations, calls, or the name of one system call. Number FIRST of a round is failed, then FIRST
      + STEP and so on, until a round has none of that number, or SECONDS are over. TEXT has an image already,
      of another name, and -o reuse is mounted: each round writes it, and nothing is submitted.

A round writes a prompt, waits, reads its image and its record, moves the name and
removes it. After each, for the faults of that round:

  - every system call has ended within 30 s (no lost waiter);
  - an error is one that man seed has for it, or the failed call's own;
  - what closed without an error has its image, whole;
  - a text was submitted again only if the connection broke (send, recv): nobody could
    know then whether the first was accepted;
  - the program is the same one, and the next name works.

Prints each wrong round with what was failed, and how many rounds there were. The
exit status is 1 if anything is wrong.
"""
import errno
import json
import mmap
import multiprocessing
import os
import struct
import sys
import time
import urllib.parse
import urllib.request

FORMAT = "iiiii44s32sQ"
KINDS = {"allocations": 1, "calls": 2}
# What the manual's table gives for a lack of memory, descriptors, space, and for the rest.
ALLOWED = {"ENOMEM", "EMFILE", "ENOSPC", "EIO", "EAGAIN", "ECONNREFUSED", "EHOSTUNREACH", "ENOBUFS"}
PNG_END = b"IEND\xaeB`\x82"


class Page:
    def __init__(self, path):
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 4096)

    def put(self, pid, kind, at):
        only = b"" if kind in KINDS else kind.encode()
        self.map[:struct.calcsize(FORMAT)] = struct.pack(FORMAT, pid, 0, at, 0, 0, b"", only, 0)
        self.map[4:8] = struct.pack("i", KINDS.get(kind, KINDS["calls"]))

    def rest(self):
        self.map[4:8] = struct.pack("i", 0)

    def failed(self):
        _, _, _, count, failed, what, _, where = struct.unpack(
            FORMAT, self.map[:struct.calcsize(FORMAT)])
        return failed, count, what.split(b"\0")[0].decode() + (f" at {where:#x}" if where else "")


def outcome(call):
    try:
        return "ok", call()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno)), None


def write(path, text):
    steps = []
    name, fd = outcome(lambda: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
    steps.append(name)
    if fd is None:
        return steps
    steps.append(outcome(lambda: os.write(fd, text.encode()))[0])
    steps.append(outcome(lambda: os.close(fd))[0])
    return steps


def read(path):
    with open(path, "rb", buffering=0) as file:
        parts = []
        while part := file.read(1 << 17):
            parts.append(part)
        return b"".join(parts)


def one_round(mount, name, text, made):
    """What a user does: {step: errno's name}, and the image. Of a text that is made, no second image stays."""
    said = {}
    said["open"], *rest = write(f"{mount}/prompts/{name}", text)
    if rest:
        said["write"], said["close"] = rest
    said["image"], image = outcome(lambda: read(f"{mount}/images/{name}.png"))
    said["record"], _ = outcome(lambda: read(f"{mount}/records/{name}.json"))
    said["list"], _ = outcome(lambda: os.listdir(f"{mount}/images"))
    said["move"], _ = outcome(lambda: os.rename(f"{mount}/prompts/{name}", f"{mount}/prompts/{name}-m"))
    name += "-m" if said["move"] == "ok" else ""
    said["remove"], _ = outcome(lambda: os.unlink(f"{mount}/prompts/{name}"))
    if made:
        said["drop"], _ = outcome(lambda: os.unlink(f"{mount}/images/{name}.png"))
    return said, image


def in_a_process(seconds, function, *arguments):
    """Its result, or None if it has not ended: who waits on a mount cannot be hurried."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=lambda: theirs.send(function(*arguments)), daemon=True)
    child.start()
    theirs.close()
    result = None
    try:
        if ours.poll(seconds):
            result = ours.recv()
    except EOFError:
        pass
    if result is None:
        child.kill()
    child.join(5)
    return result


def submissions(control, text):
    query = urllib.parse.urlencode({"on": "submit", "prompt": text})
    with urllib.request.urlopen(f"{control}/_count?{query}", timeout=40) as answer:
        return int(answer.read())


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def judge(said, image, submitted, broke):
    wrong = []
    lost = {"ENOENT"} if said.get("close") != "ok" else set()
    for step, name in said.items():
        if name != "ok" and name not in ALLOWED | lost:
            wrong.append(f"{step} said {name}")
    if said.get("close") == "ok" and said["image"] == "ok" and not image.endswith(PNG_END):
        wrong.append("the image is not whole")
    if said.get("close") == "ok" and said["image"] == "ENOENT":
        wrong.append("no image")
    if submitted > 1 + broke:
        wrong.append(f"submitted {submitted} times")
    return wrong


def run(path, pid, mount, control, kind, first, step, seconds="100000", made=None):
    page, pid, end = Page(path), int(pid), time.monotonic() + float(seconds)
    at, rounds, bad = int(first), 0, 0
    errors = {}
    while time.monotonic() < end:
        name, text = f"{kind}{at}", made or f"torture {kind} {at}."
        page.put(pid, kind, at)
        result = in_a_process(30, one_round, mount, name, text, made)
        page.rest()
        failed, _, what = page.failed()
        wrong = []
        if result is None:
            wrong.append("hangs")
        else:
            wrong = judge(*result, submissions(control, text),
                          what.split()[0] in ("send", "recv") if what else False)
            for said in result[0].values():
                errors[said] = errors.get(said, 0) + 1
        if not alive(pid):
            print(f"{kind} {at} ({what}): the program has ended")
            return 1
        after = in_a_process(30, one_round, mount, f"{name}-next", made or f"{text[:-1]} next.",
                             made)
        if after is None or set(after[0].values()) != {"ok"}:
            wrong.append(f"the next name: {after and after[0]}")
        if wrong:
            bad += 1
            print(f"{kind} {at} ({what}): {'; '.join(wrong)}: {result and result[0]}", flush=True)
        rounds += failed
        if not failed:
            break
        at += int(step)
    print(f"{kind}: {rounds} failed one at a time, {bad} wrong; {json.dumps(errors)}")
    return bad > 0


if sys.argv[1] == "new":
    with open(sys.argv[2], "wb") as new:
        new.write(bytes(4096))
else:
    sys.exit(run(*sys.argv[2:]))
