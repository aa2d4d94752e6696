"""What the servers really promise, read from themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from experiments.errors import UnsafeStore
from experiments.store.connection import Client, everywhere, translated


@dataclass(frozen=True, slots=True)
class Condition:
    """`durability` is `single`, `relaxed` or `unverified`; `problems` would lose counts; all in words for people."""

    server: str
    durability: str
    problems: tuple[str, ...]
    notices: tuple[str, ...]

    def require(self, wanted: str) -> None:
        """Refuse what is worse than wanted (`single` or `relaxed`)."""
        problems = list(self.problems)
        if wanted == "single" and self.durability == "relaxed":
            problems.append("appendfsync must be 'always' (or set SIGNPOST_DURABILITY=relaxed to run a trial)")
        if problems:
            raise UnsafeStore("the ledger is not safe: " + "; ".join(problems))


Settings = list[dict[str, str]]  # of every server behind a client


def condition(ledger: Client, volatile: Client) -> Condition:
    """Read server kind, version and settings of both stores, of every node of a cluster (six round trips)."""
    with translated():
        server = _server(ledger)
        settings = _settings(ledger, "appendonly", "appendfsync", "maxmemory-policy")
        forgetful = _settings(volatile, "appendonly", "save")
    if settings is None:
        notice = "The ledger does not show its settings, so its durability is unverified."
        return Condition(server, "unverified", (), (notice,))
    return Condition(server, _durability(settings), _problems(settings), _notices(settings, forgetful))


def _by_node(answer: object) -> dict[str, dict[str, Any]]:
    """The answers of a cluster's nodes by name; of a single server under one name."""
    found: dict[str, Any] = answer if isinstance(answer, dict) else {}
    return found if found and all(isinstance(inner, dict) for inner in found.values()) else {"": found}


def _server(client: Client) -> str:
    info = next(iter(_by_node(client.info("server", **everywhere(client))).values()))
    kind = "valkey" if "valkey_version" in info else "redis"
    return f"{kind} {info.get('valkey_version') or info.get('redis_version')}"


def _settings(client: Client, *names: str) -> Settings | None:
    found: dict[str, dict[str, str]] = {}
    try:
        for name in names:
            for node, values in _by_node(client.config_get(name, **everywhere(client))).items():
                found.setdefault(node, {}).update(values)
    except redis.ResponseError:
        return None
    return list(found.values())


def _any_not(settings: Settings, name: str, wanted: str) -> bool:
    return any(one.get(name) != wanted for one in settings)


def _durability(settings: Settings) -> str:
    return "relaxed" if _any_not(settings, "appendfsync", "always") else "single"


def _problems(settings: Settings) -> tuple[str, ...]:
    problems = []
    if _any_not(settings, "appendonly", "yes"):
        problems.append("appendonly must be 'yes', or a restart forgets everything")
    if _any_not(settings, "maxmemory-policy", "noeviction"):
        problems.append("maxmemory-policy must be 'noeviction', or counts are thrown away when memory is short")
    return tuple(problems)


def _notices(settings: Settings, forgetful: Settings | None) -> tuple[str, ...]:
    notices = []
    if _any_not(settings, "appendfsync", "always"):
        notices.append("The ledger acknowledges before it is on disk: a crash may lose the last seconds.")
    if any(one.get("appendonly") == "yes" or one.get("save") for one in forgetful or ()):
        notices.append("The volatile store writes to disk: day keys may outlive their day in its files.")
    return tuple(notices)
