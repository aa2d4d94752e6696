"""The odds ratio of two arms and its interval."""

from __future__ import annotations

from math import exp, log, sqrt

from scipy.optimize import brentq

from stats.intervals import normal_quantile


def odds_ratio_interval(x1: int, n1: int, x2: int, n2: int, alpha: float) -> tuple[float, float | None] | None:
    """Return the interval for the odds ratio of arm 1 over arm 2, level 1 - alpha; n1, n2 >= 1.

    All four cells positive: Woolf's log interval, the one that papers print. With a zero cell: Cornfield's score
    interval, whose end is 0 or None (unbounded) on the side of the zero. None when no unit or every unit of
    both arms converted, as every odds ratio fits.

    Source: Woolf (1955), Ann Hum Genet 19:251-253; Cornfield (1956), Proc 3rd Berkeley Symp 4:135-148, that is
    the score interval of Miettinen & Nurminen (1985), Stat Med 4:213-226, without their factor N/(N-1).
    """
    cells = x1, n1 - x1, x2, n2 - x2
    if x1 + x2 in (0, n1 + n2):
        return None
    return _woolf(cells, alpha) if all(cells) else _cornfield(cells, alpha)


def _woolf(cells: tuple[int, int, int, int], alpha: float) -> tuple[float, float]:
    a, b, c, d = cells
    estimate = log(a) + log(d) - log(b) - log(c)
    reach = normal_quantile(alpha) * sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return exp(estimate - reach), exp(estimate + reach)


def _cornfield(cells: tuple[int, int, int, int], alpha: float) -> tuple[float, float | None]:
    a, b, c, d = cells
    limit = normal_quantile(alpha) ** 2
    shrunk = _shifted_odds_ratio((b, a, d, c), limit) if a and d else None
    grown = _shifted_odds_ratio(cells, limit) if b and c else None
    return 0.0 if shrunk is None else 1 / shrunk, grown


def _shifted_odds_ratio(cells: tuple[int, int, int, int], limit: float) -> float:
    """Return the odds ratio of the table (a+s, b-s, c-s, d+s) with s^2 (sum of 1/cell) = limit; b, c >= 1.

    Each term s^2/cell rises with s, so the root is the only one; it lies between 0 and min(b, c).
    """
    a, b, c, d = cells

    def excess(s: float) -> float:
        return s * s * (1 / (a + s) + 1 / (b - s) + 1 / (c - s) + 1 / (d + s)) - limit

    end = min(b, c)
    s = float(brentq(excess, 1e-12, end * (1 - 1e-12), xtol=1e-15, rtol=1e-14, maxiter=500))
    return (a + s) * (d + s) / ((b - s) * (c - s))
