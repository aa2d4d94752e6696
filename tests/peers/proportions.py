"""Intervals that other programs print and Signpost does not: each with the reason why it is not offered."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log, sqrt

from scipy.optimize import brentq
from scipy.special import betaincinv, ndtr
from scipy.stats.contingency import odds_ratio

from stats.intervals import normal_quantile

Ends = tuple[float, float]


def jeffreys(x: int, n: int, alpha: float) -> Ends:
    """Return the equal-tailed interval of a rate from a Beta(1/2, 1/2) prior; 0 at x = 0 and 1 at x = n.

    Source: Brown, Cai & DasGupta (2001), Stat Sci 16:101-133, section 3.1.2. Its coverage goes down to 94 %.
    """
    low, high = (float(betaincinv(x + 0.5, n - x + 0.5, tail)) for tail in (alpha / 2, 1 - alpha / 2))
    return 0.0 if x == 0 else low, 1.0 if x == n else high


def wald_difference(x1: int, n1: int, x2: int, n2: int, alpha: float) -> Ends:
    """Return the textbook interval of p1 - p2: of no width without events, 93 % with a split of 9:1."""
    p1, p2 = x1 / n1, x2 / n2
    reach = normal_quantile(alpha) * sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    return p1 - p2 - reach, p1 - p2 + reach


def agresti_caffo(x1: int, n1: int, x2: int, n2: int, alpha: float) -> Ends:
    """Return Wald's interval after one event and one failure more in each arm; far too wide at rare rates.

    Source: Agresti & Caffo (2000), Am Stat 54:280-288.
    """
    return wald_difference(x1 + 1, n1 + 2, x2 + 1, n2 + 2, alpha)


def katz(x1: float, n1: float, x2: float, n2: float, alpha: float) -> Ends:
    """Return the log interval of the ratio of rates; x1, x2 > 0, as it knows no zero.

    Source: Katz, Baptista, Azen & Pike (1978), Biometrics 34:469-474, method C.
    """
    reach = normal_quantile(alpha) * sqrt(1 / x1 - 1 / n1 + 1 / x2 - 1 / n2)
    centre = log(x1) - log(n1) - log(x2) + log(n2)
    return exp(centre - reach), exp(centre + reach)


def walter(x1: int, n1: int, x2: int, n2: int, alpha: float) -> Ends:
    """Return Katz's interval after half an event more in each arm: finite at zeros, and much too short there.

    Source: Walter (1975), Biometrika 62:371-374.
    """
    return katz(x1 + 0.5, n1 + 0.5, x2 + 0.5, n2 + 0.5, alpha)


def miettinen_nurminen_ratio(x1: int, n1: int, x2: int, n2: int, alpha: float) -> Ends:
    """Return the score interval of the ratio of rates, x1, x2 > 0: Koopman's with the variance times N/(N - 1).

    Source: Miettinen & Nurminen (1985), Stat Med 4:213-226, equations 10 and 11: (p1 - r p2)^2 / V at the estimates
    restricted to p1 = r p2, where p2 is the smaller root of N r p^2 - (r (n1 + x2) + x1 + n2) p + x1 + x2 = 0.
    """
    units = n1 + n2
    limit = normal_quantile(alpha) ** 2 * units / (units - 1)

    def excess(t: float) -> float:
        r = exp(t)
        b = r * (n1 + x2) + x1 + n2
        p2 = 2 * (x1 + x2) / (b + sqrt(b * b - 4 * units * r * (x1 + x2)))
        p1 = r * p2
        variance = p1 * (1 - p1) / n1 + r * r * p2 * (1 - p2) / n2
        return (x1 / n1 - r * x2 / n2) ** 2 / variance - limit

    centre = log(x1) - log(n1) - log(x2) + log(n2)
    return exp(brentq(excess, centre - 12, centre, xtol=1e-13)), exp(brentq(excess, centre, centre + 12, xtol=1e-13))


def conditional_odds_ratio(x1: int, n1: int, x2: int, n2: int, alpha: float) -> tuple[float, Ends]:
    """Return the likeliest odds ratio given all margins, and its exact interval, as scipy has them.

    Source: Fisher (1935), JRSS 98:39-82, section 6; Cornfield (1956), Proc 3rd Berkeley Symp 4:135-148.
    """
    found = odds_ratio([[x1, n1 - x1], [x2, n2 - x2]], kind="conditional")
    ends = found.confidence_interval(1 - alpha)
    return float(found.statistic), (float(ends.low), float(ends.high))


def r_power(n: float, p1: float, p2: float, alpha: float) -> float:
    """Return the power of n units per arm, two-sided, without the far tail: R's `power.prop.test`.

    Source: Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, equation 4.14: variance pooled
    under equality, unpooled otherwise.
    """
    pooled, own = _spreads(p1, p2)
    return float(ndtr((sqrt(n) * abs(p1 - p2) - normal_quantile(alpha) * pooled) / own))


def r_size(p1: float, p2: float, power: float, alpha: float) -> float:
    """Return the units per arm, no whole number, for which `r_power` is this power."""
    pooled, own = _spreads(p1, p2)
    return ((normal_quantile(alpha) * pooled + normal_quantile(2 - 2 * power) * own) / (p1 - p2)) ** 2


def _spreads(p1: float, p2: float) -> Ends:
    return sqrt((p1 + p2) * (2 - p1 - p2) / 2), sqrt(p1 * (1 - p1) + p2 * (1 - p2))


DIFFERENCES: dict[str, Callable[[int, int, int, int, float], Ends]] = {
    "wald": wald_difference,
    "agresti-caffo": agresti_caffo,
}
