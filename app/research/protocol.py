"""/experiments/<key>/protocol: what was planned, as page, Markdown and JSON, and whether it is unchanged."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from app.access import require_own_host
from app.context import context
from app.contract import contract, reply
from app.staff import needs
from app.staff.tabs import tabs
from experiments import deviations, looking, protocol
from experiments.directory import direction
from experiments.errors import InvalidInput
from experiments.protocol_markdown import OUTCOMES, markdown

blueprint = Blueprint("protocol", __name__)
blueprint.before_request(require_own_host)

PROBLEMS = ("unknown-experiment", "not-found", "invalid-value", "store-unavailable", "origin-refused")


@blueprint.get("/experiments/<key>/protocol")
@needs("reader", "researcher", "approver", "administrator")
def page(key: str) -> str:
    at, found = context(), _found(key)
    experiment = at.runtime.store.documents.experiment(key)
    version = experiment.version(found.document["version"])
    assert version is not None  # noqa: S101  (it is where the protocol came from)
    log = at.runtime.store.documents.log(key)
    return render_template(
        "research/protocol.html", key=key, protocol=found, plan=found.document, versions=experiment.versions,
        tabs=tabs(key), direction=direction, outcomes=OUTCOMES,
        deviations=deviations.of(experiment, version, log, now=at.now),
        looks=[look for look in looking.history(at.runtime.store, key, version.number) if not look.planned],
    )  # fmt: skip


@blueprint.get("/experiments/<key>/protocol.md")
@needs("reader", "researcher", "approver", "administrator")
def as_markdown(key: str) -> Response:
    return Response(markdown(_found(key)), content_type="text/markdown; charset=utf-8")


@blueprint.get("/experiments/<key>/protocol.json")
@needs("reader", "researcher", "approver", "administrator")
def as_json(key: str) -> Response:
    return reply(_found(key).to_dict())


@blueprint.get("/v1/experiments/<key>/protocol")
@needs("reader", "researcher", "approver", "administrator")
@contract(
    "What was planned, locked at the start by its hash; ?version=",
    gives={200: "application/json"}, problems=PROBLEMS, voice="staff",
)  # fmt: skip
def resource(key: str) -> Response:
    return reply(_found(key).to_dict())


def _found(key: str) -> protocol.Protocol:
    asked = request.args.get("version")
    if asked is not None and not (asked.isdecimal() and len(asked) <= 9):
        raise InvalidInput("'version' is a whole number", pointer="/version")
    return protocol.of(context().runtime.store, key, int(asked) if asked else None)
