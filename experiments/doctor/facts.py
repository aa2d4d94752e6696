"""Gathers what the checks judge. Reads only: makes no key, no folder, no server."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from experiments.catalogue import Catalogue, Live
from experiments.doctor.house import COMPACT, Disk, KeyFile, Page, Spool
from experiments.errors import InvalidInput, StoreUnavailable
from experiments.identity import Keyring
from experiments.model import day_of
from experiments.retention import last_sealing
from experiments.store import Store
from experiments.store.facts import Node, fullest_page, held_days, nodes
from experiments.store.files import folder_of, rewritten
from experiments.store.spool import look
from experiments.store.upkeep import Upkeep

PATIENCE = 2.0
SAID = {
    "AuthenticationError": "it refuses our name or password",
    "NoPermissionError": "it does not let our user read what it tells of itself",
    "BusyLoadingError": "it is still loading its file",
    "TimeoutError": "it does not answer in time",
    "ConnectionError": "nobody answers at its address",
    "RedisClusterException": "no node of a cluster answers at its address",
    "ClusterDownError": "the cluster is down: some of its slots have no primary",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. Empty nodes, and None: could not be read; `away` says why a store was not.

    `rewritten` and `sealed` are seconds since the ledger's files were rewritten and since a day was sealed.
    """

    wanted: str
    now: float
    key_file: KeyFile
    disks: tuple[Disk, ...]
    spool: Spool
    ledger: list[Node] = field(default_factory=list)
    volatile: list[Node] = field(default_factory=list)
    away: Mapping[str, str] = field(default_factory=dict)
    rewritten: tuple[float | None, ...] = ()
    sealed: float | None = None
    held: Mapping[int, bool] | None = None
    is_live: bool = False
    page: Page | None = None
    problems: tuple[str, ...] | None = None


def gather(
    urls: tuple[str, str] | None, *, wanted: str, var: Path, key_file: Path, spool: Path,
    clock: Callable[[], float] = time.time,
) -> Facts:  # fmt: skip
    """Read everything that can be read. `urls` of ledger and volatile store; None: no private servers are running."""
    disks = (_disk("SIGNPOST_VAR", var), _disk("the spool", spool))
    facts = Facts(wanted, clock(), _key_file(key_file, clock()), disks, _spool(spool))
    if urls is None:
        why = f"no private servers are running in {var}: `signpost serve` is not running there"
        return replace(facts, away={"service": why})
    with _opened(urls, wanted) as store:
        facts = _of_volatile(facts, store, clock)
        facts = _of_ledger(facts, store, urls[0], clock)
        return facts if facts.key_file.problem or facts.sealed is None else _of_experiments(facts, store)


@contextmanager
def _opened(urls: tuple[str, str], wanted: str) -> Iterator[Store]:
    store = Store.open(*urls, budget=PATIENCE, patience=PATIENCE, durability=wanted)
    try:
        yield store
    finally:
        for client in (store.ledger.client, store.ledger.patient, store.volatile.client):
            client.close()


def _of_volatile(facts: Facts, store: Store, clock: Callable[[], float]) -> Facts:
    client, today = store.volatile.client, day_of(facts.now)
    try:
        return replace(facts, volatile=nodes(client, clock=clock), held=held_days(client, (today, today + 1)))
    except StoreUnavailable as error:
        return _without(facts, "volatile", error)


def _of_ledger(facts: Facts, store: Store, url: str, clock: Callable[[], float]) -> Facts:
    silent: list[str] = []
    try:
        members = nodes(store.ledger.patient, neighbours=True, clock=clock, silent=silent)
    except StoreUnavailable as error:
        return _without(facts, "ledger", error)
    if silent:
        facts = replace(facts, away={**facts.away, "ledger": f"of its servers, {', '.join(silent)} do not answer"})
    places = [(node, folder_of(node, url)) for node in members]
    disks = [_disk("the ledger", at, int(node.info.get("aof_current_size") or 0)) for node, at in places if at]
    facts = replace(facts, ledger=members, disks=(*facts.disks, *disks))
    try:
        noted = Upkeep(store.ledger.patient).rewritten()
        sealed = last_sealing(store.documents.experiments(), facts.now)
    except StoreUnavailable as error:
        return _without(facts, "ledger", error)
    ages = [rewritten(node, at, noted.get(node.name or "ledger"), facts.now) for node, at in places]
    return replace(facts, rewritten=tuple(ages), sealed=facts.now - sealed)


def _of_experiments(facts: Facts, store: Store) -> Facts:
    """What needs the definitions."""
    if facts.key_file.mode is None:
        return facts
    try:
        catalogue = Catalogue(store, Keyring.at(Path(facts.key_file.path)))
        catalogue.refresh()
        live = catalogue.snapshot.by_id.values()
        rows = fullest_page(store.ledger.patient, _open_days(live, facts.now))
    except StoreUnavailable as error:
        return _without(facts, "ledger", error)
    told = [int((node.settings or {}).get("hash-max-ziplist-entries") or COMPACT) for node in facts.ledger]
    page = Page(rows, min(told))
    return replace(facts, is_live=bool(live), page=page, problems=catalogue.snapshot.problems)


def _open_days(live: Iterable[Live], now: float) -> list[tuple[str, int]]:
    return [(tag, day) for one in live for day in one.version.open_days(now) for tag in one.tags]


def _without(facts: Facts, store: str, error: StoreUnavailable) -> Facts:
    cause = type(error.__cause__).__name__
    return replace(facts, away={store: f"does not answer: {SAID.get(cause, cause)}", **facts.away})


def _disk(what: str, folder: Path, rewrite: int = 0) -> Disk:
    return Disk(what, str(folder), shutil.disk_usage(_existing(folder)).free, rewrite)


def _existing(folder: Path) -> Path:
    """The folder, or the one above it that exists."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())


def _key_file(path: Path, now: float) -> KeyFile:
    try:
        told = path.stat()
        Keyring.at(path)
    except FileNotFoundError:
        return KeyFile(str(path))
    except OSError as error:
        return KeyFile(str(path), mode=0, problem=f"{path} cannot be read: {error.strerror}")
    except InvalidInput as error:
        return KeyFile(str(path), mode=0, problem=error.detail)
    return KeyFile(str(path), stat.S_IMODE(told.st_mode), now - told.st_mtime)


def _spool(folder: Path) -> Spool:
    there = _existing(folder)
    is_writable = there.is_dir() and os.access(there, os.W_OK)
    try:
        return Spool(str(folder), is_writable, look(folder))
    except StoreUnavailable as error:
        return Spool(str(folder), is_writable, problem=error.detail)
