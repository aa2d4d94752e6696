"""The sealed counts of one outcome by stratum, phase and arm, and the two-arm tables in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stats.counts import Counts
from stats.mantel_haenszel import Floats, Tables
from stats.plan import Plan

Order = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Grid:
    """Sealed counts of S strata, P phases and K arms.

    events, units   (S, P, K) exposed units with the outcome, exposed units
    rho             (P, K) assignment probabilities, 0 where an arm is closed; None where they are unknown
    """

    labels: tuple[str, ...]
    events: Floats
    units: Floats
    rho: Floats | None

    @classmethod
    def of(cls, plan: Plan, counts: Counts, outcome: str) -> Grid:
        """Return the grid of an outcome; strata in alphabetical order, those without exposed units left out."""
        cells = [cell for cell in counts.sealed if cell.exposed]
        labels = {name: at for at, name in enumerate(sorted({cell.stratum for cell in cells}))}
        phases = {phase: at for at, phase in enumerate(sorted({cell.phase for cell in cells}))}
        arms = {variant: at for at, variant in enumerate(plan.variants)}
        sums = np.zeros((2, len(labels), len(phases), len(arms)))
        for cell in cells:
            at = labels[cell.stratum], phases[cell.phase], arms[cell.variant]
            sums[(slice(None), *at)] += cell.conversions.get(outcome, 0), cell.exposed
        rho = [[counts.share(phase, variant) for variant in arms] for phase in phases] if counts.shares else None
        known = None if rho is None else np.array(rho, dtype=float).reshape(len(phases), len(arms))
        return cls(tuple(labels), sums[0], sums[1], known)

    def tables(self, order: Order) -> Tables:
        """Return the tables (M, S, P) of M pairs of arms; without units where one of the two was closed."""
        first, second = _columns(order)
        both = np.ones((self.units.shape[1], len(order)))
        if self.rho is not None:
            both = ((self.rho[:, first] > 0) & (self.rho[:, second] > 0)).astype(float)
        parts = (self.events[..., first], self.units[..., first], self.events[..., second], self.units[..., second])
        return Tables(*(np.moveaxis(part * both, -1, 0) for part in parts))

    def merged(self, order: Order) -> Tables:
        """Return the tables (M, S, C): phases added up where the pair's weights have the same ratio."""
        member = self._classes(order)
        return Tables(*(part @ member for part in self.tables(order).parts()))

    def _classes(self, order: Order) -> Floats:
        """Return (M, P, C), 1 where a phase belongs to a class; where shares are unknown each is its own."""
        phases = self.units.shape[1]
        if self.rho is None:
            return np.broadcast_to(np.eye(phases), (len(order), phases, phases))
        first, second = _columns(order)
        cross = self.rho[:, first].T[:, :, None] * self.rho[:, second].T[:, None, :]
        same = (cross > 0) & np.isclose(cross, np.swapaxes(cross, 1, 2), rtol=1e-9, atol=0)
        leader = same.argmax(axis=2)
        leads = leader == np.arange(phases)
        number = np.take_along_axis(np.cumsum(leads, axis=1) - 1, leader, axis=1)
        return np.asarray(number[..., None] == np.arange(leads.sum(axis=1).max()), dtype=float)


def _columns(order: Order) -> tuple[list[int], list[int]]:
    return [a for a, _ in order], [b for _, b in order]
