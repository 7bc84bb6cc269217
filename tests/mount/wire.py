#!/usr/bin/python3
"""What no HTTP library lets a service send: the bytes on the wire, all rows at once.

  wire.py PORTFILE MOUNT PID

A service of kie's dialect on a bare socket. Each row of the table is what it answers
to the submission, or to the download, of the prompt of that name. Each writer must
get an error of the manual, no picture, and at most two submissions; afterwards the
program's memory is bounded and an honest answer is a picture. The exit status is 1
if anything is wrong.
"""
import collections
import gzip
import json
import os
import re
import socket
import sys
import threading
import time
import zlib

from common import listen, png, write

PORTFILE, MOUNT, PID = sys.argv[1:4]
ERRNOS = {"EIO", "EINVAL", "ETIMEDOUT", "EBADMSG", "EPERM", "ECONNREFUSED", "EHOSTUNREACH"}
# What lib/base/limits.h lets all answers hold, and a sanitizer's own.
RSS_MAX_KB = 900000
MIB = 1 << 20

OK = "HTTP/1.1 200 OK\r\n"
CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n"


def answer(body=b"{}", head=OK, *lines):
    text = head + "".join(f"{line}\r\n" for line in lines) + f"Content-Length: {len(body)}\r\n\r\n"
    return text.encode() + body


def packed(body, encodings="gzip"):
    return answer(body, OK, f"Content-Encoding: {encodings}")


BOMB = gzip.compress(b" " * (160 * MIB), 9)
TABLE = {
    "nothing": b"", "http09": b"hello", "no-status": b"HTTP/1.1\r\n\r\n", "status-word": b"HTTP/1.1 ok\r\n\r\n{}",
    "status-0": b"HTTP/1.1 0 x\r\n\r\n{}", "status-big": b"HTTP/1.1 99999999999 x\r\n\r\n{}",
    "version": answer(head="HTTP/9.9 200 OK\r\n"), "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "upgrade": b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "bare-lf": b"HTTP/1.1 200 OK\n\n{}",
    "nul-in-header": answer(b"{}", OK, "X: a\0b"), "no-colon": answer(b"{}", OK, "X"), "folded": answer(b"{}", OK, "X: a\r\n b"),
    "endless-header": [OK + "X: "] + ["x" * MIB] * 4, "endless-headers": [OK] + [f"X: {'x' * 1000}\r\n" * 1000] * 4,
    "continues": ["HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000] * 40, "hints": [f"HTTP/1.1 103 x\r\nLink: {'y' * 500}\r\n\r\n" * 1000] * 4,
    "cookies": answer(b"{}", OK, *[f"Set-Cookie: a{n}=b; Domain=127.0.0.1" for n in range(500)]),
    "length-negative": (OK + "Content-Length: -5\r\n\r\n{}").encode(), "length-word": (OK + "Content-Length: x\r\n\r\n{}").encode(),
    "length-overflow": (OK + "Content-Length: 99999999999999999999\r\n\r\n{}").encode(),
    "length-twice": answer(b'{"code":200}', OK, "Content-Length: 3"), "length-short": answer(b"{}")[:-2] + b'{"code":200}',
    "length-and-chunks": answer(b"2\r\n{}\r\n0\r\n\r\n", OK, "Transfer-Encoding: chunked"),
    "chunk-word": (CHUNKED + "zz\r\n{}\r\n0\r\n\r\n").encode(), "chunk-negative": (CHUNKED + "-2\r\n{}\r\n0\r\n\r\n").encode(),
    "chunk-overflow": (CHUNKED + "ffffffffffffffff\r\n{}").encode(), "chunk-17": (CHUNKED + "10000000000000002\r\n{}").encode(),
    "chunk-extension": [CHUNKED, "2;" + "x" * MIB, "\r\n{}\r\n0\r\n\r\n"], "chunk-trailers": [CHUNKED + "2\r\n{}\r\n0\r\n"] + ["X: y\r\n" * 10000] * 20,
    "chunks-twice": answer(b"2\r\n{}\r\n0\r\n\r\n", OK, "Transfer-Encoding: chunked, chunked"),
    "encoding-unknown": packed(b"{}", "br"), "encoding-lie": packed(b"{}"), "encoding-cut": packed(gzip.compress(b"{}")[:-6]),
    "encoding-50": packed(b"{}", ", ".join(["gzip"] * 50)), "bomb": packed(BOMB), "bomb-in-bomb": packed(gzip.compress(BOMB, 9), "gzip, gzip"),
    "bomb-deflate": packed(zlib.compress(b"[" * (160 * MIB), 9), "deflate"), "endless": [OK + "\r\n"] + [" " * MIB] * 120,
    "image bomb": packed(BOMB), "image endless": [OK + "\r\n"] + [" " * MIB] * 80, "image http09": b"\x89PNG\r\n\x1a\n",
    "image length-overflow": (OK + "Content-Length: 99999999999999999999\r\n\r\nx").encode(),
    "image encoding-lie": packed(b"\x89PNG\r\n\x1a\n"), "image chunk-overflow": (CHUNKED + "ffffffffffffffff\r\nx").encode(),
}
for number, place in enumerate(["file:///etc/passwd", "//", "", "http://[::1", "http:///x", "http://u:p@127.0.0.1:1/", "gopher://127.0.0.1/",
                                "javascript:1", "data:image/png,x", "http://127.0.0.1:99999/", "x" * 100000, "\\\\host\\x", "unix:///run/x"]):
    TABLE[f"moved-{number}"] = answer(b"", "HTTP/1.1 302 x\r\n", f"Location: {place}")
    TABLE[f"image moved-{number}"] = answer(b"", "HTTP/1.1 302 x\r\n", f"Location: {place}")
TABLE["image loop"] = answer(b"", "HTTP/1.1 302 x\r\n", "Location: ?again")

submitted = collections.Counter()
picture = None


def honest(what):
    return answer(json.dumps(what).encode())


def reply(line, body, base):
    """The bytes, or a list of them, for a request."""
    prompt = re.search(rb"row ([^;]*);", body)
    if prompt:
        name = prompt[1].decode()
        submitted[name] += 1
        if name in TABLE and not name.startswith("image "):
            return TABLE[name]
        return honest({"code": 200, "data": {"image_url": f"{base}/{name.replace(' ', '_')}"}})
    name = line.split(" ")[1].split("?")[0][1:].replace("_", " ")
    if name in TABLE:
        return TABLE[name]
    return answer(picture) if name == "honest" else honest({"code": 404})


def serve(connection, base):
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or b"\r\n\r\n"
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"content-length: (\d+)", head, re.I)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        parts = reply(head.decode("latin1").split("\r\n")[0], body, base)
        for part in parts if isinstance(parts, list) else [parts]:
            connection.sendall(part.encode() if isinstance(part, str) else part)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def draw():
    lines = b"".join(b"\0" + bytes((x * y + x) % 251 for x in range(3 * 256)) for y in range(144))
    return png(256, 144, lines)


def main():
    global picture
    said, wrong = {}, []
    picture = draw()
    threading.Thread(target=listen, args=(PORTFILE, serve), daemon=True).start()
    while not os.path.exists(f"{MOUNT}/README"):
        time.sleep(0.02)
    with open(f"/proc/{open(PID).read().strip()}/status") as status:
        threads = [threading.Thread(target=lambda name=name: said.__setitem__(name, write(MOUNT, name, f"row {name};")), daemon=True)
                   for name in TABLE]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
        for name in TABLE:
            result = said.get(name, "nothing: it hangs")
            if result not in ERRNOS:
                wrong.append(f"{name}: {result}")
            if submitted[name] > 2:
                wrong.append(f"{name}: submitted {submitted[name]} times")
        if (result := write(MOUNT, "honest", "row honest;")) != "ok":
            wrong.append(f"an honest answer: {result}")
        peak = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
    if peak > RSS_MAX_KB:
        wrong.append(f"the program used {peak} kB")
    print(f"{len(TABLE)} answers, {len(wrong)} wrong, at most {peak} kB", *wrong, sep="\n")
    return bool(wrong)


sys.exit(main())
