#!/usr/bin/python3
"""Answers that no honest service gives, all of them at once.

  hostile.py MOUNT CONTROL KEY PID

Each row of the table is a rule of the test service (tests/upstream/fault.h) for a
prompt of its own. All are written together; each writer must get an error of the
manual in time, no picture, and at most two submissions. Afterwards neither the key
nor a control character is in the log or a record, the program's memory is bounded,
and an honest answer is a picture. The exit status is 1 if anything is wrong.
"""
import json
import os
import re
import sys
import threading
import urllib.parse
import urllib.request

from common import write

MOUNT, CONTROL, KEY, PID = sys.argv[1:5]
ERRNOS = {"EIO", "EINVAL", "ETIMEDOUT", "EBADMSG", "EKEYREJECTED", "EDQUOT", "EPERM",
          "ECONNREFUSED", "EHOSTUNREACH", "ENOSPC"}
RSS_MAX_KB = 600000
ESCAPED = "".join(f"\\u{ord(c):04x}" for c in KEY)
PERCENT = "".join(f"%{ord(c):02X}" for c in KEY)

JSON = ["", " ", "\0", "0", "-0", "1e999", "true", "null", '""', "[]", "{}", "[[", "{{", '{"', '{"a"', '{"a":',
        "nul", "NaN", "'", "\ufeff{}", "{}{}", "[" * 5000, '{"a":' * 5000, "[" * 400 + "]" * 400, "<html>",
        "<!DOCTYPE html><title>Sign in</title>", "%KEY%", '{"code":200}', '{"code":200,"data":null}',
        '{"code":200,"data":[]}', '{"code":200,"data":"x"}', '{"code":200,"data":{}}', "x" * 200000,
        '{"code":200,"code":500,"msg":"twice"}']
CODES = ['"200"', "200.5", "2e2000", "-1", "0", "9" * 400, "null", "true", "[]", "{}", '"\\u0000"', '"%KEY%"']
TASKS = ["1", "0", "null", "true", "[]", "{}", '""', '" "', '"\\u0000"', '"a\\nb"', '"../../x"', '"%2e%2e/x"',
         f'"{ESCAPED}"', f'"{PERCENT}"', '"' + "t" * 5000 + '"', '"\\u202e"', '"\\ud800"', '"a\\u001b[2J"', '"?a=b&c"', '"#"']
MESSAGES = ["%KEY%", "Bearer %KEY%", PERCENT, "\n❌ forged line", "\x1b[2J", "\u202etxt.exe", "\0", "m" * 100000, "%s%n%x",
            "http://user:secret@host/", "%BASE%/?sig=secret", "\x7f", "\x85", "\u2028", "\u061c\u200e\u200f"]
URLS = ["", " ", "x", "/", "//", "http:", "http://", "http:///x", "file:///etc/passwd", "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/_x", "dict://127.0.0.1/x", "javascript:1", "data:", "data:,", "data:image/png,x",
        "data:image/png;base64,", "data:image/png;base64,!!!!", "http://169.254.169.254/latest/",
        "http://[::ffff:169.254.169.254]/", "http://0x7f.1:1/", "http://2130706433:1/", "http://0:1/",
        "http://[fe80::1]/", "http://[::]:1/", "http://10.0.0.1/", "http://192.168.0.1/", "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/", "http://a\r\nX: y/", "http://a b/", "http://" + "a" * 300 + "/", "http://\u202e/",
        "http://%00/", "http://user:pw@169.254.169.254/", "u" * 20000]
STATUSES = [100, 204, 206, 300, 301, 304, 400, 402, 405, 409, 410, 418, 431, 451, 500, 501, 502, 505, 599]
AFTER = ["-1", "0", "soon", "9" * 30, "1e9", "", "Thu, 01 Jan 1970 00:00:00 GMT", "\t"]
PLACES = ["%BASE%/", "file:///etc/passwd", "http://169.254.169.254/", "//", "", "gopher://127.0.0.1/_x"]
PICTURES = ["", "x", "GIF89a", "\x89PNG\r\n\x1a\n", "RIFF....WEBP", "RIFF", "<svg/>", "BM", "%PDF-1.4", "\0" * 5000,
            "%KEY%"]
SLOW = [{"drip": {"bytes": 1, "ms": 300}}, {"drip": {"bytes": 7, "ms": 700}}, {"length": 1 << 40}, {"cut": 1},
        {"cut": 0}, {"reset": True}, {"close": True}, {"lost": True}, {"hang": True}]


def rows():
    """(what it is about, the rule's "on", its "do")."""
    for body in JSON:
        yield "create", {"body": body}
        yield "poll", {"body": body}
    for code in CODES:
        yield "create", {"body": '{"code":%s,"msg":"m","data":{"taskId":"t"}}' % code}
    for task in TASKS:
        yield "create", {"body": '{"code":200,"msg":"m","data":{"taskId":%s}}' % task}
    for message in MESSAGES:
        yield "create", {"body": json.dumps({"code": 500, "msg": message}).replace("\\u007f", "\x7f")}
    yield "create", {"body": '{"code":500,"msg":"%s"}' % ESCAPED}
    for spelled in [ESCAPED, PERCENT]:
        yield "create", {"body": '{"code":200,"data":{"image_url":"%%BASE%%/%s"}}' % spelled}
    for url in URLS:
        yield "create", {"url": url}
    for status in STATUSES:
        if status >= 200:
            yield "create", {"status": status, "body": "no"}
    for after in AFTER:
        yield "create", {"status": 429, "retry_after": after}
    for place in PLACES:
        yield "create", {"redirect": place}
        yield "image", {"redirect": place}
    for body in PICTURES:
        yield "image", {"body": body}
    for slow in SLOW:
        yield "create", slow
        yield "image", slow


def post(path, data):
    with urllib.request.urlopen(urllib.request.Request(CONTROL + path, json.dumps(data).encode()),
                                timeout=60) as answer:
        return answer.read().decode()


def count(text):
    query = urllib.parse.urlencode({"on": "submit", "prompt": text})
    with urllib.request.urlopen(f"{CONTROL}/_count?{query}", timeout=60) as answer:
        return int(answer.read())


def main():
    table = list(rows())
    texts = [f"row {number:03}." for number in range(len(table))]
    rules = [{"on": on, "prompt": text, "do": do} for text, (on, do) in zip(texts, table)]
    said, wrong = {}, []
    post("/_faults", rules)
    threads = [threading.Thread(target=lambda n=n, text=text: said.__setitem__(n, write(MOUNT, f"h{n}", text)), daemon=True)
               for n, text in enumerate(texts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number, (on, do) in enumerate(table):
        result = said.get(number, "nothing: it hangs")
        submitted = count(texts[number])
        # These honestly end well: a body that is whole in the end, a second try.
        if result not in ERRNOS and not (result == "ok" and ("drip" in do or "lost" in do)):
            wrong.append(f"{on} {json.dumps(do)[:100]}: {result}")
        if submitted > 2 and "retry_after" not in do and "redirect" not in do:
            wrong.append(f"{on} {json.dumps(do)[:100]}: submitted {submitted} times")
    post("/_faults", [])
    # The tasks that were asked for in vain are answered now, too, and there are many.
    if "ok" not in (result := [write(MOUNT, f"honest{n}", "an honest answer") for n in range(6)]):
        wrong.append(f"an honest answer: {result}")
    shown = [open(f"{MOUNT}/status", "rb").read().decode()]
    shown += [open(f"{MOUNT}/records/{name}", "rb").read().decode() for name in os.listdir(f"{MOUNT}/records")]
    for text in shown:
        if any(spelled in text for spelled in [KEY, ESCAPED, PERCENT]):
            wrong.append("the key is shown")
        if found := re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text):
            wrong.append(f"a control character is shown: {text[max(found.start() - 60, 0):found.end()]!r}")
    peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{PID}/status").read())[1])
    if peak > RSS_MAX_KB:
        wrong.append(f"the program used {peak} kB")
    print(f"{len(table)} answers, {len(wrong)} wrong, at most {peak} kB", *wrong, sep="\n")
    return bool(wrong)


sys.exit(main())
