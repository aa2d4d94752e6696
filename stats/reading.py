"""One outcome, followed over its path by the always-valid engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stats.counts import Counts
from stats.evidence import Array, State, Steps, follow, log_e_now, start
from stats.path import Path, path_of
from stats.plan import Outcome, Plan
from stats.sequences import Labels, labels, ratio_sequences

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Reading:
    """An outcome's path, what the engine knows at its end, and the way there (None without a sealed period).

    The path is followed when it is first asked for: what only wants to know how things stand now need not.
    """

    plan: Plan
    outcome: Outcome
    path: Path

    @property
    def state(self) -> State:
        return self._followed[0]

    @property
    def steps(self) -> Steps | None:
        return self._followed[1]

    @cached_property
    def _followed(self) -> tuple[State, Steps | None]:
        state = start(1, len(self.plan.variants), self.plan.alpha, self.outcome.better)
        if not self.path.periods:
            return state, None
        return follow(state, self.path.events[None], self.path.units[None], self.path.rho[None])

    @property
    def log_e(self) -> Array:
        """Log e-values (K, K) at the end of the path: those of `state`, without following it."""
        return log_e_now(self.path.events, self.path.rho, self.outcome.better)

    def arm(self, variant: str) -> int:
        """Return the arm's index."""
        return self.plan.variants.index(variant)

    @cached_property
    def sequences(self) -> tuple[Array, Array]:
        """Lower and upper ends (K, K) of the ratio sequences of rate i over rate j; NaN without events."""
        phases, arms = self.path.by_phase(), len(self.plan.variants)
        first, second = np.triu_indices(arms, 1)
        lower, upper = (np.full((arms, arms), np.nan) for _ in range(2))
        if not phases.periods:
            return lower, upper
        low, high = ratio_sequences(_labels(phases, first, second), self.plan.alpha)
        lower[first, second], upper[first, second] = low, high
        with np.errstate(divide="ignore"):
            lower[second, first], upper[second, first] = 1 / high, 1 / low
        return lower, upper

    def shifted(self, margin: float) -> Reading:
        """Return the reading where the control's rate is first multiplied by a margin.

        The evidence that arm i is better than the control is then evidence that its ratio to the control is on the
        good side of the margin: r0 of the e-process is the same as the control's rho divided by it.
        """
        rho = self.path.rho.copy()
        rho[:, self.arm(self.plan.control)] /= margin
        return replace(self, path=replace(self.path, rho=rho))


def read(plan: Plan, counts: Counts, outcome: Outcome) -> Reading:
    """Return an outcome's reading over the sealed periods."""
    return Reading(plan, outcome, path_of(plan, counts, outcome.name))


def _labels(phases: Path, first: Indices, second: Indices) -> Labels:
    """Return the labels of pairs: phases of one rho are one epoch, in the order in which they began."""
    _, begin, epoch = np.unique(phases.rho, axis=0, return_index=True, return_inverse=True)
    events = np.zeros((len(begin), phases.rho.shape[1]))
    np.add.at(events, epoch, phases.events)
    order = np.argsort(begin)
    rho, events = phases.rho[begin[order]], events[order]
    return labels(events[:, first].T, events[:, second].T, rho[:, first].T, rho[:, second].T)
