"""/experiments/<key>/diff: two versions side by side."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from app.access import require_own_host
from app.context import context
from app.research.asked import version_of
from app.staff import ROLES, needs
from app.staff.tabs import tabs
from experiments import diffing
from experiments.directory import direction

blueprint = Blueprint("diff", __name__)
blueprint.before_request(require_own_host)


@blueprint.get("/experiments/<key>/diff")
@needs(*ROLES)
def diff(key: str) -> str:
    experiment = context().runtime.store.documents.experiment(key)
    new = version_of(experiment, request.args.get("to"), "/to")
    before = max(1, new.number - 1)
    old = version_of(experiment, request.args.get("from") or str(before), "/from")
    found = diffing.between(old.definition, new.definition)
    by_message: dict[tuple[str, str], list[diffing.Text]] = {}
    for text in found.texts:
        by_message.setdefault((text.variant, text.locale), []).append(text)
    return render_template(
        "research/diff.html", experiment=experiment, old=old, new=new, diff=found, texts=by_message, tabs=tabs(key),
        direction=direction,
    )  # fmt: skip
