#!/usr/bin/python3
"""Kills the program in bad weather and judges each submission.

  storm.py SEEDFS OPTIONS MOUNTPOINT STATE CONTROL KILLS SEED

Each round mounts, lets writers write texts that are never written again, moves
and removes some names, and kills the program after a while. Meanwhile the API
or the image host refuses connections, the API's name is not found or the disk is
full (for up to 60 s where KILLS is 1000 and more, 20 s from 100 on, else 3),
submissions get 429 with odd Retry-After values, 5xx or no answer, polls and pictures
break, pictures come late, and descriptors run out. Then all is turned kind, one more
mount finishes what there is, and the service's log is judged, by what man seed says of
"Never twice, never lost":

  - a text is submitted twice at most, and the second time only if the first was
    not accepted, its task failed, or nobody could know; never after a restart
    if the first may have been accepted;
  - what was accepted and answered has its image, as the current one or in
    history, unless it failed or its name was one that this program removes;
  - nothing is left in pending/.

The same SEED makes the same decisions (the moments depend on the machine).
OPTIONS must not hold a timeout. The exit status is 1 if anything is wrong.

It needs a mount namespace of its own (unshare -m): names are looked up in a file
that it changes, and the state directory is a tmpfs whose size it changes.
"""
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from common import Service, texts_of_images

PROGRAM, OPTIONS, MOUNT, STATE, CONTROL, KILLS, SEED = sys.argv[1:8]
KILLS = int(KILLS)
LONGEST_MS = 60000 if KILLS >= 1000 else 20000 if KILLS >= 100 else 3000
KEPT = ["fox", "owl", "sea", "sky", "oak"]     # written and moved
REMOVED = ["elk", "hare"]                      # written and removed
AFTER = ["0", "1", "2", "86400", "999999999999", "-5", "soon"]

chance = random.Random(int(SEED))
errors = open(os.path.join(os.path.dirname(STATE), "err"), "a")  # where helper.bash looks
starts, kills, outages = [], [], []  # times, ms; outages of the API
full = []                            # from, to: the disk takes nothing
HOST, ROOM = "api.storm.test", "size=90%"
DIRECTORY = os.path.dirname(STATE)
written = {}                         # text: name
service = Service(CONTROL)


def now():
    return int(time.time() * 1000)


# --- the program -------------------------------------------------------------

def start():
    starts.append(now())
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", PROGRAM, "-f", "-o", OPTIONS.replace("127.0.0.1", HOST) + ",timeout=60",
         MOUNT], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
    end = time.monotonic() + 60
    while not os.path.exists(MOUNT + "/README"):
        if process.poll() is not None or time.monotonic() > end:
            sys.exit("not mounted: status %s" % process.poll())
        time.sleep(0.01)
    return process


def kill(process):
    if process.poll() is not None:
        sys.exit("the program ended by itself, with status %s" % process.returncode)
    kills.append(now())
    process.kill()
    process.wait(60)
    subprocess.run(["umount", "-l", MOUNT], check=True)


def write(name, text):
    try:
        with open(MOUNT + "/prompts/" + name, "w") as file:
            file.write(text)
    except OSError:
        pass  # killed, superseded, or one of the faults


def touch(call, *names):
    try:
        call(*(MOUNT + "/prompts/" + name for name in names))
    except OSError:
        pass  # not there, or the mount has no descriptor for it


# --- the world ---------------------------------------------------------------

def run(*command):
    subprocess.run(command, check=True)


def names(found):
    # In place: the file is mounted over the system's.
    with open(DIRECTORY + "/hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost\n" + ("127.0.0.1 %s\n" % HOST if found else ""))


def own_world():
    """Names and a disk that can be taken away."""
    names(True)
    with open(DIRECTORY + "/resolv.conf", "w") as file:
        file.write("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
    for file in ("hosts", "resolv.conf"):
        run("mount", "--bind", DIRECTORY + "/" + file, "/etc/" + file)
    run("mount", "-t", "tmpfs", "-o", "mode=700," + ROOM, "tmpfs", STATE)


def fill_disk(fill):
    space = os.statvfs(STATE)
    used = (space.f_blocks - space.f_bfree) * space.f_bsize
    run("mount", "-o", "remount," + ("size=%d" % max(used, 65536) if fill else ROOM), STATE)


given_back = []


def for_a_while(ms, give_back):
    given_back.append(threading.Timer(ms / 1000, give_back))
    given_back[-1].daemon = True
    given_back[-1].start()


# --- the weather -------------------------------------------------------------

def bad_create():
    return chance.choice([
        {"status": 429, "retry_after": chance.choice(AFTER)}, {"status": 429},
        {"status": 503, "retry_after": chance.choice(AFTER[:5])},
        {"code": 429, "msg": "slowly"}, {"status": 500}, {"status": 502}, {"code": 500},
        {"lost": True}, {"reset": True}, {"close": True}, {"fail": {"code": "500", "msg": "no"}},
        {"delay_ms": 300}])


def bad_poll():
    return chance.choice([
        {"status": 429, "retry_after": chance.choice(AFTER)}, {"status": 500}, {"reset": True},
        {"close": True}, {"null": True}, {"status": 503, "retry_after": "2"},
        {"body": "{\"code\":200,"}, {"delay_ms": 500}])


def bad_image():
    return chance.choice([
        {"status": 503}, {"status": 404}, {"status": 403}, {"status": 410}, {"cut": 1000},
        {"reset": True}, {"status": 429, "retry_after": chance.choice(AFTER)}, {"delay_ms": 500}])


def change_weather():
    rules = []
    for kind, make in (("create", bad_create), ("poll", bad_poll), ("image", bad_image)):
        for _ in range(chance.choice([0, 0, 1, 2])):
            rules.append({"on": kind, "nth": chance.randint(1, 4), "times": chance.randint(1, 3),
                          "do": make()})
    tasks = {"duration_ms": chance.choice([20, 300, 1500])}
    if chance.random() < 0.4:
        tasks.update(late_ms=chance.randint(200, 3000),
                     late_status=chance.choice([404, 403, 503]))
    service.ask("/_faults", rules + [{"on": "create", "do": tasks}])


def take_down(door):
    ms = chance.randint(1000, LONGEST_MS)
    if door in ("api", "name"):
        outages.append(now())
    if door == "name":
        names(False)
        for_a_while(ms, lambda: names(True))
    elif door == "disk":
        full.append((now(), now() + ms))
        try:
            fill_disk(True)
        except subprocess.CalledProcessError:
            return  # more was written meanwhile than it was to hold
        for_a_while(ms, lambda: fill_disk(False))
    else:
        service.ask("/_down", {}, door=door, ms=ms)


def limit(process):
    # Of the soft limit alone: the program may take what it can get.
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE,
                     (chance.choice([34, 40, 48, 64, 1024]), 1024))


def one_round(number):
    process = start()
    writers = []
    change_weather()
    if chance.random() < 0.25:
        limit(process)
    for step in range(chance.randint(3, 12)):
        what = chance.random()
        if what < 0.70:
            name = chance.choice(KEPT + REMOVED)
            text = "kill %d step %d" % (number, step)
            written[text] = name
            writers.append(threading.Thread(target=write, args=(name, text), daemon=True))
            writers[-1].start()
        elif what < 0.78:
            touch(os.rename, *chance.sample(KEPT, 2))
        elif what < 0.85:
            touch(os.unlink, chance.choice(REMOVED))
        elif what < 0.87:
            take_down(chance.choice(["api", "images", "name", "disk"]))
        elif what < 0.92:
            change_weather()
        time.sleep(chance.choice([0, 0.02, 0.1, 0.3]))
    time.sleep(chance.choice([0, 0.05, 0.5, 1]))
    kill(process)
    for writer in writers:
        writer.join(60)
        if writer.is_alive():
            sys.exit("a writer still waits after the program was killed")


def calm_down():
    for timer in given_back:
        timer.cancel()
        timer.join()
    service.ask("/_faults", [])
    service.ask("/_up", {}, door="api")
    service.ask("/_up", {}, door="images")
    names(True)
    fill_disk(False)


def wait_idle():
    pending = os.path.join(STATE, "pending")
    end = time.monotonic() + 240
    while os.listdir(pending) and time.monotonic() < end:
        time.sleep(0.05)
    if os.listdir(pending):
        with open(MOUNT + "/queue") as queue:
            print(queue.read())


# --- judging -----------------------------------------------------------------

NOT_SUBMITTED = (429, 401, 402, 403)


class Submission:
    def __init__(self, entry, answer, task):
        self.text, self.time = entry["prompt"], entry["time"]
        self.life = sum(start <= self.time for start in starts)
        self.status = answer.get("status", 0) if answer else 0
        self.code = answer.get("code", self.status) if answer else 0
        self.after = answer.get("retry_after") if answer else None
        self.task, self.accepted = task, task is not None
        self.fails = task in failed

    def counts(self):
        """Whether it is a submission, as man seed counts them."""
        if self.status in NOT_SUBMITTED or self.code in NOT_SUBMITTED:
            return False
        return not (self.status == 503 and self.after is not None)

    def answered(self):
        """Whether the answer must have reached the program."""
        cut = [t for t in kills + outages if self.time - 100 <= t <= self.time + 1500]
        return self.status != 0 and not cut

    def is_stored(self):
        """Whether the task is in the journal: it is asked for when it is, and on a full
        disk before. How long that takes on a busy machine is not for us to say."""
        return self.task in polled and not any(
            begin - 2000 <= self.time <= end + 3000 for begin, end in full)

    def refused(self):
        return self.status != 0 and not self.accepted


def submissions():
    answers = {entry["number"]: entry for entry in service.log("answered")}
    tasks = {entry["number"]: entry["task"] for entry in service.log("accepted")}
    made = {}
    for entry in service.log("create"):
        one = Submission(entry, answers.get(entry["number"]), tasks.get(entry["number"]))
        if one.counts():
            made.setdefault(one.text, []).append(one)
    return made


failed = set()
polled = set()  # tasks that the program asked for


def learn_failures():
    """Tasks whose rule made them fail: the service tells it when it is asked."""
    rules = {entry["number"]: entry for entry in service.log("accepted")}
    for entry in rules.values():
        url = "/api/v1/jobs/recordInfo?taskId=" + entry["task"]
        request = urllib.request.Request(CONTROL + url,
                                         headers={"Authorization": "Bearer test-judge"})
        with urllib.request.urlopen(request, timeout=40) as answer:
            if json.load(answer)["data"]["state"] == "fail":
                failed.add(entry["task"])


def judge_twice(made):
    wrong = []
    for text, list_ in sorted(made.items()):
        if len(list_) > 2:
            wrong.append("submitted %d times: %s" % (len(list_), text))
        for first, second in zip(list_, list_[1:]):
            if first.refused() or first.fails:
                continue
            if second.life != first.life:
                wrong.append("submitted again after a restart (the first was answered %d): %s (%s)"
                             % (first.status, text, written[text]))
            elif first.answered():
                wrong.append("submitted again after acceptance: %s (%s)" % (text, written[text]))
    return wrong


def judge_images(made, images):
    wrong = []
    for text, list_ in sorted(made.items()):
        sure = [one for one in list_ if one.accepted and not one.fails and one.is_stored()]
        if sure and text not in images and written[text] in KEPT:
            wrong.append("lost: %s (%s)" % (text, written[text]))
        if images.get(text, 0) > sum(one.accepted for one in list_):
            wrong.append("two images of: %s" % text)
    wrong += ["never paid for: %s" % text for text in sorted(set(images) - set(made))]
    return wrong


def main():
    print("seed", SEED, flush=True)
    own_world()
    service.ask("/_config", {"image": "png-1024x576", "apart": True})
    for number in range(KILLS):
        one_round(number)
    calm_down()
    process = start()
    wait_idle()
    process.send_signal(signal.SIGTERM)
    status = process.wait(60)

    polled.update(entry["task"] for entry in service.log("poll"))
    learn_failures()
    made, images = submissions(), texts_of_images(STATE)
    wrong = judge_twice(made) + judge_images(made, images)
    left = os.listdir(os.path.join(STATE, "pending"))
    print("%d texts, %d submitted, %d of them twice, %d failed tasks, %d images"
          % (len(written), len(made), sum(len(l) > 1 for l in made.values()), len(failed),
             sum(images.values())))
    if left:
        wrong.append("left in pending/: %s" % left)
    if status:
        wrong.append("ended with status %d" % status)
    if not images:
        wrong.append("nothing was made")
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
