"""Headers of every response: nothing is cached, framed by surprise, referred, or run inline."""

from __future__ import annotations

from flask import Flask, Response, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
)
_FROM_ANYWHERE = ("/v1/exposures", "/v1/outcomes")
_FRAMED, _UNFRAMED = POLICY.format(frames="*"), POLICY.format(frames="'none'")
_ALWAYS = (("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"))


def register(app: Flask) -> None:
    """Add the headers after each request."""
    app.after_request(_secure)


def _secure(response: Response) -> Response:
    headers, path = response.headers, request.path
    present = {name.lower() for name, _ in headers}
    if "content-security-policy" not in present:
        # A warning may stand in a partner's frame; nothing else may.
        headers.add("Content-Security-Policy", _FRAMED if path.startswith("/v1/warnings/") else _UNFRAMED)
    for name, value in _ALWAYS:
        if name.lower() not in present:
            headers.add(name, value)
    if "cache-control" not in present and not path.startswith("/static/"):
        headers.add("Cache-Control", "no-store")
    if path in _FROM_ANYWHERE:
        # Tokens may be used from any origin; what asks for a warning says itself which origin it allows.
        headers["Access-Control-Allow-Origin"] = "*"
    if request.method == "OPTIONS" and "Access-Control-Allow-Origin" in headers:
        headers["Access-Control-Allow-Headers"] = "Content-Type"
    return response
