#!/usr/bin/python3
"""make bench-image: seedfs's image work against every peer that is installed.

    tests/bench/image.py BENCH_IMAGE [ROUNDS]
    tests/bench/image.py --quality BENCH_QUALITY

All tools run in turn, picture by picture, round by round, so that whatever else
the machine does meets all alike; what counts is the median of each picture and
tool, and the median over pictures of their ratios. The pictures are cut out of
wallpapers (plasma-workspace-wallpapers, or WALLPAPERS=DIRECTORY with pictures of
at least 2560x1440). Prints the table of docs/performance.md, which
tests/bench/plot.py draws. Then two workers side by side against one.

With --quality (make bench-quality): how far resampling is from the exact filter,
and whether JPEG and WebP are decoded as djpeg and dwebp do, for each picture.
"""
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WORKS = [
    # name, what it is, against the command, against the library (issue 5)
    ("right", "a PNG of the right size, verified and stored", 2, 2),
    ("jpeg", "JPEG 2048x1152 to PNG", 9, 5),
    ("up", "PNG 1024x576 to 2048x1152", 8, 5),
    ("crop", "JPEG 2048x2048, cropped, to PNG", 8, 4.5),
    ("webp", "WebP 2048x1152 to PNG", 7, 4),
    ("down", "PNG 4096x2304 to 2048x1152", 4, 2),
]
PICTURES = 8


def cut(image, width, height):
    from PIL import Image
    have_width, have_height = image.size
    if have_width * height > have_height * width:
        used = have_height * width // height
        left = (have_width - used) // 2
        image = image.crop((left, 0, left + used, have_height))
    else:
        used = have_width * height // width
        top = (have_height - used) // 2
        image = image.crop((0, top, have_width, top + used))
    return image.resize((width, height), Image.LANCZOS)


def make_pictures(directory):
    """One file for each work and wallpaper; returns the wallpapers' names."""
    from PIL import Image
    where = os.environ.get("WALLPAPERS", "/usr/share/wallpapers")
    found = sorted(glob.glob(where + "/**/*.jpg", recursive=True) +
                   glob.glob(where + "/**/*.png", recursive=True))
    names = []
    for path in found:
        image = Image.open(path)
        name = os.path.relpath(path, where).split("/")[0].split(".")[0]
        if name in names or image.size[0] < 2560 or image.size[1] < 1440:
            continue
        image = image.convert("RGB")
        base = os.path.join(directory, name)
        exact = cut(image, 2048, 1152)
        exact.save(base + "-right.png")
        exact.save(base + "-jpeg.jpg", quality=90, subsampling=2)
        exact.save(base + "-webp.webp", quality=90, method=2)
        cut(image, 1024, 576).save(base + "-up.png")
        cut(image, 2048, 2048).save(base + "-crop.jpg", quality=90, subsampling=2)
        cut(image, 4096, 2304).save(base + "-down.png", compress_level=1)
        names.append(name)
        if len(names) == PICTURES:
            break
    return names


class Library:
    """A warm process that is given a path and answers with its figures."""
    kind = "library"

    def __init__(self, name, argv):
        self.name = name
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def run(self, work, path):
        del work
        self.process.stdin.write(path + "\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if not words or words[0] == "error":
            return None
        return float(words[0]), int(words[1]), int(words[2])


class Command:
    """A process for each picture, as a script would start it."""
    kind = "command"

    def __init__(self, name, out, make, verify=None, crop=None):
        self.name, self.out, self.make, self.verify = name, out, make, verify
        self.crop = crop or make

    def run(self, work, path):
        argv = {"right": self.verify, "crop": self.crop}.get(work, self.make)
        if not argv:
            return None
        argv = [path if word == "IN" else word for word in argv]
        start = time.perf_counter()
        ended = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               check=False)
        ms = (time.perf_counter() - start) * 1e3
        if ended.returncode:
            return None
        return ms, 0 if work == "right" else os.path.getsize(self.out), 0


def find_peers(directory, build):
    env_python = "/usr/bin/python3"
    peers = []

    def out(name):
        return os.path.join(directory, name + "-command.png")

    def command(name, program, make, crop=None):
        if shutil.which(program, path="/usr/bin:/bin"):
            peers.append(Command(name, out(name), ["/usr/bin/" + program] + make, None,
                                 ["/usr/bin/" + program] + crop if crop else None))

    magick = ["-filter", "Lanczos", "-resize", "2048x1152^", "-gravity", "center", "-crop",
              "2048x1152+0+0"]
    command("vips", "vips",
            ["thumbnail", "IN", out("vips") + "[compression=1,filter=paeth]", "2048", "--height",
             "1152", "--crop", "centre", "--vips-concurrency=1"])
    command("ImageMagick", "convert",
            ["-limit", "thread", "1", "IN"] + magick +
            ["+repage", "-define", "png:compression-level=1", out("ImageMagick")])
    command("GraphicsMagick", "gm",
            ["convert", "-limit", "threads", "1", "IN"] + magick +
            ["+repage", "-quality", "15", out("GraphicsMagick")])
    command("ffmpeg", "ffmpeg",
            ["-y", "-threads", "1", "-i", "IN", "-vf",
             "scale=2048:1152:flags=lanczos:force_original_aspect_ratio=increase,crop=2048:1152",
             "-compression_level", "1", "-pred", "mixed", out("ffmpeg")])
    # It has no "cover", so the two shapes that there are.
    command("oiiotool", "oiiotool",
            ["--threads", "1", "IN", "--resize:filter=lanczos3", "2048x1152", "--attrib",
             "png:compressionLevel", "1", "-o", out("oiiotool")],
            ["--threads", "1", "IN", "--cut", "2048x1152+0+448", "--attrib",
             "png:compressionLevel", "1", "-o", out("oiiotool")])
    command("Pillow", "python3", [os.path.join(HERE, "pillow.py"), directory, "IN"])
    if shutil.which("pngcheck"):
        peers.append(Command("pngcheck", "", None, ["pngcheck", "-q", "IN"]))
    for peer in peers:
        if peer.name == "Pillow":
            peer.out = os.path.join(directory, "pillow.png")
    peers.append(Library("Pillow", [env_python, os.path.join(HERE, "pillow.py"), directory]))
    program = os.path.join(build, "bench-vips")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "vips"], capture_output=True,
                           text=True, check=False)
    if not flags.returncode:
        subprocess.run(["cc", "-O2", "-o", program, os.path.join(HERE, "vips.c")] +
                       flags.stdout.split(), check=True)
        peers.append(Library("vips", [program, directory]))
    if not subprocess.run(["node", "-e", "require('sharp')"], check=False,
                          capture_output=True).returncode:
        script = os.path.join(HERE, "sharp.js")
        peers.append(Library("sharp", ["node", script, directory]))
        peers.append(Command("sharp", os.path.join(directory, "sharp.png"),
                             ["node", script, directory, "IN"]))
    return peers


def measure(tools, names, directory, rounds):
    """{work: {tool: {picture: (milliseconds, bytes, kilobytes)}}}, medians."""
    figures = {}
    for work, *_ in WORKS:
        for name in names:
            path = glob.glob(os.path.join(directory, "%s-%s.*" % (name, work)))[0]
            runs = {}
            for number in range(rounds + 1):
                for key, tool in tools:
                    # The first round warms libraries up; commands are cold anyway, and
                    # every other round is enough of them.
                    if tool.kind == "command" and number % 2 == 0:
                        continue
                    figure = tool.run(work, path)
                    if figure and number:
                        runs.setdefault(key, []).append(figure)
            for key, list_ in runs.items():
                figures.setdefault(work, {}).setdefault(key, {})[name] = tuple(
                    statistics.median(column) for column in zip(*list_))
    return figures


def two_workers(program, names, directory, rounds):
    """{work: how much two workers do in the time of one}, medians of the rounds."""
    workers = []
    for number in range(2):
        own = os.path.join(directory, "worker%d" % number)
        os.mkdir(own)
        workers.append(Library("seedfs", [program, own]))

    def seconds(paths, used):
        start = time.perf_counter()
        for worker in used:
            worker.process.stdin.write("".join(path + "\n" for path in paths))
            worker.process.stdin.flush()
        for worker in used:
            for _ in paths:
                worker.process.stdout.readline()
        return time.perf_counter() - start

    times = {}
    for work, *_ in WORKS:
        paths = [glob.glob(os.path.join(directory, "%s-%s.*" % (name, work)))[0]
                 for name in names] * 3
        seconds(paths, workers)
        # One, two, one: whatever drifts meets both.
        ratios = []
        for _ in range(2 * rounds + 1):
            before, both = seconds(paths, workers[:1]), seconds(paths, workers)
            ratios.append((before + seconds(paths, workers[1:])) / both)
        times[work] = statistics.median(ratios)
    return times


def quality(program, names, directory):
    for work, title, *_ in WORKS:
        paths = [glob.glob(os.path.join(directory, "%s-%s.*" % (name, work)))[0] for name in names]
        if work in ("up", "down"):
            lines = subprocess.run([program, "2048", "1152"] + paths, capture_output=True,
                                   text=True, check=True).stdout.splitlines()
            print("- %s, dB (largest difference): %s" % (title, ", ".join(
                "%s %s (%s)" % (name, *line.split()) for name, line in zip(names, lines))))
        peer = {"jpeg": ["djpeg", "-dct", "int", "-ppm"], "crop": ["djpeg", "-dct", "int", "-ppm"],
                "webp": ["dwebp", "-quiet", "-ppm", "-o", "-", "--"]}.get(work)
        if peer and shutil.which(peer[0]):
            same = [subprocess.run([program, "--pixels", path], capture_output=True,
                                   check=True).stdout ==
                    subprocess.run(peer + [path], capture_output=True, check=True).stdout
                    for path in paths]
            print("- %s: %d of %d have the bytes of %s" % (title, sum(same), len(same), peer[0]))


def over(of_tool, column):
    return statistics.median(figure[column] for figure in of_tool.values())


def ratio(of_tool, ours, column):
    return statistics.median(of_tool[name][column] / ours[name][column] for name in ours)


def report(figures):
    print("| work | seedfs, ms (MB) | fastest command, ms (MB) | ratio (goal) "
          "| fastest library, ms (MB) | ratio (goal) | size against it |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for work, title, command_goal, library_goal in WORKS:
        ours = figures[work][("ours", "seedfs")]
        row = "| %s | %.1f (%.2f)" % (title, over(ours, 0), over(ours, 1) / 1e6)
        for kind, goal in (("command", command_goal), ("library", library_goal)):
            peers = {key: tool for key, tool in figures[work].items() if key[0] == kind}
            if work == "right" and kind == "command" and (kind, "pngcheck") in peers:
                peers = {(kind, "pngcheck"): peers[(kind, "pngcheck")]}
            key = min(peers, key=lambda key: over(peers[key], 0))
            row += " | %s %.0f (%.2f) | %.1f (%g)" % (
                key[1], over(peers[key], 0), over(peers[key], 1) / 1e6,
                ratio(peers[key], ours, 0), goal)
        size = 1 / ratio(peers[key], ours, 1) if work != "right" else 1
        print(row + " | %.2f |" % size)
    # Works come in the order of their size, so each one's peak is its own.
    print("\nThe worker's memory after each kind of work, MB: " + ", ".join(
        "%s %.0f" % (work, max(f[2] for f in figures[work][("ours", "seedfs")].values()) / 1024)
        for work, *_ in WORKS) + ".")
    print("\nAll tools, median milliseconds:\n")
    for work, title, *_ in WORKS:
        print("- %s: %s" % (title, ", ".join(
            "%s %s %.1f" % (key[0], key[1], over(tool, 0))
            for key, tool in sorted(figures[work].items(), key=lambda item: over(item[1], 0)))))


def main():
    only_quality = sys.argv[1] == "--quality"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 and not only_quality else 3
    build = os.path.dirname(sys.argv[1])
    shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shared) as directory:
        names = make_pictures(directory)
        if len(names) < PICTURES:
            sys.exit("only %d pictures; install plasma-workspace-wallpapers, or set WALLPAPERS"
                     % len(names))
        if only_quality:
            quality(os.path.abspath(sys.argv[2]), names, directory)
            return
        ours = Library("seedfs", [sys.argv[1], directory])
        tools = [(("ours", "seedfs"), ours)]
        tools += [((peer.kind, peer.name), peer) for peer in find_peers(directory, build)]
        print("Pictures: %s. %d rounds.\n" % (", ".join(names), rounds))
        figures = measure(tools, names, directory, rounds)
        both = two_workers(sys.argv[1], names, directory, rounds)
    report(figures)
    print("\nTwo workers do the work of one times " + ", ".join(
        "%s %.2f" % (work, ratio_) for work, ratio_ in both.items()) + ".")
    with open(os.path.join(build, "bench-image.json"), "w", encoding="utf-8") as file:
        json.dump({work: {" ".join(key): tool for key, tool in of_work.items()}
                   for work, of_work in figures.items()}, file)


main()
