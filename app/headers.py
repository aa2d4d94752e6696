"""Headers of every response: nothing is cached, framed by surprise, referred, or run inline."""

from __future__ import annotations

from flask import Flask, Response, request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {frames}"
)
_FROM_ANYWHERE = ("/v1/exposures", "/v1/outcomes")


def register(app: Flask) -> None:
    """Add the headers after each request."""
    app.after_request(_secure)
    app.after_request(_cross_origin)


def _secure(response: Response) -> Response:
    # A warning may stand in a partner's frame; nothing else may.
    frames = "*" if request.path.startswith("/v1/warnings/") else "'none'"
    response.headers.setdefault("Content-Security-Policy", POLICY.format(frames=frames))
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _cross_origin(response: Response) -> Response:
    """Tokens may be used from any origin; what asks for a warning says itself which origin it allows."""
    if request.path in _FROM_ANYWHERE:
        response.headers["Access-Control-Allow-Origin"] = "*"
    if request.method == "OPTIONS" and "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    return response
