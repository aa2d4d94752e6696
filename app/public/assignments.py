"""POST /v1/assignments: tells which message a session should see."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request
from pydantic import ValidationError

from app import access, problems
from app.context import Context, context
from app.contract import contract, json_bytes
from app.public.bodies import LONGEST_TAG, AssignmentReply, AssignmentRequest
from app.public.metrics import count_receipt
from app.public.presenting import as_bytes, warning
from experiments.errors import InvalidInput, SignpostError
from experiments.reading import load_json
from experiments.recording import Asked, Assignment, assign, fallback, find
from experiments.runtime import Runtime

blueprint = Blueprint("assignments", __name__)

PROBLEMS = (
    "malformed-json", "body-too-large", "unknown-field", "missing-field", "wrong-type", "invalid-value",
    "duplicate-key", "session-length", "unknown-stratum", "unknown-surface", "unknown-variant", "key-missing",
    "key-unknown", "key-revoked", "scope-missing", "origin-refused", "rate-limited",
)  # fmt: skip


@blueprint.post("/v1/assignments")
@contract(
    "Ask which message a session should see",
    takes=AssignmentRequest,
    gives={200: AssignmentReply},
    problems=PROBLEMS,
    voice="server key, or browser key (key=) from an allowed origin",
)
def assignments(body: AssignmentRequest) -> Response:
    at = context()
    who = admitted(at, check_origin=True)
    if body.override is not None and not who.is_server:
        raise InvalidInput("only a server key may force a variant", pointer="/override")
    asked = Asked(
        partner=who.key.partner_number, surface=body.surface, experiment=body.experiment, session=body.session,
        locale=body.locale, stratum=body.stratum, shown=body.expose,
        by_server=who.is_server, request_id=body.request_id,
        override=body.override,
    )  # fmt: skip
    found = answered(at.runtime, who, asked, at.now)
    return _allow_origin(json_bytes(as_bytes(found, at)), who)


def admitted(at: Context, *, check_origin: bool) -> access.Caller:
    """Return who asks; browsers are counted by network."""
    who = access.caller(at.runtime, at.now, check_origin=check_origin)
    if not who.is_server:
        limiter: access.Limiter = current_app.extensions["signpost-limiter"]
        limiter.require(at.now)
    return who


def answered(runtime: Runtime, who: access.Caller, asked: Asked, now: int) -> Assignment:
    """Hold the request against the key's scope, then assign."""
    for surface in _surfaces(runtime, asked):
        who.key.require_surface(surface)
    found = assign(runtime, asked, now)
    count_receipt("assign", found.receipt or found.reason or "recorded")
    return found


def _surfaces(runtime: Runtime, asked: Asked) -> list[str]:
    """The surface asked for; when only the experiment is named, its first one."""
    if asked.surface is not None:
        return [asked.surface]
    live, _ = find(runtime, asked)
    return live.version.definition.surfaces[:1] if live else []


def _allow_origin(response: Response, who: access.Caller) -> Response:
    if not who.is_server:
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "null")
        response.headers["Vary"] = "Origin"
    return response


@blueprint.errorhandler(Exception)
def with_fallback(error: Exception) -> Response:
    """Whoever asked for a warning gets one, whatever went wrong."""
    at = context()
    surface, locale = _wanted()
    found = fallback(at.runtime, surface, locale, "not-running")
    response = problems.of(error, **warning(found, at))
    if isinstance(error, SignpostError):
        count_receipt("assign", "refused")
    return _readable(response, at)


def _readable(response: Response, at: Context) -> Response:
    """A page that may ask must be able to read what it is told, or the warning in it is lost."""
    try:
        return _allow_origin(response, access.caller(at.runtime, at.now, check_origin=True))
    except SignpostError:
        return response


def _wanted() -> tuple[str | None, str | None]:
    """Surface and locale of a request that went wrong, as far as they can be read."""
    try:
        body: Any = load_json(request.get_data()) if request.method == "POST" else request.args
    except (SignpostError, ValidationError, OSError):
        return None, None
    except Exception:  # noqa: BLE001  (a body that cannot even be read must not cost the person the warning)
        return None, None
    if not hasattr(body, "get"):
        return None, None
    surface, locale = (request.view_args or {}).get("surface") or body.get("surface"), body.get("locale")
    return (surface if isinstance(surface, str) else None), (locale[:LONGEST_TAG] if isinstance(locale, str) else None)
