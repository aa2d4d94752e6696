"""All settings, read once from the environment. `SETTINGS` is the documentation, too."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from experiments.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's name in the environment, default, unit and meaning."""

    name: str
    default: str
    unit: str
    help: str


SETTINGS = {
    "ledger_url": Setting("SIGNPOST_LEDGER_URL", "", "URL", "the durable store; empty starts a private server"),
    "volatile_url": Setting("SIGNPOST_VOLATILE_URL", "", "URL", "the store of day keys; empty starts a private one"),
    "var": Setting("SIGNPOST_VAR", "var", "folder", "where private servers and the key file live"),
    "key_file": Setting("SIGNPOST_KEY_FILE", "", "file", "the key file; empty: keys.json in SIGNPOST_VAR"),
    "spool": Setting("SIGNPOST_SPOOL", "", "folder", "this host's spool; empty: the folder spool in SIGNPOST_VAR"),
    "spool_megabytes": Setting("SIGNPOST_SPOOL_MB", "256", "megabytes", "what the spool may take of the disk"),
    "redis_server": Setting("SIGNPOST_REDIS_SERVER", "", "file", "the server program to start; empty looks for one"),
    "host": Setting("SIGNPOST_HOST", "127.0.0.1", "address", "where to listen"),
    "port": Setting("PORT", "8000", "port", "where to listen"),
    "surfaces": Setting("SIGNPOST_SURFACES", "public,research,review", "list", "which surfaces this process serves"),
    "public_url": Setting("SIGNPOST_PUBLIC_URL", "", "URL", "base of links; empty: the request's own host"),
    "workers": Setting("SIGNPOST_WORKERS", "1", "processes", "worker processes of `signpost serve`"),
    "threads": Setting("SIGNPOST_THREADS", "4", "threads", "requests of each worker that run at a time"),
    "store_budget": Setting(
        "SIGNPOST_STORE_BUDGET_MS", "100", "milliseconds", "what a waiting person gives the ledger"
    ),
    "refresh": Setting("SIGNPOST_REFRESH_SECONDS", "2", "seconds", "how often definitions are looked at"),
    "durability": Setting(
        "SIGNPOST_DURABILITY", "single", "single | replicated | relaxed", "what the ledger must promise"
    ),
    "shards": Setting(
        "SIGNPOST_SHARDS", "0", "shards", "of a version that starts; 0: one, or two for each master of a cluster"
    ),
    "browser_requests": Setting(
        "SIGNPOST_BROWSER_REQUESTS", "6000", "requests", "from one network in ten minutes by browser keys; 0: no limit"
    ),
    "staff_anywhere": Setting(
        "SIGNPOST_STAFF_ANYWHERE", "0", "0 or 1", "1: serve staff surfaces beyond loopback without an https public URL"
    ),
    "language": Setting(
        "SIGNPOST_LANGUAGE",
        "",
        "language",
        "of staff's pages, such as en-GB; empty: as each browser asks, if it is there",
    ),
    "session_idle": Setting(
        "SIGNPOST_SESSION_IDLE_MINUTES", "60", "minutes", "after so long without a request staff sign in again"
    ),
    "session_most": Setting("SIGNPOST_SESSION_HOURS", "8", "hours", "after so long staff sign in again in any case"),
    "oidc_issuer": Setting("SIGNPOST_OIDC_ISSUER", "", "URL", "provider of single sign-on; empty: none"),
    "oidc_client_id": Setting("SIGNPOST_OIDC_CLIENT_ID", "", "text", "what Signpost is called at the provider"),
    "oidc_client_secret": Setting("SIGNPOST_OIDC_CLIENT_SECRET", "", "text", "its secret there"),
    "oidc_name": Setting(
        "SIGNPOST_OIDC_NAME", "", "text", "what staff call the provider; empty: your organisation's account"
    ),
    "tick": Setting(
        "SIGNPOST_TICK", "1", "0 or 1", "0: staff surfaces close no variants by themselves; run `signpost tick` daily"
    ),
    "trusted_proxies": Setting("SIGNPOST_TRUSTED_PROXIES", "0", "proxies", "proxies in front whose headers are true"),
    "alert_webhook": Setting("SIGNPOST_ALERT_WEBHOOK", "", "URL", "where alerts are posted, signed; empty: nowhere"),
    "alert_secret": Setting(
        "SIGNPOST_ALERT_SECRET",
        "",
        "text",
        "what alerts are signed with, 16 characters or more; shared with the receiver",
    ),
    "alert_mail": Setting("SIGNPOST_ALERT_MAIL", "", "addresses", "who gets alerts by e-mail, separated by commas"),
    "alert_mail_from": Setting("SIGNPOST_ALERT_MAIL_FROM", "", "address", "the sender of alerts"),
    "smtp_url": Setting(
        "SIGNPOST_SMTP_URL", "", "URL", "smtps://user:password@host:465, or smtp:// (STARTTLS, except on this machine)"
    ),
    "help_file": Setting("SIGNPOST_HELP_FILE", "", "file", "the help directory; empty: the library's"),
    "fallback_file": Setting("SIGNPOST_FALLBACK_FILE", "", "file", "the fallback messages; empty: the library's"),
}
DURABILITIES = ("single", "replicated", "relaxed")
SURFACES = ("public", "research", "review")
LEAST_SECRET = 16  # characters
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a process, parsed. `store_budget`, `refresh`, `session_idle`, `session_most` in seconds."""

    ledger_url: str
    volatile_url: str
    var: Path
    key_file: Path
    spool: Path
    spool_megabytes: int
    redis_server: str | None
    host: str
    port: int
    surfaces: tuple[str, ...]
    public_url: str | None
    workers: int
    threads: int
    store_budget: float
    refresh: float
    durability: str
    shards: int
    browser_requests: int
    staff_anywhere: bool
    session_idle: int
    session_most: int
    oidc_issuer: str | None
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    language: str | None
    tick: bool
    trusted_proxies: int
    alert_webhook: str | None
    alert_secret: str | None
    alert_mail: tuple[str, ...]
    alert_mail_from: str
    smtp_url: str | None
    help_file: Path | None
    fallback_file: Path | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment, or raise InvalidInput naming the variable and what would be right."""
        raw = {f.name: environment.get(SETTINGS[f.name].name) or SETTINGS[f.name].default for f in fields(cls)}
        var = Path(raw["var"]).absolute()
        surfaces = tuple(name.strip() for name in raw["surfaces"].split(",") if name.strip())
        if not surfaces or set(surfaces) - set(SURFACES):
            raise _wrong("surfaces", f"some of {', '.join(SURFACES)}, separated by commas")
        if raw["durability"] not in DURABILITIES:
            raise _wrong("durability", "single, replicated or relaxed")
        if bool(raw["ledger_url"]) != bool(raw["volatile_url"]):
            raise _wrong("volatile_url", "given together with SIGNPOST_LEDGER_URL, or neither of them")
        return cls(
            ledger_url=raw["ledger_url"],
            volatile_url=raw["volatile_url"],
            var=var,
            key_file=Path(raw["key_file"]).absolute() if raw["key_file"] else var / "keys.json",
            spool=Path(raw["spool"]).absolute() if raw["spool"] else var / "spool",
            spool_megabytes=_number("spool_megabytes", raw, 1, 100_000),
            redis_server=raw["redis_server"] or None,
            host=raw["host"],
            port=_number("port", raw, 1, 65535),
            surfaces=surfaces,
            public_url=raw["public_url"].rstrip("/") or None,
            workers=_number("workers", raw, 1, 64),
            threads=_number("threads", raw, 1, 256),
            store_budget=_number("store_budget", raw, 1, 60_000) / 1000,
            refresh=_number("refresh", raw, 1, 60),
            durability=raw["durability"],
            shards=_number("shards", raw, 0, 64),
            browser_requests=_number("browser_requests", raw, 0, 10**9),
            staff_anywhere=bool(_number("staff_anywhere", raw, 0, 1)),
            language=_language(raw["language"]),
            session_idle=_number("session_idle", raw, 1, 24 * 60) * 60,
            session_most=_number("session_most", raw, 1, 30 * 24) * 3600,
            **_provider(raw),
            tick=bool(_number("tick", raw, 0, 1)),
            trusted_proxies=_number("trusted_proxies", raw, 0, 9),
            **_alerts(raw),
            help_file=Path(raw["help_file"]) if raw["help_file"] else None,
            fallback_file=Path(raw["fallback_file"]) if raw["fallback_file"] else None,
        )


def require_loopback(settings: Settings) -> None:
    """Raise InvalidInput when people would send their passwords over a network that is not encrypted."""
    staff = [name for name in settings.surfaces if name != "public"]
    is_encrypted = settings.staff_anywhere or (settings.public_url or "").startswith("https://")
    if staff and settings.host not in LOOPBACK and not is_encrypted:
        raise _wrong(
            "host",
            f"a loopback address while {' and '.join(staff)} is served without an https:// SIGNPOST_PUBLIC_URL "
            "(see SIGNPOST_STAFF_ANYWHERE)",
        )


def _provider(raw: Mapping[str, str]) -> dict[str, Any]:
    """The provider of single sign-on. What it says decides who signs in, so nobody may listen or answer for it."""
    issuer = urlsplit(raw["oidc_issuer"])
    is_here = issuer.scheme == "http" and issuer.hostname in LOOPBACK
    if raw["oidc_issuer"] and issuer.scheme != "https" and not is_here:
        raise _wrong("oidc_issuer", "an https:// address")
    for field in ("oidc_client_id", "oidc_client_secret"):
        if bool(raw[field]) != bool(raw["oidc_issuer"]):
            raise _wrong(field, "given together with SIGNPOST_OIDC_ISSUER, or neither of them")
    named = {field: raw[field] for field in ("oidc_client_id", "oidc_client_secret", "oidc_name")}
    return {"oidc_issuer": raw["oidc_issuer"] or None, **named}


def _alerts(raw: Mapping[str, str]) -> dict[str, Any]:
    """Where alerts go. Half of an address would be noticed when the first one does not arrive, so it is refused."""
    if raw["alert_webhook"] and urlsplit(raw["alert_webhook"]).scheme not in ("https", "http"):
        raise _wrong("alert_webhook", "an https:// address")
    if raw["alert_webhook"] and len(raw["alert_secret"]) < LEAST_SECRET:
        raise _wrong("alert_secret", f"{LEAST_SECRET} characters or more, given together with SIGNPOST_ALERT_WEBHOOK")
    to = tuple(one.strip() for one in raw["alert_mail"].split(",") if one.strip())
    if to and not (raw["alert_mail_from"] and raw["smtp_url"]):
        raise _wrong("alert_mail", "given together with SIGNPOST_ALERT_MAIL_FROM and SIGNPOST_SMTP_URL")
    if any("@" not in one or " " in one for one in (*to, *filter(None, [raw["alert_mail_from"]]))):
        raise _wrong("alert_mail", "addresses such as team@example.org, separated by commas")
    smtp = urlsplit(raw["smtp_url"])
    if raw["smtp_url"] and (smtp.scheme not in ("smtp", "smtps") or not smtp.hostname):
        raise _wrong("smtp_url", "smtps://user:password@host:465 or smtp://host:587")
    return {
        "alert_webhook": raw["alert_webhook"] or None, "alert_secret": raw["alert_secret"] or None,
        "alert_mail": to, "alert_mail_from": raw["alert_mail_from"], "smtp_url": raw["smtp_url"] or None,
    }  # fmt: skip


def _language(tag: str) -> str | None:
    """The locale's name as Babel writes it; Babel itself is loaded by staff surfaces only."""
    if tag and not re.fullmatch(r"[a-z]{2,3}([-_][A-Z]{2})?", tag):
        raise _wrong("language", "a language such as en or en-GB")
    return tag.replace("-", "_") or None


def _number(field: str, raw: Mapping[str, str], low: int, high: int) -> int:
    try:
        value = int(raw[field])
    except ValueError:
        raise _wrong(field, f"a whole number from {low} to {high}") from None
    if not low <= value <= high:
        raise _wrong(field, f"a whole number from {low} to {high}")
    return value


def _wrong(field: str, right: str) -> InvalidInput:
    return InvalidInput(f"{SETTINGS[field].name} must be {right}", pointer=f"/{SETTINGS[field].name}")
