#!/usr/bin/python3
"""Types into a program on a terminal of its own, each time after it has shown what
it waits with: keys.py PROGRAM [ARGUMENT…] -- SHOWN KEYS [SHOWN KEYS…].
KEYS may hold \\xNN escapes. Ends when the program does; 20 seconds at most."""
import os
import pty
import select
import sys
import time

split = sys.argv.index("--")
program, script = sys.argv[1:split], sys.argv[split + 1:]
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(program[0], program)
end = time.monotonic() + 20
seen = b""
while time.monotonic() < end:
    if script and script[0].encode() in seen:
        os.write(terminal, script[1].encode().decode("unicode_escape").encode())
        script, seen = script[2:], b""
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the program has closed its terminal
            break
        if not data:
            break
        seen += data
else:
    os.kill(child, 9)
    sys.exit("still there; shown last: %r" % seen[-200:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
