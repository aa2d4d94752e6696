"""From acts to the call of one script, and from its answer back. The form of both is described in `lua/batch.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgpack

from experiments.store import keys
from experiments.store.acts import Act, Told

DONE_BEFORE = -9


class Origin(NamedTuple):
    """The spool that acts come from, and the number of each of them in it."""

    spool: str
    numbers: tuple[int, ...]


class _Positions(dict[Any, int]):
    """Gives each new thing the next position, from 1 as Lua counts."""

    def __missing__(self, thing: Any) -> int:
        position = self[thing] = len(self) + 1
        return position


def packed(acts: Sequence[Act], origin: Origin | None = None) -> tuple[list[str], bytes]:
    """KEYS and the one argument of the script."""
    names, terms = _Positions(), _Positions()
    told = [_told(act, names, terms) for act in acts]
    spool = (origin.spool, names[keys.spools(acts[0].tag)], *origin.numbers) if origin else ()
    document = (told, [tuple(one) for one in terms], spool)
    return list(names), msgpack.packb(document, use_bin_type=False)


def _told(act: Act, names: _Positions, terms: _Positions) -> tuple[Any, ...]:
    if act.kind == "apart":
        return act.kind, names[keys.apart(act.tag)], 0, *act.carries
    places = []
    for slot in act.slots:
        page, counts = slot.keys
        places.append((names[counts], names[page], slot.day, slot.seconds, slot.pseudonym))
    return act.kind, places, terms[act.terms], *act.carries


def answers(reply: Sequence[int]) -> tuple[int, list[Told]]:
    """Rows in the fullest page, and what became of each act."""
    rest = iter(reply[1:])
    return reply[0], [Told(*three) for three in zip(rest, rest, rest, strict=True)]
