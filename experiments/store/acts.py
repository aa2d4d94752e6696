"""What can be counted: one act is one thing that happened to one unit, ready to be written to its shard.

Everything in it is pseudonymised already; a raw session never reaches this module. An act is safe to repeat, and
says the same whenever it is written: it can wait in a spool. (Events apart are no part of a row: each time counts.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from experiments.store import keys

NEVER = -1
UNKNOWN_PAGES = 0  # nobody has told this process how many pages the day has


class Slot(NamedTuple):
    """Where a unit's row of one day is: `tag` of the shard, day, seconds until sealed, pages, pseudonym."""

    tag: str
    day: int
    seconds: int
    pages: int
    pseudonym: bytes

    @property
    def keys(self) -> tuple[str, str]:
        """Page of the row, and the day's counts."""
        number = int.from_bytes(self.pseudonym[:4], "big") % self.pages
        return keys.page(self.tag, self.day, number), keys.counts(self.tag, self.day)


class Terms(NamedTuple):
    """What holds for every act of a version: `window`, `life` of a token, `pause` before a repeat counts (-1 never).

    All in seconds; `masks` are those of the plan's outcomes.
    """

    window: int
    life: int
    pause: int
    masks: tuple[int, ...]


class Act(NamedTuple):
    """`kind` is a function of the scripts, `carries` its further arguments, `what` its name among events apart.

    `otherwise` is what to do instead where the unit was not shown a message: the same outcome for an older version.
    """

    kind: str
    tag: str
    slots: tuple[Slot, ...]
    terms: Terms
    carries: tuple[int | str, ...]
    what: str
    otherwise: Act | None = None


class Told(NamedTuple):
    """The script's answer: code (see the Lua files), word A of the row and its day, where an assignment was asked."""

    code: int
    word: int
    day: int


_NO_TERMS = Terms(0, 0, 0, ())


def assign(
    slots: Sequence[Slot], terms: Terms, *, now: int, word: int | None, shown: bool, locale: str,
    closed: Iterable[int] = (), by_partner: bool = False, claimed: bool = False,
) -> Act:  # fmt: skip
    """Assign or find a unit; `slots` newest day first, `word` None makes no row, `claimed`: see assign.lua."""
    told = (2 if by_partner else 1) if shown else 0
    bits = sum(1 << index for index in closed)
    carries = (now, NEVER if word is None else word, told, locale, bits, int(claimed))
    return Act("assign", slots[0].tag, tuple(slots), terms, carries, "exposed" if claimed else "assigned")


def expose(slot: Slot, terms: Terms, *, now: int, word: int, issued: int, by_partner: bool = False) -> Act:
    """Count a showing on the word of a token."""
    return Act("expose", slot.tag, (slot,), terms, (now, word, issued, int(by_partner)), "exposed")


def outcome(
    slots: Sequence[Slot], terms: Terms, *, at: int, bit: int, what: str, word: int | None = None, issued: int = 0,
    by_partner: bool = False,
) -> Act:  # fmt: skip
    """Count an outcome by token (`word`, one slot) or by session."""
    carries = (at, bit, NEVER if word is None else word, issued, int(by_partner))
    return Act("outcome", slots[0].tag, tuple(slots), terms, carries, what)


def apart(tag: str, field: str) -> Act:
    """Count an event that may enter no arm: `late.…` or `outage.…`."""
    return Act("apart", tag, (), _NO_TERMS, (field,), field)
