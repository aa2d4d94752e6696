"""GET /v1/experiments/<key>/results: JSON, CSV by `.json`, `.csv` or Accept."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, request

from app.access import require_own_host
from app.context import context
from app.contract import contract, reply
from app.staff import ROLES, needs
from experiments.errors import InvalidInput
from experiments.kept import Kept
from experiments.moments import moment
from experiments.results import Made, Result, result

blueprint = Blueprint("results", __name__)
blueprint.before_request(require_own_host)

PROBLEMS = ("unknown-experiment", "not-found", "invalid-value", "store-unavailable", "origin-refused")
KEPT = "signpost.results"


@blueprint.get("/v1/experiments/<key>/results")
@needs(*ROLES)
@contract("The result; ?version=, ?as_of=", gives={200: "application/json"}, problems=PROBLEMS, voice="staff")
def results(key: str) -> Response:
    if request.accept_mimetypes.best_match(("application/json", "text/csv")) == "text/csv":
        return _csv(key)
    return reply(found(key).to_dict())


@blueprint.get("/v1/experiments/<key>/results.json")
@needs(*ROLES)
@contract("The result as JSON", gives={200: "application/json"}, problems=PROBLEMS, voice="staff")
def results_json(key: str) -> Response:
    return reply(found(key).to_dict())


@blueprint.get("/v1/experiments/<key>/results.csv")
@needs(*ROLES)
@contract("The sealed count table as CSV", gives={200: "text/csv"}, problems=PROBLEMS, voice="staff")
def results_csv(key: str) -> Response:
    return _csv(key)


def _csv(key: str) -> Response:
    named = {"Content-Disposition": f'attachment; filename="{key}.csv"'}
    return Response(found(key).to_csv(), content_type="text/csv; charset=utf-8", headers=named)


def found(key: str) -> Result:
    """The result that the request asks for."""
    at, (_, version) = context(), asked(key)
    made = result(
        at.runtime.store, key, now=moment(request.args.get("as_of"), at.clock()), version=version, kept=_kept()
    )
    if "as_of" not in request.args:
        _kept().keep((key, version), made)
    return made


def last_good(key: str) -> Result | None:
    """What this process last found for the same request, for a time in which nothing can be read."""
    return _kept().last(asked(key))


def asked(key: str) -> tuple[str, int | None]:
    """The experiment, and the version if one is named."""
    version = request.args.get("version")
    if version is not None and not (version.isdecimal() and len(version) <= 9):
        raise InvalidInput("must be a version's number", pointer="/version")
    return key, int(version) if version else None


def _kept() -> Kept[Made]:
    return cast("Kept[Made]", current_app.extensions.setdefault(KEPT, Kept(context().clock)))
