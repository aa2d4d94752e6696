"""GET /v1/warnings/<surface>: the whole warning without scripts, as a page, text, JSON or a chat server's refusal."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from app import problems
from app.access import framing_sites
from app.context import context
from app.contract import contract, reply
from app.headers import framed_by
from app.public import matrix_error
from app.public.assignments import PROBLEMS, admitted, answered, with_fallback
from app.public.bodies import LONGEST_TAG, AssignmentReply
from app.public.presenting import as_json, warning
from experiments.errors import InvalidInput
from experiments.recording import Asked, Assignment, fallback

blueprint = Blueprint("warnings", __name__)

KINDS = ("text/html", "text/plain", "application/json")
REFUSAL = "matrix-error"  # is JSON too, so `Accept` cannot ask for it
AS = {"page": "text/html", "text": "text/plain", "json": "application/json", REFUSAL: REFUSAL}
SESSION = "Signpost-Session"


@blueprint.get("/v1/warnings/<surface>")
@contract(
    "The whole warning, without scripts: page, text or JSON by Accept or as=, or (as=matrix-error) a refusal with it",
    gives={200: AssignmentReply, 403: matrix_error.MatrixError},
    problems=tuple(code for code in PROBLEMS if "json" not in code and "body" not in code),
    voice="server key with the session in the header Signpost-Session, or key= (a browser's view)",
)
def warnings(surface: str) -> Response:
    at = context()
    _require_known_kind()
    if request.method == "HEAD" or is_prefetch():
        return _unasked(surface)
    who = admitted(at, check_origin=False)
    session, override = request.headers.get(SESSION), request.args.get("override")
    if session is not None and not who.is_server:
        raise InvalidInput("a session comes with a server key only", pointer=f"/{SESSION}")
    if override is not None and not who.is_server:
        raise InvalidInput("only a server key may force a variant", pointer="/override")
    asked = Asked(
        partner=who.key.partner_number, surface=surface, session=_session(session), locale=_locale(), shown=True,
        by_server=who.is_server, override=override,
    )  # fmt: skip
    return rendered(answered(at.runtime, who, asked, at.now), surface)


def _require_known_kind() -> None:
    asked = request.args.get("as")
    if asked is not None and asked not in AS:
        raise InvalidInput(f"there is no rendering of this name; there are: {', '.join(AS)}", pointer="/as")


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
    found = fallback(context().runtime, surface, _locale(), "not-running")
    return rendered(found, surface, 503 if is_prefetch() else 200)


def _kind() -> str:
    """What was asked for by name, else what the client prefers; a page if it does not say."""
    by_name = AS.get(request.args.get("as", ""))
    return by_name or request.accept_mimetypes.best_match(KINDS, default="text/html") or "text/html"


def rendered(found: Assignment, surface: str, status: int = 200) -> Response:
    """Message and help in the kind that is wanted."""
    at, kind = context(), _kind()
    if kind == REFUSAL:
        response = reply(matrix_error.document(found, surface, at), 403 if status == 200 else status)
    elif kind == "application/json":
        response = reply(as_json(found, at), status)
    elif kind == "text/plain":
        text = render_template("public/warning.txt", **warning(found, at))
        response = Response(text, status, content_type="text/plain; charset=utf-8")
    else:
        page = render_template("public/warning.html", surface=surface, **warning(found, at))
        response = Response(page, status, content_type="text/html; charset=utf-8")
    return _with_headers(response, found.shown.locale)


def _with_headers(response: Response, locale: str) -> Response:
    response.headers["Content-Language"] = locale
    response.headers["Vary"] = "Accept"
    response.headers["Content-Security-Policy"] = framed_by(framing_sites(context().runtime))
    if response.status_code in problems.RETRY_AFTER:
        response.headers["Retry-After"] = problems.RETRY_AFTER[response.status_code]
    return response


@blueprint.errorhandler(Exception)
def page_with_fallback(error: Exception) -> Response:
    """A warning request never ends without a warning: the fallback, with the problem's status."""
    if _kind() == "application/json":
        return with_fallback(error)
    surface = (request.view_args or {}).get("surface")
    status = problems.of(error)
    found = fallback(context().runtime, surface, _locale(), "not-running")
    page = rendered(found, surface or "default", status.status_code)
    if "WWW-Authenticate" in status.headers:
        page.headers["WWW-Authenticate"] = status.headers["WWW-Authenticate"]
    return page
