"""The tipping point: how many forged outcomes it would take to make a winner of an arm that is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats.association import pair_p_value
from stats.counts import Counts
from stats.evidence import Flags, follow, start, winners
from stats.multiplicity import holm
from stats.path import Path
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Status

CELLS = 1_500  # batches times pairs of arms that are followed at once; a longer path is followed in coarser steps
CANDIDATES = 8


class Tipping(NamedTuple):
    """So many forged outcomes of this arm overturn the verdict; None where there is no winner to overturn."""

    outcomes: int | None
    arm: str | None


def tipping_point(reading: Reading, counts: Counts, status: Status, arms: tuple[str, ...], notes: Notes) -> Tipping:
    """Return the smallest number of the winner's outcomes whose removal ends its win.

    They are taken out evenly over the sealed periods, in proportion to its outcomes. Where fewer outcomes are better,
    forging means adding. The path is followed day by day; with many arms and days in coarser steps, unless the win
    would not be there in coarse steps.
    """
    won = status in ("winner", "winner-on-clicks")
    if not won or reading.plan.design == "looks" or reading.plan.unit == "block":
        notes.add_all("not-computed" if won else "no-winner", ("tipping_point", "tipping_arm"))
        return Tipping(None, None)
    winner = reading.arm(arms[0])
    forge = _removed if reading.outcome.better == "higher" else _added
    whole = reading.path
    most = int(whole.events[:, winner].sum() if reading.outcome.better == "higher" else _room(whole, winner).sum())
    open_arms = np.array([variant in counts.open_arms(reading.plan.variants) for variant in reading.plan.variants])

    def stands(path: Path, numbers: NDArray[np.int64]) -> Flags:
        forged = np.stack([forge(path, winner, int(number)) for number in numbers])
        judge = _sequential if reading.plan.design == "sequential" else _fixed
        return judge(reading, path, forged, winner, open_arms)

    path = whole.coarse(max(20, CELLS // len(open_arms) ** 2))
    path = path if stands(path, np.zeros(1, dtype=np.int64))[0] else whole
    found = _smallest(lambda numbers: stands(path, numbers), most)
    if found is None:
        notes.add("no-tipping-point", "tipping_point")
    return Tipping(found, arms[0])


def _smallest(stands: Callable[[NDArray[np.int64]], Flags], most: int) -> int | None:
    """Return the smallest number for which it does not stand; None when it stands for all up to the largest."""
    low, high = -1, most + 1  # it stands at `low`, by definition; it does not at `high`, or nobody knows
    while high - low > 1:
        numbers = np.unique(np.linspace(low + 1, high - 1, CANDIDATES).astype(np.int64))
        standing = stands(numbers)
        fallen = np.flatnonzero(~standing)
        first = int(fallen[0]) if fallen.size else len(numbers)
        low = int(numbers[first - 1]) if first else low
        high = int(numbers[first]) if fallen.size else high
    return high if high <= most else None


def _removed(path: Path, arm: int, number: int) -> NDArray[np.float64]:
    """Return the events (B, K) without `number` of the arm's, taken out in proportion."""
    events = path.events.copy()
    events[:, arm] -= _spread(events[:, arm], number)
    return events


def _room(path: Path, arm: int) -> NDArray[np.float64]:
    return path.units[:, arm] - path.events[:, arm]


def _added(path: Path, arm: int, number: int) -> NDArray[np.float64]:
    events = path.events.copy()
    events[:, arm] += _spread(_room(path, arm), number)
    return events


def _spread(room: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Return whole parts of a number in proportion to the room of each batch, never more than it."""
    reached = np.floor(np.cumsum(room) * number / max(room.sum(), 1.0) + 1e-9)
    return np.diff(reached, prepend=0.0)


def _sequential(reading: Reading, path: Path, forged: NDArray[np.float64], winner: int, open_arms: Flags) -> Flags:
    state = start(len(forged), path.rho.shape[1], reading.plan.alpha, reading.outcome.better)
    state, _ = follow(state, forged, np.broadcast_to(path.units, forged.shape), path.rho[None])
    return np.asarray(winners(state, open_arms[None]) == winner)


def _fixed(reading: Reading, path: Path, forged: NDArray[np.float64], winner: int, open_arms: Flags) -> Flags:
    units = path.units.sum(axis=0).astype(int).tolist()
    totals = forged.sum(axis=1).astype(int).tolist()
    return np.array([_wins(reading, events, units, winner, open_arms) for events in totals])


def _wins(reading: Reading, events: list[int], units: list[int], winner: int, open_arms: Flags) -> bool:
    """Tell whether the fixed rule still names the arm: the totals are comparable where it has named one."""
    arms = [k for k in range(len(units)) if units[k]]
    sign = 1 if reading.outcome.better == "higher" else -1
    pairs = {(i, j): pair_p_value(events[i], units[i], events[j], units[j]) for i in arms for j in arms if i < j}
    adjusted = holm(pairs)
    return all(
        adjusted[min(winner, k), max(winner, k)] <= reading.plan.alpha
        and sign * (events[winner] * units[k] - events[k] * units[winner]) > 0
        for k in arms
        if k != winner and open_arms[k]
    )
