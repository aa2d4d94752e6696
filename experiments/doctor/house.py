"""Checks of what lies outside the servers: disks, the key file, day keys, pages, the spool, definitions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from experiments.doctor.finding import SET, Finding, Wrong, fault, finding, warning
from experiments.doctor.servers import MIB, since, size
from experiments.model import DAY, HOUR, day_of
from experiments.store.ledger import FULL_PAGE
from experiments.store.spool import Look

DISK_WARNING, DISK_FAULT = 1024 * MIB, 100 * MIB
KEY_DAYS = 366
COMPACT = 512  # rows of a page, where the server does not say
NOON, CALM = 12 * HOUR, 300  # tomorrow's key is made at noon; somebody may be about to
OLD_EVENT = 15 * 60
SPOOL_WARNING, SPOOL_FAULT = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder's disk: what it is for, bytes free; `rewrite` bytes that a rewrite of the ledger's file may take."""

    what: str
    folder: str
    free: int
    rewrite: int = 0


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The key file: `mode` None if there is none, `age` seconds since it changed; `problem` if it is no such file."""

    path: str
    mode: int | None = None
    age: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The fullest page of rows that was found: rows, and from how many on a page takes four times the memory."""

    rows: int
    compact: int = COMPACT


@dataclass(frozen=True, slots=True)
class Spool:
    """The spool's folder: whether it can be written, what is in it (None: nothing yet), why that cannot be read."""

    folder: str
    is_writable: bool
    look: Look | None = None
    problem: str = ""


def disk(disks: Sequence[Disk]) -> Finding:
    """Free space. A ledger that cannot write stops."""
    told = dict.fromkeys(f"{one.what}: {size(one.free)} free" for one in disks)  # servers may share a disk
    return finding("disk", (wrong for one in disks for wrong in _full(one)), ", ".join(told))


def _full(one: Disk) -> Iterator[Wrong]:
    if one.free < DISK_WARNING:
        make = fault if one.free < DISK_FAULT else warning
        yield make(
            f"{size(one.free)} free for {one.what} ({one.folder})",
            "Free space or give it a larger disk; a ledger that cannot write stops, and the spool takes nothing more.",
        )
    if one.free < one.rewrite:
        yield warning(
            f"{size(one.free)} free in {one.folder}, a rewrite of the ledger's file may take {size(one.rewrite)}",
            "Free that much, or the file grows on and deleted rows stay in it.",
        )


def key_file(file: KeyFile) -> Finding:
    """The key file: without it no experiment goes on; whoever else reads it can recompute variants."""
    fine = f"{file.path}; it and its token keys are {since(file.age)} old"
    return finding("key file", _key_file(file), fine)


def _key_file(file: KeyFile) -> Iterator[Wrong]:
    if file.mode is None:
        yield fault(
            f"there is no key file {file.path}",
            "Restore it from its own backup. Only if no experiment was ever started, let `signpost serve` make one.",
        )
        return
    if file.problem:
        yield fault(file.problem, "Restore it from its own backup, or let this user read it.")
        return
    if file.mode & 0o077:
        yield warning(f"others may read {file.path} (mode {file.mode:04o})", f"chmod 600 {file.path}")
    if file.age > KEY_DAYS * DAY:
        yield warning(
            f"the token keys are {since(file.age)} old",
            'Add a next number with `openssl rand -hex 32` under "tokens" in the key file, restart every process; '
            'take the old number out a day later. Leave "wrap" as it is.',
        )


def day_keys(held: Mapping[int, bool], now: float, *, is_live: bool) -> Finding:
    """Keys of today and, from noon on, of tomorrow in the volatile store. Every process puts them there."""
    return finding("day keys", _day_keys(held, now, is_live=is_live), "in the volatile store")


def _day_keys(held: Mapping[int, bool], now: float, *, is_live: bool) -> Iterator[Wrong]:
    wanted = {day_of(now): "today's"}
    if now % DAY > NOON + CALM:
        wanted[day_of(now) + 1] = "tomorrow's"
    missing = [name for day, name in wanted.items() if not held.get(day)]
    if missing:
        make = fault if is_live else warning
        yield make(
            f"{' and '.join(missing)} key{' is' if len(missing) == 1 else 's are'} not in the volatile store",
            "No process of Signpost is running with these stores, or none reaches the volatile store: start "
            "`signpost serve`, or look at its log (if it has only just started, look again). Do not restart running "
            "processes: they hold copies.",
        )


def page(fullest: Page) -> Finding:
    """The fullest page of rows. Beyond the compact encoding a row takes four times the memory."""
    return finding("pages", _page(fullest), f"the fullest holds {fullest.rows} of {fullest.compact} rows")


def _page(fullest: Page) -> Iterator[Wrong]:
    if fullest.compact < COMPACT:
        yield warning(
            f"the ledger keeps hashes compact up to {fullest.compact} rows only (hash-max-ziplist-entries)",
            f"{SET} hash-max-ziplist-entries {COMPACT}.",
        )
    if fullest.rows >= fullest.compact:
        yield warning(
            f"a page holds {fullest.rows} rows, more than {fullest.compact}: a row takes four times the memory there",
            "Watch the ledger's memory. Tomorrow has pages for today's number of units.",
        )
    elif fullest.rows >= FULL_PAGE:
        yield warning(
            f"a page holds {fullest.rows} of {fullest.compact} rows: today has far more units than yesterday",
            "Watch the ledger's memory: beyond that, a row takes four times as much until tomorrow.",
        )


def spool(told: Spool, now: float) -> Finding:
    """What waits for the ledger on this host."""
    waits = f"{told.look.waiting} events wait" if told.look and told.look.waiting else "nothing waits"
    return finding("spool", _spool(told, now), f"{told.folder} can be written, {waits}")


def _spool(told: Spool, now: float) -> Iterator[Wrong]:
    if not told.is_writable:
        yield fault(
            f"{told.folder} cannot be written: while the ledger is away, events are lost",
            "Let the user of `signpost serve` write there, or point SIGNPOST_SPOOL at a folder on a disk.",
        )
    if told.problem:
        yield fault(told.problem, "Leave the files where they are, and look at the log of `signpost serve`.")
    if told.look is not None:
        yield from _held(told.look, now)


def _held(look: Look, now: float) -> Iterator[Wrong]:
    share = look.bytes / look.limit if look.limit else 0.0
    if share >= SPOOL_WARNING:
        make = fault if share >= SPOOL_FAULT else warning
        yield make(
            f"it holds {size(look.bytes)} of {size(look.limit)} ({share:.0%})",
            "Bring the ledger back. When the spool is full, warnings are shown but no longer counted.",
        )
    if look.oldest is not None and now - look.oldest > OLD_EVENT:
        yield warning(
            f"{look.waiting} events wait, the oldest for {since(now - look.oldest)}",
            "Bring the ledger back; if it answers, see that `signpost serve` runs on this host: it replays them.",
        )
    if look.aside:
        yield warning(
            f"{look.aside} events were set aside, because the ledger refused them",
            "They are counted nowhere, the rest goes on. Keep the folder, and report it.",
        )
    if look.damaged:
        yield warning(
            f"damaged files were set aside: {', '.join(look.damaged)}",
            "What they held is counted nowhere. Check the disk; keep the files, and report it.",
        )


def definitions(problems: Sequence[str]) -> Finding:
    """Experiments that cannot be served."""
    advice = "Point SIGNPOST_KEY_FILE at the key file that was used when the experiment was started."
    return finding("definitions", (fault(text, advice) for text in problems), "every running experiment can be served")
