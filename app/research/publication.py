"""/experiments/<key>/publication: what is in the pack, what is left out and why, where figures differ; and the pack."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from app.access import require_own_host
from app.context import context
from app.contract import contract, reply
from app.research.asked import version_of
from app.staff import ROLES, Role, needs, person
from app.staff.tabs import tabs
from experiments import audit
from experiments.errors import Refused
from experiments.publication.release import Release, chosen, differences_in_house, release

blueprint = Blueprint("publication", __name__)
blueprint.before_request(require_own_host)

TAKERS: tuple[Role, ...] = ("researcher", "approver", "administrator")
MOST = 12  # differences shown; all of them are in the pack's report.json
PROBLEMS = (
    "unknown-experiment", "not-found", "invalid-value", "not-sealed", "too-few-to-publish", "transition-refused",
    "store-unavailable",
)  # fmt: skip


@blueprint.get("/experiments/<key>/publication")
@needs(*ROLES)
def page(key: str) -> str:
    experiment = context().runtime.store.documents.experiment(key)
    version = chosen(experiment, _number(key))
    found, refused, reason = None, None, ""
    try:
        found = _found(key)
    except Refused as error:
        refused, reason = error.code, f"{error.detail[0].upper()}{error.detail[1:]}."
    return render_template(
        "publication/page.html", key=key, tabs=tabs(key), version=version, versions=experiment.versions,
        title=version.definition.title, found=found, refused=refused, reason=reason, may=person().has(*TAKERS),
        **(_told(found) if found else {}),
    )  # fmt: skip


def _told(found: Release) -> dict[str, object]:
    """What the page says of a release."""
    from app.publishing.page import KINDS, figure, named, sentence  # noqa: PLC0415  (pages that are never opened load no charts)

    different = differences_in_house(found)
    return {
        "left_out": [
            (KINDS[one.what], one.name.removeprefix("o:"), one.phases, one.why) for one in found.table.left_out
        ],
        "differences": [(named(one.figure), figure(one.published), figure(one.internal)) for one in different[:MOST]],
        "why": " ".join(dict.fromkeys(sentence(one.why) for one in different)),
        "more": max(0, len(different) - MOST), "periods": found.table.periods,
    }  # fmt: skip


@blueprint.post("/experiments/<key>/publication")
@needs(*TAKERS)
def download(key: str) -> Response:
    """Hand out the pack; the audit log keeps who took it."""
    from app.publishing import pack, zipped  # noqa: PLC0415

    at, found = context(), _found(key)
    name = f"{key}-v{found.version.number}"
    content = zipped(pack(found), name)
    audit.append(
        at.runtime.store, person().name, "publish", f"experiment/{key}", {"version": found.version.number}, at.now
    )
    named = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return Response(content, content_type="application/zip", headers=named)


@blueprint.get("/v1/experiments/<key>/publication")
@needs(*TAKERS)
@contract(
    "The published report (report.json of the pack), once the version is over; ?version=",
    gives={200: "application/json"}, problems=PROBLEMS, voice="staff",
)  # fmt: skip
def resource(key: str) -> Response:
    from app.publishing.pack import report_document  # noqa: PLC0415

    return reply(report_document(_found(key)))


def _found(key: str) -> Release:
    at = context()
    return release(at.runtime.store, key, now=at.now, number=_number(key))


def _number(key: str) -> int | None:
    """The version that is asked for."""
    asked = request.args.get("version")
    return version_of(context().runtime.store.documents.experiment(key), asked).number if asked else None
