"""Somebody else's site with the widget in its pages, and services that are out of order: each a real server."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.proxy import Proxy

STRICT = (
    "default-src 'none'; script-src {signpost}; connect-src {signpost}; style-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
OWN = """<h3>Stop for a moment</h3><p>Sexual images of children are against the law.
  <a href="https://help.example.org/">There is help</a></p>"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Search</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/site.css">{head}</head><body><main><h1>Search</h1>{body}</main></body></html>"""
CSS = """:root { color-scheme: light dark; font: 16px/1.5 Georgia, serif } main { max-width: 44rem; margin: auto }
p { color: light-dark(rebeccapurple, plum); text-transform: uppercase } .far { height: 3000px } .hidden { visibility: hidden }"""


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def served(app: Any) -> Iterator[str]:
    """A WSGI application at an address of its own."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def element(public: str, own: str = OWN, tag: str = "div", **data: str) -> str:
    """The element of the widget; `data` are its attributes, patient ones by default: a busy machine is no outage."""
    given = {"surface": "search-uk", "key": public, "wait": "10000"} | data
    attributes = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in given.items())
    return f"<{tag} id=warning data-signpost {attributes}>{own}</{tag}>"


def script(base: str, file: str = "widget.js", more: str = "") -> str:
    return f'<script async src="{base}/{file}" crossorigin="anonymous" {more}></script>'


@dataclass
class Host:
    """A site of its own origin: what it shows at each path, and under which policy."""

    base: str = ""
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/site.css":
            start("200 OK", [("Content-Type", "text/css")])
            return [CSS.encode()]
        text, policy = self.pages.get(environ["PATH_INFO"], ("<p>Nothing", "default-src 'none'"))
        start("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy)])
        return [text.encode()]

    def page(self, body: str, head: str, signpost: str, policy: str = STRICT) -> str:
        """Put up a page; returns its address."""
        path = f"/{len(self.pages)}"
        self.pages[path] = (PAGE.format(head=head, body=body), policy.format(signpost=signpost))
        return self.base + path


# ------------------------------------------------------------------------------- services out of order


@contextmanager
def without_trust(folder: Path) -> Iterator[str]:
    """HTTPS with a certificate that nobody has signed."""
    Proxy(folder, 0, (0, 0)).make_certificate()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Talking:
    """Answers everything alike, whatever that is worth."""

    body: bytes
    kind: str = "application/json"
    status: str = "200 OK"

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start(self.status, [("Content-Type", self.kind), ("Access-Control-Allow-Origin", "*")])
        return [self.body]


@dataclass
class Slow:
    """An application of which one path is answered only after a while."""

    app: Flask
    seconds: float
    path: str = "/v1/assignments"
    answered: int = 0

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"] != self.path:
            return self.app.wsgi_app(environ, start)
        time.sleep(self.seconds)
        answer = self.app.wsgi_app(environ, start)
        self.answered += 1
        return answer
