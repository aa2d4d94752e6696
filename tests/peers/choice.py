"""Methods around the choice of an arm that Signpost does not use: allocation, lower bounds, a trial's interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, log1p

from scipy.optimize import brentq
from scipy.special import betaincinv

Floats = list[float]


def top_two(p_best: Sequence[float], beta: float) -> Floats:
    """Return how often top-two Thompson sampling shows each arm.

    Source: Russo (2020), Oper Res 68:1625-1647 (arXiv:1602.08448), section 3.3: beta to a draw of the best, the rest to
    a draw of the best of the others.
    """
    odds = [a / (1 - a) for a in p_best]
    return [a * (beta + (1 - beta) * (sum(odds) - own)) for a, own in zip(p_best, odds, strict=True)]


def kl(p: float, q: float) -> float:
    """Return the divergence of two Bernoulli distributions, p and q in (0, 1)."""
    return p * log(p / q) + (1 - p) * (log1p(-p) - log1p(-q))


def characteristic_time(rates: Sequence[float]) -> tuple[float, Floats]:
    """Return T* and the shares w* (in the order given) of the fastest possible search; the first arm is the best.

    Every rule with error probability d needs T* kl(d, 1 - d) units or more on average. Source: Garivier & Kaufmann
    (2016), COLT (arXiv:1602.04589), theorems 1 and 5: two nested one-dimensional roots.
    """
    best, others = rates[0], rates[1:]

    def middle(x: float, other: float) -> float:
        return (best + x * other) / (1 + x)

    def share(y: float, other: float) -> float:
        """Solve kl(best, m) + x kl(other, m) = y for x; it rises with x, to kl(best, other)."""

        def value(x: float) -> float:
            return kl(best, middle(x, other)) + x * kl(other, middle(x, other)) - y

        high = 1.0
        while value(high) < 0:
            high *= 2
        return float(brentq(value, 0.0, high, xtol=1e-14))

    def excess(y: float) -> float:
        at = [middle(share(y, other), other) for other in others]
        return sum(kl(best, m) / kl(other, m) for m, other in zip(at, others, strict=True)) - 1

    top = min(kl(best, other) for other in others)
    y = float(brentq(excess, top * 1e-3, top * (1 - 1e-6), xtol=1e-18, rtol=1e-13))
    parts = [1.0, *(share(y, other) for other in others)]
    return sum(parts) / y, [part / sum(parts) for part in parts]


def vaccine_efficacy(
    cases: Sequence[int], surveillance: Sequence[float], prior: Sequence[float], level: float = 0.95
) -> tuple[float, float]:
    """Return the credible interval of 1 - rate ratio, by the labels of the cases and a Beta prior on them.

    Source: Polack et al. (2020), NEJM 383:2603-2615; prior in arXiv:2103.04462. The likelihood is the engine's own.
    """
    tails = ((1 - level) / 2, (1 + level) / 2)
    share = [float(betaincinv(prior[0] + cases[0], prior[1] + cases[1], tail)) for tail in tails]
    high, low = (1 - t / (1 - t) * surveillance[1] / surveillance[0] for t in share)
    return low, high
