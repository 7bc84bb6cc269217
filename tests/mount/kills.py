#!/usr/bin/python3
"""Kills the program at random moments under load and counts what was paid for.

  kills.py SEEDFS OPTIONS MOUNTPOINT STATE API ROUNDS SEED

Each round mounts, lets several writers write prompts of their own (some to the
same names), and kills the program after a random time. Then it mounts once
more, waits until nothing is queued, and checks, against what the service
received: no text was accepted twice; each accepted text's image is there, as
the current one or in history, unless its submission was cut off before the
answer. Prints what it did; the exit status is 1 if anything is wrong. The
same SEED makes the same decisions (the moments still depend on the machine).
"""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from common import texts_of_images

PROGRAM, OPTIONS, MOUNT, STATE, API, ROUNDS, SEED = sys.argv[1:8]
NAMES = ["fox", "owl", "sea", "sky", "oak", "elk"]


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


def stop(process, how):
    process.send_signal(how)
    process.wait(60)
    if how == signal.SIGKILL:
        subprocess.run(["umount", "-l", MOUNT], check=True)
    elif process.returncode != 0:
        sys.exit("ended with status %d" % process.returncode)


def write(name, text):
    try:
        with open(MOUNT + "/prompts/" + name, "w") as file:
            file.write(text)
    except OSError:
        pass  # the mount was killed under it, or a newer text took the name


def one_round(number, chance):
    process = start()
    writers = []
    for i in range(8):
        name = chance.choice(NAMES)
        text = "round %d writer %d" % (number, i)
        thread = threading.Thread(target=write, args=(name, text), daemon=True)
        thread.start()
        writers.append(thread)
        time.sleep(chance.uniform(0, 0.03))
    time.sleep(chance.uniform(0, 0.5))
    stop(process, signal.SIGKILL)
    for thread in writers:
        thread.join(60)
        if thread.is_alive():
            sys.exit("a writer still waits after the program was killed")


def accepted():
    with urllib.request.urlopen(API + "/_log?on=accepted") as answer:
        return [json.loads(line)["prompt"] for line in answer if line.strip()]


def wait_idle():
    end = time.monotonic() + 120
    while "\n# 0 generating, 0 queued" not in "\n" + open(MOUNT + "/queue").read():
        if time.monotonic() > end:
            sys.exit("never idle:\n" + open(MOUNT + "/queue").read())
        time.sleep(0.05)


def main():
    chance = random.Random(int(SEED))
    print("seed", SEED)
    for number in range(int(ROUNDS)):
        one_round(number, chance)
    process = start()
    wait_idle()
    with open(MOUNT + "/status") as status:
        log = status.read()
    cut_off = log.count("it may have been accepted")
    stop(process, signal.SIGTERM)

    paid = accepted()
    images = texts_of_images(STATE)
    twice = sorted({text for text in paid if paid.count(text) > 1})
    doubled = sorted(text for text, times in images.items() if times > 1)
    lost = sorted(set(paid) - set(images))
    left = os.listdir(os.path.join(STATE, "pending"))
    print("%d paid for, %d images, %d cut off, %d without an image"
          % (len(paid), len(images), cut_off, len(lost)))
    wrong = []
    if twice:
        wrong.append("paid twice: %s" % twice)
    if doubled:
        wrong.append("two images of: %s" % doubled)
    if len(lost) > cut_off:
        wrong.append("lost: %s" % lost)
    if set(images) - set(paid):
        wrong.append("never paid for: %s" % sorted(set(images) - set(paid)))
    if left:
        wrong.append("left in pending/: %s" % left)
    if not paid:
        wrong.append("nothing was submitted")
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
