"""Exact answers for one rate and for two event counts: no approximation, at any rate and any size."""

from __future__ import annotations

from scipy.special import bdtr, bdtrc, betaincinv


def clopper_pearson(x: int, n: int, alpha: float) -> tuple[float, float]:
    """Return the exact interval for a rate, level at least 1 - alpha: x events of n >= 1 units.

    Source: Clopper & Pearson (1934), Biometrika 26:404-413: the rates that neither one-sided binomial test rejects at
    alpha/2, written as quantiles of the beta distribution. Exactly 0 at x = 0 and exactly 1 at x = n.
    """
    lower = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, alpha / 2))
    upper = 1.0 if x == n else 1 - float(betaincinv(n - x, x + 1, alpha / 2))
    if x < n - x:  # a small rate loses no digits by way of 1 - (1 - p)
        upper = float(betaincinv(x + 1, n - x, 1 - alpha / 2))
    return lower, upper


def conditional_p_values(x1: int, x2: int, share1: float) -> tuple[float, float]:
    """Return the two-sided p-value, exact and mid-p, that two arms have one rate, from the events alone.

    x1 and x2 are the arms' events, `share1` in (0, 1) is arm 1's share of their units. Given x1 + x2 events, x1 is
    binomial with that share where help is rare: which message each event had seen is all that counts. Twice the
    smaller tail, at most 1; mid-p counts the number seen by half. Without events both are 1.

    Source: Przyborowski & Wilenski (1940), Biometrika 31:313-323; mid-p: Lancaster (1961), JASA 56:223-234.
    """
    events = x1 + x2
    if events == 0:
        return 1.0, 1.0
    smaller = min((_lower, _upper), key=lambda tail: tail(x1, events, share1))
    tail, beyond = smaller(x1, events, share1), smaller(x1 + (1 if smaller is _upper else -1), events, share1)
    return min(1.0, 2 * tail), min(1.0, tail + beyond)


def _lower(x: int, events: int, share: float) -> float:
    """Return P(X <= x)."""
    return 0.0 if x < 0 else float(bdtr(x, events, share))


def _upper(x: int, events: int, share: float) -> float:
    """Return P(X >= x)."""
    return 1.0 if x <= 0 else 0.0 if x > events else float(bdtrc(x - 1, events, share))
