"""/v1/experiments: take definitions in, move them through their life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from app.access import require_own_host
from app.context import context
from app.contract import content, contract, reply
from app.research.summary import summary
from app.staff import ROLES, needs, person, require_act, sees
from experiments import desk, spec
from experiments.errors import AccessError, InvalidInput, Refused
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
    "transition-refused", "surface-taken", "stale-revision", "own-approval", "own-decision",
    "approval-missing", "approval-expired",
    "reason-missing", "ethics-expired", "control-needed",
    "too-soon", "not-sealed", "body-too-large", "duplicate-key", "origin-refused", "store-unavailable",
)  # fmt: skip


@blueprint.get("/v1/experiments")
@needs(*ROLES)
@contract(
    "All experiments", gives={200: "application/json"}, problems=("store-unavailable", "origin-refused"), voice="staff"
)
def experiments() -> Response:
    return reply([summary(e) for e in context().runtime.store.documents.experiments() if sees(e.key)])


@blueprint.post("/v1/experiments")
@needs("researcher")
@contract(
    "Take in a definition (JSON or YAML) as a draft; ?why=",
    gives={201: "application/json"}, problems=DEFINITION, voice="staff",
)  # fmt: skip
def take_in() -> Response:
    at = context()
    request.max_content_length = LARGEST_DEFINITION
    _nobody_else(request.args)
    document = _document()
    _require_seen(document)
    found = desk.apply(at.runtime, document, Actor(person().name, at.now, request.args.get("why")))
    at.runtime.refresh(at.now)
    response = reply(summary(found), 201)
    response.headers["Location"] = f"/v1/experiments/{found.key}"
    return response


@blueprint.post("/v1/experiments/validate")
@needs(*ROLES)
@contract(
    "Check a definition without taking it in", gives={200: "application/json"}, problems=DEFINITION, voice="staff"
)
def validate() -> Response:
    request.max_content_length = LARGEST_DEFINITION
    definition = spec.parse(_document(), help_resources=context().runtime.directory.by_key)
    return reply({"valid": True, "key": definition.key, "hash": spec.content_hash(definition)})


@blueprint.get("/v1/experiments/<key>")
@needs(*ROLES)
@contract("One experiment", gives={200: "application/json"}, problems=KNOWN, voice="staff")
def experiment(key: str) -> Response:
    return reply(summary(context().runtime.store.documents.experiment(key)))


@blueprint.get("/v1/experiments/<key>/log")
@needs(*ROLES)
@contract("Who did what, when and why", gives={200: "application/json"}, problems=KNOWN, voice="staff")
def log(key: str) -> Response:
    documents = context().runtime.store.documents
    documents.experiment(key)
    return reply([entry.model_dump(mode="json") for entry in documents.log(key)])


@blueprint.post("/v1/experiments/<key>/<act>")
@needs(*ROLES)
@contract(
    "Make a transition: submit, approve, reject, start, set-traffic, set-weights, close-arm, suspend, resume, stop, "
    "conclude, archive, propose, withdraw, confirm, unadopt; body {why?, and what the act needs}",
    gives={200: "application/json"}, problems=TRANSITION, voice="staff",
)  # fmt: skip
def transition(key: str, act: str) -> Response:
    at = context()
    body = load_json(content() or b"{}")
    if not isinstance(body, dict):
        raise InvalidInput("the body must be a JSON object", code="wrong-type", pointer="")
    _nobody_else(body)
    require_act(act)
    options = {name: value for name, value in body.items() if name != "why"}
    if act == "conclude" and options.get("adopt") is not None:
        told = "to adopt a text takes two people. Next: one of them makes the act `propose`, the other one `confirm`"
        raise Refused(told, code="own-decision")
    actor = Actor(person().name, at.now, _why(body.get("why")))
    found = desk.act(at.runtime, key, act, actor, options)
    at.runtime.refresh(at.now)
    return reply(summary(found))


def _document() -> Any:
    """The body as a document: YAML when it says so, else JSON."""
    text = content()
    if "yaml" in (request.content_type or ""):
        return load_yaml(text.decode("utf-8", "replace"))
    return load_json(text)


def _nobody_else(given: Mapping[str, Any]) -> None:
    """Who acts is who is signed in. To say somebody else's name must not pass in silence."""
    if "by" in given:
        raise InvalidInput("leave it out: who acts is who is signed in", code="unknown-field", pointer="/by")


def _require_seen(document: Any) -> None:
    """An account that is for some experiments must not find out by taking one in which others there are."""
    key = document.get("key") if isinstance(document, dict) else None
    if isinstance(key, str) and not sees(key):
        raise AccessError(
            f"your account is not for the experiment '{key}'; ask an administrator", code="role-missing", pointer="/key"
        )


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
