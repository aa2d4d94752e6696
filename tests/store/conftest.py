"""The ledger's scripts, called directly: one shard, four pages a day, names for pseudonyms."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

import pytest

from experiments.spec import OutcomeDefinition
from experiments.store import acts, keys
from experiments.store.acts import Slot, Told
from experiments.store.ledger import Ledger
from experiments.store.rows import Row, mask

DAY = 86_400
TODAY = 20_000
NOON = TODAY * DAY + DAY // 2
HOUR = 3_600
PAGES = 4
TAG = "{e.1.0}"
PLAN = (  # what the outcomes d0, d1, d2, d3 of these tests are
    OutcomeDefinition(outcome="help_sought"),
    OutcomeDefinition(outcome="help_sought", channels=["call", "email"], tiers=["attested"]),
    OutcomeDefinition(outcome="repeat_trigger"),
    OutcomeDefinition(outcome="left"),
)
MASKS = tuple(mask(one) for one in PLAN)


def terms(window: int, pause: int) -> acts.Terms:
    return acts.Terms(window, HOUR, pause, MASKS)


class Counting:
    """Calls of the scripts with the parameters that do not matter filled in."""

    def __init__(self, ledger: Ledger, kind) -> None:
        self.ledger = ledger
        self.kind = kind

    def slot(self, name: str, day: int = TODAY, seconds: int = 30 * HOUR, tag: str = TAG) -> Slot:
        return Slot(tag, day, seconds, PAGES, hashlib.sha256(f"{name}/{day}".encode()).digest()[:8])

    def slots(self, name: str, days: Iterable[int]) -> list[Slot]:
        return [self.slot(name, day) for day in days]

    def assign(
        self, name: str, at: int = NOON, row: Row | None = Row(0, 0, 0, 0), *, shown: bool = True,  # noqa: B008
        days: Iterable[int] = (TODAY,), window: int = 24 * HOUR, pause: int = 60, closed: Iterable[int] = (),
        locale: str = "en", claimed: bool = False,
    ) -> Told:  # fmt: skip
        act = acts.assign(
            self.slots(name, days), terms(window, pause), now=at, word=None if row is None else row.word(),
            shown=shown, locale=locale, closed=closed, claimed=claimed,
        )  # fmt: skip
        return self.ledger.write(act)

    def expose(
        self, name: str, at: int = NOON, row: Row = Row(0, 0, 0, 0), *, pause: int = 60, issued: int | None = None,  # noqa: B008
    ) -> int:  # fmt: skip
        issued = at if issued is None else issued
        act = acts.expose(self.slot(name), terms(24 * HOUR, pause), now=at, word=row.word(), issued=issued)
        return self.ledger.write(act).code

    def outcome(
        self, name: str, bit: int, at: int = NOON, row: Row | None = None, *, issued: int = NOON,
        days: Iterable[int] = (TODAY,), window: int = 24 * HOUR,
    ) -> int:  # fmt: skip
        """By session, or, when `row` is given, by the token that carries it."""
        act = acts.outcome(
            self.slots(name, days), terms(window, 60), at=at, bit=bit, what="x",
            word=None if row is None else row.word(), issued=issued,
        )  # fmt: skip
        return self.ledger.write(act).code

    def counts(self, *days: int) -> dict[str, int]:
        by_day, _ = self.ledger.counts([TAG], days or (TODAY,))
        return dict(sum((Counter(fields) for fields in by_day.values()), Counter()))

    def rows(self, day: int = TODAY) -> list[Row]:
        """Every row of a day, read from the side."""
        present = self.kind.all_keys()
        held = [page for page in (keys.page(TAG, day, number) for number in range(PAGES)) if page.encode() in present]
        return [Row.unpack(data) for page in held for data in self.kind.holder(page).hvals(page)]

    def from_rows(self, day: int = TODAY) -> dict[str, int]:
        """What the rows say the counters must be (the locale is in no row)."""
        found: Counter[str] = Counter()
        for row in self.rows(day):
            cell = f"{row.phase}.{row.variant}.{row.surface}.{row.stratum}."
            found[f"{cell}a"] += 1
            found[f"{cell}e"] += row.shown > 0
            found.update(f"{cell}o{bit}" for bit in range(18) if row.bits >> bit & 1)
            found.update(f"{cell}d{n}" for n, one in enumerate(PLAN) if row.bits & mask(one))
            found.update(f"n.{row.variant}.{time}" for time in range(1, row.shown + 1))
        return dict(+found)

    def agrees(self, day: int = TODAY) -> bool:
        """Do the counters say what the rows say?"""
        counted = {name: n for name, n in self.counts(day).items() if name[0] not in "lx"}
        return counted == self.from_rows(day)


@pytest.fixture
def counting(each_store, each_kind) -> Counting:
    return Counting(each_store.ledger, each_kind)


@pytest.fixture
def on_one(store, ledger) -> Counting:
    """The same on one server only, for what does not depend on its kind."""
    return Counting(store.ledger, ledger)
