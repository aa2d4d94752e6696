"""/people: who may sign in, what they may do, what they see."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request

from app.context import context
from app.staff import cookies
from app.staff.people import ROLES, needs, person
from experiments import accounts, signing_in
from experiments.accounts import Account
from experiments.errors import InvalidInput, Refused, SignpostError, Stale
from experiments.lifecycle import Actor

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
@needs("administrator")
def people() -> str:
    store = context().runtime.store
    everyone = [(account, _sessions(account)) for account in accounts.everyone(store)]
    return render_template("staff/people.html", everyone=everyone)


@blueprint.get("/people/new")
@needs("administrator")
def invite() -> Response:
    return _form(None, {"roles": ["reader"], "sees": "all"})


@blueprint.post("/people/new")
@needs("administrator")
def create() -> Response:
    """Make the account, and show the link that its owner begins with."""
    given = _given()
    try:
        account = accounts.create(context().runtime.store, given["name"], given["roles"], _actor(), **_reach(given))
    except (InvalidInput, Refused) as error:
        return _form(None, given, error)
    return _with_link(account)


@blueprint.get("/people/<account_id>")
@needs("administrator")
def one(account_id: str) -> Response:
    account = accounts.by_id(context().runtime.store, account_id)
    return _form(account, _held(account))


@blueprint.post("/people/<account_id>")
@needs("administrator")
def change(account_id: str) -> Response:
    """Change roles, addresses and what they see. One's own roles are changed by somebody else."""
    store, given = context().runtime.store, _given()
    account = accounts.by_id(store, account_id)
    try:
        _require_change(account, given)
        accounts.change(store, account, given["roles"], _actor(), **_reach(given))
    except (InvalidInput, Refused) as error:
        return _form(account, given, error)
    return _back(account_id)


@blueprint.post("/people/<account_id>/link")
@needs("administrator")
def link(account_id: str) -> Response:
    return _with_link(accounts.by_id(context().runtime.store, account_id))


@blueprint.post("/people/<account_id>/disable")
@needs("administrator")
def disable(account_id: str) -> Response:
    store = context().runtime.store
    accounts.disable(store, accounts.by_id(store, account_id), _actor())
    return _back(account_id)


@blueprint.post("/people/<account_id>/enable")
@needs("administrator")
def enable(account_id: str) -> Response:
    store = context().runtime.store
    accounts.enable(store, accounts.by_id(store, account_id), _actor())
    return _back(account_id)


@blueprint.post("/people/<account_id>/end-sessions")
@needs("administrator")
def end_sessions(account_id: str) -> Response:
    store = context().runtime.store
    store.sessions.end_all(accounts.by_id(store, account_id).id)
    return _back(account_id)


def _require_change(account: Account, given: dict[str, Any]) -> None:
    if given["revision"] != str(account.revision):
        raise Stale("somebody else changed this account while you were at it; what is kept now is shown below")
    if account.id == person().id and {*given["roles"], "reader"} != set(account.roles):
        raise InvalidInput("somebody else must change your own roles", pointer="/roles")


def _given() -> dict[str, Any]:
    """The form as it was filled in."""
    form = request.form
    texts = {name: form.get(name, "") for name in ("name", "email", "subject", "sees", "partners", "revision")}
    return {**texts, "roles": form.getlist("roles"), "experiments": form.getlist("experiments")}


def _held(account: Account) -> dict[str, Any]:
    """The form as the account is."""
    return {
        "name": account.name, "email": account.email, "subject": account.subject, "roles": account.roles,
        "sees": "some" if account.is_restricted else "all", "experiments": account.experiments or (),
        "partners": ", ".join(account.partners or ()), "revision": str(account.revision),
    }  # fmt: skip


def _reach(given: dict[str, Any]) -> dict[str, Any]:
    some = given["sees"] == "some"
    return {
        "email": given["email"], "subject": given["subject"],
        "experiments": given["experiments"] if some else None,
        "partners": given["partners"].split(",") if some else None,
    }  # fmt: skip


def _form(account: Account | None, given: dict[str, Any], error: SignpostError | None = None) -> Response:
    store = context().runtime.store
    status = 200 if error is None else 409 if isinstance(error, Refused) else 422
    page = render_template(
        "staff/people_form.html", account=account, given=given, error=error, roles=ROLES,
        experiments=[e.key for e in store.documents.experiments()], sessions=_sessions(account) if account else [],
        is_own=account is not None and account.id == person().id,
    )  # fmt: skip
    return make_response(page, status)


def _with_link(account: Account) -> Response:
    at = context()
    token = accounts.new_link(at.runtime.store, account, _actor())
    url = f"{at.base_url}/sign-in/link/{token}"
    return make_response(render_template("staff/people_link.html", account=account, url=url, hours=accounts.LINK_HOURS))


def _sessions(account: Account) -> list[signing_in.Session]:
    at = context()
    limits = cookies.limits(at.settings)
    found = signing_in.sessions(at.runtime.store, account.id)
    return [one for one in found if not signing_in.is_over(one, at.now, limits)]


def _actor() -> Actor:
    return Actor(person().name, context().now)


def _back(account_id: str) -> Response:
    response: Response = make_response(redirect(f"/people/{account_id}", 303))
    return response
