"""How threads wait for one another."""

from __future__ import annotations

from _thread import LockType
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any


class Waits:
    """Plainly. A server that lets only some threads run at a time has a way of its own (`app.entrance.Places`).

    A bell is a lock that is held until it rings.
    """

    def wait(self, bell: LockType, seconds: float) -> bool:
        """Wait for a bell; False when it did not ring in time."""
        return bell.acquire(timeout=seconds)

    def ring(self, bells: Sequence[LockType]) -> None:
        """Let those go on who wait for these bells, or will wait for them."""
        for bell in bells:
            bell.release()

    def linger(self) -> None:
        """Let those go first who are about to join: so a write that is about to begin serves more of them."""

    def aside(self) -> AbstractContextManager[Any]:
        """What a thread enters while it does nothing but wait for something else."""
        return nullcontext()


PLAINLY = Waits()
