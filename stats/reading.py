"""One outcome, followed over its path by the always-valid engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stats.counts import Counts
from stats.evidence import Array, State, Steps, follow, start
from stats.path import Path, path_of
from stats.plan import Outcome, Plan
from stats.sequences import Labels, labels, ratio_sequences

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Reading:
    """An outcome's path, what the engine knows at its end, and the way there (None without a sealed period)."""

    plan: Plan
    outcome: Outcome
    path: Path
    state: State
    steps: Steps | None

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

    def shifted(self, margin: float) -> State:
        """Return the engine's state where the control's rate is first multiplied by a margin.

        The evidence that arm i is better than the control is then evidence that its ratio to the control is on the
        good side of the margin: r0 of the e-process is the same as the control's rho divided by it.
        """
        rho = self.path.rho.copy()
        rho[:, self.arm(self.plan.control)] /= margin
        return _followed(self.plan, self.outcome, replace(self.path, rho=rho))[0]


def read(plan: Plan, counts: Counts, outcome: Outcome) -> Reading:
    """Follow an outcome over the sealed periods."""
    path = path_of(plan, counts, outcome.name)
    return Reading(plan, outcome, path, *_followed(plan, outcome, path))


def _followed(plan: Plan, outcome: Outcome, path: Path) -> tuple[State, Steps | None]:
    state = start(1, len(plan.variants), plan.alpha, outcome.better)
    if not path.periods:
        return state, None
    return follow(state, path.events[None], path.units[None], path.rho[None])


def _labels(phases: Path, first: Indices, second: Indices) -> Labels:
    """Return the labels of pairs: phases of one rho are one epoch, in the order in which they began."""
    _, begin, epoch = np.unique(phases.rho, axis=0, return_index=True, return_inverse=True)
    events = np.zeros((len(begin), phases.rho.shape[1]))
    np.add.at(events, epoch, phases.events)
    order = np.argsort(begin)
    rho, events = phases.rho[begin[order]], events[order]
    return labels(events[:, first].T, events[:, second].T, rho[:, first].T, rho[:, second].T)
