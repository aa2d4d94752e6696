"""Who is calling, and may they? Two voices: a partner's server (secret key) and a browser (public id)."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import request
from limits import RateLimitItemPerMinute, storage, strategies

from app.context import context
from app.settings import LOOPBACK
from experiments.access import ApiKey, find_browser_key, find_server_key
from experiments.errors import AccessError
from experiments.runtime import Runtime

WINDOW_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Caller:
    """The key that asks; `is_server` decides which voice is answered."""

    key: ApiKey

    @property
    def is_server(self) -> bool:
        return self.key.kind == "server"


def server_key(runtime: Runtime, now: float) -> ApiKey | None:
    """The partner's key if one is sent, None for browsers. Raises AccessError for a wrong one."""
    text = request.environ.get("HTTP_AUTHORIZATION")
    if text is None:
        return None
    scheme, _, secret = text.partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise AccessError("send the key as 'Authorization: Bearer …'", code="key-unknown")
    return find_server_key(runtime.catalogue.snapshot.api_keys, secret.strip(), now)


def caller(runtime: Runtime, now: float, *, check_origin: bool) -> Caller:
    """Return who asks for a warning, or raise AccessError."""
    key = server_key(runtime, now)
    if key is not None:
        return Caller(key)
    public = request.args.get("key")
    if not public:
        raise AccessError("send a server key, or key= with the public id of a browser key", code="key-missing")
    key = find_browser_key(runtime.catalogue.snapshot.api_keys, public, now)
    if check_origin:
        key.require_origin(request.headers.get("Origin"))
    return Caller(key)


def framing_sites(runtime: Runtime) -> tuple[str, ...]:
    """Sites that may show a warning in a frame: the origins of the browser key that asks.

    Also of one that was revoked: what it is shown is the fallback, and an empty frame would be worse.
    """
    prefix, _, key_id = request.args.get("key", "").partition("_")
    key = runtime.catalogue.snapshot.api_keys.get(key_id) if prefix == "pk" else None
    return key.origins if key is not None and key.kind == "browser" else ()


def require_own_host() -> None:
    """Refuse staff pages under a strange name: a name that leads to loopback is how a web page reaches them."""
    at = context()
    own = {*LOOPBACK, urlsplit(at.base_url if at.settings.public_url else "").hostname}
    if not at.settings.staff_anywhere and urlsplit(f"//{request.host}").hostname not in own:
        raise AccessError("staff pages are served under this machine's own name only", code="origin-refused")


class Limiter:
    """Counts requests by network in process memory; the salt lives ten minutes and no address is kept."""

    def __init__(self, requests: int) -> None:
        self._limit = RateLimitItemPerMinute(requests, WINDOW_MINUTES) if requests else None
        self._strategy = strategies.FixedWindowRateLimiter(storage.MemoryStorage())
        self._salt = (0, b"")

    def require(self, now: float) -> None:
        """Raise AccessError (`rate-limited`) when this network asks too often."""
        if self._limit is None:
            return
        if not self._strategy.hit(self._limit, self._network(now)):
            raise AccessError("too many requests from this network", code="rate-limited")

    def _network(self, now: float) -> str:
        period = int(now // (60 * WINDOW_MINUTES))
        if self._salt[0] != period:
            self._salt = (period, secrets.token_bytes(16))
        return hmac.new(self._salt[1], _prefix(request.remote_addr).encode(), hashlib.sha256).hexdigest()


def _prefix(address: str | None) -> str:
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, length), strict=False))
