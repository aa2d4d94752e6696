"""Planned looks: a few looks at known parts of the planned size, each with its own boundary.

A look is due when the smallest open variant has its part of the planned units. Every pair of variants is one
two-sided hypothesis. The error probability is shared by Holm's step-down over the pairs that are still undecided
(Maurer & Bretz (2013), Stat Biopharm Res 5:311-320), and within a pair over the looks (`stats.looks`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.looks import boundaries
from stats.path import Path
from stats.plan import Plan
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Look

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

SMALLEST_EVENTS = 10  # of each arm: below, the normal boundaries do not hold, and the pair waits


@dataclass(frozen=True, slots=True)
class PlannedLooks:
    """The looks taken and to come; `better[i, j]`: i was shown better than j; `over`: the last one was taken."""

    looks: tuple[Look, ...]
    better: Flags
    over: bool


def planned_looks(reading: Reading, notes: Notes) -> PlannedLooks:
    """Take the looks that are due on this path. A table without a planned size is looked at once, at its end."""
    plan, path, arms = reading.plan, reading.path, len(reading.plan.variants)
    better = np.zeros((arms, arms), dtype=bool)
    times: list[float] = []
    looks: list[Look] = []
    due = _due(plan, path)
    for number, batch, information in due:
        times.append(information)
        z, known = z_values(path, batch)
        z = z if reading.outcome.better == "higher" else -z
        bound = _step_down(plan, tuple(times), z, better)
        _note_unknown(plan, known, better, notes)
        out = tuple(plan.variants[k] for k in np.flatnonzero(better.any(axis=0)))
        looks.append(Look(number, information, bound, path.periods[batch], out))
    taken = due[-1][0] if due else 0
    looks += _to_come(plan, tuple(times), taken, better)
    return PlannedLooks(tuple(looks), better, taken == plan.looks)


def _due(plan: Plan, path: Path) -> list[tuple[int, int, float]]:
    """Return (number, batch, information) of the looks taken; one that the same batch passes over is skipped."""
    if not path.units.any():
        return []
    if plan.planned_units is None:
        return [(plan.looks, len(path.periods) - 1, 1.0)]
    smallest = np.where(path.rho > 0, np.cumsum(path.units, axis=0), np.inf).min(axis=1)
    found: dict[int, tuple[int, int, float]] = {}
    for number in range(1, plan.looks + 1):
        reached = np.flatnonzero(smallest >= plan.planned_units * number / plan.looks)
        if reached.size:
            batch = int(reached[0])
            last = number == plan.looks
            found[batch] = number, batch, 1.0 if last else min(1.0, float(smallest[batch]) / plan.planned_units)
    return list(found.values())


def _step_down(plan: Plan, times: tuple[float, ...], z: Array, better: Flags) -> float:
    """Note in `better` what this look decides; return the boundary for a pair that is still open."""
    while True:
        left = z.shape[0] * (z.shape[0] - 1) // 2 - int(better.sum())
        bound = boundaries(times, plan.alpha / (2 * max(left, 1)), plan.spending)[-1]
        found = (z >= bound) & ~better & ~better.T
        if not found.any():
            return bound
        better |= found


def _to_come(plan: Plan, times: tuple[float, ...], taken: int, better: Flags) -> list[Look]:
    left = better.shape[0] * (better.shape[0] - 1) // 2 - int(better.sum())
    numbers = range(taken + 1, plan.looks + 1)
    parts = [number / plan.looks for number in numbers]
    ahead = tuple(part for part in parts if not times or part > times[-1])
    bounds = boundaries((*times, *ahead), plan.alpha / (2 * max(left, 1)), plan.spending)[len(times) :]
    shown = zip(range(plan.looks + 1 - len(ahead), plan.looks + 1), ahead, bounds, strict=True)
    return [Look(number, part, bound) for number, part, bound in shown]


def z_values(path: Path, batch: int) -> tuple[Array, Flags]:
    """Return z (K, K) of arm i against j after this batch, positive where i has more, and where it may be judged.

    Over the phases in which both were open: the sum of events of i less those expected, given the events of both, over
    the root of the summed hypergeometric variances. Judged where both arms have ten events there.

    Source: Mantel & Haenszel (1959), JNCI 22:719-748, without continuity correction.
    """
    so_far = path.until(batch).by_phase()
    both = (so_far.rho[:, :, None] > 0) & (so_far.rho[:, None, :] > 0)
    x, n = so_far.events[:, :, None] * both, so_far.units[:, :, None] * both
    events, units = x + x.swapaxes(1, 2), n + n.swapaxes(1, 2)
    safe = np.maximum(units, 2.0)
    expected = events * n / safe
    variance = (n / safe) * (n.swapaxes(1, 2) / safe) * events * ((units - events) / (safe - 1))
    surplus, spread = (x - expected).sum(axis=0), np.sqrt(variance.sum(axis=0))
    enough = x.sum(axis=0) >= SMALLEST_EVENTS
    known = enough & enough.T & (spread > 0)
    return np.where(known, surplus / np.where(known, spread, 1.0), 0.0), known


def _note_unknown(plan: Plan, known: Flags, better: Flags, notes: Notes) -> None:
    for i, j in zip(*np.triu_indices(len(known), 1), strict=True):
        if not known[i, j] and not better[i, j] and not better[j, i]:
            notes.add("under-ten-events", "looks[].eliminated", f"{plan.variants[i]}/{plan.variants[j]}")
