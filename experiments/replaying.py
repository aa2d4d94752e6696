"""From the spool back to the ledger: in order, shard by shard, each event exactly once.

Whoever holds the lock of the spool's folder does it, whichever process put the events there. An event whose day was
sealed meanwhile is counted as late: sealed counts never change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.errors import StoreUnavailable
from experiments.outcomes import NO_EXPOSURE
from experiments.runtime import Runtime
from experiments.store.acts import UNKNOWN_PAGES, Act, Slot, Told, apart
from experiments.store.batch import DONE_BEFORE, Origin
from experiments.store.lane import MOST, Spoiled
from experiments.store.spool import Spool, Waiting


def replay(runtime: Runtime, clock: Callable[[], float]) -> int:
    """Write what waits, as far as the shards answer; returns how many events. Does nothing while others have the turn.

    Raises StoreUnavailable when the spool cannot be read.
    """
    spool = runtime.spool
    if spool is None or not spool.exists or not spool.take_turn():
        return 0
    done = sum(_shard(runtime, spool, tag, clock) for tag in spool.tags())
    if done and not spool.tags():
        spool.tidy()
    return done


def _shard(runtime: Runtime, spool: Spool, tag: str, clock: Callable[[], float]) -> int:
    done = 0
    while waiting := spool.first(tag, MOST):
        try:
            done += _write(runtime, spool, tag, waiting, int(clock()))
        except StoreUnavailable:
            break  # this shard waits on; the others do not wait for it
    return done


def _write(runtime: Runtime, spool: Spool, tag: str, waiting: Sequence[Waiting], now: int) -> int:
    """Write events up to the first one that the script cannot make sense of; returns how many are settled."""
    readable = [(one, one.act) for one in waiting if one.act is not None]
    acts = [_due(runtime, act, now) for _, act in readable]
    origin = Origin(waiting[0].spool, tuple(one.number for one, _ in readable))
    told = runtime.store.ledger.replay(acts, origin) if acts else ()
    last = waiting[-1] if len(told) == len(acts) else readable[len(told) - 1][0]
    spoiled = {one.number for one in waiting if one.act is None and one.number <= last.number}
    instead = []
    for (one, act), due, answer in zip(readable, acts, told, strict=False):
        if isinstance(answer, Spoiled):
            spoiled.add(one.number)
        elif act.otherwise is not None and _found_nobody(runtime, due, answer):
            instead.append(act.otherwise)
    spool.settle(last, tag, spoiled=sorted(spoiled), instead=instead)
    return sum(one.number <= last.number for one in waiting)


def _found_nobody(runtime: Runtime, act: Act, answer: Told | Spoiled) -> bool:
    """Whether the next older version is to be asked. Of a replay that was broken off the answer is asked for again."""
    if isinstance(answer, Told) and answer.code == DONE_BEFORE and act.kind != "apart":
        answer = runtime.store.ledger.write_all([act])[0]  # an outcome is safe to repeat
    return isinstance(answer, Told) and answer.code == NO_EXPOSURE


def _due(runtime: Runtime, act: Act, now: int) -> Act:
    """The act as it can be written now: its open days, with the seconds that are left to them."""
    if act.kind == "apart":
        return act
    slots = tuple(_open(runtime, slot, now) for slot in act.slots if slot.seconds > now)
    if not slots or slots[0].day != act.slots[0].day:
        return apart(act.tag, f"late.{act.what}")
    return act._replace(slots=slots)


def _open(runtime: Runtime, slot: Slot, now: int) -> Slot:
    pages = slot.pages if slot.pages != UNKNOWN_PAGES else runtime.open_day(slot.tag, slot.day)
    return slot._replace(seconds=slot.seconds - now, pages=pages)
