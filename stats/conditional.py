"""The exact test that two arms are equal within tables, given the margins of every table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from stats.mantel_haenszel import Floats, Tables, TwoByTwo, chi2_tail, cmh_chi2

SMALLEST_PROBABILITY = 1e-300


class Exact(NamedTuple):
    """Exact conditional p-values that the common odds ratio is 1; `mid` is the two-sided one less half its point."""

    two_sided: float
    greater: float
    less: float
    mid: float


def exact_conditional(tables: Iterable[TwoByTwo]) -> Exact:
    """Return the exact p-values given the margins of every table; all 1 when the margins leave one outcome only.

    The events of arm 1 over all tables are a sum of independent hypergeometric numbers: their distribution is the
    convolution. Two-sided: the outcomes that are no more probable than the one seen. Source: Gart (1970),
    Biometrika 57:471-475; Agresti (2013), Categorical Data Analysis, 7.3.5. Time grows with the product of the
    spans of the tables' ranges; points of less than 1e-300 are left out.
    """
    stack = Tables.of(tables)
    weights, low = np.ones(1), 0
    for x1, n1, x2, n2 in zip(stack.x1, stack.n1, stack.x2, stack.n2, strict=True):
        first, points = _hypergeometric(int(n1), int(n2), int(x1 + x2))
        joined = np.convolve(weights, points)
        kept = np.flatnonzero(joined >= SMALLEST_PROBABILITY)
        low += first + int(kept[0])
        weights = joined[kept[0] : kept[-1] + 1]
    weights = weights / weights.sum()
    return _tails(weights, int(stack.x1.sum()) - low)


def _tails(weights: Floats, seen: int) -> Exact:
    if not 0 <= seen < len(weights):  # less probable than anything that was kept
        return Exact(0.0, *((0.0, 1.0) if seen > 0 else (1.0, 0.0)), 0.0)
    point = float(weights[seen])
    two_sided = min(1.0, float(weights[weights <= point * (1 + 1e-7)].sum()))
    greater, less = (min(1.0, float(part.sum())) for part in (weights[seen:], weights[: seen + 1]))
    return Exact(two_sided, greater, less, two_sided - point / 2 if len(weights) > 1 else 1.0)


def _hypergeometric(n1: int, n2: int, events: int) -> tuple[int, Floats]:
    """Return the smallest possible number of events in arm 1 with n1 of n1 + n2 units, and the probabilities."""
    low, high = max(0, events - n2), min(events, n1)
    k = np.arange(low, high, dtype=float)
    steps = np.log((events - k) * (n1 - k) / ((k + 1) * (n2 - events + k + 1)))
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    weights = np.exp(logs - logs.max())
    return low, weights / weights.sum()


def cmh_p_value(tables: Tables) -> float | None:
    """Return the two-sided p-value that one comparison's arms (T,) are equal; None when no table says anything.

    `cmh_chi2`, or the mid-p of `exact_conditional` where the chi-square distribution does not hold: where the
    events of arm 1 can go less than 5 below, or less than 5 above, what is expected. Source: Mantel & Fleiss
    (1980), Am J Epidemiol 112:129-134.
    """
    if not tables.variance.sum() > 0:
        return None
    expected = tables.expected
    below = (expected - np.maximum(0.0, tables.events - tables.n2)).sum()
    above = (np.minimum(tables.events, tables.n1) - expected).sum()
    if min(below, above) >= 5:
        return float(chi2_tail(cmh_chi2(tables), 1))
    rows = zip(tables.x1, tables.n1, tables.x2, tables.n2, strict=True)
    return exact_conditional([[[x1, n1 - x1], [x2, n2 - x2]] for x1, n1, x2, n2 in rows]).mid
