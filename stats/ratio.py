"""Koopman's score interval for the ratio of two rates, also with zero cells and at any size."""

from __future__ import annotations

from math import exp, expm1, log, sqrt

from scipy.optimize import brentq

from stats.intervals import normal_quantile

TOLERANCE = 1e-12  # of an end, in z standard errors; rounding of the statistic is about as much at 10^8 events


def koopman(x1: int, n1: int, x2: int, n2: int, alpha: float) -> tuple[float, float | None] | None:
    """Return the score interval for (x1/n1) / (x2/n2), level 1 - alpha; n1, n2 >= 1.

    No event in arm 1: the lower end is 0. None in arm 2: the upper end is None, for unbounded. None in either:
    the interval is None, as every ratio fits.

    Source: Koopman (1984), Biometrics 40:513-517: the ratios r at which sum((x - np)^2 / (npq)) over both arms
    does not exceed the chi-square quantile, where p are the maximum likelihood estimates under p1 = r p2. The
    interval of the reversed ratio is the reciprocal one.
    """
    if x1 == x2 == 0:
        return None
    z = normal_quantile(alpha)
    lower = exp(-_upper_log_ratio(x2, n2, x1, n1, z)) if x1 else 0.0
    upper = exp(_upper_log_ratio(x1, n1, x2, n2, z)) if x2 else None
    return lower, upper


def _upper_log_ratio(x1: int, n1: int, x2: int, n2: int, z: float) -> float:
    """Solve chi = z above the estimate, on the log scale; x2 >= 1.

    In steps of z standard errors of the log ratio (Katz et al. (1978), Biometrics 34:469-474): chi is nearly a
    straight line there, with the root near the first step, so that any number of units takes as many steps.
    """

    def excess(t: float) -> float:
        return sqrt(_chi_square(x1, n1, x2, n2, t)) - z

    step = z * sqrt(_log_variance(x1, n1) + _log_variance(x2, n2))
    low = log(max(x1, 0.5)) - log(n1) - log(x2) + log(n2)
    while excess(low) > 0:
        low -= max(step, 1.0)
    high = low + step
    while excess(high) < 0:
        low, high = high, high + 2 * (high - low)
    return float(brentq(excess, low, high, xtol=TOLERANCE * step))


def _log_variance(x: int, n: int) -> float:
    """Return the variance of the log of a rate, as if there was half of an event or failure where there is none."""
    return max(n - x, 0.5) / n / max(x, 0.5)


def _chi_square(x1: int, n1: int, x2: int, n2: int, t: float) -> float:
    """Return Koopman's statistic at the log ratio t."""
    return _term(x1, n1, *_restricted(x1, n1, x2, n2, t)) + _term(x2, n2, *_restricted(x2, n2, x1, n1, -t))


def _term(x: int, n: int, p: float, q: float) -> float:
    """Return (x - np)^2 / (npq), from failures where these are the rarer."""
    residual = x - n * p if p < q else n * q - (n - x)
    variance = n * p * q
    return residual * residual / variance if variance > 0 else 0.0


def _restricted(x1: int, n1: int, x2: int, n2: int, t: float) -> tuple[float, float]:
    """Return p1 and 1 - p1, the maximum likelihood estimate given log(p1/p2) = t.

    With r = exp(t) and N, m the sums, p1 is the smaller root of N p^2 - (r(n1+x2) + x1+n2) p + r m = 0. Both
    values and the discriminant are arranged so that no digits cancel: (n1+x2)(x1+n2) - N m is the product of
    the failures, and 1 - p1 solves N q^2 - b q + (1-r) f1 = 0.
    """
    r, gap = exp(t), -expm1(t)
    f1, f2 = n1 - x1, n2 - x2
    root = sqrt((f1 - f2 - gap * (n1 + x2)) ** 2 + 4 * r * f1 * f2)
    p = 2 * r * (x1 + x2) / (r * (n1 + x2) + x1 + n2 + root)
    b = f1 + f2 + gap * (n1 + x2)
    q = (b + root) / (2 * (n1 + n2)) if b >= 0 else 2 * gap * f1 / (b - root)
    return p, q
