"""Exact unconditional tests of a 2 x 2 table: the largest probability over the common rate.

Signpost does not offer them: a thousand units per arm take scipy 5 seconds (Barnard) or 27 (Boschloo). Tables are
written as scipy writes them: columns are the groups, the first row their events.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binom, hypergeom

Array = NDArray[np.float64]
Alternative = Literal["less", "greater"]

ALIKE = 1e-12  # statistics that differ by less are equal: they are the same fraction in another order
RATES = 2_000


def barnard(table: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Return the pooled Wald statistic and the two-sided p-value.

    Source: Barnard (1945), Nature 156:177; with this statistic Suissa & Shuster (1985), JRSS A 148:317-327.
    """
    n1, n2, x1, x2 = _groups(table)
    statistic = _wald(n1, n2)
    seen = float(statistic[x1, x2])
    return seen, _largest(np.abs(statistic) >= abs(seen) - ALIKE, n1, n2)


def suissa_shuster(table: Sequence[Sequence[int]]) -> float:
    """Return the two-sided p-value of `barnard`; rows are the groups, the first column their events."""
    return barnard([list(column) for column in zip(*table, strict=True)])[1]


def boschloo(table: Sequence[Sequence[int]], alternative: Alternative) -> tuple[float, float]:
    """Return Fisher's one-sided p-value, which is the statistic, and the p-value.

    Source: Boschloo (1970), Statistica Neerlandica 24:1-9.
    """
    n1, n2, x1, x2 = _groups(table)
    first, second = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    tail = hypergeom.cdf if alternative == "less" else lambda x, *rest: hypergeom.sf(x - 1, *rest)
    statistic = np.asarray(tail(first, n1 + n2, n1, first + second))
    seen = float(statistic[x1, x2])
    return seen, _largest(statistic <= seen * (1 + 1e-10), n1, n2)


def _groups(table: Sequence[Sequence[int]]) -> tuple[int, int, int, int]:
    (x1, x2), (f1, f2) = table
    return x1 + f1, x2 + f2, x1, x2


def _wald(n1: int, n2: int) -> Array:
    """Return (p1 - p2) / its pooled standard error for every table of these sizes; 0 where nothing differs."""
    first, second = np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij")
    gap = first / n1 - second / n2
    pooled = (first + second) / (n1 + n2)
    error = np.sqrt(pooled * (1 - pooled)) * sqrt(1 / n1 + 1 / n2)
    return np.divide(gap, error, out=np.zeros_like(gap), where=error > 0)


def _largest(extreme: NDArray[np.bool_], n1: int, n2: int) -> float:
    """Return the largest probability of the extreme tables over all common rates."""

    def probability(rate: float) -> float:
        weights = np.outer(binom.pmf(np.arange(n1 + 1), n1, rate), binom.pmf(np.arange(n2 + 1), n2, rate))
        return float(weights[extreme].sum())

    rates = np.linspace(0, 1, RATES + 1)
    found = np.array([probability(rate) for rate in rates])
    at = int(found.argmax())
    ends = float(rates[max(at - 1, 0)]), float(rates[min(at + 1, RATES)])
    finer = minimize_scalar(lambda rate: -probability(rate), bounds=ends, method="bounded", options={"xatol": 1e-12})
    return max(float(found[at]), -float(finer.fun))
