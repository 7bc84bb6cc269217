#!/usr/bin/env python3
"""Names and reads: seedfs beside the disk itself and bindfs, in one run.

    tests/bench/names.py SEEDFS [IMAGES]

A folder of IMAGES (50,000) small files, and sixteen of 2 MB, in a state directory;
each work is done natively, through bindfs and libfuse's passthrough_ll where they are
installed (the latter as an example in C), and through a mount, in turn, ROUNDS (5) times;
the best of them, since other work on the machine only adds. As root caches are dropped
before what is cold. ONLY=TEXT does the works whose names have it. BEFORE=PROGRAM adds an earlier seedfs, on a state directory of its own.
Prints a table for docs/performance.md.
"""
import mmap
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zlib

ROUNDS = int(os.environ.get("ROUNDS", "5"))
STATS = 20000
OPENS = 3000
LARGE = 16
PASSTHROUGH = "/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c"
LARGE_BYTES = 2 * 1024 * 1024


def plant(state, count):
    images = os.path.join(state, "images", "many")
    os.makedirs(images, mode=0o700)
    os.makedirs(os.path.join(state, "images", "large"))
    for i in range(count):
        with open(f"{images}/n{i:06}.png", "wb") as file:
            file.write(b"\x89PNG" + bytes(60))
    for i in range(LARGE):
        with open(f"{state}/images/large/l{i:02}.png", "wb") as file:
            file.write(os.urandom(LARGE_BYTES))
    os.chmod(state, 0o700)


def run(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3\n")


def stat_again(folder):
    path = f"{folder}/many/n000007.png"
    begun = time.perf_counter()
    for _ in range(STATS):
        os.stat(path)
    return (time.perf_counter() - begun) / STATS


def stat_each(folder, count):
    count = min(count, OPENS)
    begun = time.perf_counter()
    for i in range(count):
        os.stat(f"{folder}/many/n{i * 7 % count:06}.png")
    return (time.perf_counter() - begun) / count


def open_close(folder):
    path = f"{folder}/many/n000009.png"
    begun = time.perf_counter()
    for _ in range(OPENS):
        os.close(os.open(path, os.O_RDONLY))
    return (time.perf_counter() - begun) / OPENS


def cat(folder):
    files = [f"{folder}/large/l{i:02}.png" for i in range(LARGE)]
    return LARGE * LARGE_BYTES / timed(lambda: run("cat", *files)) / 1e6


def large(folder, number):
    return f"{folder}/large/l{number:02}.png"


def reads(folder, size, count, warm):
    fd = os.open(large(folder, 0), os.O_RDONLY)
    if warm:
        os.pread(fd, LARGE_BYTES, 0)
    begun = time.perf_counter()
    for i in range(count):
        os.pread(fd, size, i * 7919 * 4096 % (LARGE_BYTES - size))
    took = (time.perf_counter() - begun) / count
    os.close(fd)
    return took


def mapped(folder):
    begun = time.perf_counter()
    for i in range(LARGE):
        with open(large(folder, i), "rb") as file:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                zlib.adler32(data)
    return LARGE * LARGE_BYTES / (time.perf_counter() - begun) / 1e6


def sent(folder):
    ours, other = socket.socketpair()
    reader = subprocess.Popen(["cat"], stdin=other, stdout=subprocess.DEVNULL)
    other.close()
    begun = time.perf_counter()
    for i in range(LARGE):
        with open(large(folder, i), "rb") as file:
            ours.sendfile(file)
    ours.close()
    reader.wait()
    return LARGE * LARGE_BYTES / (time.perf_counter() - begun) / 1e6


def cold(work):
    def measured(folder):
        drop_caches()
        return work(folder)
    return measured


def works(count):
    listed = [
        ("`ls -l` of the folder, first", "s", cold(lambda f: timed(lambda: run("ls", "-l", f"{f}/many")))),
        ("`ls -l`, again", "s", lambda f: timed(lambda: run("ls", "-l", f"{f}/many"))),
        ("`ls -U`", "s", lambda f: timed(lambda: run("ls", "-U", f"{f}/many"))),
        ("`find`", "s", lambda f: timed(lambda: run("find", f"{f}/many"))),
        ("`du`", "s", lambda f: timed(lambda: run("du", "-s", f"{f}/many"))),
        ("`stat` of one image, repeated", "µs", lambda f: stat_again(f) * 1e6),
        ("`stat` of one image after another", "µs", lambda f: stat_each(f, count) * 1e6),
        ("`open` and `close`", "µs", lambda f: open_close(f) * 1e6),
        ("`cat` of 2 MB files, cold", "MB/s", cold(cat)),
        ("`cat`, warm", "MB/s", cat),
        ("`mmap`, all of it summed, warm", "MB/s", mapped),
        ("`sendfile` to a socket, warm", "MB/s", sent),
        ("64 KB ranges, warm", "µs", lambda f: reads(f, 65536, OPENS, True) * 1e6),
        ("4 KB reads at random, warm", "µs", lambda f: reads(f, 4096, OPENS, True) * 1e6),
        ("4 KB reads at random, cold", "µs", cold(lambda f: reads(f, 4096, 100, False) * 1e6)),
    ]
    if os.geteuid() != 0:
        listed = [work for work in listed if "cold" not in work[0] and "first" not in work[0]]
    return [work for work in listed if os.environ.get("ONLY", "") in work[0]]


def wait_mounted(path):
    for _ in range(500):
        if os.path.ismount(path):
            return
        time.sleep(0.02)
    sys.exit(f"{path}: not mounted")


def mounted(seedfs, state, mount):
    os.mkdir(mount)
    process = subprocess.Popen([seedfs, "-f", "-o", f"provider=sketch,state={state}", mount],
                               stderr=subprocess.DEVNULL)
    wait_mounted(mount)
    return process


def places(found, count, directory, seedfs, before):
    """Adds (name, folder that holds what images/ holds, process or None)."""
    state, mount, bound = (f"{directory}/{name}" for name in ("state", "mnt", "bound"))
    found.append(("native", f"{state}/images", None))
    if shutil.which("bindfs"):
        os.mkdir(bound)
        found.append(("bindfs", bound,
                      subprocess.Popen(["bindfs", "-f", "-r", f"{state}/images", bound])))
        wait_mounted(bound)
    # It has a descriptor of each file that the kernel knows.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if os.path.exists(PASSTHROUGH) and most > count + 1000:
        passed = f"{directory}/passed"
        os.mkdir(passed)
        subprocess.run(f"cc -O2 -w $(pkg-config --cflags fuse3) -o {passed}.ll {PASSTHROUGH} "
                       "$(pkg-config --libs fuse3)", shell=True, check=True)
        found.append(("passthrough_ll", passed, subprocess.Popen(
            [f"{passed}.ll", "-f", "-o", f"source={state}/images", passed])))
        wait_mounted(passed)
    if before:
        found.append(("before", f"{directory}/mnt-before/images",
                      mounted(before, f"{directory}/before", f"{directory}/mnt-before")))
    found.append(("seedfs", f"{mount}/images", mounted(seedfs, state, mount)))


def shown(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def measure(found, count):
    names = [name for name, _, _ in found]
    print(f"Folder of {count} images; the best of {ROUNDS} rounds.\n")
    print("| work | " + " | ".join(names) + " | to native | to bindfs |")
    print("| --- |" + " --- |" * (len(names) + 2))
    for title, unit, work in works(count):
        taken = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name, folder, _ in found:
                taken[name].append(work(folder))
        best = {name: (max if unit == "MB/s" else min)(t) for name, t in taken.items()}
        ratios = [f"{best['seedfs'] / best[peer]:.2f}" if peer in best else "–"
                  for peer in ("native", "bindfs")]
        print(f"| {title}, {unit} | " + " | ".join(shown(best[name]) for name in names) +
              f" | {ratios[0]} | {ratios[1]} |", flush=True)


def main():
    seedfs = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50000
    before = os.environ.get("BEFORE")
    found = []
    with tempfile.TemporaryDirectory(prefix="seedfs-bench.") as directory:
        plant(f"{directory}/state", count)
        try:
            if before:
                plant(f"{directory}/before", count)
            places(found, count, directory, seedfs, before)
            measure(found, count)
        finally:
            for _, folder, process in found:
                if process:
                    process.terminate()
                    process.wait()


main()
