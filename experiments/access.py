"""Integrators' keys: who may ask for what. Secrets are kept as SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Literal

from experiments.errors import AccessError
from experiments.model import Record

Kind = Literal["server", "browser"]


class ApiKey(Record):
    """A key of a partner. `surfaces` it may ask for ("*" is all), `origins` from which a browser key may ask.

    A browser key is public: its id alone is sent, as `key=` in the address, and has no secret.
    """

    id: str
    kind: Kind
    partner: str
    partner_number: int
    surfaces: tuple[str, ...]
    origins: tuple[str, ...] = ()
    secret_hash: str | None = None
    created: int
    expires: int | None = None
    revoked: int | None = None

    def require_surface(self, surface: str) -> None:
        """Raise AccessError unless the key's scope covers the surface."""
        if "*" not in self.surfaces and surface not in self.surfaces:
            raise AccessError(
                f"this key may not ask for surface '{surface}'; it is for {', '.join(self.surfaces)}",
                code="scope-missing", pointer="/surface",
            )  # fmt: skip

    def require_origin(self, origin: str | None) -> None:
        """Raise AccessError unless a browser may ask from this origin (`null` must be allowed by name)."""
        if origin not in self.origins:
            raise AccessError(f"this key does not allow the origin {origin or '(none sent)'}", code="origin-refused")

    def require_valid(self, now: float) -> None:
        """Raise AccessError for a revoked or expired key."""
        if self.revoked is not None or (self.expires is not None and now >= self.expires):
            raise AccessError("this key was revoked or has expired; create a new one", code="key-revoked")


def new_key(
    *, kind: Kind, partner: str, partner_number: int, surfaces: tuple[str, ...], origins: tuple[str, ...] = (),
    now: int, expires: int | None = None,
) -> tuple[ApiKey, str]:  # fmt: skip
    """Return a new key and what its owner needs to use it: `sk_<id>_<secret>`, or `pk_<id>` for browsers."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        id=key_id, kind=kind, partner=partner, partner_number=partner_number, surfaces=surfaces, origins=origins,
        secret_hash=_hash(secret) if kind == "server" else None, created=now, expires=expires,
    )  # fmt: skip
    return key, f"sk_{key_id}_{secret}" if kind == "server" else f"pk_{key_id}"


def find_server_key(keys: Mapping[str, ApiKey], text: str, now: float) -> ApiKey:
    """Return the key for `sk_<id>_<secret>`, or raise AccessError."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    key = keys.get(key_id)
    if prefix != "sk" or key is None or key.secret_hash is None:
        raise _unknown()
    if not hmac.compare_digest(key.secret_hash, _hash(secret)):
        raise _unknown()
    key.require_valid(now)
    return key


def find_browser_key(keys: Mapping[str, ApiKey], text: str, now: float) -> ApiKey:
    """Return the key for the public id `pk_<id>`, or raise AccessError."""
    prefix, _, key_id = text.partition("_")
    key = keys.get(key_id)
    if prefix != "pk" or key is None or key.kind != "browser":
        raise _unknown()
    key.require_valid(now)
    return key


def _unknown() -> AccessError:
    return AccessError("this key is not known; check it, or create one with `signpost key create`")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
