"""Counting: rows and counters of units, one script call per act.

Everything that goes in is pseudonymised already; a raw session never reaches this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.store import keys
from experiments.store.connection import Client, translated
from experiments.store.scripts import Script

NEVER = -1
ROWS_PER_PAGE = 100
FULL_PAGE = 384  # rows; the compact encoding ends at 512

_ASSIGN, _EXPOSE, _OUTCOME = Script("assign"), Script("expose"), Script("outcome")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a unit's row of one day is: `tag` of the shard, day, seconds until sealed, pages, pseudonym."""

    tag: str
    day: int
    seconds: int
    pages: int
    pseudonym: bytes

    @property
    def keys(self) -> tuple[str, str]:
        number = int.from_bytes(self.pseudonym[:4], "big") % self.pages
        return keys.page(self.tag, self.day, number), keys.counts(self.tag, self.day)

    @property
    def args(self) -> tuple[int, int, bytes]:
        return self.day, self.seconds, self.pseudonym


@dataclass(frozen=True, slots=True)
class Assigned:
    """The script's answer: code (see assign.lua), word A of the row, its day, rows in the page when new."""

    code: int
    word: int
    day: int
    rows: int


class Ledger:
    """`client` has the short time-out of a waiting person, `patient` that of a report."""

    def __init__(self, client: Client, patient: Client) -> None:
        self.client = client
        self.patient = patient

    def assign(
        self, slots: Sequence[Slot], *, now: int, word: int | None, shown: bool, window: int, life: int,
        pause: int, locale: str, closed: Iterable[int], masks: str, by_partner: bool = False,
    ) -> Assigned:  # fmt: skip
        """Assign or find a unit; `slots` newest day first, `word` None makes no row."""
        bits = sum(1 << index for index in closed)
        told = (2 if by_partner else 1) if shown else 0
        head = (now, NEVER if word is None else word, told, window, life, pause, locale, bits, masks)
        answer = _ASSIGN(self.client, *_flat(slots, head))
        return Assigned(*map(int, answer))

    def expose(self, slot: Slot, *, now: int, word: int, pause: int, issued: int, by_partner: bool = False) -> int:
        """Count a showing on the word of a token; see expose.lua for the codes."""
        args = (now, word, slot.day, slot.seconds, slot.pseudonym, pause, issued, int(by_partner))
        return int(_EXPOSE(self.client, slot.keys, args))

    def outcome(
        self, slots: Sequence[Slot], *, at: int, bit: int, window: int, masks: str,
        word: int | None = None, issued: int = 0, by_partner: bool = False,
    ) -> int:  # fmt: skip
        """Count an outcome by token (`word`, one slot) or by session; see outcome.lua for the codes."""
        head = (at, bit, window, masks, NEVER if word is None else word, issued, int(by_partner))
        return int(_OUTCOME(self.client, *_flat(slots, head)))

    def count_apart(self, tag: str, field: str) -> None:
        """Count an event that may not enter an arm (late, or of an assignment that was not written)."""
        with translated():
            self.client.hincrby(keys.apart(tag), field, 1)

    def open_day(self, tag: str, day: int, pages: int) -> int:
        """Fix the number of row pages of a day; whoever comes first decides. Returns what holds."""
        with translated():
            pipe = self.client.pipeline(transaction=False)
            pipe.hsetnx(keys.days(tag), str(day), pages)
            pipe.hget(keys.days(tag), str(day))
            return int(pipe.execute()[1])

    def units_on(self, tag: str, day: int) -> int:
        """Units assigned on a day, in one shard; the day's first request may wait for it."""
        with translated():
            fields = self.client.hgetall(keys.counts(tag, day))
        return sum(int(n) for name, n in fields.items() if name.endswith(b".a"))

    def counts(self, tags: Sequence[str], days: Sequence[int]) -> tuple[dict[int, dict[str, int]], dict[str, int]]:
        """All count fields by day, and the events counted apart, summed over the shards: one pipelined read."""
        with translated():
            pipe = self.patient.pipeline(transaction=False)
            for tag in tags:
                for day in days:
                    pipe.hgetall(keys.counts(tag, day))
                pipe.hgetall(keys.apart(tag))
            answers = pipe.execute()
        by_day: dict[int, dict[str, int]] = {day: {} for day in days}
        apart: dict[str, int] = {}
        width = len(days) + 1
        for position, answer in enumerate(answers):
            index = position % width
            _add(by_day[days[index]] if index < len(days) else apart, answer)
        return by_day, apart


def _flat(slots: Sequence[Slot], head: Sequence[str | int]) -> tuple[list[str], list[str | int | bytes]]:
    args: list[str | int | bytes] = list(head)
    for slot in slots:
        args += slot.args
    return [key for slot in slots for key in slot.keys], args


def _add(into: dict[str, int], fields: Mapping[bytes, bytes]) -> None:
    for name, number in fields.items():
        text = name.decode()
        into[text] = into.get(text, 0) + int(number)
