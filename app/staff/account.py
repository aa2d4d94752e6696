"""/account: one's own password and sessions."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request

from app.context import context
from app.staff import cookies
from app.staff.people import ROLES, needs, person
from app.staff.sign_in import enter, limit_attempts, same_twice
from experiments import accounts, passwords, signing_in
from experiments.accounts import Account
from experiments.errors import InvalidInput
from experiments.lifecycle import Actor

blueprint = Blueprint("account", __name__)


@blueprint.get("/account")
@needs(*ROLES)
def own() -> Response:
    return _page()


@blueprint.post("/account/password")
@needs(*ROLES)
def password() -> Response:
    """Change the password. Who knows none, because a link brought them here, need not say an old one."""
    at, given = context(), request.form
    limit_attempts()
    account = accounts.by_id(at.runtime.store, person().id)
    try:
        if account.password is not None and not _came_by_link(account):
            _require_current(account, given.get("current", ""))
        same_twice(given.get("password", ""), given.get("again", ""))
        account = accounts.set_password(at.runtime.store, account, given["password"], Actor(account.name, at.now))
    except InvalidInput as error:
        return _page(error)
    return enter(account, "password", "/account?changed=1")


@blueprint.post("/account/end-sessions")
@needs(*ROLES)
def end_sessions() -> Response:
    """Sign out everywhere, here too."""
    context().runtime.store.sessions.end_all(person().id)
    response: Response = make_response(redirect("/sign-in", 303))
    cookies.forget(response)
    return response


def _require_current(account: Account, password: str) -> None:
    if not passwords.is_right(account.password, password):
        raise InvalidInput("this is not your present password", pointer="/current")


def _came_by_link(account: Account) -> bool:
    at = context()
    found = signing_in.owner(at.runtime.store, cookies.secret() or "", at.now, cookies.limits(at.settings))
    return found is not None and found[0].id == account.id and found[1].way == "link"


def _page(error: InvalidInput | None = None) -> Response:
    at = context()
    account = accounts.by_id(at.runtime.store, person().id)
    limits = cookies.limits(at.settings)
    opened = signing_in.sessions(at.runtime.store, account.id)
    page = render_template(
        "staff/account.html", account=account, error=error, changed="changed" in request.args,
        sessions=[one for one in opened if not signing_in.is_over(one, at.now, limits)],
        asks_current=account.password is not None and not _came_by_link(account),
    )  # fmt: skip
    return make_response(page, 422 if error else 200)
