#!/usr/bin/python3
"""A farm in bad weather: hosts that share a catalogue, on real mounts and a real store.

  farm_storm.py SEEDFS OPTIONS DIR CONTROL RGW PORT HOSTS NAMES SECONDS SEED

RGW is the directory of tests/s3/rgw.sh, PORT the gateway's. Each host has a mount, a state
directory and a way to the store of its own (tests/s3/relay.py).

First all hosts commit all names at once, and each name's text is the same on all of them. The
service ends nothing before each host has all of it: then each text was submitted once, and all
hosts have the same images.

Then writers on all hosts write texts, each once, to the same few names, and rename some, for SECONDS.
Meanwhile hosts are killed, paused and cut off from the store, also for longer than their
leases; only the answers to what they ask are lost; connections are broken; and the gateway is
killed. The service itself behaves, so nothing has to be sent again. When all is well again:

  - each writer has had an answer, and one that man seed names;
  - everything comes to rest: nothing is left in pending/ of any host, nor in flight in the store;
  - no text was submitted twice;
  - a text whose close() gave 0 has its image, and so has what the service had accepted, if its task is
    in a journal; none has two;
  - all hosts show the same prompts, images, records and versions, byte for byte; so does one
    that has just come, with nothing of its own.

The same SEED makes the same decisions (the moments depend on the machine). Where the
program takes SEED_LEASE_S (builds with crash points), leases are that short; else nothing is done to a
host for long enough to lose one. $SEEDFS_1, if it is set, is the program of host 1. The exit
status is 1 if anything is wrong.
"""
import collections
import concurrent.futures
import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

from common import Service, texts_of_images

PROGRAM, OPTIONS, DIR, CONTROL, RGW, PORT = sys.argv[1:7]
HOSTS, NAMES, SECONDS, SEED = (int(word) for word in sys.argv[7:11])
HERE = os.path.dirname(os.path.abspath(__file__))
WRITERS = 3       # on each host
HOT = max(6, NAMES // 5)
AT_MOST_S = 180   # for what ends by itself
ANSWERS = {"ok", "ECANCELED",
           "EHOSTUNREACH", "ETIMEDOUT",         # the store was away
           "EIO",                               # nobody knows whether it was submitted
           "ECONNABORTED", "ENOTCONN", "ENOENT"}  # its host was killed; is not there

service = Service(CONTROL)
errors = open(DIR + "/err", "a")  # where helper.bash looks
wrong = []


def name_of(number):
    return "n%d" % number


def wait_for(what, is_true):
    end = time.monotonic() + AT_MOST_S
    while not is_true():
        if time.monotonic() > end:
            wrong.append("never came true: " + what)
            return False
        time.sleep(0.05)
    return True


def lease_s():
    with open(PROGRAM, "rb") as file:
        if b"SEED_LEASE_S" not in file.read():
            return None
    os.environ.setdefault("SEED_LEASE_S", "6")
    return int(os.environ["SEED_LEASE_S"])


LEASE_S = lease_s()


# --- the world ---------------------------------------------------------------

class Relay:
    def __init__(self):
        self.process = subprocess.Popen([sys.executable, HERE + "/../s3/relay.py", PORT, str(HOSTS + 1)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.ports = self.process.stdout.readline().split()

    def order(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)


relay = Relay()
# A host ends with the thread that started it, so that is one which stays.
launcher = concurrent.futures.ThreadPoolExecutor(1)


def gateway(verb):
    subprocess.run([HERE + "/../s3/rgw.sh", verb, RGW], check=True, stdin=subprocess.DEVNULL)


class Host:
    def __init__(self, number):
        self.number = number
        self.mount, self.state = "%s/m%d" % (DIR, number), "%s/s%d" % (DIR, number)
        self.process = None
        self.busy = threading.Lock()  # one fault of the process at a time
        self.cut = threading.Lock()   # and one of its network
        os.makedirs(self.mount, exist_ok=True)
        os.makedirs(self.state, mode=0o700, exist_ok=True)

    def program(self):
        return os.environ.get("SEEDFS_1", PROGRAM) if self.number == 1 else PROGRAM

    def options(self):
        more = ",state=%s,s3_endpoint=http://127.0.0.1:%s" % (self.state, relay.ports[self.number - 1])
        return OPTIONS + more + (",offline=wait" if self.number % 2 else "")

    def is_there(self):
        """The kernel may know of the file for longer than the host lives: only an open asks."""
        try:
            with open(self.mount + "/README", "rb") as file:
                return file.read(1) != b""
        except OSError:
            return False

    def launch(self):
        self.process = launcher.submit(
            subprocess.Popen,
            ["setpriv", "--pdeathsig", "KILL", "--", self.program(), "-f", "-o", self.options(), self.mount],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors).result()
        with open(DIR + "/pids", "a") as pids:  # for helper.bash's watchdog
            pids.write("%d\n" % self.process.pid)

    def start(self):
        """A store that is away is a reason not to start, and to try again."""
        end = time.monotonic() + AT_MOST_S
        self.launch()
        while not self.is_there():
            if self.process.poll() is not None:
                if self.process.returncode != 1 or time.monotonic() > end:
                    wrong.append("host %d does not start: status %d" % (self.number, self.process.returncode))
                    return
                time.sleep(0.3)
                self.launch()
            time.sleep(0.02)

    def kill(self):
        if self.process.poll() is not None:
            wrong.append("host %d ended by itself, with status %d" % (self.number, self.process.returncode))
            return
        self.process.kill()
        self.process.wait(60)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60):
            wrong.append("host %d ended with status %d" % (self.number, self.process.returncode))

    def pending(self):
        return os.listdir(self.state + "/pending")


hosts = [Host(number) for number in range(1, HOSTS + 1)]


# --- writers -----------------------------------------------------------------

answers = collections.Counter()
moves = collections.Counter()
answered = {}  # text: what close() said


def outcome(path, text):
    """What the first step that failed said, or "ok"."""
    said = "ok"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        return errno.errorcode[error.errno]
    try:
        os.write(fd, text.encode())
    except OSError as error:
        said = errno.errorcode[error.errno]
    try:
        os.close(fd)
    except OSError as error:
        return errno.errorcode[error.errno]
    return said


def write(host, name, text):
    return outcome("%s/prompts/%s" % (host.mount, name), text)


def threads(calls):
    threading.stack_size(256 * 1024)
    made = [threading.Thread(target=call[0], args=call[1:], daemon=True) for call in calls]
    for thread in made:
        thread.start()
    return made


def join(made):
    end = time.monotonic() + AT_MOST_S
    for thread in made:
        thread.join(max(0, end - time.monotonic()))
    left = sum(thread.is_alive() for thread in made)
    if left:
        wrong.append("%d writers have had no answer" % left)


# --- first: all at once ------------------------------------------------------

def joined():
    count = 0
    for host in hosts:
        with open(host.mount + "/status", errors="replace") as log:
            count += log.read().count("The same text is being generated")
    return count


def write_same(host, name, text):
    said = write(host, name, text)
    answered[text] = said if said != "ok" else answered.get(text, said)


def all_at_once():
    begin = time.monotonic()
    service.ask("/_faults", [{"on": "create", "do": {"hold_task": True}}])
    texts = {name_of(number): "all write %d." % number for number in range(NAMES)}
    made = threads([(write_same, host, name, text) for name, text in texts.items() for host in hosts])
    wait_for("all hosts have all names", lambda: joined() == (HOSTS - 1) * NAMES)
    print("all hosts have all names after %.1f s" % (time.monotonic() - begin))
    service.ask("/_release", {})
    join(made)
    service.ask("/_faults", [])
    print("all names have their images after %.1f s" % (time.monotonic() - begin), flush=True)
    wrong.extend("%s: %s" % (text, said) for text, said in answered.items() if said != "ok")
    counts = collections.Counter(entry["prompt"] for entry in service.log("create"))
    wrong.extend("submitted %d times: %s" % (counts[text], text) for text in texts.values() if counts[text] != 1)


# --- then: the storm ---------------------------------------------------------

def long_s(chance):
    """How long a fault lasts: shorter and longer than a lease, where that can be waited for."""
    return chance.choice([0.2, 1, 3] if LEASE_S is None else [0.2, 1, LEASE_S, 1.5 * LEASE_S, 2 * LEASE_S])


is_over = threading.Event()


def kill(host, seconds):
    with host.busy:
        host.kill()
        is_over.wait(seconds)
        host.start()


def pause(host, seconds):
    with host.busy:
        host.process.send_signal(signal.SIGSTOP)
        is_over.wait(seconds)
        host.process.send_signal(signal.SIGCONT)


def cut(host, seconds, *way):
    with host.cut:
        relay.order("cut", host.number, *way)
        is_over.wait(seconds)
        relay.order("open", host.number)


gateway_busy = threading.Lock()


def kill_gateway(seconds):
    with gateway_busy:
        gateway("kill")
        is_over.wait(min(seconds, 5))
        gateway("gateway")


def fault(chance):
    """One of a host that has none of that kind, or of the gateway."""
    host, seconds, kind = chance.choice(hosts), long_s(chance), chance.random()
    if kind < 0.35:
        return None if host.busy.locked() else (kill, host, chance.choice([0, 0, seconds]))
    if kind < 0.6:
        return None if host.busy.locked() else (pause, host, seconds)
    if kind < 0.75:
        return None if host.cut.locked() else (cut, host, seconds)
    if kind < 0.85:
        return None if host.cut.locked() else (cut, host, seconds, "answers")
    if kind < 0.92:
        return relay.order, "break", host.number
    return None if gateway_busy.locked() else (kill_gateway, seconds)


class Writer:
    """A process of its own: who closes a file commits it only if his process has it open no more. It
    is made before there are threads, and begins when the pipe is closed."""

    def __init__(self, host, number, begin):
        self.host, self.number = host, number
        self.path = "%s/writer.%d.%d" % (DIR, host.number, number)
        self.pid = os.fork()
        if self.pid:
            return
        os.close(begin[1])
        os.read(begin[0], 1)
        with open(self.path, "w") as out:
            self.run(out)
        os._exit(0)

    def run(self, out):
        chance = random.Random(SEED * 1000 + self.host.number * 10 + self.number)
        end = time.monotonic() + SECONDS
        count = 0
        while time.monotonic() < end:
            if chance.random() < 0.05:
                print("move", self.move(*chance.sample(range(HOT), 2)), file=out, flush=True)
            count += 1
            text = "host %d writer %d text %d." % (self.host.number, self.number, count)
            name = name_of(chance.randrange(HOT))
            said = write(self.host, name, text)
            print(said, name, text, file=out, flush=True)
            time.sleep(0.3 if said in ("ENOTCONN", "ENOENT", "EHOSTUNREACH") else chance.choice([0, 0, 0.1, 0.5]))

    def move(self, name, to):
        try:
            os.rename(*("%s/prompts/%s" % (self.host.mount, name_of(number)) for number in (name, to)))
        except OSError as error:
            return errno.errorcode[error.errno]
        return "ok"

    def has_ended(self):
        return os.waitpid(self.pid, os.WNOHANG)[0] != 0

    def learn(self):
        with open(self.path) as lines:
            for line in lines:
                said, name, *text = line.rstrip("\n").split(" ", 2)
                if said == "move":
                    moves[name] += 1
                    continue
                text = text[0]
                answered[text] = said
                answers[said] += 1
                if said not in ANSWERS:
                    wrong.append("%s, written to %s: %s" % (text, name, said))


def make_writers():
    begin = os.pipe()
    made = [Writer(host, number, begin) for host in hosts for number in range(WRITERS)]
    os.close(begin[0])
    return made, begin[1]


def wait_for_writers(left):
    end = time.monotonic() + AT_MOST_S
    while left and time.monotonic() < end:
        left = [writer for writer in left if not writer.has_ended()]
        time.sleep(0.05)
    for writer in left:
        wrong.append("writer %d of host %d has had no answer" % (writer.number, writer.host.number))
        os.kill(writer.pid, signal.SIGKILL)


def storm(writers, begin):
    chance = random.Random(SEED)
    end = time.monotonic() + SECONDS
    os.close(begin)
    faults, count = [], collections.Counter()
    while time.monotonic() < end:
        service.ask("/_config", {"duration_ms": chance.choice([20, 300, 1500])})
        one = fault(chance)
        if one:
            count[one[0].__name__] += 1
            faults += threads([one])
        time.sleep(chance.choice([0.1, 0.3, 1]) * 8 / HOSTS)
    is_over.set()
    for thread in faults:
        thread.join()
    print("faults:", dict(count), flush=True)
    wait_for_writers(writers)
    for writer in writers:
        writer.learn()
    print("answers:", dict(answers), "of renames:", dict(moves), flush=True)
    wrong.extend("a rename said " + said for said in set(moves) - ANSWERS)


# --- rest --------------------------------------------------------------------

def ask_store(*words):
    answer = subprocess.run([os.path.dirname(os.environ["UPSTREAM"]) + "/ask", "http://127.0.0.1:" + PORT, "seed",
                             OPTIONS.split("store=s3://seed/")[1].split(",")[0], *words], check=True,
                            env=dict(os.environ, ASK_UNQUOTED="1"), capture_output=True, text=True)
    return answer.stdout.split("\n", 1)[1]


def in_flight():
    """The names that have rows in flight in the store."""
    found = []
    for key in ask_store("list", "name/").split():
        entry = json.loads(ask_store("get", key))
        if entry["flight"]:
            found.append(key)
    return found


def left():
    return ["host %d: %s" % (host.number, host.pending()) for host in hosts if host.pending()]


def come_to_rest():
    begin = time.monotonic()
    if not wait_for("nothing is pending", lambda: not left()):
        wrong.extend(left())
        for host in hosts:
            with open(host.mount + "/queue") as queue:
                print(queue.read())
    if not wait_for("nothing is in flight in the store", lambda: not in_flight()):
        wrong.append("in flight: %s" % in_flight())
    print("at rest after %.1f s" % (time.monotonic() - begin), flush=True)


# --- judging -----------------------------------------------------------------

def shown(host):
    """What a host shows: each path below these folders, and what stands in it."""
    found = {}
    for area in ("prompts", "images", "records", "history"):
        for folder, _, files in os.walk(os.path.join(host.mount, area), onerror=wrong.append):
            for file in files:
                path = os.path.join(folder, file)
                try:
                    with open(path, "rb") as content:
                        data = content.read()
                except OSError as error:
                    data = str(error.errno).encode()
                if file.endswith(".json"):
                    row = json.loads(data)
                    data = json.dumps([row["state"], row["prompt"], (row.get("image") or {}).get("sha256")]).encode()
                found[os.path.relpath(path, host.mount)] = hashlib.sha256(data).hexdigest()
    return found


def differences(of, others):
    found = []
    for host, other in others.items():
        for path in sorted(set(of) | set(other)):
            if of.get(path) != other.get(path):
                found.append("%s: host 1 has %s, host %d has %s" % (path, of.get(path), host.number, other.get(path)))
    return found


def show_all(these):
    shows = {}
    join(threads([(lambda host: shows.update({host: shown(host)}), host) for host in these]))
    return shows


def judge_the_same():
    """What others have done is seen two seconds later at most."""
    time.sleep(2.5)
    begin = time.monotonic()
    shows = show_all(hosts)
    of = shows.pop(hosts[0])
    found = differences(of, shows)
    new = Host(HOSTS + 1)
    new.start()
    hosts.append(new)
    found += differences(of, show_all([new]))
    wrong.extend(found[:20])
    print("%d files are the same on all hosts, read in %.1f s" % (len(of), time.monotonic() - begin), flush=True)


def judge_images():
    images = texts_of_images(hosts[0].mount)
    counts = collections.Counter(entry["prompt"] for entry in service.log("create"))
    polled = {entry["task"] for entry in service.log("poll")}
    kept = {entry["prompt"] for entry in service.log("accepted") if entry["task"] in polled}
    for text, count in sorted(counts.items()):
        if count > 1:
            wrong.append("submitted %d times: %s (%s)" % (count, text, answered.get(text)))
        if text in kept and text not in images:
            wrong.append("lost: %s (%s)" % (text, answered.get(text)))
    wrong.extend("answered with success, and lost: " + text for text, said in sorted(answered.items())
                 if said == "ok" and text not in images)
    if not set(moves) - {"ok", "ENOENT"}:  # one that is cut off may leave both names
        wrong.extend("%d images of: %s" % (count, text) for text, count in sorted(images.items()) if count > 1)
    wrong.extend("never paid for: " + text for text in sorted(set(images) - set(counts)))
    print("%d texts, %d submitted, %d images" % (len(answered), len(counts), sum(images.values())))


def main():
    print("seed", SEED, "lease", LEASE_S, flush=True)
    writers = make_writers()
    service.ask("/_config", {"image": "png-256x144"})
    join(threads([(host.start,) for host in hosts]))
    all_at_once()
    if not wrong:
        storm(*writers)
        come_to_rest()
        judge_the_same()
        judge_images()
    for host in hosts:
        host.stop()
    relay.end()
    print("\n".join(str(line) for line in wrong[:60]))
    return 1 if wrong else 0


sys.exit(main())
