#!/usr/bin/python3
"""What writers that wait cost: processor time of the program, its memory, and
how long others' stat(2) takes beside them.

  waiting.py SEEDFS UPSTREAM [WRITERS…]     (1000 10000)

For each number a mount of its own at a service that finishes no task, and as many
writers in close(2), each with a text of its own: threads of one process, since the kernel
tells the program of each of them in the same way. Printed as a table; the last
line is what the numbers grow by against the number of writers.
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SEEDFS, UPSTREAM = (os.path.abspath(path) for path in sys.argv[1:3])
NUMBERS = [int(text) for text in sys.argv[3:]] or [1000, 10000]
IDLE_SECONDS, STATS = 10, 2000
TICKS = os.sysconf("SC_CLK_TCK")


def wait_until(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("never came true")
        time.sleep(0.05)


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_bytes(pid):
    """Its own pages: what is read from files is not counted."""
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024


def stat_p99_us(path):
    took = []
    for number in range(STATS):
        begin = time.monotonic_ns()
        try:
            os.stat("%s/prompts/none%d" % (path, number))  # not cached: the program is asked
        except FileNotFoundError:
            pass
        took.append(time.monotonic_ns() - begin)
    return sorted(took)[STATS * 99 // 100] / 1000


def waiting_writers(mount):
    with open(mount + "/metrics") as file:
        for line in file:
            if line.startswith("seedfs_waiting "):
                return int(float(line.split()[1]))
    return 0


def write(path, text):
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        pass  # the mount ends


def measure(directory, writers):
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
        wait_until(lambda: os.path.exists(directory + "/port.control"))
        port, control = (open(directory + "/" + name).read().strip()
                         for name in ("port", "port.control"))
        urllib.request.urlopen("http://127.0.0.1:%s/_faults" % control, json.dumps(
            [{"on": "create", "do": {"hold_task": True}}]).encode()).read()
        program = subprocess.Popen(
            [SEEDFS, "-f", "-o", "provider=kie,api_base=http://127.0.0.1:%s,key_file=%s/key,"
             "state=%s,jobs=16,timeout=3600" % (port, directory, state), mount],
            stderr=open(directory + "/err", "w"), **quiet)
        wait_until(lambda: os.path.exists(mount + "/README"))
        time.sleep(1)
        stat_alone = stat_p99_us(mount)
        seconds, memory = processor_seconds(program.pid), memory_bytes(program.pid)
        begin = time.monotonic()
        threading.stack_size(128 * 1024)
        threads = [threading.Thread(target=write, daemon=True,
                                    args=("%s/prompts/p%05d" % (mount, i), "text %05d" % i))
                   for i in range(writers)]
        for thread in threads:
            thread.start()
        wait_until(lambda: waiting_writers(mount) >= writers, 60)
        arrived = processor_seconds(program.pid) - seconds
        wall = time.monotonic() - begin
        time.sleep(5)  # what was begun is on disk
        seconds = processor_seconds(program.pid)
        time.sleep(IDLE_SECONDS)
        idle = (processor_seconds(program.pid) - seconds) / IDLE_SECONDS
        memory = (memory_bytes(program.pid) - memory) / writers
        stat = stat_p99_us(mount)
        print("| %d | %.2f | %.1f | %.3f | %.1f | %.0f | %.0f |"
              % (writers, arrived, wall, idle, memory / 1024, stat, stat_alone), flush=True)
        program.send_signal(signal.SIGTERM)
        program.wait(120)
        for thread in threads:
            thread.join(60)
        return arrived
    finally:
        for process in (program, service):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["umount", "-l", mount], stderr=subprocess.DEVNULL)


def main():
    most = max(NUMBERS) + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, resource.getrlimit(
        resource.RLIMIT_NOFILE)[1])))
    print("| writers | until all wait, s of processor | s elapsed | idle, of a core | KB each | "
          "stat p99, µs | without writers, µs |\n| --- | --- | --- | --- | --- | --- | --- |")
    took = []
    for writers in NUMBERS:
        directory = tempfile.mkdtemp(prefix="seedfs-bench.")
        try:
            took.append(measure(directory, writers))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    if len(took) > 1:
        print("%d times the writers cost %.1f times the processor time"
              % (NUMBERS[-1] // NUMBERS[0], took[-1] / max(took[0], 0.01)))


main()
