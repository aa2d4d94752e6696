"""What decides the runs that still go on: the always-valid engine, or one analysis at the planned size.

Arrays: R runs, K variants. `rho` (R, K), or (1, K) while all runs share it; 0 where a variant is closed.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from stats import evidence
from stats.allocation import Allocation, Array, Flags
from stats.association import SMALLEST_EXPECTED, fisher
from stats.plan import Better

Indices = NDArray[np.int64]

NOBODY = -1


class Rule(Protocol):
    """How a design decides, for R runs at once."""

    @property
    def units(self) -> Array:
        """Sealed units so far, (R, K)."""

    def seal(self, events: Array, units: Array, rho: Array) -> None:
        """Take in one sealed day."""

    def shares(self, allocation: Allocation, rho: Array) -> Array:
        """Return the shares that follow what is known now."""

    def winners(self, rho: Array, final: Flags) -> Indices:
        """Return the winner's position for each run, or -1; `final` marks runs whose planned size is sealed."""

    def eliminated(self) -> Flags:
        """Tell which variants are shown worse than another one, (R, K)."""

    def keep(self, going: Flags) -> None:
        """Forget the other runs."""


class Sequential:
    """The always-valid engine: decides after any sealed day."""

    def __init__(self, runs: int, arms: int, alpha: float, better: Better) -> None:
        self.state = evidence.start(runs, arms, alpha, better)

    @property
    def units(self) -> Array:
        return self.state.units

    def seal(self, events: Array, units: Array, rho: Array) -> None:
        self.state = evidence.follow(self.state, events[:, None], units[:, None], rho[:, None])[0]

    def shares(self, allocation: Allocation, rho: Array) -> Array:
        return allocation.following(self.state, rho)

    def winners(self, rho: Array, final: Flags) -> Indices:  # noqa: ARG002  (it needs no last day)
        return evidence.winners(self.state, np.broadcast_to(rho > 0, self.state.events.shape))

    def eliminated(self) -> Flags:
        return self.state.eliminated

    def keep(self, going: Flags) -> None:
        values = {field.name: getattr(self.state, field.name) for field in fields(self.state)}
        arrays: dict[str, Any] = {name: value[going] for name, value in values.items() if isinstance(value, np.ndarray)}
        self.state = replace(self.state, **arrays)


class Fixed:
    """One analysis when the planned size is sealed; the shares never change."""

    def __init__(self, runs: int, arms: int, alpha: float, better: Better) -> None:
        self.alpha, self.better = alpha, better
        self.events, self.units = np.zeros((runs, arms)), np.zeros((runs, arms))
        self.out = np.zeros((runs, arms), dtype=bool)

    def seal(self, events: Array, units: Array, rho: Array) -> None:  # noqa: ARG002  (shares stay)
        self.events, self.units = self.events + events, self.units + units

    def shares(self, allocation: Allocation, rho: Array) -> Array:  # noqa: ARG002  (shares stay)
        return rho

    def winners(self, rho: Array, final: Flags) -> Indices:
        found = np.full(len(final), NOBODY)
        if final.any():
            better = shown_better(self.events[final], self.units[final], self.alpha, self.better)
            self.out[final] = better.any(axis=1)
            found[final] = ahead(better, rho[0] > 0)
        return found

    def eliminated(self) -> Flags:
        return self.out

    def keep(self, going: Flags) -> None:
        self.events, self.units, self.out = self.events[going], self.units[going], self.out[going]


def ahead(better: Flags, is_open: Flags) -> Indices:
    """Return the open variant that is shown better than every other open one, (R,), or -1.

    better  (R, K, K) [.., i, j]: i is shown better than j;   is_open  (K,)
    """
    first = (better | ~is_open | np.eye(len(is_open), dtype=bool)).all(axis=2) & is_open
    return np.where(first.any(axis=1), first.argmax(axis=1), NOBODY)


def shown_better(events: Array, units: Array, alpha: float, better: Better) -> Flags:
    """Tell which variant i is shown better than j, (R, K, K), from totals (R, K).

    As the fixed design decides: Pearson's chi-square or, where fewer than 5 are expected, Fisher's mid-p; adjusted
    over all pairs of variants with units, by Holm (1979), Scand J Stat 6:65-70.
    """
    first, second = np.triu_indices(events.shape[1], 1)
    adjusted = holm(pair_p_values(events[:, first], units[:, first], events[:, second], units[:, second]))
    rate = events / np.maximum(units, 1)
    gap = rate[:, first] - rate[:, second] if better == "higher" else rate[:, second] - rate[:, first]
    found = np.zeros((*events.shape, events.shape[1]), dtype=bool)
    found[:, first, second] = (adjusted <= alpha) & (gap > 0)
    found[:, second, first] = (adjusted <= alpha) & (gap < 0)
    return found


def pair_p_values(x1: Array, n1: Array, x2: Array, n2: Array) -> Array:
    """Return `stats.association.pair_p_value` of tables in arrays of one shape; NaN where an arm has no unit."""
    events, units = x1 + x2, n1 + n2
    spread = n1 * n2 * events * (units - events)
    with np.errstate(invalid="ignore", divide="ignore"):
        chi2 = np.where(spread > 0, units * (x1 * n2 - x2 * n1) ** 2 / spread, 0.0)
        least = np.minimum(n1, n2) * np.minimum(events, units - events) / units
    p_values: Array = np.where(spread > 0, erfc(np.sqrt(chi2 / 2)), 1.0)
    small = (least < SMALLEST_EXPECTED) & (spread > 0)
    p_values[small] = [
        _mid_p(*map(int, table)) for table in zip(x1[small], n1[small], x2[small], n2[small], strict=True)
    ]
    return np.where((n1 > 0) & (n2 > 0), p_values, np.nan)


@lru_cache(maxsize=100_000)
def _mid_p(x1: int, n1: int, x2: int, n2: int) -> float:
    return fisher(x1, n1, x2, n2)[1]


def holm(p_values: Array) -> Array:
    """Return the adjusted p-values of each row; NaN belongs to no comparison and stays."""
    order = np.argsort(p_values, axis=1)  # NaN last
    number = np.isfinite(p_values).sum(axis=1, keepdims=True)
    steps = np.maximum(number - np.arange(p_values.shape[1]), 1)
    adjusted = np.maximum.accumulate(np.minimum(np.take_along_axis(p_values, order, axis=1) * steps, 1.0), axis=1)
    found = np.empty_like(adjusted)
    np.put_along_axis(found, order, adjusted, axis=1)
    return found
