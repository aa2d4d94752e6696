"""Planned looks: each run is judged by `stats.planned` at the few days at which a look is due, at no other."""

from __future__ import annotations

import numpy as np

from experiments.simulation.rules import NOBODY, Indices, ahead
from stats.allocation import Allocation, Array, Flags
from stats.intervals import normal_quantile
from stats.path import Path
from stats.plan import Plan
from stats.planned import planned_looks, z_values
from stats.reading import Reading
from stats.reasons import Notes


class Looks:
    """A few analyses at known parts of the planned size; the shares never change.

    Arrays: R runs, L looks, K variants. `at` (2, R, L, K): units and events between the looks, `used` (R,) how many
    of them there are, `passed` (R,) the number of the last one, `due` (R,) whether the last sealed day brought one,
    `near` (R, K, K) whether a pair's z has ever reached what a single look at the whole alpha would ask for.
    """

    def __init__(self, runs: int, plan: Plan) -> None:
        arms = len(plan.variants)
        self.plan = plan
        self.total, self.seen = np.zeros((2, runs, arms)), np.zeros((2, runs, arms))
        self.at = np.zeros((2, runs, plan.looks, arms))
        self.used, self.passed = np.zeros(runs, dtype=int), np.zeros(runs, dtype=int)
        self.due = np.zeros(runs, dtype=bool)
        self.near = np.zeros((runs, arms, arms), dtype=bool)
        self.out = np.zeros((runs, arms), dtype=bool)

    @property
    def units(self) -> Array:
        units: Array = self.total[0]
        return units

    def seal(self, events: Array, units: Array, rho: Array) -> None:
        self.total = self.total + np.stack([units, events])
        smallest = np.where(rho > 0, self.units, np.inf).min(axis=1)
        planned = self.plan.planned_units or 1
        parts = planned * np.arange(1, self.plan.looks + 1) / self.plan.looks
        reached = (smallest[:, None] >= parts).sum(axis=1)
        self.due = reached > self.passed
        self.passed = np.maximum(reached, self.passed)
        run = np.flatnonzero(self.due)
        self.at[:, run, self.used[run]] = self.total[:, run] - self.seen[:, run]
        self.seen[:, run] = self.total[:, run]
        self.used[run] += 1

    def shares(self, allocation: Allocation, rho: Array) -> Array:  # noqa: ARG002  (shares stay)
        return rho

    def winners(self, rho: Array, final: Flags) -> Indices:
        found = np.full(len(final), NOBODY)
        for run in map(int, np.flatnonzero(self.due)):
            path = self._path(run, rho[0])
            self._approach(run, path)
            # No boundary is lower, so before the last look nobody need ask where no variant is near to winning.
            if final[run] or ahead(self.near[run][None], rho[0] > 0)[0] != NOBODY:
                better = planned_looks(Reading(self.plan, self.plan.primary, path), Notes()).better
                self.out[run] = better.any(axis=0)
                found[run] = ahead(better[None], rho[0] > 0)[0]
        return found

    def _path(self, run: int, rho: Array) -> Path:
        """Return a run's path with one batch up to each look: what lies between them does not matter."""
        used = int(self.used[run])
        units, events = self.at[:, run, :used]
        return Path(tuple(map(str, range(used))), (1,) * used, np.tile(rho, (used, 1)), units, units, events)

    def _approach(self, run: int, path: Path) -> None:
        z, _ = z_values(path, len(path.periods) - 1)
        z = z if self.plan.primary.better == "higher" else -z
        self.near[run] |= z >= normal_quantile(self.plan.alpha)

    def eliminated(self) -> Flags:
        return self.out

    def keep(self, going: Flags) -> None:
        self.total, self.seen, self.at = self.total[:, going], self.seen[:, going], self.at[:, going]
        self.used, self.passed, self.due = self.used[going], self.passed[going], self.due[going]
        self.near, self.out = self.near[going], self.out[going]
