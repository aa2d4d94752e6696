"""What staff's browsers keep: the secret of their session, and apart from it what a form needs. Nothing else.

Programs send the same secret as `Authorization: Bearer ss_…`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from app.context import context
from app.settings import Settings
from app.staff.people import NOBODY, Person
from experiments import accounts, signing_in
from experiments.accounts import Account
from experiments.errors import StoreUnavailable

SESSION, FORMS = "signpost-session", "signpost-forms"


def limits(settings: Settings) -> signing_in.Limits:
    """How long sessions last."""
    return signing_in.Limits(settings.session_idle, settings.session_most)


def signed_in() -> Person:
    """Whose session the request carries; NOBODY: none that is good now.

    While the ledger is away people stay who they were, so that they can look at what was kept of results.
    """
    token, at = secret(), context()
    found = signing_in.look(at.runtime.store, token, at.now, limits(at.settings)) if token is not None else None
    if found is None:
        return NOBODY
    known: dict[str, Person] = current_app.extensions.setdefault("signpost-people", {})
    try:
        account = signing_in.owner_of(at.runtime.store, found[0])
        known[found[0]] = NOBODY if account is None else person_of(account)
    except StoreUnavailable:
        if found[0] not in known:
            raise
    return known[found[0]]


def person_of(account: Account) -> Person:
    """The person who has an account."""
    seen = accounts.visible(context().runtime.store, account)
    return Person(account.name, frozenset(account.roles), seen, account.id)


def secret() -> str | None:
    """The session's secret as it was sent."""
    return bearer() or request.cookies.get(_name(SESSION))


def bearer() -> str | None:
    """A secret that a program sent; a browser never does so by itself."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(f"{signing_in.PREFIX}_") else None


def sign_in(response: Response, account: Account, way: signing_in.Way) -> None:
    """Open a session; one that the browser had before ends, so that nobody's old secret is good for a new person."""
    at = context()
    if (old := secret()) is not None:
        signing_in.end(at.runtime.store, old)
    token = signing_in.open_session(at.runtime.store, account, way, at.now, limits(at.settings))
    response.set_cookie(_name(SESSION), token, secure=is_encrypted(), httponly=True, samesite="Lax", path="/")


def forget(response: Response) -> None:
    """Have the browser drop the secret."""
    response.delete_cookie(_name(SESSION), secure=is_encrypted(), httponly=True, samesite="Lax", path="/")


def is_encrypted() -> bool:
    """Whether the browser reaches us by https, as far as we can know: a proxy may have taken the encryption off."""
    own = urlsplit(context().settings.public_url or "")
    return request.is_secure or (own.scheme == "https" and own.netloc == request.host)


def _name(name: str) -> str:
    """With this prefix browsers take the cookie by https only, and from no other host, subdomains included."""
    return f"__Host-{name}" if is_encrypted() else name


class Forms(SecureCookieSessionInterface):
    """Flask's signed cookie, for what a form or single sign-on must find again. Who is signed in is not in it."""

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002
        return _name(FORMS)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return is_encrypted()

    def get_cookie_httponly(self, app: Flask) -> bool:  # noqa: ARG002
        return True

    def get_cookie_samesite(self, app: Flask) -> str:  # noqa: ARG002
        return "Lax"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Integrators' requests have no cookies, and take no time here."""
        return super().open_session(app, request) if "HTTP_COOKIE" in request.environ else self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Any) -> None:
        if session.accessed or session.modified:
            super().save_session(app, session, response)
