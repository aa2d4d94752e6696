"""Intervals for one rate and for the difference of two; all stand zero cells."""

from __future__ import annotations

from math import hypot, sqrt

from scipy.special import ndtri


def normal_quantile(alpha: float) -> float:
    """Return z with P(|Z| > z) = alpha for a standard normal Z."""
    return -float(ndtri(alpha / 2))


def wilson(x: int, n: int, alpha: float) -> tuple[float, float]:
    """Return Wilson's score interval for a rate, level 1 - alpha: x events of n >= 1 units.

    Source: Wilson (1927), JASA 22:209-212; method 3 of Newcombe (1998), Stat Med 17:857-872. The ends are the
    roots of (x/n - p)^2 = z^2 p(1-p)/n; the lower one is their product x^2/(n(n+z^2)) over the upper one, which
    loses no digits at rare rates. Exactly 0 at x = 0 and exactly 1 at x = n.
    """
    z = normal_quantile(alpha)
    upper = (x + z * z / 2 + z * sqrt(x * (n - x) / n + z * z / 4)) / (n + z * z)
    lower = x * x / (n * (n + z * z) * upper)
    return lower, 1.0 if x == n else upper


def newcombe(x1: int, n1: int, x2: int, n2: int, alpha: float) -> tuple[float, float]:
    """Return Newcombe's hybrid score interval for p1 - p2, level 1 - alpha; n1, n2 >= 1.

    Source: Newcombe (1998), Stat Med 17:873-890, method 10: each end is the difference minus or plus the root
    of the summed squares of the distances to the Wilson ends.
    """
    p1, p2 = x1 / n1, x2 / n2
    low1, high1 = wilson(x1, n1, alpha)
    low2, high2 = wilson(x2, n2, alpha)
    lower = p1 - p2 - hypot(p1 - low1, high2 - p2)
    upper = p1 - p2 + hypot(high1 - p1, p2 - low2)
    return max(lower, -1.0), min(upper, 1.0)
