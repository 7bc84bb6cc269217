#!/usr/bin/python3
"""Whether what the program holds stays what it is.

  soak.py SEEDFS UPSTREAM [SECONDS]     (600)

Two mounts: one at kie, whose tasks are polled and whose pictures are 2048x1152; one at the
one-call API with small ones, where nothing bounds the rate but the machine. At each,
processes write, overwrite, read, list, rename, remove, save as editors do, and kill writers
of their own, as fast as they are answered; one prompt in five fails in some way. Names are
few and used again, but for some that are new each time and removed.

Of each mount's main process, its workers and the test service memory (pages of its own),
descriptors and threads are looked at every second. The first fifth warms up. Of the
rest, the second half's median must not be above the first half's by more than 10 % and 2 MB, 32
descriptors (what is under way differs) or 1 thread; the exit status is 1 otherwise.
"""
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

SEEDFS, UPSTREAM = (os.path.abspath(path) for path in sys.argv[1:3])
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 600
PROCESSES = 8
NAMES = ["n%d" % i for i in range(24)] + ["d%d/n%d" % (i % 3, i) for i in range(12)]
MOUNTS = {"kie": ("kie", "2048x1152"), "one-call": ("kie-image", "512x288")}
# What a prompt's text says becomes of it.
FAULTS = {
    "png": {}, "jpeg": {}, "webp": {},
    "failing": {"fail": {"code": "500", "msg": "the task failed"}},
    "refusing": {"code": 422, "msg": "not acceptable"},
    "damaged": {"image": "png_crc"}, "vanished": {"image": "html"},
}


def picture(kind, size):
    name = kind + ("" if size == "2048x1152" else "-" + size)
    return "/files/%s/00000000000000aa.%s" % (name, "jpg" if kind == "jpeg" else kind)


def rules():
    made = []
    for on, (_, size) in zip(("create", "generate"), MOUNTS.values()):
        for kind, fault in FAULTS.items():
            do = dict(fault, duration_ms=20)
            if not fault:
                do["url"] = picture(kind, size)
            made.append({"on": on, "prompt": "a %s picture" % kind, "do": do})
    return made


class Actor:
    def __init__(self, mount, number):
        self.mount, self.number, self.count = mount, number, 0
        self.chance = random.Random(number)

    def path(self, area, suffix=""):
        return "%s/%s/%s%s" % (self.mount, area, self.chance.choice(NAMES), suffix)

    def text(self):
        self.count += 1
        kinds = ["png"] * 4 + ["jpeg"] * 3 + ["webp"] + list(FAULTS)[3:] * self.chance.randint(0, 1)
        return b"a %s picture %d of %d" % (self.chance.choice(kinds).encode(), self.count, self.number)

    def put(self, path, flags=0):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, 0o644)
        try:
            os.write(fd, self.text())
        finally:
            os.close(fd)

    def write(self):
        self.put(self.path("prompts"))

    def write_on(self):
        self.put(self.path("prompts"), os.O_NONBLOCK)

    def write_new(self):
        path = "%s/prompts/new-%d-%d" % (self.mount, self.number, self.count)
        try:
            self.put(path)
        finally:
            os.unlink(path)
            os.unlink(path.replace("/prompts/", "/images/") + ".png")

    def save(self):
        scratch = "%s/prompts/.save%d" % (self.mount, self.number)
        self.put(scratch)
        os.rename(scratch, self.path("prompts"))

    def killed(self):
        child = os.fork()
        if child == 0:
            try:
                self.number += 1000
                self.write()
            finally:
                os._exit(0)
        time.sleep(self.chance.choice([0, 0.01, 0.1]))
        os.kill(child, self.chance.choice([signal.SIGKILL, signal.SIGTERM]))
        os.waitpid(child, 0)

    def read(self):
        area, suffix = self.chance.choice([("images", ".png"), ("records", ".json"), ("prompts", ""),
                                           ("thumbs", ".jpg")])
        fd = os.open(self.path(area, suffix), os.O_RDONLY | os.O_NONBLOCK)
        try:
            while os.read(fd, 1 << 17):
                pass
        finally:
            os.close(fd)

    def read_reports(self):
        for name in ("status", "queue", "metrics", "index.html"):
            with open("%s/%s" % (self.mount, name), "rb") as file:
                file.read()

    def walk(self):
        for folder, _, files in os.walk(self.mount + "/images"):
            for name in files:
                os.stat(folder + "/" + name)

    def remove(self):
        area, suffix = self.chance.choice([("prompts", ""), ("images", ".png"), ("records", ".json")])
        os.unlink(self.path(area, suffix))

    def move(self):
        os.rename(self.path("prompts"), self.path("prompts"))

    def move_folder(self):
        os.rename(self.mount + "/prompts/d0", self.mount + "/prompts/e0")
        os.rename(self.mount + "/prompts/e0", self.mount + "/prompts/d0")

    def act(self):
        work = self.chance.choice([self.write] * 6 + [self.write_on] * 2 + [self.write_new, self.save,
                                  self.killed, self.read_reports, self.walk, self.move, self.move_folder]
                                  + [self.remove] * 2 + [self.read] * 4)
        try:
            work()
        except OSError as error:
            if error.errno in (errno.ENOTCONN, errno.ENOSYS):
                raise
        if self.count % 50 == 0:  # what another's rename left undone
            for name in ("d0", "d1", "d2"):
                os.makedirs("%s/prompts/%s" % (self.mount, name), exist_ok=True)


def start_actor(mount, number):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.nice(5)  # what is looked at is the program
            actor = Actor(mount, number)
            while True:
                actor.act()
        except OSError as error:
            status = 0 if error.errno == errno.ENOTCONN else 1
            if status:
                print("%s: %s" % (mount, error), file=sys.stderr)
        finally:
            os._exit(status)
    return child


# --- what the processes hold ---

def held(pids):
    """Memory in MB, descriptors, threads."""
    memory = threads = descriptors = 0
    for pid in pids:
        try:
            with open("/proc/%d/status" % pid) as file:
                for line in file:
                    if line.startswith("RssAnon:"):
                        memory += int(line.split()[1]) / 1024
                    elif line.startswith("Threads:"):
                        threads += int(line.split()[1])
            descriptors += len(os.listdir("/proc/%d/fd" % pid))
        except OSError:
            pass  # a worker that was replaced
    return memory, descriptors, threads


def children(pid):
    found = []
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
            found += [int(word) for word in file.read().split()]
    return found


def median(values):
    return sorted(values)[len(values) // 2]


def judge(who, samples):
    wrong = False
    kept = samples[len(samples) // 5:]
    first, second = kept[:len(kept) // 2], kept[len(kept) // 2:]
    for column, what, factor, margin in ((0, "memory, MB", 1.1, 2), (1, "descriptors", 1, 32),
                                         (2, "threads", 1, 1)):
        before, after = (median([row[column] for row in half]) for half in (first, second))
        grown = after > before * factor + margin
        tenth = len(kept) // 10 or 1
        course = " ".join("%.4g" % median([row[column] for row in kept[i:i + tenth]])
                          for i in range(0, tenth * 10, tenth) if kept[i:i + tenth])
        print("| %s | %s | %.4g | %.4g | %s | %s |"
              % (who, what, before, after, course, "grows" if grown else ""))
        wrong |= grown
    return wrong


# --- mounts ---

def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit("never came true")
        time.sleep(0.02)


def mount_one(directory, name, port):
    provider, size = MOUNTS[name]
    mount, state = "%s/%s" % (directory, name), "%s/%s.state" % (directory, name)
    os.mkdir(mount)
    os.mkdir(state, 0o700)
    program = subprocess.Popen(
        [SEEDFS, "-f", "-o", "provider=%s,api_base=http://127.0.0.1:%s,key_file=%s/key,state=%s,size=%s,"
         "rate=100000/1,history=2,timeout=60,log_size=1048576" % (provider, port, directory, state, size), mount],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(directory + "/err", "a"))
    return program, mount


def counted(mount):
    with open(mount + "/metrics") as file:
        lines = [line.split() for line in file if "_total" in line and line[0] != "#"]
    return ", ".join("%s %s" % (name.removeprefix("seedfs_"), value) for name, value in lines
                     if "_bytes" not in name and value != "0")


def soak(directory):
    with open(directory + "/key", "w") as file:
        os.chmod(directory + "/key", 0o600)
        file.write("test-bench\n")
    service = subprocess.Popen([UPSTREAM, "--port-file", directory + "/port", "--images", directory],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    programs, actors, wrong = {}, [], False
    try:
        wait_until(lambda: os.path.exists(directory + "/port"))
        port, control = (open(directory + "/" + name).read().strip() for name in ("port", "port.control"))
        urllib.request.urlopen("http://127.0.0.1:%s/_faults" % control, json.dumps(rules()).encode()).read()
        for name in MOUNTS:
            programs[name] = mount_one(directory, name, port)
        for number, (_, mount) in enumerate(programs.values()):
            wait_until(lambda path=mount: os.path.exists(path + "/README"))
            for folder in ("d0", "d1", "d2"):
                os.mkdir("%s/prompts/%s" % (mount, folder))
            actors += [start_actor(mount, number * PROCESSES + i) for i in range(PROCESSES)]
        samples = {}
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(1)
            for name, (program, _) in programs.items():
                if program.poll() is not None:
                    sys.exit("the program ended: %s" % program.returncode)
                samples.setdefault(name, []).append(held([program.pid]))
                samples.setdefault(name + ", workers", []).append(held(children(program.pid)))
        for name, (_, mount) in programs.items():
            print("%s: %s" % (name, counted(mount)))
        print("\n| who | what | first half, median | second half | median of each tenth | |\n| --- | --- | --- | --- | --- | --- |")
        for who, rows in samples.items():
            wrong |= judge(who, rows)
    finally:
        for program, _ in programs.values():
            if program.poll() is None:
                program.send_signal(signal.SIGTERM)
        for program, _ in programs.values():
            program.wait(60)
        for actor in actors:
            os.kill(actor, signal.SIGKILL)
            os.waitpid(actor, 0)
        service.kill()
        service.wait()
        for _, mount in programs.values():
            subprocess.run(["umount", "-l", mount], stderr=subprocess.DEVNULL)
    return wrong


def main():
    directory = tempfile.mkdtemp(prefix="seedfs-soak.")
    try:
        return soak(directory)
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(directory, ignore_errors=True)


sys.exit(main())
