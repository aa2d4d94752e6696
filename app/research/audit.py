"""/audit: who did what, and whether the log is whole."""

from __future__ import annotations

import re

from flask import Blueprint, render_template, request

from app.access import require_own_host
from app.context import context
from app.staff import needs, sees
from experiments import audit

blueprint = Blueprint("audit", __name__)
blueprint.before_request(require_own_host)

SHOWN = 200
LOOKED_AT = 1000  # at every view; all of a long log takes its time, and is asked for


@blueprint.get("/audit")
@needs("approver", "administrator")
def page() -> str:
    head = request.args.get("head", "").strip().lower() or None
    wrong = head is not None and re.fullmatch("[0-9a-f]{64}", head) is None
    about = request.args.get("about", "").strip()
    whole = bool(head or about or request.args.get("whole"))
    checked = audit.check(context().runtime.store, None if wrong else head, last=None if whole else LOOKED_AT)
    shown = [entry for entry in checked.entries if _seen(entry.about) and about in entry.about]
    return render_template(
        "research/audit.html", checked=checked, entries=shown[: -SHOWN - 1 : -1], more=len(shown) - SHOWN,
        head=head, wrong=wrong, about=about,
    )  # fmt: skip


def _seen(about: str) -> bool:
    """Entries about an experiment are for those who see it."""
    kind, _, name = about.partition("/")
    return kind != "experiment" or sees(name)
