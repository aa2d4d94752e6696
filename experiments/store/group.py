"""Group commit: calls that come while a write is under way share the next one.

No thread of its own writes. Whoever comes first writes for all who are waiting, then hands the lead to the first of
those who came meanwhile. So a lone call costs nothing extra, and under load one round trip and one fsync serve many.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from experiments.errors import StoreUnavailable
from experiments.store.waits import PLAINLY, Waits

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Turn(Generic[Item, Answer]):
    """A call that waits: its items, then its answers or what went wrong. The bell rings for either, or to lead."""

    __slots__ = ("answers", "bell", "error", "items", "leads")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.answers: Sequence[Answer] | None = None
        self.error: Exception | None = None
        self.leads = False
        self.bell = allocate_lock()
        self.bell.acquire()

    @property
    def is_over(self) -> bool:
        return self.answers is not None or self.error is not None

    def result(self) -> Sequence[Answer]:
        if isinstance(self.error, StoreUnavailable):
            raise StoreUnavailable(self.error.detail) from None  # many raise it, each needs one of its own
        if self.error is not None:
            raise self.error
        return self.answers or ()


class Group(Generic[Item, Answer]):
    """`write` takes all items that are waiting (at most about `most`) and returns an answer for each, in order."""

    def __init__(self, write: Callable[[list[Item]], Sequence[Answer]], *, most: int, waits: Waits = PLAINLY) -> None:
        self._write = write
        self._most = most
        self._waits = waits
        self._lock = allocate_lock()
        self._waiting: deque[_Turn[Item, Answer]] = deque()
        self._busy = False

    def submit(self, items: Sequence[Item], seconds: float) -> Sequence[Answer]:
        """Write the items with whatever else is waiting, and return their answers.

        Raises StoreUnavailable when it takes longer than `seconds` (the items may be written all the same), and
        whatever `write` raises.
        """
        turn: _Turn[Item, Answer] = _Turn(items)
        with self._lock:
            self._waiting.append(turn)
            turn.leads, self._busy = not self._busy, True
        if not turn.leads and not self._waits.wait(turn.bell, seconds):
            self._withdraw(turn)
        if turn.leads and not turn.is_over:
            self._lead()
        return turn.result()

    def _withdraw(self, turn: _Turn[Item, Answer]) -> None:
        """Wait no longer, unless the bell rings this very moment."""
        with self._lock:
            if not turn.leads and not turn.is_over:
                turn.error = StoreUnavailable("the store did not answer in time")
                if turn in self._waiting:
                    self._waiting.remove(turn)
        if turn.leads:
            turn.bell.acquire()

    def _lead(self) -> None:
        self._waits.linger()
        batch = self._take()  # the leader's own turn is the first
        try:
            answers = self._write([item for turn in batch for item in turn.items])
        except BaseException as error:
            batch += self._give_up()
            for turn in batch:
                turn.error = error if isinstance(error, Exception) else StoreUnavailable("the write was broken off")
            self._waits.ring([turn.bell for turn in batch[1:]])
            if not isinstance(error, Exception):
                raise
            return
        at = 0
        for turn in batch:
            turn.answers = answers[at : at + len(turn.items)]
            at += len(turn.items)
        self._waits.ring([*self._following(), *(turn.bell for turn in batch[1:])])

    def _take(self) -> list[_Turn[Item, Answer]]:
        batch: list[_Turn[Item, Answer]] = []
        size = 0
        with self._lock:
            while self._waiting and (not batch or size + len(self._waiting[0].items) <= self._most):
                batch.append(self._waiting.popleft())
                size += len(batch[-1].items)
        return batch

    def _give_up(self) -> list[_Turn[Item, Answer]]:
        """What failed for these calls would fail for those that wait, and they would have waited twice."""
        with self._lock:
            waiting, self._busy = list(self._waiting), False
            self._waiting.clear()
        return waiting

    def _following(self) -> list[LockType]:
        """The bell of who leads next, if anybody waits."""
        with self._lock:
            if not self._waiting:
                self._busy = False
                return []
            self._waiting[0].leads = True
            return [self._waiting[0].bell]
