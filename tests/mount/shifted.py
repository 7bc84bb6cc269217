#!/usr/bin/python3
"""A service that keeps its connections, and once answers one time too many.

  shifted.py PORTFILE MOUNT [unnamed]

A service of kie's dialect on bare sockets. A poll of the first task is answered, and a moment later
answered again: whatever is asked over that connection then, each answer is the one to the request
before. Submissions with an even number break off behind the last byte of their JSON. The first
request for each picture has a status that says nothing about it. Each name must get its own picture
all the same, and each text is submitted once. The exit status is 1 if anything is wrong.
"""
import collections
import json
import os
import re
import sys
import threading
import time
import zlib

from common import listen, png, write

PORTFILE, MOUNT = sys.argv[1:3]
NAMED = "unnamed" not in sys.argv # polls say whose they are
TEXTS = 16
WIDTH, HEIGHT = 256, 144 # what the mount asks for
POLLS = 4
PASSING = [201, 202, 204, 206, 408, 409, 421, 423, 425, 429, 500, 503]
SURPLUS_S = 0.05

lock = threading.Lock()
submitted, polled, fetched = collections.Counter(), collections.Counter(), collections.Counter()
base = None
surplus = 0


def draw(number):
    """Its first pixel is the number."""
    lines = b"".join(b"\0" + bytes([number] + [(x * y + x + number) % 251 for x in range(1, 3 * WIDTH)])
                     for y in range(HEIGHT))
    return png(WIDTH, HEIGHT, lines)


def first_byte(path):
    with open(path, "rb") as file:
        data = file.read()
    at, lines = 8, b""
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        if data[at + 4:at + 8] == b"IDAT":
            lines += data[at + 8:at + 8 + length]
        at += 12 + length
    lines = zlib.decompress(lines)
    return lines[1] # whatever the filter: what it refers to is 0 there


def answer(body, status=200):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def spell(task, every):
    """Most ids are texts, the others numbers, also where the other answer has a text."""
    return task if task % every == 0 else str(task)


def record(task, count):
    data = {"taskId": spell(task, 2), "state": "generating"} if NAMED else {"state": "generating"}
    if count >= POLLS:
        data.update(state="success", resultJson=json.dumps({"resultUrls": [f"{base}/picture/{task}"]}))
    return answer({"code": 200, "data": data})


def reply(connection, path, body):
    """False: the connection is over."""
    global surplus
    prompt = re.search(rb"text (\d+);", body)
    task = int(re.search(r"(\d+)$", path)[1]) if re.search(r"\d+$", path) else 0
    if prompt:
        task = int(prompt[1])
        with lock:
            submitted[task] += 1
        accepted = json.dumps({"code": 200, "data": {"taskId": spell(task, 3)}}).encode()
        if task % 2:
            connection.sendall(answer(accepted))
            return True
        connection.sendall(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(accepted) + accepted)
        return False
    if "/picture/" in path:
        with lock:
            fetched[task] += 1
            count = fetched[task]
        connection.sendall(answer(b"later", PASSING[task % len(PASSING)]) if count == 1 else answer(draw(task)))
    elif task:
        with lock:
            polled[task] += 1
            count = polled[task]
        connection.sendall(record(task, count))
        if task == 1 and count == 1:
            time.sleep(SURPLUS_S)
            connection.sendall(record(task, POLLS))
            surplus += 1
    else:
        connection.sendall(answer({"code": 200, "data": 100}))
    return True


def serve(connection, url):
    global base
    base, data = url, b""
    try:
        while True:
            while b"\r\n\r\n" not in data:
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            head, data = data.split(b"\r\n\r\n", 1)
            length = re.search(rb"content-length: (\d+)", head, re.I)
            length = int(length[1]) if length else 0
            while len(data) < length:
                data += connection.recv(65536)
            body, data = data[:length], data[length:]
            if not reply(connection, head.decode("latin1").split(" ")[1], body):
                return
    except OSError:
        pass
    finally:
        connection.close()


def main():
    said, wrong = {}, []
    threading.Thread(target=listen, args=(PORTFILE, serve), daemon=True).start()
    while not os.path.exists(f"{MOUNT}/prompts"):
        time.sleep(0.02)

    def one(number):
        said[number] = write(MOUNT, f"n{number}", f"text {number};")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, TEXTS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(1, TEXTS + 1):
        if said[number] != "ok":
            wrong.append(f"text {number}: {said[number]}")
        elif first_byte(f"{MOUNT}/images/n{number}.png") != number:
            wrong.append(f"text {number} has picture {first_byte(f'{MOUNT}/images/n{number}.png')}")
        if submitted[number] != 1:
            wrong.append(f"text {number} was submitted {submitted[number]} times")
        if fetched[number] < 2:
            wrong.append(f"picture {number} was not asked for again")
    if surplus != 1:
        wrong.append("no answer was one too many")
    print("\n".join(wrong) or "ok")
    sys.exit(bool(wrong))


main()
