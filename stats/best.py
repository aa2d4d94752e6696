"""Many arms against one: Hsu's comparisons with the best, and Dunnett's with the control, both for rates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from stats.association import SMALLEST_EXPECTED, smallest_expected
from stats.plan import Better
from stats.quadrature import composite

Array = NDArray[np.float64]
Interval = tuple[float, float]

_REACH = 9  # standard deviations: what lies further out is nothing
_STEEP = 0.3  # a tail that changes faster than this along the integral gets panels of its own
_STEP = np.array([-8.0, -4, -2, 0, 2, 4, 8])  # in its standard deviations: within these it goes from 0 to 1


def dunnett_constant(comparisons: int, alpha: float, sided: int = 1) -> float:
    """Return the z that the largest of so many comparisons with one arm of equal size exceeds with probability alpha.

    Source: Dunnett (1955), JASA 50:1096-1121, at infinite degrees of freedom and correlation 1/2; 1-sided it is the
    constant of Hsu's comparisons with the best.
    """
    return _constant((sqrt(0.5),) * comparisons, alpha, sided)


@lru_cache(maxsize=1024)
def _constant(loadings: tuple[float, ...], alpha: float, sided: int) -> float:
    factors = np.array(loadings)
    lowest = -20.0 if sided == 1 else 0.0
    return float(brentq(lambda d: _outside(d, factors, sided) - alpha, lowest, 20.0, xtol=1e-13))


def _outside(d: float, loadings: Array, sided: int) -> float:
    """Return P(some Z_j > d), or some |Z_j|, where corr(Z_j, Z_k) is the product of their loadings.

    Source: Dunnett & Sobel (1955), Biometrika 42:258-260, eq. 1: the one integral over what the Z_j have in common.
    Of tails, so that a small probability keeps its digits.
    """
    own = np.sqrt(1 - loadings**2)[:, None]
    z, weights = composite(_edges(d, loadings[:, None], own))
    shared = loadings[:, None] * z
    tail = ndtr((shared - d) / own)
    if sided == 2:
        tail = tail + ndtr((-d - shared) / own)
    some = -np.expm1(np.log1p(-np.minimum(tail, 1 - 1e-16)).sum(axis=0))
    return min(1.0, float(some @ (weights * np.exp(-z * z / 2))) / sqrt(2 * np.pi))


def _edges(d: float, loadings: Array, own: Array) -> Array:
    """Return the panels: of width 1, and finer where a tail changes steeply."""
    end = min(_REACH + abs(d), 36.0)
    steep = own < _STEEP * loadings
    steps = (np.array([d, -d])[:, None, None] + own[steep, None] * _STEP) / loadings[steep, None]
    return np.unique(np.concatenate([np.linspace(-end, end, 2 * ceil(end) + 1), np.clip(steps.ravel(), -end, end)]))


def _loadings(n: Sequence[int], reference: int) -> tuple[float, ...]:
    """Return sqrt(n_j / (n_j + n_ref)) of the other arms: the comparisons of rates that are equal share one arm."""
    mine = n[reference]
    return tuple(sqrt(other / (other + mine)) for k, other in enumerate(n) if k != reference)


def _gap(x: Sequence[int], n: Sequence[int], i: int, j: int) -> tuple[float, float]:
    """Return p_i - p_j and its standard error under equality."""
    pooled = (x[i] + x[j]) / (n[i] + n[j])
    return x[i] / n[i] - x[j] / n[j], sqrt(pooled * (1 - pooled) * (1 / n[i] + 1 / n[j]))


def dunnett_p_values(x: Sequence[int], n: Sequence[int], control: int) -> list[float | None]:
    """Return the two-sided p-value of every arm against the control, in arm order, adjusted for all of them.

    None for the control itself, and where a cell of the pair's table is expected to be under 5, as the normal
    distribution does not hold there. Every n >= 1.

    Source: Dunnett (1955), as above, with the z-values of rates (standard error under equality) in place of t. It
    is not `scipy.stats.dunnett`, which takes samples of normal measurements with a common variance.
    """
    loadings = np.array(_loadings(n, control))
    found: list[float | None] = []
    for arm in range(len(n)):
        both = [x[arm], x[control]], [n[arm], n[control]]
        if arm == control or smallest_expected(*both) < SMALLEST_EXPECTED:
            found.append(None)
            continue
        gap, error = _gap(x, n, arm, control)
        found.append(_outside(abs(gap) / error, loadings, 2))
    return found


def with_the_best(x: Sequence[int], n: Sequence[int], alpha: float, better: Better = "higher") -> list[Interval]:
    """Return Hsu's simultaneous intervals, level 1 - alpha, for each rate minus the best of all other rates.

    An interval that ends at 0 from above (lower >= 0) says that the arm is the best; one with upper <= 0 that it is
    not. K >= 2 arms in order, every n >= 1. Where lower rates are better the best of the others is the lowest, and
    the arm is the best where the upper end is 0.

    Source: Hsu (1984), Ann Stat 12:1136-1144; unequal sizes: Hsu (1996), Multiple Comparisons, section 4.2.
    """
    if better == "lower":
        failures = [units - events for events, units in zip(x, n, strict=True)]
        return [(-upper, -lower) for lower, upper in with_the_best(failures, n, alpha)]
    reach = [_constant(_loadings(n, i), alpha, 1) for i in range(len(n))]
    uppers = [max(0.0, min(_end(x, n, i, j, reach[i]) for j in range(len(n)) if j != i)) for i in range(len(n))]
    possible = [i for i, upper in enumerate(uppers) if upper > 0]
    lowers = [min([0.0, *(_end(x, n, i, j, -reach[j]) for j in possible if j != i)]) for i in range(len(n))]
    return list(zip(lowers, uppers, strict=True))


def _end(x: Sequence[int], n: Sequence[int], i: int, j: int, reach: float) -> float:
    gap, error = _gap(x, n, i, j)
    return gap + reach * error
