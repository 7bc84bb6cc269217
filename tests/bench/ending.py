#!/usr/bin/python3
"""From an image that is ready at the service to the writer whose close(2) returns.

  ending.py SEEDFS UPSTREAM [TASKS]     (30)

For a PNG that is right and for a JPEG: so many tasks of 2 to 6 s over a mount, three at a
time. What the service noted tells when a task ended, when it was asked before, and when
the question came that saw it. The picture is drawn before; its download counts.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SEEDFS, UPSTREAM = (os.path.abspath(path) for path in sys.argv[1:3])
TASKS = int(sys.argv[3]) if len(sys.argv) > 3 else 30
AT_ONCE = 3
WANTED_MS = {"png": 60, "jpeg": 120}


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("never came true")
        time.sleep(0.02)


def write(mount, name, closed):
    with open("%s/prompts/%s" % (mount, name), "w") as file:
        file.write("prompt " + name)
    closed[name] = time.time() * 1000


def run_tasks(mount, names):
    closed, waiting = {}, list(names)

    def work():
        while waiting:
            write(mount, waiting.pop(), closed)

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return closed


def report(kind, closed, durations, log):
    times = {name: {"poll": []} for name in closed}
    with open(log) as file:
        for entry in map(json.loads, file):
            name = entry["prompt"].split(",")[0].removeprefix("prompt ")
            if name not in times:
                continue
            if entry["on"] == "poll":
                times[name]["poll"].append(entry["time"])
            elif entry["on"] in ("accepted", "finished"):
                times[name][entry["on"]] = entry["time"]
    rows = []
    for name, end in closed.items():
        seen = times[name]["finished"]
        before = [t for t in times[name]["poll"] if t <= seen][-2:]
        begun = times[name]["accepted"]
        rows.append((seen - begun - durations[name],
                     seen - (before[0] if len(before) > 1 else begun), end - seen))
    columns = [sorted(column) for column in zip(*rows)]
    cells = ["%.0f | %.0f" % (column[len(rows) // 2], column[len(rows) * 9 // 10])
             for column in columns]
    print("| %s | %s | %d |" % (kind, " | ".join(cells), WANTED_MS[kind]), flush=True)


def measure(directory):
    mount, state = directory + "/mnt", directory + "/state"
    os.mkdir(mount)
    os.mkdir(state, 0o700)
    with open(directory + "/key", "w") as file:
        os.chmod(directory + "/key", 0o600)
        file.write("test-bench\n")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    service = subprocess.Popen([UPSTREAM, "--port-file", directory + "/port", "--log",
                                directory + "/log", "--images", directory + "/images"], **quiet)
    program = None
    try:
        wait_until(lambda: os.path.exists(directory + "/port"))
        port, control = (open(directory + "/" + name).read().strip()
                         for name in ("port", "port.control"))
        names = {kind: ["%s%03d" % (kind, i) for i in range(TASKS)] for kind in WANTED_MS}
        chance = random.Random(17)
        durations = {name: chance.randint(2000, 6000) for kind in names for name in names[kind]}
        rules = []
        for kind in names:
            path = "/files/%s/00000000000000aa.%s" % (kind, "png" if kind == "png" else "jpg")
            urllib.request.urlopen("http://127.0.0.1:%s%s" % (port, path)).read()
            rules += [{"on": "create", "prompt": "prompt " + name,
                       "do": {"url": path, "duration_ms": durations[name]}}
                      for name in names[kind]]
        urllib.request.urlopen("http://127.0.0.1:%s/_faults" % control,
                               json.dumps(rules).encode()).read()
        program = subprocess.Popen(
            [SEEDFS, "-f", "-o", "provider=kie,api_base=http://127.0.0.1:%s,key_file=%s/key,"
             "state=%s" % (port, directory, state), mount],
            stderr=open(directory + "/err", "w"), **quiet)
        wait_until(lambda: os.path.exists(mount + "/README"))
        for kind in names:
            closed = run_tasks(mount, names[kind])
            report(kind, closed, durations, directory + "/log")
        program.send_signal(signal.SIGTERM)
        program.wait(60)
    finally:
        for process in (program, service):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["umount", "-l", mount], stderr=subprocess.DEVNULL)


def main():
    print("\n| picture | ready until asked, ms, median | p90 | interval of questions, median | p90 | "
          "asked until close() returned, median | p90 | wanted |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |")
    directory = tempfile.mkdtemp(prefix="seedfs-bench.")
    try:
        measure(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


main()
