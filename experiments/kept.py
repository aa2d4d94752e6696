"""What a process remembers of the results it made: the same counts give the same report, which takes a while."""

from __future__ import annotations

import hashlib
import marshal
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from experiments.model import Version

if TYPE_CHECKING:
    from experiments.results import Result

MOST = 32
By = Mapping[int, Mapping[str, int]]
Made = TypeVar("Made")


class Kept(Generic[Made]):
    """Reports by the counts they were made of, and the last result of each version; the oldest go first."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._lock = most, Lock()
        self._made: OrderedDict[tuple[Any, ...], Made] = OrderedDict()
        self._last: OrderedDict[tuple[str, int | None], Result] = OrderedDict()

    def made(self, version: Version, sealed: By, live: By, make: Callable[[], Made]) -> Made:
        """Return what was made of these counts, or make it."""
        of = (version.definition_hash, version.phases, version.state, fingerprint(sealed), fingerprint(live))
        with self._lock:
            if of in self._made:
                self._made.move_to_end(of)
                return self._made[of]
        made = make()
        with self._lock:
            self._made[of] = made
            self._shorten(self._made)
        return made

    def keep(self, asked: tuple[str, int | None], result: Result) -> None:
        """Keep a result as the last good one of what was asked: key, and number of the version if it was named."""
        with self._lock:
            self._last[asked] = result
            self._last.move_to_end(asked)
            self._shorten(self._last)

    def last(self, asked: tuple[str, int | None]) -> Result | None:
        """Return the last good result of what was asked, if there is one."""
        return self._last.get(asked)

    def _shorten(self, held: OrderedDict[Any, Any]) -> None:
        while len(held) > self._most:
            held.popitem(last=False)


def fingerprint(by_day: By) -> bytes:
    """Tell counts apart from all others."""
    return hashlib.blake2b(marshal.dumps({day: dict(fields) for day, fields in by_day.items()}, 2)).digest()
