"""Pages for staff: one experiment's result, and the technical view of it. Nothing is computed here."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, make_response, render_template, request
from flask_babel import get_locale
from werkzeug.wrappers import Response

from app.access import require_own_host
from app.context import context
from app.review import formatting, pictures, presenting, technical
from app.review.results import asked, found, last_good
from app.staff import ROLES, needs, person
from app.staff.tabs import tabs
from app.staff.wording import words
from experiments import looking
from experiments.errors import StoreUnavailable
from experiments.model import ENDED
from experiments.results import Result

blueprint = Blueprint("pages", __name__)
blueprint.before_request(require_own_host)
for write in (formatting.per_10000, formatting.language_name):
    blueprint.add_app_template_filter(write)


@blueprint.get("/experiments/<key>")
@needs(*ROLES)
def experiment(key: str) -> Response:
    """The result's page: the same dict that the JSON is."""
    result, is_live = _found(key)
    if is_live:
        _note(result)
    told = result.to_dict()
    page = presenting.page(told, words(), str(get_locale()))
    page |= {"pictures": pictures.of(told), "decide": _decide(told)}
    return _page("review/results.html", told, is_live, **page)


@blueprint.get("/experiments/<key>/technical")
@needs(*ROLES)
def technical_view(key: str) -> Response:
    """The same result for researchers: every comparison, and the plan against what came."""
    result, is_live = _found(key)
    if is_live:
        _note(result)
    told = result.to_dict()
    return _page("review/results_technical.html", told, is_live, **technical.page(told))


def _page(template: str, result: dict[str, Any], is_live: bool, **values: Any) -> Response:  # noqa: FBT001
    """A page of a result; one that is not of now says so, to programs too."""
    links = _links(result["experiment"])
    page = make_response(render_template(template, result=result, is_live=is_live, links=links, **values))
    if not is_live:
        page.status_code = 503
        page.headers["Retry-After"] = "30"
    return page


def _found(key: str) -> tuple[Result, bool]:
    """The result that is asked for, and whether it is of now: while the ledger is away, it is the last good one."""
    try:
        return found(key), True
    except StoreUnavailable:
        last = last_good(key)
        if last is None:
            raise
        return last, False


def _note(result: Result) -> None:
    """Write down who looked, if the version runs. A look at another day's figures is none at today's."""
    if "as_of" in request.args:
        return
    at = context()
    with suppress(StoreUnavailable):
        looking.note(at.runtime, result.experiment, result.version, person().name, at.now, result.sealed_until)


def _decide(result: dict[str, Any]) -> str | None:
    """Where to decide, once there is something to decide."""
    is_due = result["status"] in presenting.TONES and result["status"] != "blocked" and result["state"] not in ENDED
    return next((path for path, _, _ in _links(result["experiment"]) if "/decide" in path), None) if is_due else None


def _links(key: str) -> list[tuple[str, str, bool]]:
    """The experiment's pages; the others are asked for the same version."""
    _, version = asked(key)
    query = "" if version is None else f"?version={version}"
    return [(path + query, name, is_here) for path, name, is_here in tabs(key)]
