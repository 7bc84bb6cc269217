#!/usr/bin/python3
"""What writers that wait cost, and what all but the workers costs where nothing is waited for.

  waiting.py SEEDFS UPSTREAM [WRITERS…]     (1000 10000)

For each number a mount of its own at a service that answers nothing until it is let, and as
many writers in close(2), each with a text of its own: threads of one process, since the kernel
tells the program of each of them in the same way. Then the service answers all, with small
pictures: how long after the last image was the last writer answered?

After that 1,000 prompts from 100 writers at a service without latency, with pictures of
2048x1152: the processor time of the workers, of the main process and of the service.
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
PROMPTS, AT_ONCE = 1000, 100
TICKS = os.sysconf("SC_CLK_TCK")
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}


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


def stat_us(path):
    """The median, and what one in a hundred takes longer than."""
    took = []
    for number in range(STATS):
        begin = time.monotonic_ns()
        try:
            os.stat("%s/prompts/none%d" % (path, number))  # not cached: the program is asked
        except FileNotFoundError:
            pass
        took.append(time.monotonic_ns() - begin)
    took.sort()
    return took[STATS // 2] / 1000, took[STATS * 99 // 100] / 1000


def waiting_writers(mount):
    with open(mount + "/metrics") as file:
        for line in file:
            if line.startswith("seedfs_waiting "):
                return int(float(line.split()[1]))
    return 0


def write(path, text, closed):
    with open(path, "w") as file:
        file.write(text)
    closed.append(time.time())


class Service:
    """The test service and a mount at it, in a directory of their own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="seedfs-bench.")
        self.mount, self.program = self.directory + "/mnt", None
        os.mkdir(self.mount)
        os.mkdir(self.directory + "/state", 0o700)
        with open(self.directory + "/key", "w") as file:
            os.chmod(self.directory + "/key", 0o600)
            file.write("test-bench\n")
        self.process = subprocess.Popen([UPSTREAM, "--port-file", self.directory + "/port",
                                         "--images", self.directory], **QUIET)
        wait_until(lambda: os.path.exists(self.directory + "/port"))
        self.port, self.control_port = (open(self.directory + "/" + name).read().strip()
                                        for name in ("port", "port.control"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.program, self.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["umount", "-l", self.mount], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def control(self, path, body):
        urllib.request.urlopen("http://127.0.0.1:%s%s" % (self.control_port, path),
                               json.dumps(body).encode()).read()

    def draw(self, path):
        """So that it takes no time later."""
        urllib.request.urlopen("http://127.0.0.1:%s%s" % (self.port, path)).read()
        return path

    def start(self, options):
        self.program = subprocess.Popen(
            [SEEDFS, "-f", "-o", "provider=kie-image,api_base=http://127.0.0.1:%s,key_file=%s/key,"
             "state=%s/state,timeout=3600,rate=100000/1,%s"
             % (self.port, self.directory, self.directory, options), self.mount],
            stderr=open(self.directory + "/err", "w"), **QUIET)
        wait_until(lambda: os.path.exists(self.mount + "/README"))
        return self.program.pid

    def stop(self):
        self.program.send_signal(signal.SIGTERM)
        self.program.wait(120)


def last_image(directory):
    return max(entry.stat().st_mtime for entry in os.scandir(directory) if entry.is_file())


def measure_waiting(writers):
    with Service() as service:
        service.control("/_faults", [{"on": "generate", "do": {
            "hold_task": True, "url": service.draw("/files/png-64x36/00000000000000aa.png")}}])
        pid = service.start("jobs=16,size=64x36")
        time.sleep(1)
        alone = stat_us(service.mount)
        seconds, memory = processor_seconds(pid), memory_bytes(pid)
        begin = time.monotonic()
        threading.stack_size(128 * 1024)
        closed = []
        threads = [threading.Thread(target=write, daemon=True, args=(
            "%s/prompts/p%05d" % (service.mount, i), "text %05d" % i, closed)) for i in range(writers)]
        for thread in threads:
            thread.start()
        wait_until(lambda: waiting_writers(service.mount) >= writers, 60)
        arrived = processor_seconds(pid) - seconds
        wall = time.monotonic() - begin
        time.sleep(5)  # what was begun is on disk
        seconds = processor_seconds(pid)
        time.sleep(IDLE_SECONDS)
        idle = (processor_seconds(pid) - seconds) / IDLE_SECONDS
        memory = (memory_bytes(pid) - memory) / writers
        beside = stat_us(service.mount)
        service.control("/_release", {})
        for thread in threads:
            thread.join(600)
        if len(closed) != writers:
            sys.exit("%d of %d writers were answered" % (len(closed), writers))
        late = max(closed) - last_image(service.directory + "/state/images")
        print("| %d | %.2f | %.1f | %.3f | %.1f | %.0f, %.0f | %.0f, %.0f | %.2f |"
              % (writers, arrived, wall, idle, memory / 1024, *beside, *alone, late), flush=True)
        service.stop()
        return arrived


def workers_seconds(pid):
    """Of those that run: none ends in between."""
    workers = []
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
            workers += file.read().split()
    return sum(processor_seconds(int(worker)) for worker in workers)


def measure_work(kind):
    with Service() as service:
        service.control("/_faults", [{"on": "generate", "do": {"duration_ms": 0, "url": service.draw(
            "/files/%s/00000000000000aa.%s" % (kind, kind.replace("jpeg", "jpg")))}}])
        pid = service.start("jobs=32")
        closed = []

        def work(number):
            for i in range(PROMPTS // AT_ONCE):
                write("%s/prompts/p%03d-%d" % (service.mount, number, i), "text %d %d" % (number, i),
                      closed)

        write(service.mount + "/prompts/first", "first", closed)
        before = [processor_seconds(pid), processor_seconds(service.process.pid), workers_seconds(pid)]
        begin = time.monotonic()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall = time.monotonic() - begin
        main = processor_seconds(pid) - before[0]
        drawing = processor_seconds(service.process.pid) - before[1]
        workers = workers_seconds(pid) - before[2]
        print("| %s | %.1f | %.1f | %.2f, %.0f %% | %.2f, %.0f %% |"
              % (kind, wall, workers, main, main / workers * 100, drawing, drawing / workers * 100),
              flush=True)
        service.stop()


def main():
    most = max(NUMBERS) + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, resource.getrlimit(
        resource.RLIMIT_NOFILE)[1])))
    print("| writers | until all wait, s of processor | s elapsed | idle, of a core | KB each | "
          "stat p50, p99, µs | without writers, µs | last answer after the last image, s |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |")
    took = [measure_waiting(writers) for writers in NUMBERS]
    if len(took) > 1:
        print("%d times the writers cost %.1f times the processor time"
              % (NUMBERS[-1] // NUMBERS[0], took[-1] / max(took[0], 0.01)))
    print("\n%d prompts from %d writers:\n\n| picture | s elapsed | workers, s of processor | "
          "main process | service |\n| --- | --- | --- | --- | --- |" % (PROMPTS, AT_ONCE))
    for kind in ("png", "jpeg"):
        measure_work(kind)


main()
