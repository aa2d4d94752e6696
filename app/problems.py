"""RFC 9457 problems: one table of types; from an error of the domain to `application/problem+json`.

The table is the documentation: it is served at `/problems`, and each type resolves to its entry.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from app.context import context
from experiments.errors import InvalidDefinition, SignpostError

log = logging.getLogger("signpost")


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem type: HTTP status, a short title, and what to do about it."""

    status: int
    title: str
    advice: str


KINDS: dict[str, Kind] = {
    # the body and its fields
    "malformed-json": Kind(400, "Malformed JSON", "Send one JSON object in UTF-8."),
    "malformed-yaml": Kind(400, "Malformed YAML", "Correct the line that is named."),
    "body-too-large": Kind(
        413, "Body too large", "Send at most 8 KiB (events: 4 MiB and 10 000 items; experiments: 1 MiB)."
    ),
    "unknown-field": Kind(422, "Unknown field", "Remove the field or correct its spelling."),
    "missing-field": Kind(422, "Missing field", "Add the field."),
    "wrong-type": Kind(422, "Wrong type", "Use the type that the schema names."),
    "invalid-value": Kind(422, "Invalid value", "Use a value that the schema allows."),
    "duplicate-key": Kind(422, "Given twice", "Give each entry a name of its own."),
    "session-length": Kind(422, "Session too short or too long", "A session has 1 to 128 bytes in UTF-8."),
    "unknown-channel": Kind(422, "Unknown channel", "Use call, email, click, chat or self_help."),
    "unknown-outcome": Kind(422, "Unknown outcome", "Use help_sought, proceeded, left, repeat_trigger or complaint."),
    "unknown-stratum": Kind(422, "Unknown stratum", "Use a stratum that the experiment declares."),
    "unknown-surface": Kind(422, "Unknown surface", "Use a surface of the experiment."),
    "unknown-variant": Kind(422, "Unknown variant", "Use a variant of the experiment."),
    "channels-not-allowed": Kind(422, "Channel not allowed here", "Only help_sought has channels."),
    "outcome-needs-session": Kind(422, "Outcome needs sessions", "repeat_trigger needs 'unit: session'."),
    "in-future": Kind(422, "In the future", "Set the clock of your server; nothing was counted."),
    "not-running": Kind(409, "Not running", "Nothing: the version had been stopped by then."),
    # the experiment's document
    "weights-do-not-sum": Kind(422, "Weights do not sum", "Make the weights sum to exactly 10000 basis points."),
    "missing-control": Kind(422, "Missing control", "Mark exactly one variant with 'control: true'."),
    "several-controls": Kind(422, "Several controls", "Mark exactly one variant with 'control: true'."),
    "locale-missing": Kind(422, "A variant lacks a locale", "Give every variant a message in every locale."),
    "unknown-locale": Kind(422, "Unknown locale", "Name a locale that the variants have."),
    "no-reviewed-locale": Kind(422, "No reviewed locale", "Have at least one locale reviewed."),
    "factor-missing": Kind(422, "A variant lacks a factor", "Declare the same factors on every variant."),
    "unknown-help-resource": Kind(422, "Unknown help resource", "Use a key of the help directory."),
    # keys
    "key-missing": Kind(401, "Key missing", "Send a server key as 'Authorization: Bearer …', or 'key=' for browsers."),
    "key-unknown": Kind(401, "Key unknown", "Check the key, or create one with `signpost key create`."),
    "key-revoked": Kind(401, "Key revoked or expired", "Create a new key and replace this one."),
    "scope-missing": Kind(403, "Outside the key's scope", "Use a key for this surface."),
    "origin-refused": Kind(403, "Origin not allowed", "Allow the origin for this browser key."),
    # staff
    "not-signed-in": Kind(401, "Not signed in", "Sign in at `/sign-in`, or send a token of `signpost user token`."),
    "role-missing": Kind(403, "Not open to this account", "Ask an administrator for the role that is named."),
    "sign-in-refused": Kind(403, "Not signed in", "Ask an administrator for a one-time link."),
    "too-many-attempts": Kind(429, "Too many attempts", "Wait a quarter of an hour, or ask for a one-time link."),
    "rate-limited": Kind(429, "Too many requests", "Wait as long as Retry-After says; show the message given here."),
    # tokens and outcomes
    "token-invalid": Kind(422, "Token invalid", "Send the token exactly as it was given to you."),
    "token-foreign": Kind(403, "Token of another partner", "Use the key of the partner that asked for the token."),
    "token-expired": Kind(410, "Token expired", "Ask for a new assignment."),
    "no-exposure": Kind(409, "No exposure", "Report the exposure first; only then can an outcome count."),
    "window-closed": Kind(409, "Window closed", "Nothing: the outcome came after the experiment's window."),
    "late": Kind(409, "Late", "Nothing: the day is sealed; the report is counted as late."),
    "crossed": Kind(409, "Contradicts the assignment", "Look for sessions that are mixed up; it is counted apart."),
    # life cycle
    "unknown-experiment": Kind(404, "No such experiment", "Check the key."),
    "not-found": Kind(404, "Not found", "Check the address."),
    "transition-refused": Kind(409, "Not possible now", "Do first what the detail says."),
    "surface-taken": Kind(409, "Surface taken", "A surface shows one experiment at a time."),
    "stale-revision": Kind(409, "Changed meanwhile", "Read it again and repeat the change."),
    "own-decision": Kind(409, "Own decision", "Ask another approver to confirm it."),
    "own-approval": Kind(409, "Own approval", "Ask somebody else to approve."),
    "approval-missing": Kind(409, "Approval missing", "Have every served locale's texts approved by somebody else."),
    "approval-expired": Kind(409, "Approval expired", "Have the texts approved again; an approval holds for 90 days."),
    "reason-missing": Kind(409, "Reason missing", "Say in 'ethics.reason' why somebody may be shown no warning."),
    "ethics-expired": Kind(409, "Ethics approval expired", "Renew it and apply the definition again."),
    "control-needed": Kind(409, "Control needed", "The control stays open as long as the experiment runs."),
    "too-soon": Kind(409, "Too soon", "Wait a day between changes of weights."),
    "not-sealed": Kind(409, "Not sealed yet", "Wait until the last day's window and grace are over."),
    "too-few-to-publish": Kind(
        409, "Too few people", "Publish nothing; say in words that too few people were counted."
    ),
    # HTTP and stores
    "method-not-allowed": Kind(405, "Method not allowed", "Use a method that the API description names."),
    "bad-request": Kind(400, "Bad request", "See the API description."),
    "store-unavailable": Kind(503, "The store does not answer", "Repeat the request after Retry-After."),
    "store-unsafe": Kind(503, "The store is not safe", "Correct the store's settings."),
    "internal": Kind(500, "Internal error", "Repeat the request; it is safe to repeat."),
}
RETRY_AFTER = {429: "60", 503: "2"}


def problem(code: str, detail: str | None = None, pointer: str | None = None, **members: Any) -> Response:
    """Return the response for a problem type; `members` are added as they are."""
    kind = KINDS.get(code) or KINDS["internal"]
    body = {"type": f"{context().base_url}/problems/{code}", "title": kind.title, "status": kind.status}
    body |= {"detail": detail or kind.advice, "pointer": pointer} | members
    text = json.dumps({k: v for k, v in body.items() if v is not None}, ensure_ascii=False)
    response = Response(utf_8(text), kind.status, content_type="application/problem+json")
    if kind.status in RETRY_AFTER:
        response.headers["Retry-After"] = RETRY_AFTER[kind.status]
    if kind.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="signpost"'
    return response


def utf_8(text: str) -> bytes:
    """JSON as bytes; half a surrogate pair, which JSON may carry and UTF-8 may not, stays JSON's own escape."""
    return text.encode("utf-8", "backslashreplace")


def members_of(error: SignpostError) -> dict[str, Any]:
    """The full list of violations, where there is one."""
    if not isinstance(error, InvalidDefinition):
        return {}
    found = [{"pointer": v.pointer, "type": f"/problems/{v.code}", "detail": v.detail} for v in error.violations]
    return {"violations": found}


def of(error: Exception, **members: Any) -> Response:
    """Return the response for any error; what is not ours is logged by its class only, never by its text."""
    if isinstance(error, SignpostError):
        return problem(error.code, error.detail, error.pointer, **members_of(error), **members)
    if isinstance(error, RequestEntityTooLarge):
        return problem("body-too-large", **members)
    if isinstance(error, HTTPException):
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.code or 500, "bad-request")
        response = problem(code if (error.code or 500) < 500 else "internal", **members)
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    at = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "unknown place"
    log.error("internal error: %s at %s", type(error).__name__, at)
    return problem("internal", **members)


def register(app: Flask) -> None:
    """Answer every error as a problem, and serve the table of types."""
    app.register_error_handler(Exception, of)

    @app.get("/problems")
    def problem_types() -> dict[str, Any]:
        return {code: {"status": k.status, "title": k.title, "advice": k.advice} for code, k in KINDS.items()}

    @app.get("/problems/<code>")
    def problem_type(code: str) -> Response | dict[str, Any]:
        kind = KINDS.get(code)
        if kind is None:
            return problem("not-found")
        return {"type": code, "status": kind.status, "title": kind.title, "advice": kind.advice}
