#!/usr/bin/python3
"""System calls that a mount has no use for, and what each must answer: errnos.py MOUNT.
Prints the lines that differ: CALL EXPECTED ACTUAL. There are prompts x and y with images,
a folder d with a prompt d/z, and the scratch file s.tmp."""
import ctypes
import errno
import mmap
import os
import socket
import sys

os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def called(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def renameat2(old, new, flags):
    called(libc.renameat2(-100, old.encode(), -100, new.encode(), flags))


def fallocate(path, mode):
    with open(path, "r+b") as file:
        called(libc.fallocate(file.fileno(), mode, ctypes.c_long(0), ctypes.c_long(10)))


def shared(path):
    with open(path, "r+b") as file:
        mmap.mmap(file.fileno(), 1, mmap.MAP_SHARED)


def bind(path):
    with socket.socket(socket.AF_UNIX) as box:
        box.bind(path)


def opened(path, flags):
    os.close(os.open(path, flags, 0o644))


W, C, X = os.O_WRONLY, os.O_CREAT, os.O_EXCL
TABLE = []
for folder in ["", "prompts/", "prompts/d/", "images/", "records/", "history/", "history/x/", "callbacks/"]:
    TABLE += [
        ("EPERM", os.symlink, "x", folder + "n"),
        ("EPERM", os.link, "prompts/x", folder + "n"),
        ("EPERM", os.mkfifo, folder + "n"),
        ("EPERM", os.mknod, folder + "n", 0o20600, os.makedev(1, 3)),
        ("EPERM", os.mknod, folder + "n", 0o60600, os.makedev(7, 0)),
        ("EPERM", bind, folder + "n"),
    ]
TABLE += [
    # names that are there, or of another kind
    ("EEXIST", opened, "prompts/x", W | C | X),
    ("EEXIST", opened, "prompts/s.tmp", W | C | X),
    ("EEXIST", os.mkdir, "prompts/x"),
    ("EEXIST", os.mkdir, "prompts/d"),
    ("EEXIST", os.symlink, "x", "prompts/y"),
    ("EEXIST", os.mkfifo, "prompts/x"),
    ("EISDIR", opened, "prompts/d", W),
    ("EISDIR", opened, "prompts", W | C),
    ("ENOTDIR", opened, "prompts/x", os.O_DIRECTORY),
    ("ENOTDIR", opened, "prompts/x/y", W | C),
    ("ENOTDIR", os.rmdir, "prompts/x"),
    ("ENOTDIR", os.rmdir, "prompts/s.tmp"),
    ("EISDIR", os.unlink, "prompts/d"),
    ("ENOTEMPTY", os.rmdir, "prompts/d"),
    ("ENOENT", os.rmdir, "prompts/n"),
    ("ENOENT", os.unlink, "prompts/n"),
    ("ENOENT", opened, "prompts/n/n", W | C),
    ("ENOENT", os.mkdir, "prompts/n/n"),
    ("ENOENT", os.truncate, "prompts/n", 0),
    ("EINVAL", os.readlink, "prompts/x"),
    # renames
    ("ENOENT", os.rename, "prompts/n", "prompts/m"),
    ("EISDIR", os.rename, "prompts/x", "prompts/d"),
    ("ENOTDIR", os.rename, "prompts/d", "prompts/x"),
    ("EINVAL", os.rename, "prompts/d", "prompts/d/e"),
    ("EEXIST", renameat2, "prompts/x", "prompts/y", 1),
    ("EEXIST", renameat2, "prompts/s.tmp", "prompts/y", 1),
    ("EINVAL", renameat2, "prompts/x", "prompts/y", 2),
    ("EINVAL", renameat2, "prompts/x", "prompts/n", 4),
    ("EROFS", os.rename, "prompts/x", "images/x.png"),
    ("EROFS", os.rename, "prompts/x", "x"),
    ("EROFS", os.rename, "images/x.png", "prompts/n"),
    ("EROFS", os.rename, "records/x.json", "prompts/n"),
    ("EROFS", os.rename, "images/x.png", "images/n.png"),
    ("EROFS", os.rename, "prompts", "n"),
    # what is only read
    ("EROFS", opened, "n", W | C),
    ("EROFS", opened, "images/n.png", W | C),
    ("EROFS", opened, "images/x.png", W),
    ("EROFS", opened, "records/x.json", W),
    ("EROFS", opened, "status", W),
    ("EROFS", os.truncate, "images/x.png", 0),
    ("EROFS", os.mkdir, "n"),
    ("EROFS", os.mkdir, "images/n"),
    ("EROFS", os.rmdir, "prompts"),
    ("EROFS", os.unlink, "status"),
    # what a prompt cannot do
    ("EINVAL", os.truncate, "prompts/x", 1000),
    ("EINVAL", os.truncate, "prompts/x", -1),
    ("EFBIG", os.truncate, "prompts/x", 1 << 40),
    ("ENODEV", shared, "prompts/x"),
    ("EOPNOTSUPP", fallocate, "prompts/x", 0),
    ("EOPNOTSUPP", fallocate, "prompts/x", 3),
    ("EOPNOTSUPP", opened, "prompts", W | os.O_TMPFILE),
    ("EOPNOTSUPP", os.setxattr, "prompts/x", "user.n", b""),
    ("ENODATA", os.removexattr, "prompts/x", "user.n"),
    ("ENODATA", os.getxattr, "prompts/x", "user.n"),
]


for expected, call, *arguments in TABLE:
    try:
        call(*arguments)
        print(call.__name__, *arguments, expected, "made")
    except OSError as error:
        if error.errno != getattr(errno, expected):
            print(call.__name__, *arguments, expected, errno.errorcode[error.errno])
