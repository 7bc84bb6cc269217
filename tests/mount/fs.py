#!/usr/bin/python3
"""System calls on a mount whose errors a shell would not show.

  write PATH TEXT [--append|--exclusive] [--nonblock] [--fsync] [--dup]
                  [--pieces N] [--hex]
      Prints "ok", or each step that failed, such as "write EILSEQ" or
      "close EIO", one a line. --dup closes a duplicate first; --pieces
      writes N bytes at a time; --hex: TEXT is hexadecimal.
  open PATH [--nonblock]
      Prints "ok" or the errno's name.
  hold TIMES PATH…
      Opens each so often, or until that fails; prints how many are open and
      "ok" or the errno's name, and keeps them open until it is killed.
  stuff BYTES PATH…
      Opens each for writing and writes so much, likewise.
  fsync PATH
      Opens read-only, fsyncs: "ok" or the errno's name.
  alarm PATH TEXT
      Writes with a SIGALRM handler and a timer that fires every 50 ms while
      close() waits; prints the outcome and "alarms N".
  many DIRECTORY COUNT
      COUNT threads write a prompt each; prints how often each outcome came.
  png FILE summary|idat|texts|chunks
      What a PNG is made of, each chunk's CRC checked.
  handle PATH…
      The first eight bytes of each file's handle (name_to_handle_at), in decimal: FUSE's node id.
  notify SOCKET COMMAND…
      Binds a datagram socket, runs COMMAND with NOTIFY_SOCKET set to it,
      prints the first message and what `mountpoint` says at that moment.
"""
# Modules that only one command needs are imported there: a test starts this
# program many times.
import errno
import os
import sys


def name(error):
    return errno.errorcode.get(error.errno, str(error.errno))


class Steps:
    """Runs system calls and remembers those that failed."""

    def __init__(self):
        self.failed = []

    def run(self, step, call, *args):
        try:
            return call(*args)
        except OSError as error:
            self.failed.append(f"{step} {name(error)}")
            return None

    def __str__(self):
        return "\n".join(self.failed) or "ok"


def write(path, text, *options):
    flags = os.O_WRONLY | os.O_CREAT
    flags |= os.O_APPEND if "--append" in options else os.O_TRUNC
    flags |= os.O_EXCL if "--exclusive" in options else 0
    flags |= os.O_NONBLOCK if "--nonblock" in options else 0
    data = bytes.fromhex(text) if "--hex" in options else os.fsencode(text)
    size = len(data)
    if "--pieces" in options:
        size = int(options[options.index("--pieces") + 1])
    steps = Steps()
    fd = steps.run("open", os.open, path, flags, 0o644)
    if fd is None:
        return steps
    for at in range(0, len(data), max(size, 1)):
        if steps.run("write", os.write, fd, data[at:at + size]) is None:
            break
    if "--fsync" in options:
        steps.run("fsync", os.fsync, fd)
    if "--dup" in options:
        steps.run("dup", os.close, os.dup(fd))
    steps.run("close", os.close, fd)
    return steps


def open_only(path, *options):
    try:
        os.close(os.open(path, os.O_RDONLY | (os.O_NONBLOCK if "--nonblock" in options else 0)))
    except OSError as error:
        return name(error)
    return "ok"


def keep(calls):
    import resource
    import signal

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held, how = 0, "ok"
    try:
        for _ in calls:
            held += 1
    except OSError as error:
        how = name(error)
    print(held, how, flush=True)
    signal.pause()


def hold(times, *paths):
    keep(os.open(path, os.O_RDONLY) for path in paths for _ in range(int(times)))


def stuff(size, *paths):
    data = b"x" * int(size)

    def write_all():
        for path in paths:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT)
            for at in range(0, len(data), 65536):
                os.write(fd, data[at:at + 65536])
            yield
    keep(write_all())


def fsync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        return name(error)
    finally:
        os.close(fd)
    return "ok"


def alarm(path, text):
    import signal
    fired = []
    signal.signal(signal.SIGALRM, lambda *_: fired.append(1))
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, text.encode())
    steps = Steps()
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    steps.run("close", os.close, fd)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return f"{steps}\nalarms {len(fired)}"


def many(directory, count):
    import collections
    import threading
    outcomes = collections.Counter()
    lock = threading.Lock()

    def one(number):
        steps = write(f"{directory}/p{number:05}", f"prompt number {number:05}")
        with lock:
            outcomes[str(steps)] += 1

    threading.stack_size(128 * 1024)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "\n".join(f"{outcome}: {n}" for outcome, n in sorted(outcomes.items()))


def chunks(data):
    """(type, content) of each chunk; ends with an error if one is broken."""
    import struct
    import zlib
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit("not a PNG")
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + size]
        crc = data[at + 8 + size:at + 12 + size]
        if len(crc) < 4 or struct.unpack(">I", crc)[0] != zlib.crc32(kind + content):
            sys.exit(f"broken chunk {kind!r}")
        yield kind.decode("latin-1"), content
        at += 12 + size


def text_of(kind, content):
    keyword, rest = content.split(b"\0", 1)
    if kind == "tEXt":
        return keyword.decode("latin-1"), rest.decode("latin-1")
    import zlib
    packed, _method, rest = rest[0], rest[1], rest[2:]
    _language, _translated, rest = rest.split(b"\0", 2)
    return keyword.decode("latin-1"), (zlib.decompress(rest) if packed else rest).decode()


def png(path, what):
    import struct
    import zlib
    with open(path, "rb") as file:
        parts = list(chunks(file.read()))
    if what == "chunks":
        return "\n".join(kind for kind, _ in parts)
    if what == "texts":
        return "\n".join("=".join(text_of(*part)) for part in parts if part[0] in ("tEXt", "iTXt"))
    packed = b"".join(content for kind, content in parts if kind == "IDAT")
    if what == "idat":
        import hashlib
        return hashlib.sha256(packed).hexdigest()
    width, height, depth, colour = struct.unpack(">IIBB", parts[0][1][:10])
    engine = zlib.decompressobj()
    rows = engine.decompress(packed)
    form = {0: "grey", 2: "RGB", 3: "palette", 6: "RGBA"}.get(colour, "?")
    whole = (engine.eof and not engine.unused_data and parts[-1][0] == "IEND"
             and (form != "RGB" or len(rows) == (width * 3 * depth // 8 + 1) * height))
    return f"{width}x{height} {depth}-bit {form} {'whole' if whole else 'broken'}"


def handle(*paths):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    ids = []
    for path in paths:
        room = (ctypes.c_uint * 34)(128)
        mount = ctypes.c_int()
        if libc.name_to_handle_at(-100, os.fsencode(path), room, ctypes.byref(mount), 0):
            return os.strerror(ctypes.get_errno())
        ids.append(str(room[2] << 32 | room[3]))
    return "\n".join(ids)


def notify(path, *command):
    import socket
    import subprocess
    box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    box.bind(path)
    box.settimeout(20)
    process = subprocess.Popen(command, env=dict(os.environ, NOTIFY_SOCKET=path))
    try:
        message = box.recv(4096).decode()
        there = subprocess.run(["mountpoint", "-q", command[-1]], check=False).returncode == 0
        return f"{message.strip()}\n{'mounted' if there else 'not mounted'}"
    finally:
        process.terminate()
        process.wait(20)


COMMANDS = {"write": write, "open": open_only, "fsync": fsync, "alarm": alarm, "many": many,
            "png": png, "notify": notify, "hold": hold,
            "stuff": stuff, "handle": handle}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(COMMANDS[sys.argv[1]](*sys.argv[2:]))
