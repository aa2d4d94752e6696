"""Tests of equal rates: chi-square for many arms, for two arms with an exact fallback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats as sps

SMALLEST_EXPECTED = 5


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A chi-square statistic, its degrees of freedom, and the p-value of its upper tail."""

    chi2: float
    df: int
    p_value: float


def chi_square(x: Sequence[int], n: Sequence[int]) -> ChiSquare | None:
    """Return Pearson's test that all rates x/n are equal, without continuity correction; every n >= 1.

    None when no unit or every unit converted: there is nothing to compare.

    Source: Pearson (1900), Phil Mag 50:157-175; as sum(n_k (p_k - p)^2) / (p (1-p)) Fleiss (1981), Statistical
    Methods for Rates and Proportions, chapter 9. In whole numbers, so that large counts lose no digits.
    """
    events, units = sum(x), sum(n)
    if events in (0, units):
        return None
    spread = events * (units - events)
    chi2 = sum((x_k * units - n_k * events) ** 2 / (n_k * spread) for x_k, n_k in zip(x, n, strict=True))
    df = len(x) - 1
    return ChiSquare(chi2, df, float(sps.chi2.sf(chi2, df)))


def smallest_expected(x: Sequence[int], n: Sequence[int]) -> float:
    """Return the smallest expected cell, in units, of the arms' events and non-events under equal rates."""
    events, units = sum(x), sum(n)
    return min(n) * min(events, units - events) / units


def fisher(x1: int, n1: int, x2: int, n2: int) -> tuple[float, float]:
    """Return Fisher's exact two-sided p-value and its mid-p; n1, n2 >= 1.

    Two-sided: the tables that are no more probable than the one seen, given all four margins. Mid-p counts the
    table seen by half. Both are 1 when the margins leave one table only. Memory grows with the smallest margin.

    Source: Fisher (1935), JRSS 98:39-82; mid-p as in Lydersen, Fagerland & Laake (2009), Stat Med 28:1159-1175.
    The probabilities come from the ratios of neighbours, which stay exact at counts of 1e9.
    """
    events = x1 + x2
    low, high = max(0, events - n2), min(events, n1)
    if low == high:
        return 1.0, 1.0
    k = np.arange(low, high, dtype=float)
    steps = np.log((events - k) * (n1 - k) / ((k + 1) * (n2 - events + k + 1)))
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    seen = float(weights[x1 - low])
    p_value = min(1.0, float(weights[weights <= seen * (1 + 1e-7)].sum()))
    return p_value, p_value - seen / 2


def pair_p_value(x1: int, n1: int, x2: int, n2: int) -> float:
    """Return the two-sided p-value that two rates are equal; n1, n2 >= 1.

    Pearson's chi-square, or Fisher's mid-p where a cell of fewer than 5 is expected (Cochran's rule: (1954),
    Biometrics 10:417-451). 1 when no unit or every unit converted.
    """
    if smallest_expected((x1, x2), (n1, n2)) < SMALLEST_EXPECTED:
        return fisher(x1, n1, x2, n2)[1]
    found = chi_square((x1, x2), (n1, n2))
    return 1.0 if found is None else found.p_value
