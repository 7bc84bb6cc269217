"""Functions that several programs of this folder use."""
import errno
import json
import os
import sys
import urllib.parse
import urllib.request


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
