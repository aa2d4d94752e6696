"""/sign-in and /sign-out: by name and password, or by a one-time link."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, session

from app.access import Limiter
from app.context import context
from app.staff import cookies
from app.staff.people import anyone, person
from experiments import accounts, passwords, signing_in
from experiments.accounts import Account
from experiments.errors import AccessError, InvalidInput
from experiments.lifecycle import Actor

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
@anyone
def form() -> Response:
    if person():
        return _to(own_path(request.args.get("next")))
    return _form()


@blueprint.post("/sign-in")
@anyone
def by_password() -> Response:
    at = context()
    limit_attempts()
    try:
        name, password = request.form.get("name", ""), request.form.get("password", "")
        account = signing_in.by_password(at.runtime.store, name, password)
    except AccessError as error:
        return _form(error)
    return enter(account, "password", request.form.get("next"))


@blueprint.get("/sign-in/link/<token>")
@anyone
def link(token: str) -> Response:
    """Spends nothing yet: programs that look at links before people do must not use them up."""
    limit_attempts()
    try:
        account = signing_in.link_owner(context().runtime.store, token, context().now)
    except AccessError as error:
        return make_response(render_template("staff/sign_in_link.html", refused=error.detail), 403)
    return make_response(_link_page(account, token))


@blueprint.post("/sign-in/link/<token>")
@anyone
def by_link(token: str) -> Response:
    at = context()
    limit_attempts()
    password, again = request.form.get("password", ""), request.form.get("again", "")
    try:
        account = signing_in.link_owner(at.runtime.store, token, at.now)
        if password or again:
            same_twice(password, again)
            passwords.require_good(password, account.name, account.email or "")
        account = signing_in.by_link(at.runtime.store, token, at.now)
    except AccessError as error:
        return make_response(render_template("staff/sign_in_link.html", refused=error.detail), 403)
    except InvalidInput as error:
        return make_response(_link_page(account, token, error), 422)
    if password:
        account = accounts.set_password(at.runtime.store, account, password, Actor(account.name, at.now))
    return enter(account, "link", None)


@blueprint.post("/sign-out")
@anyone
def sign_out() -> Response:
    if (token := cookies.secret()) is not None:
        signing_in.end(context().runtime.store, token)
    session.clear()
    response = _to("/sign-in")
    cookies.forget(response)
    return response


def enter(account: Account, way: signing_in.Way, path: str | None) -> Response:
    """Open the session, and go where the person wanted to go."""
    response = _to(own_path(path))
    cookies.sign_in(response, account, way)
    return response


def own_path(text: str | None) -> str:
    """A path of ours; the list of experiments for anything else, such as another host's address."""
    wanted = text or "/"
    parts = urlsplit(wanted)
    is_own = wanted.isprintable() and wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    return wanted if is_own and not parts.scheme and not parts.netloc else "/"


def limit_attempts() -> None:
    """Raise AccessError when this network tries too often; its address is kept nowhere."""
    limiter: Limiter = current_app.extensions["signpost-attempts"]
    limiter.require(context().clock())


def same_twice(password: str, again: str) -> None:
    """Raise InvalidInput unless a new password was typed twice alike."""
    if password != again:
        raise InvalidInput("the two are not the same; type it twice", pointer="/again")


def _form(error: AccessError | None = None) -> Response:
    given, at = request.form, context()
    wanted = own_path(given.get("next") or request.args.get("next"))
    page = render_template(
        "staff/sign_in.html", error=error, name=given.get("name", ""), wanted=wanted,
        is_first=not at.runtime.store.accounts.all(),
        provider=at.settings.oidc_issuer is not None, provider_name=at.settings.oidc_name,
    )  # fmt: skip
    status = {None: 200, "too-many-attempts": 429}.get(error.code if error else None, 403)
    return make_response(page, status)


def _link_page(account: Account, token: str, error: InvalidInput | None = None) -> str:
    return render_template("staff/sign_in_link.html", account=account, token=token, error=error)


def _to(path: str) -> Response:
    response: Response = make_response(redirect(path, 303))
    return response
