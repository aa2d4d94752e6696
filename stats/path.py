"""The sealed counts of one outcome in the order in which they are looked at: one batch per period of a phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.counts import Cell, Counts
from stats.plan import Plan

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Path:
    """B batches of K arms, in order: periods as they first appear, and phases ascending within a period.

    periods, phases         (B,) what each batch is
    rho                     (B, K) assignment probability; rows sum to 1, 0 where an arm is closed
    assigned, units, events (B, K) units assigned, units exposed, and exposed units with the outcome
    """

    periods: tuple[str, ...]
    phases: tuple[int, ...]
    rho: Matrix
    assigned: Matrix
    units: Matrix
    events: Matrix

    def until(self, batch: int) -> Path:
        """Return the path up to and including this batch."""
        end = batch + 1
        cut = (values[:end] for values in (self.rho, self.assigned, self.units, self.events))
        return Path(self.periods[:end], self.phases[:end], *cut)

    def by_phase(self) -> Path:
        """Return the same counts with one batch per phase: all that estimates need, which know no order."""
        return self._merged(np.unique(self.phases, return_inverse=True)[1])

    def coarse(self, batches: int) -> Path:
        """Return about this many batches (more when there are more phases): neighbours within a phase, merged."""
        size = -(-len(self.phases) // batches)
        starts, run = [], 0
        for at, phase in enumerate(self.phases):
            run = 0 if at and phase != self.phases[at - 1] else run
            starts.append(run % size == 0)
            run += 1
        return self._merged(np.cumsum(starts) - 1)

    def _merged(self, group: NDArray[np.int64]) -> Path:
        """Sum the batches of a group; all of them have one phase. A group is called by its last batch."""
        last = {int(number): at for at, number in enumerate(group)}
        order = sorted(last)
        at = [last[number] for number in order]
        member = (group[None, :] == np.array(order)[:, None]).astype(float)
        sums = (member @ self.assigned, member @ self.units, member @ self.events)
        return Path(tuple(self.periods[i] for i in at), tuple(self.phases[i] for i in at), self.rho[at], *sums)


def path_of(plan: Plan, counts: Counts, outcome: str, surface: str | None = None) -> Path:
    """Return the path of an outcome over the sealed cells, of all surfaces or of one.

    Where the probabilities are unknown, rho is the split of the exposed units of each phase, as seen.
    """
    cells = [cell for cell in counts.sealed if surface is None or cell.surface == surface]
    batches = _batches(cells)
    column = {variant: k for k, variant in enumerate(plan.variants)}
    sums = np.zeros((len(batches) * len(column), 3))
    if cells:
        place = np.array([batches[c.period, c.phase] * len(column) + column[c.variant] for c in cells])
        measures = np.array([(c.assigned, c.exposed, c.conversions.get(outcome, 0)) for c in cells], dtype=float)
        np.add.at(sums, place, measures)
    assigned, units, events = sums.T.reshape(3, len(batches), len(column))
    phases = tuple(phase for _, phase in batches)
    rho = _logged(plan, counts, phases) if counts.shares else _observed(phases, units)
    return Path(tuple(period for period, _ in batches), phases, rho, assigned, units, events)


def _batches(cells: list[Cell]) -> dict[tuple[str, int], int]:
    """Return (period, phase) -> position."""
    seen: dict[str, int] = {}
    for cell in cells:
        seen.setdefault(cell.period, len(seen))
    found = sorted({(seen[cell.period], cell.phase, cell.period) for cell in cells})
    return {(period, phase): at for at, (_, phase, period) in enumerate(found)}


def _logged(plan: Plan, counts: Counts, phases: tuple[int, ...]) -> Matrix:
    rows = [[counts.share(phase, variant) for variant in plan.variants] for phase in phases]
    return np.array(rows, dtype=float).reshape(len(phases), len(plan.variants))


def _observed(phases: tuple[int, ...], units: Matrix) -> Matrix:
    """Return each phase's own split, equal shares for a phase without units."""
    rho = np.full_like(units, 1 / units.shape[1])
    for phase in set(phases):
        member = np.array(phases) == phase
        total = units[member].sum(axis=0)
        if total.sum() > 0:
            rho[member] = total / total.sum()
    return rho
