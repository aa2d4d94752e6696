"""The tipping point: how many forged outcomes it would take to make a winner of an arm that is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, floor, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from stats.association import pair_p_value
from stats.counts import Counts
from stats.evidence import Flags, follow, start, winners
from stats.multiplicity import holm
from stats.path import Path
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Status

CELLS = 1_500  # batches times pairs of arms that are followed at once; a longer path is followed in coarser steps
LEAST = 1e-9  # how far a verdict at the very edge is said to be from it


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

    judge = _sequential if reading.plan.design == "sequential" else _fixed
    path = whole.coarse(max(20, CELLS // len(open_arms) ** 2))
    path = path if judge(reading, path, path.events, winner, open_arms) > 0 else whole
    found = _smallest(
        lambda number: judge(reading, path, forge(path, winner, number), winner, open_arms),
        (min(most, _to_the_next(whole, winner, open_arms)), most),
    )
    if found is None:
        notes.add("no-tipping-point", "tipping_point")
    return Tipping(found, arms[0])


def _smallest(margin: Callable[[int], float], ends: tuple[int, ...]) -> int | None:
    """Return the smallest number with a negative margin, sought up to one end after the other; None beyond the last.

    The margin changes at whole numbers only, so what lies within 0.2 of where its sign changes is that number.
    """
    known = lru_cache(maxsize=None)(margin)
    if known(0) < 0:
        return 0
    end = next((end for end in ends if known(end) < 0), None)
    return None if end is None else round(float(brentq(lambda x: known(floor(x)), 0, end, xtol=0.2)))


def _to_the_next(path: Path, arm: int, open_arms: Flags) -> int:
    """Return about how many outcomes lie between the arm's rate and the nearest of the other open arms."""
    events, units = path.events.sum(axis=0), path.units.sum(axis=0)
    others = open_arms & (units > 0) & (np.arange(len(units)) != arm)
    gaps = np.abs(events[arm] - events[others] * units[arm] / units[others])
    return ceil(float(gaps.min(initial=units[arm])))


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


def _sequential(reading: Reading, path: Path, events: NDArray[np.float64], winner: int, open_arms: Flags) -> float:
    """Return how far the arm is from not winning: positive while it wins.

    On the scale of the root of the log evidence, which changes in proportion to the outcomes, whatever their number.
    """
    alpha = reading.plan.alpha
    state, steps = follow(
        start(1, path.rho.shape[1], alpha, reading.outcome.better), events[None], path.units[None], path.rho[None]
    )
    rivals = open_arms & (np.arange(len(open_arms)) != winner)
    against_rivals = steps.log_wealth[0][:, rivals].max(axis=0)
    evidence = against_rivals.min(initial=steps.log_global.max())
    margin = sqrt(max(evidence, 0.0)) - sqrt(-log(alpha))
    won = winners(state, open_arms[None])[0] == winner
    return max(margin, LEAST) if won else min(margin, -LEAST)


def _fixed(reading: Reading, path: Path, events: NDArray[np.float64], winner: int, open_arms: Flags) -> float:
    """Return 1 while the arm wins by the fixed rule, -1 when it does not."""
    units, totals = (x.sum(axis=0).astype(int).tolist() for x in (path.units, events))
    return 1.0 if _wins(reading, totals, units, winner, open_arms) else -1.0


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
