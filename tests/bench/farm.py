#!/usr/bin/python3
"""Hosts that share a catalogue in a bucket, beside a plain client of the same store.

  farm.py SEEDFS UPSTREAM [HOSTS…]     (1 2 4 8)

Ceph's gateway (tests/s3/rgw.sh), the test service and all hosts run on this machine; a host
is a mount with a state directory of its own. curl, as many of them as there are hosts, does
the plain client's work in turn with them, so a ratio says more than a rate. Medians of ROUNDS
(3) rounds. The requests are counted in the gateway's log.

READS (48) images of 2048x1152, WRITES (240) names with images of 64x36, LISTED (1000) names in
a folder, SWAPS (100) of one object, IDLE (180) seconds; ONLY='read write swap one count' does some of it. Prints the tables
of docs/scale.md.
"""
import collections
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

SEEDFS, UPSTREAM = (os.path.abspath(path) for path in sys.argv[1:3])
HOSTS = [int(text) for text in sys.argv[3:]] or [1, 2, 4, 8]
ROUNDS, READS, WRITES, LISTED, SWAPS, IDLE = (int(os.environ.get(name, number)) for name, number in (
    ("ROUNDS", 3), ("READS", 48), ("WRITES", 240), ("LISTED", 1000), ("SWAPS", 100), ("IDLE", 180)))
ONLY = os.environ.get("ONLY", "read write swap one count").split()
READERS, WRITERS = 4, 8  # at each host
TASK_MS = 2000
SMALL_BYTES = 1000       # about as large as an entry
GATEWAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../s3/rgw.sh")
KEY = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret"}
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
LOGGED = re.compile(r'"(\w+) /seed/?(\S*) HTTP/1.1" (\d+) .*"seedfs')


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("never came true")
        time.sleep(0.02)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def at_once(works):
    """Their ends, in seconds from the common beginning."""
    gate, ends, errors = threading.Barrier(len(works) + 1), [0.0] * len(works), []

    def run(number):
        gate.wait()
        try:
            works[number]()
        except (OSError, subprocess.CalledProcessError) as error:
            errors.append(error)
        ends[number] = time.perf_counter() - begun[0]

    begun = [0.0]
    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    begun[0] = time.perf_counter()
    gate.wait()
    for thread in threads:
        thread.join()
    if errors:
        sys.exit("failed: %s (%d of %d)" % (errors[0], len(errors), len(works)))
    return ends


def write(host, name, text):
    with open("%s/prompts/%s" % (host.mount, name), "w") as file:
        file.write(text)


class Host:
    def __init__(self, farm, prefix, number, options):
        self.directory = tempfile.mkdtemp(prefix="host%d." % number, dir=farm.directory)
        self.mount = self.directory + "/mnt"
        os.mkdir(self.mount)
        store = ",store=s3://seed/%s,s3_endpoint=%s" % (prefix, farm.url) if prefix else ""
        self.program = subprocess.Popen(
            [SEEDFS, "-f", "-o", "key_file=%s/key,state=%s/state,api_base=%s,jobs=1000,rate=100000/1,%s%s"
             % (farm.directory, self.directory, farm.api, options, store), self.mount],
            stderr=open(self.directory + "/err", "w"), env={**os.environ, **KEY}, **QUIET)
        self.dead = lambda: self.program.poll() is not None
        wait_until(lambda: self.dead() or os.path.exists(self.mount + "/README"))
        if self.dead():
            sys.exit(open(self.directory + "/err").read())

    def stop(self):
        if not self.dead():
            self.program.send_signal(signal.SIGTERM)
            try:
                self.program.wait(60)
            except subprocess.TimeoutExpired:
                self.program.kill()
                self.program.wait()
        subprocess.run(["umount", "-l", self.mount], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


class Farm:
    """The store and the service; hosts come and go."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="seedfs-bench.")
        self.hosts, self.prefixes, self.service = [], 0, None

    def start(self):
        with open(self.directory + "/key", "w") as file:
            os.chmod(self.directory + "/key", 0o600)
            file.write("test-bench\n")
        self.url = subprocess.run(
            [GATEWAY, "start", self.directory + "/rgw", str(20000 + os.getpid() % 12000)], check=True,
            stdout=subprocess.PIPE, text=True, env={**os.environ, "S3_LIFE": "7200"}).stdout.strip()
        self.service = subprocess.Popen(
            [UPSTREAM, "--port-file", self.directory + "/port", "--log", self.directory + "/received",
             "--images", self.directory + "/images"], **QUIET)
        wait_until(lambda: os.path.exists(self.directory + "/port.control"))
        port, control = (open(self.directory + "/" + name).read().strip() for name in ("port", "port.control"))
        self.api = "http://127.0.0.1:" + port
        for path, body in (("_config", {"image": "png-64x36"}), ("_faults", [
                {"on": "generate", "do": {"duration_ms": 0}},
                {"on": "create", "do": {"duration_ms": TASK_MS}}])):
            urllib.request.urlopen("http://127.0.0.1:%s/%s" % (control, path), json.dumps(body).encode()).read()

    def stop(self):
        self.leave()
        if self.service:
            self.service.kill()
            self.service.wait()
        subprocess.run([GATEWAY, "stop", self.directory + "/rgw"], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def new_prefix(self):
        self.prefixes += 1
        return "p%d" % self.prefixes

    def join(self, count, prefix, options):
        self.hosts = []
        for number in range(count):
            self.hosts.append(Host(self, prefix, number, options))
        return self.hosts

    def leave(self):
        for host in self.hosts:
            host.stop()
        self.hosts = []

    def submissions(self):
        with open(self.directory + "/received") as file:
            return sum(json.loads(line)["on"] in ("create", "generate") for line in file)

    # ---- the plain client ----

    def curl(self, lines, number, most):
        config = "%s/curl.%d" % (self.directory, number)
        with open(config, "w") as file:
            file.write("\n".join(lines))
        subprocess.run(
            ["curl", "-fsS", "--parallel", "--parallel-max", str(most), "--aws-sigv4", "aws:amz:us-east-1:s3",
             "--user", "testkey:testsecret", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-K", config],
            check=True, stderr=open(config + ".err", "w"), **QUIET)  # it tells its progress, with -s, too

    def keys(self, prefix):
        answer = subprocess.run(
            ["curl", "-fsS", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", "testkey:testsecret", "-H",
             "x-amz-content-sha256: UNSIGNED-PAYLOAD", self.url + "/seed?list-type=2&max-keys=1000&prefix=" +
             urllib.parse.quote(prefix, safe="")], check=True, stdout=subprocess.PIPE, text=True).stdout
        return [(key, int(size)) for key, size in
                re.findall(r"<Key>([^<]*)</Key>.*?<Size>(\d+)</Size>", answer, re.DOTALL)]

    def plain_get(self, clients, keys):
        lines = ['url = "%s/seed/%s"\noutput = "/dev/null"' % (self.url, key) for key in keys]
        return timed(lambda: at_once([lambda n=n: self.curl(lines, n, READERS) for n in range(clients)]))

    def plain_put(self, clients, count):
        path, prefix = self.directory + "/small", self.new_prefix()
        with open(path, "w") as file:
            file.write("x" * SMALL_BYTES)
        lines = ['url = "%s/seed/%s/%%d-%d"\nupload-file = "%s"' % (self.url, prefix, i, path)
                 for i in range(count // clients)]
        return timed(lambda: at_once([lambda n=n: self.curl([line % n for line in lines], n, WRITERS)
                                      for n in range(clients)]))

    # ---- the gateway's log ----

    def logged(self):
        with open(self.directory + "/rgw/log/client.rgw.log") as file:
            return LOGGED.findall(file.read())

    def requests(self, work):
        """Of the hosts, while `work` runs and for a second after it: by method and object."""
        time.sleep(1)
        before = len(self.logged())
        work()
        time.sleep(1.5)
        counts = collections.Counter()
        for method, path, status in self.logged()[before:]:
            listed = re.search(r"[?&]prefix=([^&]*)", path)
            key = urllib.parse.unquote(listed.group(1)) if listed else path.split("?")[0]
            kind = (key.split("/") + [""])[1]
            counts["LIST" if listed else method, kind] += 1
            counts["LIST" if listed else method] += 1
            counts["refused"] += status in ("412", "409", "500", "503")
        return counts


# ---- images read ----

def read_all(hosts, names):
    def cat(host, part):
        subprocess.run(["cat"] + ["%s/images/%s.png" % (host.mount, name) for name in names[part::READERS]],
                       check=True, **QUIET)

    return timed(lambda: at_once([lambda host=host, part=part: cat(host, part)
                                  for host in hosts for part in range(READERS)]))


def measure_reads(farm):
    names = ["i%03d" % i for i in range(READS)]
    filler, = farm.join(1, "read", "provider=sketch")
    at_once([lambda part=part: [write(filler, name, "a landscape " + name) for name in names[part::4]]
             for part in range(4)])
    farm.leave()
    images = farm.keys("read/image/")
    keys = [key for key, _ in images]
    if len(keys) != READS:
        sys.exit("%d images in the bucket" % len(keys))
    print("\n%d images, %.1f MB on average; %d readers at each host:\n\n"
          "| hosts | plain GET, images/s | first listing, names/s | cold, images/s | of plain | warm, images/s | of plain |\n"
          "| --- | --- | --- | --- | --- | --- | --- |"
          % (READS, sum(size for _, size in images) / READS / 1e6, READERS), flush=True)
    for count in HOSTS:
        rows = []
        for _ in range(ROUNDS):
            plain = farm.plain_get(count, keys)
            hosts = farm.join(count, "read", "provider=sketch")
            listing = timed(lambda: at_once([lambda host=host: os.listdir(host.mount + "/images")
                                             for host in hosts]))
            time.sleep(1.5)  # what was looked at is not fresh any more
            cold = read_all(hosts, names)
            time.sleep(1.5)
            rows.append((plain, listing, cold, read_all(hosts, names)))
            farm.leave()
        plain, listing, cold, warm = (statistics.median(count * READS / row[i] for row in rows) for i in range(4))
        ratios = [statistics.median(row[0] / row[i] for row in rows) for i in (2, 3)]
        print("| %d | %.0f | %.0f | %.0f | %.2f | %.0f | %.2f |"
              % (count, plain, listing, cold, ratios[0], warm, ratios[1]), flush=True)


# ---- names written ----

def write_all(hosts):
    each = WRITES // len(hosts)

    def work(number, part):
        for i in range(part, each, WRITERS):
            write(hosts[number], "n%d-%d" % (number, i), "text %d %d" % (number, i))

    return timed(lambda: at_once([lambda number=number, part=part: work(number, part)
                                  for number in range(len(hosts)) for part in range(WRITERS)]))


def measure_writes(farm):
    print("\n%d names, %d writers at each host, images of 64x36 from a service without latency:\n\n"
          "| hosts | plain PUT/s | without store=, names/s | names/s | of plain | requests a name | PUT and DELETE of them | refused |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- |" % (WRITES, WRITERS), flush=True)
    for count in HOSTS:
        rows = []
        for _ in range(ROUNDS):
            plain = farm.plain_put(count, WRITES)
            alone = write_all(farm.join(count, None, "provider=kie-image,size=64x36"))
            farm.leave()
            hosts, took = farm.join(count, farm.new_prefix(), "provider=kie-image,size=64x36"), []
            counts = farm.requests(lambda: took.append(write_all(hosts)))
            farm.leave()
            writes = counts["PUT"] + counts["DELETE"]
            rows.append((WRITES / plain, WRITES / alone, WRITES / took[0], plain / took[0],
                         (writes + counts["GET"] + counts["LIST"]) / WRITES, writes / WRITES,
                         counts["refused"] / WRITES))
        print("| %d | %.0f | %.0f | %.0f | %.2f | %.1f | %.1f | %.1f |"
              % (count, *(statistics.median(column) for column in zip(*rows))), flush=True)


# ---- one object, which all change ----

def measure_swaps(farm):
    ask = [os.path.dirname(UPSTREAM) + "/ask", farm.url, "seed"]

    def count(prefix, times):
        subprocess.run([*ask, prefix, "count", "n", str(times)], check=True,
                       env={**os.environ, **KEY, "ASK_UNQUOTED": "1"}, **QUIET)

    print("\n%d additions to the number in one object, by swaps, each writer a part of them:\n\n"
          "| writers | swaps/s | refused of all writes |\n| --- | --- | --- |" % SWAPS, flush=True)
    for writers in [*HOSTS, 2 * HOSTS[-1]]:
        rows = []
        for _ in range(ROUNDS):
            prefix, took, each = farm.new_prefix(), [], SWAPS // writers
            counts = farm.requests(lambda: took.append(timed(lambda: at_once(
                [lambda: count(prefix, each)] * writers))))
            rows.append((each * writers / took[0], counts["refused"] / max(counts["PUT"], 1)))
        print("| %d | %.0f | %.2f |" % (writers, *(statistics.median(column) for column in zip(*rows))),
              flush=True)


# ---- one name at all hosts ----

def measure_one(farm):
    print("\nOne text committed for one name at all hosts at once, tasks of %d s, %d names:\n\n"
          "| hosts | first answer, s | last answer, s | submissions |\n| --- | --- | --- | --- |"
          % (TASK_MS / 1000, 2 * ROUNDS), flush=True)
    for count in HOSTS:
        hosts, rows = farm.join(count, farm.new_prefix(), "provider=kie,size=64x36"), []
        for i in range(2 * ROUNDS):
            before = farm.submissions()
            ends = at_once([lambda host=host: write(host, "one%d" % i, "a red fox %d" % i) for host in hosts])
            rows.append((min(ends), max(ends), farm.submissions() - before))
        farm.leave()
        print("| %d | %.2f | %.2f | %d |" % (count, *(statistics.median(row[i] for row in rows) for i in (0, 1)),
                                            sum(row[2] for row in rows)), flush=True)


# ---- requests ----

def show(what, times, counts):
    kinds = sorted((kind, key) for kind, key in ((k[1], k[0]) for k in counts if isinstance(k, tuple)))
    each = ", ".join("%s %s %.3g" % (method, kind, counts[method, kind] / times) for kind, method in kinds)
    print("| %s | %.3g | %.3g | %.3g | %s |" % (
        what, (counts["PUT"] + counts["LIST"]) / times, counts["GET"] / times, counts["DELETE"] / times, each),
        flush=True)


def prompts(host, names):
    for name in names:
        write(host, name, "text " + name)


def stats(host, names):
    for name in names:
        try:
            os.stat("%s/images/%s.png" % (host.mount, name))
        except FileNotFoundError:
            pass


def read(host, names):
    for name in names:
        with open("%s/images/%s.png" % (host.mount, name), "rb") as file:
            file.read()


def measure_requests(farm):
    print("\nRequests of one operation, as the gateway's log has them:\n\n"
          "| operation | PUT and LIST | GET | DELETE | which |\n| --- | --- | --- | --- | --- |", flush=True)
    one, two = farm.join(2, farm.new_prefix(), "provider=kie,size=64x36")
    names = ["a%02d" % i for i in range(20)]
    together = ["b%02d" % i for i in range(20)]
    show("a prompt, one after the other", 20, farm.requests(lambda: prompts(one, names)))
    show("a prompt, twenty at once", 20, farm.requests(lambda: at_once(
        [lambda name=name: write(one, name, "text " + name) for name in together])))
    show("a name, looked up on another host for the first time", 20, farm.requests(lambda: stats(two, names)))
    show("again, later than a second", 20, farm.requests(lambda: stats(two, names)))
    show("a name that is not there", 20, farm.requests(lambda: stats(two, ["z%d" % i for i in range(20)])))
    show("an image, opened for the first time", 20, farm.requests(lambda: read(two, names)))
    show("again, later than a second", 20, farm.requests(lambda: read(two, names)))
    farm.leave()
    prefix = farm.new_prefix()
    one, = farm.join(1, prefix, "provider=kie-image,size=64x36")
    os.mkdir(one.mount + "/prompts/many")
    at_once([lambda part=part: prompts(one, ["many/c%04d" % i for i in range(part, LISTED, 16)])
             for part in range(16)])
    farm.leave()
    one, two = farm.join(2, prefix, "provider=kie-image,size=64x36")
    folder, took = one.mount + "/images/many", []
    os.listdir(one.mount + "/images")
    for what in ("a listing of %d names, the first" % LISTED, "again, later than a second"):
        counts = farm.requests(lambda: took.append(timed(lambda: os.listdir(folder))))
        show("%s (%.2f s)" % (what, took[-1]), 1, counts)
    farm.requests(lambda: time.sleep(10))  # nothing of the beginning is left
    counts = farm.requests(lambda: time.sleep(IDLE))
    show("an idle host, an hour", 2 * (IDLE + 1.5) / 3600, counts)
    farm.leave()


def main():
    farm = Farm()
    try:
        farm.start()
        for name, measure in (("read", measure_reads), ("write", measure_writes),
                              ("swap", measure_swaps), ("one", measure_one),
                              ("count", measure_requests)):
            if name in ONLY:
                measure(farm)
    finally:
        farm.stop()


main()
