"""What a server must say after a script before a write is acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.store.settings import acknowledgement
from experiments.store.wire import Command


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """`commands` go out behind the script; the write is on enough servers when each count that they return is 1."""

    commands: tuple[Command, ...] = ()

    def is_enough(self, replies: Sequence[Any]) -> bool:
        counts = [n for reply in replies for n in (reply if isinstance(reply, list) else [reply])]
        return all(isinstance(n, int) and n >= 1 for n in counts)

    @classmethod
    def of_a_replica(cls, info: Mapping[str, Any], milliseconds: int) -> Acknowledgement:
        """One replica at least has it, on its disk where the server can tell. `info` is INFO server."""
        if acknowledgement(info) == "waitaof":
            return cls((("WAITAOF", 1, 1, milliseconds),))
        return cls((("WAIT", 1, milliseconds),))


ALONE = Acknowledgement()
