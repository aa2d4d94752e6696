"""How many units a comparison needs: one variant stands out by a ratio, and is to be named the winner.

K variants have the same rate, but for one whose rate is `ratio` times it. `power` is the probability that the rule
names that one. Fixed design: Holm over all pairs. Planned looks: the same at each look. Sequential design: there is no
formula; what is here is fitted to simulations of `stats.evidence` (`SETTLED`), good to 15 % for 2 to 12 variants,
ratios of 1.05 to 2 and alpha from 0.01 to 0.2. `signpost simulate` plays the rule itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log, sqrt
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import invgauss

from stats.looks import boundaries, crossing
from stats.plan import Spending, require
from stats.quadrature import composite

Shares = Literal["equal", "drop-losers", "leader"]

# How much more evidence several variants ask for than two do, by kind of allocation: where none is dropped the
# slowest of all rivals is waited for; where losers are, the traffic goes to those that are left.
SETTLED: dict[Shares, Callable[[int], float]] = {
    "equal": lambda arms: 1.67 * log(arms / 2),
    "drop-losers": lambda arms: 1.33 * (1 - 2 / arms),
    "leader": lambda arms: 0.95 * (1 - 2 / arms),
}
SPREAD = 1.8  # the variance of the evidence asked for, over its mean; 2 in theory, as ratio goes to 1
FEWEST, MOST = 2.0, 1e15  # units of a variant that are searched
SMALLEST_RATIO, LARGEST_RATIO = 1.001, 100.0


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be found: `rate` of all variants (0 to 1) but one, whose rate is `ratio` times it.

    Raises ValueError that begins with the field's name.
    """

    arms: int
    rate: float
    ratio: float
    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        require("arms", f"must be 2 or more, not {self.arms!r}", holds=self.arms >= 2)
        require("rate", f"must lie between 0 and 1, not {self.rate!r}", holds=0 < self.rate < 1)
        sound = 0 < self.ratio < float("inf") and self.ratio != 1
        require("ratio", f"must be a positive number other than 1, not {self.ratio!r}", holds=sound)
        require("ratio", f"{self.ratio:g} times {self.rate:g} is no rate below 1", holds=self.best < 1)
        require("alpha", f"must lie between 0 and 0.5, not {self.alpha!r}", holds=0 < self.alpha < 0.5)
        require("power", f"must lie between 0.5 and 1, not {self.power!r}", holds=0.5 <= self.power < 1)

    @property
    def best(self) -> float:
        """Rate of the variant that stands out."""
        return self.ratio * self.rate

    @property
    def events(self) -> float:
        """Expected events of two units, one of each of the pair."""
        return self.rate + self.best


@dataclass(frozen=True, slots=True)
class Size:
    """Units of all variants together, rounded up.

    units       enough to name the best with the planned power: the planned size, or when the sequential rule ends
    mean_units  used on average, where the rule may end earlier
    """

    units: int
    mean_units: int


def fixed(aim: Aim) -> Size:
    """Return the size of a fixed design: one look, Holm over all pairs, two-sided tests with pooled variance.

    Two variants: the same as R's power.prop.test. Source: Fleiss, Levin & Paik (2003), Statistical Methods for Rates
    and Proportions, eq. 4.14 without correction; more: `power_of`.
    """
    found = _whole(aim.arms * units_per_arm(aim))
    return Size(found, found)


def units_per_arm(aim: Aim) -> float:
    """Return the units of each variant of a fixed design, not rounded."""
    return _solved(lambda units: power_of(aim, units) - aim.power)


def power_of(aim: Aim, units: float) -> float:
    """Return the probability that a fixed design with so many units of each variant names the best.

    All K - 1 pairs with the best must pass. The last of them is tested by Holm at alpha / (m - K + 2), m = K (K-1) / 2;
    the pairs share the best variant's estimate, over which the normal probabilities are integrated.
    Source: Dunnett (1955), JASA 50:1096-1121, eq. 9 (the same integral); Holm (1979), Scand J Stat 6:65-70.
    """
    middle = (aim.rate + aim.best) / 2
    gap = sqrt(units) * abs(aim.best - aim.rate) - _critical(aim) * sqrt(2 * middle * (1 - middle))
    best, other = sqrt(aim.best * (1 - aim.best)), sqrt(aim.rate * (1 - aim.rate))
    if aim.arms == 2:
        return float(ndtr(gap / sqrt(best**2 + other**2)))
    w, weight = _normal_nodes()
    return float(weight @ ndtr((gap + best * w) / other) ** (aim.arms - 1))


def _level(aim: Aim) -> float:
    return aim.alpha / (aim.arms * (aim.arms - 1) // 2 - aim.arms + 2)


def _critical(aim: Aim) -> float:
    return -float(ndtri(_level(aim) / 2))


@lru_cache(maxsize=1)
def _normal_nodes() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = composite(np.linspace(-9, 9, 13))
    return nodes, weights * np.exp(-(nodes**2) / 2) / sqrt(2 * np.pi)


def looks(aim: Aim, number: int = 5, spending: Spending = "obrien-fleming") -> Size:
    """Return the size with planned looks: the fixed size times the inflation of one pair at its Holm level.

    The mean counts the look at which the pair is decided; with three variants or more it is a little too low.
    Source: Jennison & Turnbull (2000), Group Sequential Methods, sections 2.3 and 7.2 (inflation factor R).
    """
    require("looks", f"must be 2 or more, not {number!r}", holds=number >= 2)
    inflation, mean = _inflation(_level(aim), aim.power, number, spending)
    whole = aim.arms * units_per_arm(aim) * inflation
    return Size(_whole(whole), _whole(whole * mean))


@lru_cache(maxsize=256)
def _inflation(level: float, power: float, number: int, spending: str) -> tuple[float, float]:
    """Return (largest size over the fixed size, mean size over the largest) of one pair."""
    times = tuple((k + 1) / number for k in range(number))
    bounds = boundaries(times, level / 2, spending)
    need = -float(ndtri(level / 2)) + float(ndtri(power))
    drift = float(brentq(lambda d: sum(crossing(times, bounds, d)) - power, need, 2 * need, xtol=1e-10))
    ends = crossing(times, bounds, drift)
    mean = sum(t * p for t, p in zip(times, ends, strict=True)) + 1 - sum(ends)
    return (drift / need) ** 2, mean


def sequential(aim: Aim, shares: Shares = "equal") -> Size:
    """Return after how many units the sequential design has named the best: with the planned power, and on average.

    The evidence grows by `kl` an event of the pair, and is a random walk: its time to a level is inverse Gaussian.
    Source: Wald (1947), Sequential Analysis, eq. A:73; the level is fitted (`asked`).
    """
    mean = aim.arms * asked(aim, shares) / (kl(aim.ratio) * aim.events)
    squared = SPREAD / asked(aim, shares)  # of the coefficient of variation
    return Size(_whole(float(invgauss.ppf(aim.power, squared, scale=mean / squared))), _whole(mean))


def asked(aim: Aim, shares: Shares = "equal") -> float:
    """Return the evidence, in nats of one pair, after which the best is named on average; fitted to simulations."""
    pair, size = 0.75 + 1.17 * log(1 / aim.alpha), abs(log(aim.ratio))
    several = pair + SETTLED[shares](aim.arms) * sqrt(pair)
    large = 5.2 / aim.arms * max(0.0, size - log(1.3))  # fewer and larger steps overshoot
    small = 0.25 * (1 - 1 / aim.arms) * log(max(1.0, log(1.5) / size))  # the prior expects larger ratios
    return several * (1 + small) + large


def harmful(aim: Aim) -> int:
    """Return the mean units of all variants until one is ruled out whose rate is 1/ratio times that of the others.

    Sequential design, equal shares; fitted to simulations as `asked`.
    """
    worse = Aim(aim.arms, aim.rate, 1 / aim.ratio, aim.alpha, aim.power)
    level = log(1 / aim.alpha) - 0.4 + 2.4 / aim.arms
    return _whole(aim.arms * level / (kl(aim.ratio) * worse.events))


def kl(ratio: float) -> float:
    """Return the evidence of one event of a pair whose rates have this ratio, in nats, at even shares.

    The Kullback-Leibler divergence of theta = r/(1+r) from 1/2: log 2 minus the entropy.
    Source: Grunwald, de Heide & Koolen (2024), JRSS B 86:1091-1128, section 2 (growth rate).
    """
    theta = ratio / (1 + ratio)
    return theta * log(2 * theta) + (1 - theta) * log(2 * (1 - theta))


Rule = Callable[[Aim], Size]


def smallest_ratio(aim: Aim, units: float, rule: Rule) -> float | None:
    """Return the ratio nearest to 1, on the side of the aim's, that a rule finds with so many units of all variants.

    None where not even a rate a hundred times as high (a hundredth) would be found, or where it would pass 1.
    """
    end = min(log(LARGEST_RATIO), log(0.999 / aim.rate)) if aim.ratio > 1 else -log(LARGEST_RATIO)
    near = log(SMALLEST_RATIO) / abs(end)

    def excess(part: float) -> float:
        return log(rule(replace(aim, ratio=exp(end * part))).units / units)

    if near >= 1 or excess(1.0) > 0:
        return None
    return exp(end * (float(brentq(excess, near, 1.0, xtol=1e-9)) if excess(near) > 0 else near))


def _solved(excess: Callable[[float], float]) -> float:
    """Return the units at which an increasing function is 0."""
    return exp(float(brentq(lambda x: excess(exp(x)), log(FEWEST), log(MOST), xtol=1e-13, rtol=1e-14)))


def _whole(units: float) -> int:
    return int(-(-units // 1))
