"""Flask, with those of its steps cut short that every request takes and none here needs as a whole.

Routes, views, errors and contexts stay Flask's own. What each step costs: `python -m benchmarks.anatomy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_host


class Signpost(Flask):
    """The application's class."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Views are plain functions; Flask would look at each of them anew in every request."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """As Flask makes it, without looking for subdomains and websockets, which have no routes here."""
        if request is None:
            return super().create_url_adapter(None)
        environ = request.environ
        request.host = get_host(environ)  # refuses a name that is none
        return MapAdapter(
            self.url_map, request.host, request.root_path, "", request.scheme, _decoded(environ["PATH_INFO"]),
            request.method, environ.get("QUERY_STRING", ""),
        )  # fmt: skip


class Whole(Response):
    """A response whose bytes are all there: it goes out as it stands, without Werkzeug's last look at its headers."""

    def __init__(self, body: bytes, content_type: str, status: int = 200) -> None:
        headers = Headers()
        headers.add("Content-Type", content_type)
        headers.add("Content-Length", str(len(body)))
        super().__init__((body,), status, headers)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send it; a HEAD request gets the headers only."""
        start_response(self.status, self.headers.to_wsgi_list())
        return () if environ["REQUEST_METHOD"] == "HEAD" else self.response  # type: ignore[return-value]


def _decoded(text: str) -> str:
    """A text of WSGI, which holds a byte in each character."""
    return text.encode("latin1").decode(errors="replace")
