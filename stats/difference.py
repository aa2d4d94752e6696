"""Score intervals for the difference of two rates, also with zero cells and at any size."""

from __future__ import annotations

from math import sqrt

from scipy.optimize import brentq

from stats.intervals import newcombe, normal_quantile

Rates = tuple[float, float]


def miettinen_nurminen(x1: int, n1: int, x2: int, n2: int, alpha: float) -> tuple[float, float]:
    """Return the score interval for x1/n1 - x2/n2, level 1 - alpha; n1, n2 >= 1.

    Source: Miettinen & Nurminen (1985), Stat Med 4:213-226, method 5 of Newcombe (1998), Stat Med 17:873-890: the
    differences d at which (p1 - p2 - d)^2 / V(d) does not exceed the chi-square quantile, where V(d) is the variance
    at the maximum likelihood estimates under p1 = p2 + d, times N/(N - 1).
    """
    units = n1 + n2
    return _score(x1, n1, x2, n2, alpha, units / (units - 1))


def mee(x1: int, n1: int, x2: int, n2: int, alpha: float) -> tuple[float, float]:
    """Return the score interval without the factor N/(N - 1); otherwise as `miettinen_nurminen`.

    Source: Mee (1984), Biometrics 40:1175-1176.
    """
    return _score(x1, n1, x2, n2, alpha, 1.0)


def _score(x1: int, n1: int, x2: int, n2: int, alpha: float, inflation: float) -> tuple[float, float]:
    limit = normal_quantile(alpha) ** 2 * inflation
    start = newcombe(x1, n1, x2, n2, alpha)
    return -_upper((x2, n2, x1, n1), -start[0], limit), _upper((x1, n1, x2, n2), start[1], limit)


def _upper(table: tuple[int, int, int, int], start: float, limit: float) -> float:
    """Return the largest difference whose statistic does not exceed the limit; `start` is about there."""
    x1, n1, x2, n2 = table
    seen = x1 / n1 - x2 / n2
    if x1 == n1 and x2 == 0:
        return 1.0

    def excess(d: float) -> float:
        p1, p2 = restricted(x1, n1, x2, n2, d)
        variance = p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2
        return float("inf") if variance <= 0 else (seen - d) ** 2 / variance - limit

    step, largest = start - seen, 1 - 1e-15
    while excess(seen + step / 2) > 0:
        step /= 2
    low, high = seen + step / 2, min(seen + step, largest)
    while high < largest and excess(high) < 0:
        low, high = high, min(high + (high - seen), largest)
    return float(brentq(excess, low, high, xtol=1e-18, rtol=1e-13)) if excess(high) > 0 else 1.0


def restricted(x1: int, n1: int, x2: int, n2: int, d: float) -> Rates:
    """Return the maximum likelihood estimates of p1 and p2 given p1 - p2 = d, -1 < d < 1.

    For d >= 0, p2 is the root in [0, 1 - d] of the cubic that the derivative of the likelihood becomes; the textbook
    solution by arc cosine loses half of its digits at rare rates, so it is found by Newton's method, held in brackets.
    """
    if d < 0:
        p2, p1 = restricted(x2, n2, x1, n1, -d)
        return p1, p2
    p2 = _smaller_rate(x1, n1 - x1, x2, n2 - x2, d)
    return p2 + d, p2


def _smaller_rate(x1: int, f1: int, x2: int, f2: int, d: float) -> float:
    """Solve for p2; x events and f failures in each arm, d >= 0."""
    units, events, top = x1 + f1 + x2 + f2, x1 + x2, 1 - d
    if d == 0:
        return events / units
    if x2 == 0 and x1 * top - f2 * d * top - f1 * d <= 0:
        return 0.0
    if f1 == 0 and f2 * top - x1 * d * top - x2 * d <= 0:
        return top
    b = units * d - events
    root = sqrt(b * b + 4 * units * x2 * d)
    p = 2 * x2 * d / (b + root) if b > 0 else (root - b) / (2 * units)  # exact where all rates are small
    low, high = 0.0, top
    p = p if low < p < high else top / 2
    for _ in range(200):
        value, slope = _cubic(p, x1, f1, x2, f2, d)
        if abs(value) <= -1e-12 * slope * p:  # Newton's next step would be the square of this one
            return p
        low, high = (p, high) if value > 0 else (low, p)
        following = p - value / slope if slope < 0 else low
        p = following if low < following < high else (low + high) / 2
    return p


def _cubic(p: float, x1: int, f1: int, x2: int, f2: int, d: float) -> Rates:
    """Return the derivative of the likelihood in p2 = p, times p1 q1 p2 q2 > 0, and its own derivative."""
    p1, q2 = p + d, 1 - p
    q1 = q2 - d
    value = x2 * p1 * q1 * q2 - f2 * p * p1 * q1 + x1 * p * q1 * q2 - f1 * p * p1 * q2
    slope = (
        x2 * (q1 * q2 - p1 * q2 - p1 * q1)
        - f2 * (p1 * q1 + p * q1 - p * p1)
        + x1 * (q1 * q2 - p * q2 - p * q1)
        - f1 * (p1 * q2 + p * q2 - p * p1)
    )
    return value, slope
