"""Units that come in clusters (sessions of a person, views of a time block): standard errors that know it."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats.mantel_haenszel import Floats, divided


def sums_by(group: NDArray[np.intp], values: Floats, groups: int = 0) -> Floats:
    """Return the sum of the values of each group 0, 1, ..; at least this many groups."""
    return np.bincount(group, values, minlength=groups).astype(float)


class Difference(NamedTuple):
    """Difference of two rates, per unit, and its standard errors with clusters and as if units were independent."""

    difference: float
    robust_se: float
    naive_se: float


def taylor_difference(
    events1: Sequence[int], units1: Sequence[int], events2: Sequence[int], units2: Sequence[int]
) -> Difference:
    """Return rate 1 minus rate 2, each arm given as events and units of its clusters; an arm needs one unit or more.

    Variance of an arm's rate p: sum over clusters of (y - n p)^2 / (sum n)^2, by linearisation of the ratio and
    without a small-sample factor, which is what estimating equations with independent working correlation give.
    Source: Taylor series as in Cochran (1977), Sampling Techniques, 6.4; Liang & Zeger (1986), Biometrika 73:13-22.
    """
    arms = [_rate(events, units) for events, units in ((events1, units1), (events2, units2))]
    robust, naive = (sqrt(sum(arm[part] for arm in arms)) for part in (1, 2))
    return Difference(arms[0][0] - arms[1][0], robust, naive)


def _rate(events: Sequence[int], units: Sequence[int]) -> tuple[float, float, float]:
    """Return the rate of an arm, its variance with clusters, and its variance without."""
    y, n = np.asarray(events, dtype=float), np.asarray(units, dtype=float)
    total = float(n.sum())
    p = float(y.sum()) / total
    return p, float(((y - n * p) ** 2).sum()) / total**2, p * (1 - p) / total


def design_effect(events: Floats, units: Floats, group: NDArray[np.intp]) -> float | None:
    """Return how many times more the events of clusters vary than events of independent units would.

    events, units   (C,) of each cluster, units >= 1
    group           (C,) number of the group (arm, phase) whose clusters have one rate

    Pearson's statistic over its degrees of freedom: sum (y - n p)^2 / (n p (1-p)), p the rate of the cluster's
    group, over clusters less groups. Groups without events, or with nothing else, know nothing of it and are left
    out; None when no group with two clusters is left. Source: McCullagh & Nelder (1989), Generalized Linear Models,
    4.5.2; Wedderburn (1974), Biometrika 61:439-447.
    """
    y, n, size = (sums_by(group, values) for values in (events, units, np.ones_like(units)))
    p = divided(y, n)
    spread = p * (1 - p)
    known = spread > 0
    df = float((size - 1)[known].sum())
    if df < 1:
        return None
    own, variance = p[group], spread[group] * units
    return float(divided((events - units * own) ** 2, variance).sum()) / df
