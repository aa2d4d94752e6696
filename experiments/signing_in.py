"""Signing in: by password, by a one-time link, by single sign-on; and the sessions that follow.

A session is a random secret. Its SHA-256 is kept in the volatile store, under the account, so that all sessions of a
person end by one act; a store that forgets signs everybody out. Of the person's device and network nothing is kept.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Literal

from experiments import accounts, passwords
from experiments.accounts import Account
from experiments.errors import AccessError, NotFound, Stale
from experiments.lifecycle import Actor
from experiments.model import HOUR
from experiments.store import Store

Way = Literal["password", "link", "single sign-on", "command line"]
ATTEMPTS = 8  # wrong passwords of an account ...
ATTEMPT_SECONDS = 900  # ... within so long
PREFIX = "ss"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lasts, in seconds: without a request, and at most."""

    idle: int = HOUR
    most: int = 8 * HOUR


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at a provider of single sign-on; `email` only if the provider has verified it."""

    issuer: str
    subject: str
    email: str | None

    @property
    def name(self) -> str:
        return f"{self.issuer} {self.subject}"


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its owner may see it: when it was opened and last used (unix seconds), and how."""

    digest: str
    opened: int
    seen: int
    way: str


# ------------------------------------------------------------------------------------------------ who


def by_password(store: Store, name: str, password: str) -> Account:
    """Return the account, or raise AccessError, which tells nobody whether there is such an account."""
    name_id = accounts.account_id(name)
    if store.sessions.attempt(name_id, ATTEMPT_SECONDS) > ATTEMPTS:
        raise AccessError(
            "there were too many attempts for this name; wait a quarter of an hour, or ask an administrator for a "
            "one-time link", code="too-many-attempts",
        )  # fmt: skip
    held = store.accounts.get(name_id)
    account = None if held is None else Account.model_validate_json(held)
    is_right = passwords.is_right(account.password if account else None, password)
    if account is None or not is_right or account.disabled is not None:
        raise _refused("name and password do not belong together")
    store.sessions.forgive(name_id)
    return account


def link_owner(store: Store, token: str, now: float) -> Account:
    """Whose one-time link this is; spends nothing. Raises AccessError for one that is spent, old, or none."""
    name_id, _, secret = token.partition(".")
    held = store.accounts.get(name_id)
    account = None if held is None else Account.model_validate_json(held)
    link = account.link if account else None
    is_same = accounts.is_same(link.digest if link else accounts.digest("nobody's"), secret)
    if account is None or link is None or not is_same or now >= link.expires or account.disabled is not None:
        raise _refused("this link has been used already, or its time is over; ask an administrator for a new one")
    return account


def by_link(store: Store, token: str, now: int) -> Account:
    """Spend a one-time link and return its account."""
    account = link_owner(store, token, now)
    try:
        return accounts.use_link(store, account, Actor(account.name, now))
    except Stale:
        raise _refused("this link has just been used; ask an administrator for a new one") from None


def by_identity(store: Store, identity: Identity, now: int) -> Account:
    """Return the account of somebody whom the provider knows. Nobody gets an account, or a role, by signing in.

    At first the verified address decides, and then for ever the provider's own name for the person: an address may be
    given to somebody else. An administrator is not found by address, since whoever can set an address at the provider
    would be one.
    """
    everyone = accounts.everyone(store)
    found = next((a for a in everyone if a.subject == identity.name), None)
    if found is None and identity.email is not None:
        found = next((a for a in everyone if a.email == identity.email.lower() and a.subject is None), None)
        if found is not None and "administrator" in found.roles:
            raise _refused(
                f"an administrator's account is connected by hand: enter '{identity.name}' as identity of {found.name}"
            )
    if found is None or found.disabled is not None:
        raise _refused("your organisation knows you, but there is no account for you here; ask an administrator")
    if found.subject is None:
        found = accounts.connect(store, found, identity.name, Actor(found.name, now))
    return found


def _refused(detail: str) -> AccessError:
    return AccessError(detail, code="sign-in-refused")


# ------------------------------------------------------------------------------------------- sessions


def open_session(store: Store, account: Account, way: Way, now: int, limits: Limits) -> str:
    """Return the secret of a new session, `ss_<account>_<random>`: it is kept nowhere."""
    for old in sessions(store, account.id):
        if is_over(old, now, limits):
            store.sessions.end(account.id, old.digest)
    secret = secrets.token_urlsafe(32)
    told = json.dumps({"opened": now, "seen": now, "way": way})
    store.sessions.open(account.id, accounts.digest(secret), told, limits.most)
    return f"{PREFIX}_{account.id}_{secret}"


def look(store: Store, token: str, now: int, limits: Limits) -> tuple[str, Session] | None:
    """The account's id and the session that a secret belongs to; None for one that is over, ended, or none."""
    name_id, secret = _parts(token)
    key = accounts.digest(secret)
    held = store.sessions.look(name_id, key, now, limits.idle, limits.most) if name_id else None
    return None if held is None else (name_id, _session(key, held))


def owner(store: Store, token: str, now: int, limits: Limits) -> tuple[Account, Session] | None:
    """Whose session this is, as the account stands now; None: nobody's."""
    found = look(store, token, now, limits)
    account = owner_of(store, found[0]) if found else None
    return None if account is None or found is None else (account, found[1])


def owner_of(store: Store, name_id: str) -> Account | None:
    """The account with an id, while it may sign in."""
    try:
        account = accounts.by_id(store, name_id)
    except NotFound:
        return None
    return account if account.disabled is None else None


def sessions(store: Store, name_id: str) -> list[Session]:
    """All sessions that are kept of an account, the last opened first; some may be over."""
    found = [_session(digest, told) for digest, told in store.sessions.all(name_id).items()]
    return sorted(found, key=lambda one: one.opened, reverse=True)


def is_over(session: Session, now: float, limits: Limits) -> bool:
    """Whether a session's time is over."""
    return now - session.seen > limits.idle or now - session.opened > limits.most


def end(store: Store, token: str) -> None:
    """Sign out."""
    name_id, secret = _parts(token)
    if name_id:
        store.sessions.end(name_id, accounts.digest(secret))


def _parts(token: str) -> tuple[str, str]:
    prefix, _, rest = token.partition("_")
    name_id, _, secret = rest.partition("_")
    return (name_id, secret) if prefix == PREFIX and secret else ("", "")


def _session(digest: str, told: bytes) -> Session:
    return Session(digest, **json.loads(told))
