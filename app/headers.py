"""Headers of every response: nothing is cached, framed by surprise, referred, or run inline."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
)
_FROM_ANYWHERE = ("/v1/exposures", "/v1/outcomes")
_SITE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")  # anything else would say more than whose frame it is
_ALWAYS = (("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"))


def framed_by(sites: Iterable[str]) -> str:
    """The policy of a page that may stand in a frame of these sites; of none, if none is named."""
    return POLICY.format(frames=" ".join(filter(_SITE.fullmatch, sites)) or "'none'")


_UNFRAMED = framed_by(())


def register(app: Flask) -> None:
    """Add the headers to every response on its way out, whoever made it: outside of Flask, where a list is a list."""
    app.wsgi_app = _secured(app.wsgi_app)  # type: ignore[assignment, method-assign]


def _secured(application: WSGIApplication) -> WSGIApplication:
    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            _complete(headers, environ["PATH_INFO"], environ["REQUEST_METHOD"])
            return start_response(status, headers, *error)

        return application(environ, start)

    return serve


def _complete(headers: list[tuple[str, str]], path: str, method: str) -> None:
    present = {name.lower() for name, _ in headers}
    if "content-security-policy" not in present:
        # A warning may stand in its partner's frame, and says so itself; nothing else may.
        headers.append(("Content-Security-Policy", _UNFRAMED))
    headers += _ALWAYS
    if "cache-control" not in present and not path.startswith("/static/"):
        headers.append(("Cache-Control", "no-store"))
    if path in _FROM_ANYWHERE:
        # Tokens may be used from any origin; what asks for a warning says itself which origin it allows.
        headers.append(("Access-Control-Allow-Origin", "*"))
    if method == "OPTIONS" and (path in _FROM_ANYWHERE or "access-control-allow-origin" in present):
        headers.append(("Access-Control-Allow-Headers", "Content-Type"))
