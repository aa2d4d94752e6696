"""What a process remembers of results: counts of days that never change again, and the reports made of the same counts.

A day's counts are kept an hour after it was sealed, so that clocks may differ a little. After a ledger was restored
from a backup, processes are started anew, as for everything else that they remember.
"""

from __future__ import annotations

import hashlib
import marshal
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from sys import intern
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from experiments.model import HOUR, Version

if TYPE_CHECKING:
    from experiments.results import Result

MOST = 32
FRESH_SECONDS = 60  # for so long a report is taken although the open days have changed, which decide nothing
MOST_COUNTS = 8  # versions whose counts are kept: a megabyte each where they are large
Fields = Mapping[str, int]
By = Mapping[int, Fields]
Made = TypeVar("Made")


class Kept(Generic[Made]):
    """Reports by the counts they were made of, and the last result of each version; the oldest go first.

    `clock` returns unix seconds: a report may be asked for as of a later time, at which days are sealed that still
    change.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, Lock()
        self._counts: OrderedDict[tuple[int, tuple[str, ...]], dict[int, Fields]] = OrderedDict()
        self._made: OrderedDict[tuple[Any, ...], tuple[Made, bytes, float]] = OrderedDict()
        self._last: OrderedDict[tuple[str, int | None], Result] = OrderedDict()

    def counts(
        self, version: Version, days: Sequence[int], read: Callable[[Sequence[int]], tuple[By, Fields]]
    ) -> tuple[dict[int, Fields], Fields]:
        """Return counts by day, and the events counted apart; `read` gives those of the days that are not kept."""
        of = (version.id, version.tags)
        held = self._counts.get(of, {})
        by_day, apart = read([day for day in days if day not in held])
        settled = self._clock() - HOUR
        old = {day: _interned(fields) for day, fields in by_day.items() if version.is_sealed(day, settled)}
        self._put(self._counts, of, {**held, **old}, MOST_COUNTS)
        return {day: held[day] if day in held else by_day.get(day, {}) for day in days}, apart

    def made(self, version: Version, sealed: By, live: By, make: Callable[[], Made]) -> tuple[Made, bool]:
        """Return what was made of these counts, or make it; and whether the open days are those that it was made of.

        While they change all the time, it is made anew once a minute: of them it says harm, which is to be confirmed.
        """
        of = (version.definition_hash, version.phases, version.state, fingerprint(sealed))
        open_days, now = fingerprint(live), self._clock()
        known = self._made.get(of)
        if known is not None:
            made, made_of, at = known
            if made_of == open_days or 0 <= now - at < FRESH_SECONDS:
                return made, made_of == open_days
        made = make()
        self._put(self._made, of, (made, open_days, now), MOST)
        return made, True

    def keep(self, asked: tuple[str, int | None], result: Result) -> None:
        """Keep a result as the last good one of what was asked: key, and number of the version if it was named."""
        self._put(self._last, asked, result, MOST)

    def last(self, asked: tuple[str, int | None]) -> Result | None:
        """Return the last good result of what was asked, if there is one."""
        return self._last.get(asked)

    def _put(self, held: OrderedDict[Any, Any], key: object, value: object, most: int) -> None:
        with self._lock:
            held[key] = value
            held.move_to_end(key)
            while len(held) > most:
                held.popitem(last=False)


def fingerprint(by_day: By) -> bytes:
    """Tell counts apart from all others."""
    return hashlib.blake2b(marshal.dumps({day: dict(fields) for day, fields in by_day.items()}, 2)).digest()


def _interned(fields: Fields) -> Fields:
    """The same fields; a name that is there on every day is kept once."""
    return {intern(name): units for name, units in fields.items()}
