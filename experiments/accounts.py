"""Accounts of staff: who may sign in, what their roles allow, which experiments they see.

An account is never deleted, because the log names it; it is disabled. Every change is compared with what was read and
enters the audit log in the same act. Names are unique whatever their case, and never change: approvals go by them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ConfigDict, Field

from experiments import passwords
from experiments.access import ApiKey
from experiments.audit import Note
from experiments.errors import InvalidInput, NotFound, Refused, Stale
from experiments.lifecycle import Actor
from experiments.model import HOUR, Experiment, Record
from experiments.roles import ROLES, Role
from experiments.store import Store

LONGEST_NAME = 80  # characters
LONGEST_EMAIL = 254
LINK_HOURS = 72
_KEY = re.compile(r"[a-z0-9-]{3,64}")


class Link(Record):
    """A one-time link that somebody may sign in with: SHA-256 of its secret, and when it ends (unix seconds)."""

    digest: str
    expires: int


class Account(Record):
    """Somebody who may sign in.

    roles        always with `reader`
    email        where their provider may find them, in lower case
    subject      who they are at the provider of single sign-on: "<issuer> <subject>"
    experiments, partners   what they see: these experiments, and those of these partners; both None: all
    password     Argon2id, with its parameters
    revision     counts changes, for compare-and-set
    """

    format: Literal[1] = Field(default=1, alias="schema")
    id: str
    name: str
    roles: tuple[Role, ...]
    email: str | None = None
    subject: str | None = None
    experiments: tuple[str, ...] | None = None
    partners: tuple[str, ...] | None = None
    password: str | None = None
    link: Link | None = None
    disabled: int | None = None
    created: int
    revision: int = 1

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def is_restricted(self) -> bool:
        """Whether they see only some experiments."""
        return self.experiments is not None or self.partners is not None


def account_id(name: str) -> str:
    """The id of the account with a name: the same however the name is cased or composed, 16 hex digits."""
    return hashlib.sha256(f"account:{_plain(name).casefold()}".encode()).hexdigest()[:16]


def create(
    store: Store, name: str, roles: Iterable[str], actor: Actor, *,
    email: str | None = None, subject: str | None = None,
    experiments: Iterable[str] | None = None, partners: Iterable[str] | None = None,
) -> Account:  # fmt: skip
    """Make an account that nobody can sign in to yet: it needs a link, a password, or single sign-on."""
    account = Account(
        id=account_id(_named(name)), name=_named(name), roles=_roles(roles), created=actor.now,
        **_reach(email, subject, experiments, partners),
    )  # fmt: skip
    _unique(store, account)
    try:
        return _save(store, None, account, "create-user", actor, {"roles": " ".join(account.roles)})
    except Stale:
        raise InvalidInput(f"there is an account '{account.name}' already", pointer="/name") from None


def change(
    store: Store, account: Account, roles: Iterable[str], actor: Actor, *,
    email: str | None = None, subject: str | None = None,
    experiments: Iterable[str] | None = None, partners: Iterable[str] | None = None,
) -> Account:  # fmt: skip
    """Set roles, reach and addresses. Raises Stale, and changes nothing, if somebody changed the account meanwhile."""
    after = _next(account, roles=_roles(roles), **_reach(email, subject, experiments, partners))
    if "administrator" in account.roles and "administrator" not in after.roles:
        _not_the_last(store, account)
    _unique(store, after)
    details = {
        "roles": " ".join(after.roles),
        "experiments": "all" if after.experiments is None else " ".join(after.experiments),
        "partners": "all" if after.partners is None else ", ".join(after.partners),
    }
    return _save(store, account, after, "change-user", actor, details)


def disable(store: Store, account: Account, actor: Actor) -> Account:
    """Let somebody sign in no more, and end their sessions at once."""
    _not_the_last(store, account)
    done = _save(store, account, _next(account, disabled=actor.now, link=None), "disable-user", actor)
    store.sessions.end_all(account.id)
    return done


def enable(store: Store, account: Account, actor: Actor) -> Account:
    """Let somebody sign in again."""
    return _save(store, account, _next(account, disabled=None), "enable-user", actor)


def new_link(store: Store, account: Account, actor: Actor, hours: int = LINK_HOURS) -> str:
    """Return the token of a link that signs in once, within so many hours; an older link ends."""
    if account.disabled is not None:
        raise Refused(f"{account.name} may not sign in; enable the account first")
    secret = secrets.token_urlsafe(32)
    link = Link(digest=digest(secret), expires=actor.now + hours * HOUR)
    _save(store, account, _next(account, link=link), "link-user", actor, {"hours": hours})
    return f"{account.id}.{secret}"


def set_password(store: Store, account: Account, password: str, actor: Actor) -> Account:
    """Set a password, or raise InvalidInput saying why another one is needed. Ends every session of the account."""
    passwords.require_good(password, account.name, account.email or "")
    after = _next(account, password=passwords.hashed(password), link=None)
    done = _save(store, account, after, "password-user", actor)
    store.sessions.end_all(account.id)
    return done


def use_link(store: Store, account: Account, actor: Actor) -> Account:
    """Spend the account's link; of several that try it at once, one succeeds and the others meet Stale."""
    return _save(store, account, _next(account, link=None), "use-link", actor)


def connect(store: Store, account: Account, subject: str, actor: Actor) -> Account:
    """Note who somebody is at the provider of single sign-on; from then on their address there does not matter."""
    return _save(store, account, _next(account, subject=subject), "connect-user", actor)


def by_name(store: Store, name: str) -> Account:
    """Return an account, or raise NotFound."""
    return by_id(store, account_id(name), name)


def by_id(store: Store, name_id: str, called: str | None = None) -> Account:
    """Return an account, or raise NotFound."""
    held = store.accounts.get(name_id)
    if held is None:
        raise NotFound(f"there is no account '{called or name_id}'", pointer="/name")
    return Account.model_validate_json(held)


def everyone(store: Store) -> list[Account]:
    """All accounts, by name."""
    found = [Account.model_validate_json(held) for held in store.accounts.all()]
    return sorted(found, key=lambda account: account.name.casefold())


def visible(store: Store, account: Account) -> frozenset[str] | None:
    """Keys of the experiments that somebody sees; None: all.

    An experiment is a partner's where all its surfaces are: with some of another's, its result tells of both.
    """
    if not account.is_restricted:
        return None
    listed = frozenset(account.experiments or ())
    if not account.partners:
        return listed
    surfaces = _surfaces(store, account.partners)
    return listed | {e.key for e in store.documents.experiments() if _is_within(e, surfaces)}


def digest(secret: str) -> str:
    """What is kept of a secret that is random enough to need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_same(held: str, secret: str) -> bool:
    """Whether a secret is the one that a digest was made of; takes equally long in any case."""
    return hmac.compare_digest(held, digest(secret))


def _surfaces(store: Store, partners: Iterable[str]) -> frozenset[str]:
    keys = [ApiKey.model_validate_json(text) for text in store.documents.api_keys().values()]
    return frozenset(s for key in keys if key.partner in partners and key.revoked is None for s in key.surfaces)


def _is_within(experiment: Experiment, surfaces: frozenset[str]) -> bool:
    own = {surface for version in experiment.versions for surface in version.definition.surfaces}
    return "*" in surfaces or own <= surfaces


def _save(
    store: Store, before: Account | None, after: Account, act: str, actor: Actor, details: dict[str, Any] | None = None
) -> Account:
    note = Note(actor.name, act, f"user/{after.name}", actor.now, {**(details or {})})
    text = [None if one is None else one.model_dump_json(by_alias=True) for one in (before, after)]
    store.accounts.save(after.id, text[0], text[1] or "", note)
    return after


def _next(account: Account, **changes: Any) -> Account:
    return account.model_copy(update={**changes, "revision": account.revision + 1})


def _not_the_last(store: Store, account: Account) -> None:
    others = [a for a in everyone(store) if "administrator" in a.roles and a.disabled is None and a.id != account.id]
    if "administrator" in account.roles and account.disabled is None and not others:
        raise Refused(f"{account.name} is the only administrator; make somebody else one first")


def _unique(store: Store, account: Account) -> None:
    """One address or identity for two accounts would leave open who signs in."""
    for other in everyone(store):
        for field in ("email", "subject"):
            mine = getattr(account, field)
            if mine is not None and other.id != account.id and getattr(other, field) == mine:
                raise InvalidInput(f"{other.name} has this one already", pointer=f"/{field}")


def _named(name: str) -> str:
    plain = _plain(name)
    if not 1 <= len(plain) <= LONGEST_NAME or not plain.isprintable():
        raise InvalidInput(f"a name has 1 to {LONGEST_NAME} letters on one line", pointer="/name")
    return plain


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode()).split())


def _roles(roles: Iterable[str]) -> tuple[Role, ...]:
    wanted = set(roles)
    if wanted - set(ROLES):
        raise InvalidInput(f"roles are some of {', '.join(ROLES)}", pointer="/roles")
    return tuple(role for role in ROLES if role in wanted | {"reader"})


def _reach(
    email: str | None, subject: str | None, experiments: Iterable[str] | None, partners: Iterable[str] | None
) -> dict[str, Any]:
    """What an account sees, and how a provider may find it, checked."""
    address = (email or "").strip().lower() or None
    if address is not None and (not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or len(address) > LONGEST_EMAIL):
        raise InvalidInput("an address such as ada@example.org", pointer="/email")
    keys = None if experiments is None else tuple(sorted(set(experiments)))
    for key in keys or ():
        if not _KEY.fullmatch(key):
            raise InvalidInput(f"'{key}' is no key of an experiment", pointer="/experiments")
    owners = None if partners is None else tuple(sorted({p.strip() for p in partners if p.strip()}))
    return {"email": address, "subject": (subject or "").strip() or None, "experiments": keys, "partners": owners}
