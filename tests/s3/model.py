#!/usr/bin/python3
"""An S3 store in memory, as Amazon documents it, and stores that break its word.

  model.py [ignore-none-match] [ignore-match] [stale] [no-etag] [lost=N] [slow-down=N] [busy-first=N]
           [status=N] [ahead=N] [tls] [metadata] [rotates=N]
           [astray] [stuck] [log] [page=N] [zips] [busy-images=N]

Prints its endpoint; the bucket is "seed". Signatures are not looked at (Ceph's gateway
does that). Each option breaks one promise:

  ignore-none-match  If-None-Match: * of a PUT is not looked at
  ignore-match       If-Match of a PUT is not looked at
  stale              a GET answers what stood there before
  no-etag            no answer has an ETag
  lost=N             the answer to each N-th PUT is lost: it happens, the connection breaks
  slow-down=N        each N-th request is answered with 503 SlowDown, and does not happen
  busy-first=N       so are the first N requests
  busy-images=N      so are the first N reads of images
  zips               a proxy before it compresses objects for those who take that, and their ETags differ
  ahead=N            its clock is N seconds ahead
  astray             a listing has a key that does not begin with what was asked for
  stuck              … begins anew for each page, and says that there is more
  tls                https, with the certificate and its key in $MODEL_CERTIFICATE
  status=N           every request is answered with N and the code $MODEL_CODE, and does not happen
  metadata           /latest/… and /role are an instance's and a container's endpoints
  log                each request is a line of standard error
  page=N             a page of a listing has so many keys at most
  rotates=N          their key is good for N seconds, and only until the next is handed out: a
                     request with another is refused

While the file $MODEL_HOLDS exists, requests that have its text in "METHOD path" are not
answered; while $MODEL_BREAKS does, those that have its text are answered with 503.

Sources: Amazon S3 API reference: PutObject, GetObject, ListObjectsV2, DeleteObject, Error
responses; user guide, "Conditional writes"; EC2 user guide, "Use IMDSv2".
"""
import gzip
import hashlib
import os
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

FLAGS = {word.split("=")[0]: int(word.split("=")[1]) if "=" in word else 1 for word in sys.argv[1:]}
ROLE_KEYS = """{"Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC",
"AccessKeyId": "ASIAROLE", "SecretAccessKey": "role-secret", "Token": "role-token",
"Expiration": "2036-01-01T00:00:00Z"}"""


def role_keys():
    counts["keys"] += 1
    text = ROLE_KEYS
    if "rotates" in FLAGS:
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + FLAGS["rotates"]))
        text = text.replace("2036-01-01T00:00:00Z", until)
    return text.replace("ASIAROLE", role_name()).encode()


def role_name():
    return "ASIAROLE%d" % counts["keys"] if "rotates" in FLAGS else "ASIAROLE"


objects, before = {}, {}
lock = threading.Lock()
counts = {"PUT": 0, "all": 0, "keys": 0, "images": 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + FLAGS.get("ahead", 0))

    def answer(self, status, body=b"", etag=None, **headers):
        self.send_response(status)
        if etag and "no-etag" not in FLAGS:
            self.send_header("ETag", '"%s"' % etag)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code):
        self.answer(status, ("<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>%s</Code><Message>It is %s."
                             "</Message><RequestId>1</RequestId></Error>" % (code, code)).encode(),
                    Content_Type="application/xml")

    def is_named_by(self, variable):
        try:
            with open(os.environ[variable], encoding="utf-8") as file:
                return file.read().strip() in self.command + " " + urllib.parse.unquote(self.path)
        except (KeyError, OSError):
            return False

    def handle_one(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "log" in FLAGS:
            # In one piece: threads that print at once mix their lines.
            os.write(2, f"{self.command} {self.path}\n".encode())
        while self.is_named_by("MODEL_HOLDS"):
            time.sleep(0.02)
        if self.is_named_by("MODEL_BREAKS"):
            return self.error(503, "SlowDown")
        with lock:
            counts["all"] += 1
            if "slow-down" in FLAGS and counts["all"] % FLAGS["slow-down"] == 0:
                return self.error(503, "SlowDown")
            if counts["all"] <= FLAGS.get("busy-first", 0):
                return self.error(503, "SlowDown")
            if "/image/" in path and self.command == "GET":
                counts["images"] += 1
                if counts["images"] <= FLAGS.get("busy-images", 0):
                    return self.error(503, "SlowDown")
            if "status" in FLAGS:
                return self.error(FLAGS["status"], os.environ.get("MODEL_CODE", "Injected"))
            if "rotates" in FLAGS and path.startswith("/seed") and \
                    "Credential=%s/" % role_name() not in self.headers.get("Authorization", ""):
                return self.error(400, "ExpiredToken")
            if "metadata" in FLAGS and not path.startswith("/seed"):
                return self.metadata(path)
            if not path.startswith("/seed"):
                return self.error(404, "NoSuchBucket")
            key = urllib.parse.unquote(path[len("/seed/"):])
            if len(key) > 1024:
                return self.error(400, "KeyTooLongError")
            if not key:
                return self.list(dict(urllib.parse.parse_qsl(query)))
            return getattr(self, "object_" + self.command.lower())(key, body)

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_one

    def object_put(self, key, body):
        counts["PUT"] += 1
        old = objects.get(key)
        if self.headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
            return self.error(400, "XAmzContentSHA256Mismatch")
        if self.headers.get("If-None-Match") == "*" and old is not None and "ignore-none-match" not in FLAGS:
            return self.error(412, "PreconditionFailed")
        match = self.headers.get("If-Match")
        if match and "ignore-match" not in FLAGS:
            if old is None:
                return self.error(404, "NoSuchKey")
            if match != '"%s"' % hashlib.md5(old).hexdigest():
                return self.error(412, "PreconditionFailed")
        before[key] = old
        objects[key] = body
        if "lost" in FLAGS and counts["PUT"] % FLAGS["lost"] == 0:
            self.close_connection = True
            return None
        return self.answer(200, etag=hashlib.md5(body).hexdigest())

    def object_get(self, key, _):
        body = objects.get(key)
        if "stale" in FLAGS and before.get(key) is not None:
            body = before[key]
        if body is None:
            return self.error(404, "NoSuchKey")
        status, wanted, more = 200, body, {}
        if self.headers.get("Range", "").startswith("bytes="):
            first, last = self.headers["Range"][6:].split("-")
            status, wanted = 206, body[int(first):int(last) + 1]
            more["Content_Range"] = "bytes %s-%d/%d" % (first, int(first) + len(wanted) - 1, len(body))
        etag = hashlib.md5(body).hexdigest()
        if "zips" in FLAGS and "gzip" in self.headers.get("Accept-Encoding", ""):
            wanted, etag, more["Content_Encoding"] = gzip.compress(wanted), etag + "-gzip", "gzip"
        return self.answer(status, wanted, etag=etag, **more)

    object_head = object_get

    def object_delete(self, key, _):
        objects.pop(key, None)
        return self.answer(204)

    def list(self, query):
        prefix, after, most = query.get("prefix", ""), query.get("start-after", ""), int(query.get("max-keys", 1000))
        most = min(most, FLAGS.get("page", most))
        out, count, more, folders = [], 0, False, []
        if "stuck" in FLAGS:
            after = ""
        for key in sorted(objects):
            if not key.startswith(prefix) or key <= after:
                continue
            rest = key[len(prefix):]
            folder = prefix + rest.split("/")[0] + "/" if query.get("delimiter") and "/" in rest else None
            if folder and (folder in folders or after.startswith(folder)):
                continue
            if count == most:
                more = True
                break
            count += 1
            if folder:
                folders.append(folder)
            else:
                out.append("<Contents><Key>%s</Key><ETag>&quot;%s&quot;</ETag><Size>%d</Size></Contents>"
                           % (escape(key), hashlib.md5(objects[key]).hexdigest(), len(objects[key])))
        more |= "stuck" in FLAGS
        if "astray" in FLAGS:
            out.append("<Contents><Key>x</Key></Contents>")
            count += 1
        out += ["<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>" % escape(name) for name in folders]
        self.answer(200, ('<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/'
                          'doc/2006-03-01/"><Name>seed</Name><Prefix>%s</Prefix><KeyCount>%d</KeyCount><IsTruncated>%s'
                          '</IsTruncated>%s</ListBucketResult>'
                          % (escape(prefix), count, "true" if more else "false", "".join(out))).encode(),
                    Content_Type="application/xml")

    def metadata(self, path):
        roles = "/latest/meta-data/iam/security-credentials/"
        if path == "/latest/api/token" and self.command == "PUT":
            ok = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") == "21600"
            return self.answer(200 if ok else 400, b"session-1")
        if path == "/role":
            ok = self.headers.get("Authorization") == "container-secret"
            return self.answer(200 if ok else 401, role_keys() if ok else b"")
        if self.headers.get("X-aws-ec2-metadata-token") != "session-1":
            return self.answer(401)
        if path == roles:
            return self.answer(200, b"render-role")
        if path == roles + "render-role":
            return self.answer(200, role_keys())
        return self.answer(404)


class Server(ThreadingHTTPServer):
    allow_reuse_address = True
    request_queue_size = 512  # of five, the kernel drops others, and hosts wait for seconds


server = Server(("127.0.0.1", int(os.environ.get("MODEL_PORT", "0"))), Handler)
server.daemon_threads = True
if "tls" in FLAGS:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["MODEL_CERTIFICATE"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("http%s://127.0.0.1:%d" % ("s" if "tls" in FLAGS else "", server.server_address[1]), flush=True)
server.serve_forever()
