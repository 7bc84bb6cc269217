#!/usr/bin/env python3
"""Receives webhooks and gives them to callbacks/.

    examples/webhook.py MOUNT SECRET [PORT]      POST http://HOST:PORT/SECRET/NAME

Whoever can post here spends money: give the service an address with a SECRET that
cannot be guessed, through a web server that speaks https. O_NONBLOCK: the service
is answered at once, and the image comes after that; status says how it went.
"""
import http.server
import os
import sys

mount, secret, port = (sys.argv[1:] + ["8000"])[:3]


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        folder, name = os.path.split(self.path)
        try:
            if folder != "/" + secret:
                raise FileNotFoundError
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with open(f"{mount}/callbacks/{name}", "wb",
                      opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK, 0o644)) as file:
                file.write(body)
            self.send_response(200)
        except FileNotFoundError:
            self.send_response(404)
        except (OSError, TypeError, ValueError) as error:
            self.send_response(400, str(error))
        self.end_headers()


http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Webhook).serve_forever()
