"""GET /v1/warnings/<surface>: the whole warning without scripts, as a page, as text or as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from app import problems
from app.context import context
from app.contract import contract, reply
from app.public.assignments import PROBLEMS, admitted, answered, with_fallback
from app.public.bodies import LONGEST_TAG, AssignmentReply
from app.public.presenting import as_json, warning
from experiments.errors import InvalidInput
from experiments.recording import Asked, fallback

blueprint = Blueprint("warnings", __name__)

KINDS = ("text/html", "text/plain", "application/json")
SESSION = "Signpost-Session"


@blueprint.get("/v1/warnings/<surface>")
@contract(
    "The whole warning, without scripts: page, text or JSON by Accept",
    gives={200: AssignmentReply},
    problems=tuple(code for code in PROBLEMS if "json" not in code and "body" not in code),
    voice="server key with the session in the header Signpost-Session, or key= (a browser's view)",
)
def warnings(surface: str) -> Response:
    at = context()
    if request.method == "HEAD" or is_prefetch():
        return _unasked(surface)
    who = admitted(at, check_origin=False)
    session = request.headers.get(SESSION)
    if session is not None and not who.is_server:
        raise InvalidInput("a session comes with a server key only", pointer=f"/{SESSION}")
    asked = Asked(
        partner=who.key.partner_number, surface=surface, session=_session(session), locale=_locale(), shown=True,
        by_server=who.is_server,
    )  # fmt: skip
    found = answered(at.runtime, who, asked, at.now)
    return rendered(as_json(found, at), surface)


def _session(header: str | None) -> str | None:
    """The session as it would stand in a body: headers arrive as bytes that are read as Latin-1."""
    if header is None:
        return None
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        raise InvalidInput("a session is UTF-8 text", code="session-length", pointer=f"/{SESSION}") from None


def _locale() -> str | None:
    return (request.args.get("locale") or "")[:LONGEST_TAG] or None


def is_prefetch() -> bool:
    """Tell whether a program fetches this in case a person might want it: nothing was shown or clicked."""
    named = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    return any("prefetch" in request.headers.get(name, "").lower() for name in named)


def _unasked(surface: str) -> Response:
    """Nobody sees it: the fallback, uncounted; a prefetch is told to come again when somebody does."""
    at = context()
    found = fallback(at.runtime, surface, _locale(), "not-running")
    return rendered(as_json(found, at), surface, 503 if is_prefetch() else 200)


def rendered(payload: dict[str, Any], surface: str, status: int = 200) -> Response:
    """Render message and help in the kind that the client prefers; a page if it does not say."""
    kind = request.accept_mimetypes.best_match(KINDS, default="text/html")
    if kind == "application/json":
        response = reply(payload, status)
    elif kind == "text/plain":
        text = render_template("public/warning.txt", **payload)
        response = Response(text, status, content_type="text/plain; charset=utf-8")
    else:
        page = render_template("public/warning.html", surface=surface, **payload)
        response = Response(page, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Language"] = payload["message"]["locale"]
    response.headers["Vary"] = "Accept"
    if status in problems.RETRY_AFTER:
        response.headers["Retry-After"] = problems.RETRY_AFTER[status]
    return response


@blueprint.errorhandler(Exception)
def page_with_fallback(error: Exception) -> Response:
    """A warning request never ends without a warning: the fallback, with the problem's status."""
    if request.accept_mimetypes.best_match(KINDS, default="text/html") == "application/json":
        return with_fallback(error)
    at = context()
    surface = (request.view_args or {}).get("surface")
    status = problems.of(error)
    found = fallback(at.runtime, surface, _locale(), "not-running")
    page = rendered({**warning(found, at)}, surface or "default", status.status_code)
    if "WWW-Authenticate" in status.headers:
        page.headers["WWW-Authenticate"] = status.headers["WWW-Authenticate"]
    return page
