"""Functions that several programs of this folder use."""
import errno
import json
import os
import socket
import sys
import threading
import urllib.parse
import urllib.request
import zlib


class Service:
    """The test service, over its port that never goes down."""

    def __init__(self, control):
        self.control = control

    def ask(self, path, data=None, **query):
        url = self.control + path + "?" + urllib.parse.urlencode(query)
        body = None if data is None else json.dumps(data).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=40) as answer:
            return answer.read().decode()

    def log(self, kind):
        return [json.loads(line) for line in self.ask("/_log", on=kind).splitlines()]


def listen(portfile, serve):
    """A service on a bare socket, until the program ends: serve(CONNECTION, BASE) for each connection,
    on a thread of its own. PORTFILE gets the URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    base = "http://127.0.0.1:%d" % listener.getsockname()[1]
    with open(portfile + ".new", "w", encoding="ascii") as file:
        file.write(base)
    os.rename(portfile + ".new", portfile)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, base), daemon=True).start()


def png_chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width, height, lines):
    """8-bit RGB; each line begins with its filter."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(lines)) +
            png_chunk(b"IEND", b""))


def write(mount, name, text):
    """Writes a prompt. What close() returns: "ok" or the errno's name."""
    fd = os.open(f"{mount}/prompts/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        try:
            os.close(fd)
        except OSError as error:
            return errno.errorcode[error.errno]
    return "ok"


def texts_of_images(state):
    """How often each prompt is in an image's text chunk."""
    found = {}
    for area in ("images", "history"):
        for folder, _, files in os.walk(os.path.join(state, area)):
            for file in files:
                if not file.endswith(".png"):
                    continue
                with open(os.path.join(folder, file), "rb") as image:
                    data = image.read(8192)
                at = data.find(b"tEXtprompt\0")
                if at < 4:
                    sys.exit("no prompt in %s/%s" % (folder, file))
                length = int.from_bytes(data[at - 4:at], "big")
                text = data[at + 11:at + 4 + length].decode()
                found[text] = found.get(text, 0) + 1
    return found
