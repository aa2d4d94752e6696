"""A breaker: after a failure nobody waits for the store again until it has answered one trial.

Its own twenty lines, because it goes by the monotonic clock (wall clocks jump), never holds a lock while somebody
waits for the store, and opens at once: a person has waited the whole budget already, and the spool loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from experiments.errors import StoreUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0


class Breaker:
    """Closed while the store answers; open after a failure, for pauses that double up to LONGEST_PAUSE seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._pause = 0.0
        self._trial_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._pause > 0

    def require(self) -> None:
        """Raise StoreUnavailable while it is open, except to one caller after each pause: that one is the trial."""
        if not self.is_open:
            return
        now = self._clock()
        if now < self._trial_at:
            raise StoreUnavailable("the store did not answer a moment ago")
        self._trial_at = now + self._pause

    def failed(self) -> None:
        self._pause = min(LONGEST_PAUSE, 2 * self._pause or FIRST_PAUSE)
        self._trial_at = self._clock() + self._pause

    def worked(self) -> None:
        self._pause = 0.0
