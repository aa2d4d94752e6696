"""/v1/experiments: take definitions in, move them through their life."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from app.access import require_own_host
from app.context import context
from app.contract import content, contract, reply
from app.research.summary import summary
from experiments import desk, spec
from experiments.errors import AccessError, InvalidInput
from experiments.lifecycle import Actor
from experiments.reading import load_json, load_yaml

blueprint = Blueprint("experiments", __name__)
blueprint.before_request(require_own_host)

LARGEST_DEFINITION = 1024 * 1024
DEFINITION = (
    "malformed-json", "malformed-yaml", "body-too-large", "unknown-field", "missing-field", "wrong-type",
    "invalid-value", "duplicate-key", "weights-do-not-sum", "missing-control", "several-controls", "locale-missing",
    "unknown-locale", "no-reviewed-locale", "factor-missing", "unknown-help-resource", "unknown-channel",
    "unknown-outcome", "channels-not-allowed", "outcome-needs-session", "transition-refused", "stale-revision",
    "origin-refused", "store-unavailable",
)  # fmt: skip
KNOWN = ("unknown-experiment", "store-unavailable", "origin-refused")
TRANSITION = (
    "malformed-json", "unknown-field", "missing-field", "wrong-type", "invalid-value", "unknown-experiment",
    "not-found",
    "transition-refused", "surface-taken", "stale-revision", "own-approval", "approval-missing", "approval-expired",
    "reason-missing", "ethics-expired", "control-needed",
    "too-soon", "not-sealed", "body-too-large", "duplicate-key", "origin-refused", "store-unavailable",
)  # fmt: skip


@blueprint.before_request
def own_pages_only() -> None:
    """There are no accounts yet: a page of somebody else, open in a colleague's browser, must not act for them."""
    origin = request.headers.get("Origin")
    own = {request.host, urlsplit(context().base_url).netloc}
    if request.method == "POST" and origin is not None and urlsplit(origin).netloc not in own:
        raise AccessError("pages of other origins may not change experiments", code="origin-refused")


@blueprint.get("/v1/experiments")
@contract(
    "All experiments", gives={200: "application/json"}, problems=("store-unavailable", "origin-refused"), voice="staff"
)
def experiments() -> Response:
    return reply([summary(e) for e in context().runtime.store.documents.experiments()])


@blueprint.post("/v1/experiments")
@contract(
    "Take in a definition (JSON or YAML) as a draft; ?by=NAME",
    gives={201: "application/json"}, problems=DEFINITION, voice="staff",
)  # fmt: skip
def take_in() -> Response:
    at = context()
    request.max_content_length = LARGEST_DEFINITION
    document = _document()
    found = desk.apply(at.runtime, document, Actor(_name(request.args.get("by")), at.now, request.args.get("why")))
    at.runtime.refresh(at.now)
    response = reply(summary(found), 201)
    response.headers["Location"] = f"/v1/experiments/{found.key}"
    return response


@blueprint.post("/v1/experiments/validate")
@contract(
    "Check a definition without taking it in", gives={200: "application/json"}, problems=DEFINITION, voice="staff"
)
def validate() -> Response:
    request.max_content_length = LARGEST_DEFINITION
    definition = spec.parse(_document(), help_resources=context().runtime.directory.by_key)
    return reply({"valid": True, "key": definition.key, "hash": spec.content_hash(definition)})


@blueprint.get("/v1/experiments/<key>")
@contract("One experiment", gives={200: "application/json"}, problems=KNOWN, voice="staff")
def experiment(key: str) -> Response:
    return reply(summary(context().runtime.store.documents.experiment(key)))


@blueprint.get("/v1/experiments/<key>/log")
@contract("Who did what, when and why", gives={200: "application/json"}, problems=KNOWN, voice="staff")
def log(key: str) -> Response:
    documents = context().runtime.store.documents
    documents.experiment(key)
    return reply([entry.model_dump(mode="json") for entry in documents.log(key)])


@blueprint.post("/v1/experiments/<key>/<act>")
@contract(
    "Make a transition: submit, approve, reject, start, set-traffic, set-weights, close-arm, suspend, resume, stop, "
    "conclude, archive; body {by, why?, and what the act needs}",
    gives={200: "application/json"}, problems=TRANSITION, voice="staff",
)  # fmt: skip
def transition(key: str, act: str) -> Response:
    at = context()
    body = load_json(content() or b"{}")
    if not isinstance(body, dict):
        raise InvalidInput("the body must be a JSON object", code="wrong-type", pointer="")
    options = {name: value for name, value in body.items() if name not in ("by", "why")}
    actor = Actor(_name(body.get("by")), at.now, _why(body.get("why")))
    found = desk.act(at.runtime, key, act, actor, options)
    at.runtime.refresh(at.now)
    return reply(summary(found))


def _document() -> Any:
    """The body as a document: YAML when it says so, else JSON."""
    text = content()
    if "yaml" in (request.content_type or ""):
        return load_yaml(text.decode("utf-8", "replace"))
    return load_json(text)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 120:
        raise InvalidInput("say who acts, in 'by'", code="missing-field", pointer="/by")
    return _unicode(value.strip(), "/by")


def _why(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidInput("'why' is a sentence", code="wrong-type", pointer="/why")
    return None if value is None else _unicode(value, "/why")


def _unicode(value: str, pointer: str) -> str:
    """JSON may carry half a surrogate pair; no store keeps it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput("must be valid Unicode text", pointer=pointer) from None
    return value
