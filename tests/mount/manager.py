#!/usr/bin/env python3
"""What systemd does with a unit that hands its mount over (sd_notify(3), FDSTORE=1;
sd_listen_fds(3)), and what autofs does to who looks.

    manager.py ARGUMENT…             $PROGRAM --hand-over, then $PROGRAM, as this
                                     process, in a mount name space of its own
    manager.py --automount MOUNTPOINT COMMAND…
                                     an automount there, which COMMAND mounts when
                                     somebody looks; the look's first line is printed
"""
import array
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

MOUNT = ctypes.CDLL(None, use_errno=True).mount


def hand_over(arguments):
    program, path = os.environ["PROGRAM"], os.environ["DIR"] + "/notify"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    os.environ["NOTIFY_SOCKET"] = path
    subprocess.run([program, "--hand-over", *arguments], check=True)
    store = None
    while store is None:
        text, control, _, _ = manager.recvmsg(4096, socket.CMSG_SPACE(4))
        fields = dict(line.split("=") for line in text.decode().split())
        if "FDSTORE" in fields:
            assert fields["FDNAME"] == "seedfs-mount", fields
            store = array.array("i", control[0][2])[0]
    os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="seedfs-mount", LISTEN_PID=str(os.getpid()))
    # What it says after that stays unread, in a socket that is open.
    manager.set_inheritable(True)
    if manager.fileno() == 3:
        os.dup(3)
        os.set_inheritable(os.dup(3), True)
    os.dup2(store, 3)
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "slave", program, *arguments])


def automount(mountpoint, command):
    os.setpgid(0, 0)
    ours, kernels = os.pipe()
    options = f"fd={kernels},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
    if MOUNT(b"test", mountpoint.encode(), b"autofs", 0, options.encode()) < 0:
        sys.exit(f"autofs: {os.strerror(ctypes.get_errno())}")
    try:
        root = os.open(mountpoint, os.O_RDONLY | os.O_DIRECTORY)
        looker = subprocess.Popen(["head", "-n", "1", mountpoint + "/README"],
                                  start_new_session=True)
        token = struct.unpack("=iiI", os.read(ours, 4096)[:12])[2]
        mounting = subprocess.Popen(command)
        try:
            result = mounting.wait(timeout=20)
            # AUTOFS_IOC_READY, AUTOFS_IOC_FAIL
            fcntl.ioctl(root, 0x9360 if result == 0 else 0x9361, token)
        except subprocess.TimeoutExpired:
            result = "it waits for itself"
            fcntl.ioctl(root, 0x9362) # AUTOFS_IOC_CATATONIC: nobody waits any longer
            mounting.kill()
        os.close(root)
        looker.wait()
        if result == 0:
            # Of another process group it is by now.
            leader = int(subprocess.run(["pgrep", "-f", os.environ["STATE"]], check=True,
                                        capture_output=True, text=True).stdout.split()[0])
            print("same group" if os.getpgid(leader) == os.getpgrp() else "a group of its own")
            subprocess.run(["umount", mountpoint], check=True)
    finally:
        subprocess.run(["umount", "-l", mountpoint], check=True)
    sys.exit(result)


if sys.argv[1] == "--automount":
    automount(sys.argv[2], sys.argv[3:])
else:
    hand_over(sys.argv[1:])
