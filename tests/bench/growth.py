#!/usr/bin/env python3
"""What a mount costs beside how much is stored.

    tests/bench/growth.py SEEDFS [IMAGES…] > table

A state directory with IMAGES (0, 1,000, 10,000, 100,000 and 1,000,000) images in up to
1,000 folders, each with its prompt and its row, all hard links of one that a mount drew.
Each size is mounted and measured: of mounts, prompts and files the least of five times,
since other work on the machine only adds; of names the median. Then all of it is walked, and the kernel is made to
forget it (as root). SVG=FILE also draws what was measured. The directory stands in
$TMPDIR and is removed at the end; a million images are three million names.
"""
import contextlib
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

FOLDERS = 1000
LINKS_MAX = 50000  # of one file; ext4 allows 65,000
LOOKS = 300
MOUNTS = 5
PROMPTS = 5
AREAS = (("images", ".png"), ("records", ".json"), ("prompts", ""))


def name_of(number):
    return f"f{number % FOLDERS:03}/n{number:07}"


class Mount:
    def __init__(self, seedfs, state, path):
        self.path = path
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            [seedfs, "-f", "-o", f"provider=sketch,size=64x36,state={state}", path],
            stderr=subprocess.DEVNULL)
        while not os.path.ismount(path):
            if self.process.poll() is not None:
                sys.exit("seedfs does not mount")
            time.sleep(0.001)
        os.stat(f"{path}/README")
        self.mounted_s = time.perf_counter() - begun

    def memory_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def end(self):
        self.process.terminate()
        self.process.wait()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class State:
    """Grows from one size to the next."""
    def __init__(self, directory, seedfs):
        self.path, self.count = f"{directory}/state", 0
        os.mkdir(self.path, 0o700)
        mount = Mount(seedfs, self.path, f"{directory}/mnt")
        write(f"{mount.path}/prompts/first", "a red fox in deep snow, low winter sun")
        mount.end()
        self.templates = [f"{self.path}/{area}/first{suffix}" for area, suffix in AREAS]

    def grow(self, count):
        for (area, suffix), template in zip(AREAS, self.templates):
            with open(template, "rb") as file:
                data = file.read()
            source = template
            for number in range(min(FOLDERS, count)):
                os.makedirs(f"{self.path}/{area}/f{number:03}", exist_ok=True)
            os.makedirs(f"{self.path}/history", exist_ok=True)
            for number in range(self.count, count):
                path = f"{self.path}/{area}/{name_of(number)}{suffix}"
                if number % LINKS_MAX == 0:
                    source = path
                    with open(path, "wb") as file:
                        file.write(data)
                else:
                    os.link(source, path)
            if count > self.count:
                self.templates[AREAS.index((area, suffix))] = source
        self.count = count


def microseconds(work, names):
    taken = []
    for name in names:
        begun = time.perf_counter()
        work(name)
        taken.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(taken)


def read(path):
    begun = time.perf_counter()
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass
    return (time.perf_counter() - begun) * 1e3


def open_close(path):
    os.close(os.open(path, os.O_RDONLY))


def drop_caches(what):
    if os.geteuid() == 0:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write(what)


def measure_names(mount, state, count, figures):
    numbers = [random.randrange(count) for _ in range(LOOKS)] if count else []
    names = [f"{name_of(number)}.png" for number in numbers]
    # Both with the disk's own names in memory.
    for name in names:
        os.stat(f"{state.path}/images/{name}")
    if names:
        figures["stat"] = microseconds(os.stat, [f"{mount.path}/images/{n}" for n in names])
        figures["native"] = microseconds(os.stat, [f"{state.path}/images/{n}" for n in names])
        figures["open"] = microseconds(open_close, [f"{mount.path}/images/{n}" for n in names])


def measure_files(mount, figures):
    taken = []
    for number in range(PROMPTS):
        begun = time.perf_counter()
        write(f"{mount.path}/prompts/new{number}", f"a wolf, number {number}")
        taken.append((time.perf_counter() - begun) * 1e3)
    figures["first"], figures["prompt"] = taken[0], min(taken)
    for name in ("queue", "metrics"):
        figures[name] = min(read(f"{mount.path}/{name}") for _ in range(PROMPTS))
    figures["index"] = read(f"{mount.path}/index.html")
    for number in range(PROMPTS):
        os.remove(f"{mount.path}/prompts/new{number}")
        os.remove(f"{mount.path}/images/new{number}.png")


def measure_walk(mount, count, figures):
    before = figures["before_mb"] = mount.memory_mb()
    begun = time.perf_counter()
    seen = entries = 0
    for _, folders, files in os.walk(f"{mount.path}/images"):
        seen += len(files)
        entries += len(files) + len(folders)
    subprocess.run(["find", f"{mount.path}/images", "-size", "+1000G"], check=True)
    figures["walk"] = (time.perf_counter() - begun) / max(entries, 1) * 1e6
    assert seen == count + 1, seen
    figures["walked_mb"] = mount.memory_mb()
    for _ in range(20):  # what was used lately is not dropped at once, and FORGETs come behind
        drop_caches("2\n")
        time.sleep(1)
        if mount.memory_mb() < before + 2:
            break
    figures["forgot_mb"] = mount.memory_mb()


def measure(seedfs, directory, state, count):
    figures = {}
    state.grow(count)
    mounted = []
    for _ in range(MOUNTS):
        mount = Mount(seedfs, state.path, f"{directory}/mnt")
        mounted.append(mount.mounted_s * 1e3)
        mount.end()
    mount = Mount(seedfs, state.path, f"{directory}/mnt")
    try:
        time.sleep(0.5)  # its workers have begun
        figures["mount"], figures["mb"] = min(mounted), mount.memory_mb()
        measure_names(mount, state, count, figures)
        measure_files(mount, figures)
        measure_walk(mount, count, figures)
    finally:
        mount.end()
    return figures


ROWS = (("mount", "mount, ms"), ("mb", "memory once mounted, MB"),
        ("stat", "`stat` of an image not known, µs"), ("native", "the same natively, µs"),
        ("open", "`open` and `close`, µs"), ("first", "first prompt (64x36, `sketch`), ms"),
        ("prompt", "a prompt, ms"), ("queue", "`cat queue`, ms"), ("metrics", "`cat metrics`, ms"),
        ("index", "`cat index.html`, first, ms"), ("before_mb", "memory now, MB"),
        ("walk", "all listed and looked at, µs an entry"), ("walked_mb", "memory then, MB"), ("forgot_mb", "once the kernel forgot, MB"))


def shown(value):
    return "–" if value is None else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def table(figures):
    print("| images | " + " | ".join(f"{count:,}" for count in figures) + " |")
    print("| --- |" + " --- |" * len(figures))
    for key, title in ROWS:
        print(f"| {title} | " + " | ".join(shown(f.get(key)) for f in figures.values()) + " |")


PLOTTED = (("mount", "mount, ms", "#2a7f62"), ("mb", "memory once mounted, MB", "#5b7db1"),
           ("forgot_mb", "memory after a walk, forgotten, MB", "#9db4d6"),
           ("stat", "stat, µs", "#b1645b"), ("open", "open and close, µs", "#c99a3b"),
           ("prompt", "a prompt, ms", "#7d5ba6"), ("queue", "cat queue, ms", "#59656f"),
           ("index", "cat index.html, ms", "#b9bfc9"))
WIDTH, HEIGHT, LEFT, RIGHT, DECADES = 760, 420, 50, 240, 5


def draw(figures, path):
    """Both scales are logarithmic: what does not grow is level."""
    counts = [count for count in figures if count]
    place = {count: LEFT + i * (WIDTH - LEFT - RIGHT) / max(len(counts) - 1, 1)
             for i, count in enumerate(counts)}

    def level(value):
        return HEIGHT - 60 - math.log10(max(value, 0.3)) * 80

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>']
    for decade in range(DECADES):
        y = level(10 ** decade)
        out.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}" stroke="#e3e6ea"/>'
                   f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{10 ** decade:,}</text>')
    for count, x in place.items():
        out.append(f'<text x="{x:.0f}" y="{HEIGHT - 6}" text-anchor="middle">{count:,}</text>')
    labels = []
    for key, title, colour in PLOTTED:
        points = [(place[count], level(figures[count][key])) for count in counts]
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        labels.append([points[-1][1], title, colour])
    last = HEIGHT
    for y, title, colour in sorted(labels, reverse=True):
        last = min(y, last - 13)
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{last + 4:.0f}" fill="{colour}">{title}</text>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out + ["</svg>", ""]))


def main():
    seedfs = os.path.abspath(sys.argv[1])
    counts = [int(a) for a in sys.argv[2:]] or [0, 1000, 10000, 100000, 1000000]
    figures = {}
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="seedfs-growth."))
        os.mkdir(f"{directory}/mnt")
        state = State(directory, seedfs)
        for count in sorted(counts):
            figures[count] = measure(seedfs, directory, state, count)
            print(f"{count:,}: " + ", ".join(f"{k} {shown(v)}" for k, v in figures[count].items()),
                  file=sys.stderr)
    table(figures)
    if os.environ.get("SVG"):
        draw(figures, os.environ["SVG"])


main()
