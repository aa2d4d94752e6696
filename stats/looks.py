"""Boundaries of planned looks: how the error probability is spent, and the z that each look then asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import exp, expm1, log1p, pi, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from stats.quadrature import composite

Array = NDArray[np.float64]
Classic = Literal["obrien-fleming", "pocock"]

FAR = 9.0  # a path this many standard errors below 0 will not come back: its probability is under 1e-18
HIGHEST = 37.0  # no normal tail beyond it is a positive number
PANELS = 24


def obrien_fleming(alpha: float, information: float) -> float:
    """Return the error spent at an information time, 0 to 1: very little early.

    Source: Lan & DeMets (1983), Biometrika 70:659-663, eq. for alpha_1*: 2(1 - Phi(z_{1-alpha/2} / sqrt(t))).
    """
    return 2 * float(ndtr(ndtri(alpha / 2) / sqrt(information))) if information > 0 else 0.0


def pocock(alpha: float, information: float) -> float:
    """Return the error spent at an information time, 0 to 1: much of it early.

    Source: Lan & DeMets (1983), Biometrika 70:659-663, alpha_2*: alpha log(1 + (e - 1) t).
    """
    return alpha * log1p((exp(1) - 1) * information)


def hwang_shih_decani(alpha: float, information: float, gamma: float) -> float:
    """Return the error spent at an information time by the gamma family; gamma = 0 spends evenly.

    Source: Hwang, Shih & DeCani (1990), Stat Med 9:1439-1445: alpha (1 - e^(-gamma t)) / (1 - e^(-gamma)).
    """
    return alpha * (information if gamma == 0 else expm1(-gamma * information) / expm1(-gamma))


SPENDING: dict[str, Callable[[float, float], float]] = {"obrien-fleming": obrien_fleming, "pocock": pocock}


@lru_cache(maxsize=4096)
def boundaries(information: tuple[float, ...], alpha: float, kind: str) -> tuple[float, ...]:
    """Return the z-values, one per look, beyond which a one-sided test at level alpha is decided.

    information  of each look, ascending in (0, 1]; its last is 1 where all of alpha is to be spent
    kind         a key of `SPENDING`

    The first z-value that is exceeded decides; together they are exceeded with probability alpha under equality.
    Source: Lan & DeMets (1983), Biometrika 70:659-663, by the recursion of `spend`.
    """
    spent = [SPENDING[kind](alpha, t) for t in information]
    return spend(information, tuple(np.diff(spent, prepend=0.0).tolist()))


def spend(information: Sequence[float], errors: Sequence[float]) -> tuple[float, ...]:
    """Return the z-values that are first exceeded with these probabilities, look by look.

    Source: Armitage, McPherson & Rowe (1969), JRSS A 132:235-244: the density of the score among paths that are
    still inside is carried from look to look by numerical integration.
    """
    walk = _Walk()
    bounds: list[float] = []
    for time, error in zip(information, errors, strict=True):
        bounds.append(walk.bound(time, error))
        walk.go(time, bounds[-1])
    return tuple(bounds)


def crossing(
    information: Sequence[float], bounds: Sequence[float], drift: float = 0.0, sided: int = 1
) -> tuple[float, ...]:
    """Return the probability that each look is the first whose z (two-sided: |z|) exceeds its bound.

    `drift` is the mean of z at information 1; at information t it is drift times sqrt(t). 0: equality.
    """
    walk = _Walk(drift, sided)
    found: list[float] = []
    for time, bound in zip(information, bounds, strict=True):
        found.append(walk.exceeds(time, bound))
        walk.go(time, bound)
    return tuple(found)


@lru_cache(maxsize=256)
def classic_boundaries(kind: Classic, looks: int, alpha: float, sided: int = 1) -> tuple[float, ...]:
    """Return the z-values of equally spaced looks in their first form; two-sided they bound |z|.

    The same z at every look (Pocock (1977), Biometrika 64:191-199), or C / sqrt(t) (O'Brien & Fleming (1979),
    Biometrics 35:549-556).
    """
    times = [(k + 1) / looks for k in range(looks)]
    shape = [1.0 if kind == "pocock" else 1 / sqrt(t) for t in times]

    def excess(constant: float) -> float:
        return sum(crossing(times, [constant * s for s in shape], sided=sided)) - alpha

    constant = float(brentq(excess, 0.5, 8.0, xtol=1e-12))
    return tuple(constant * s for s in shape)


class _Walk:
    """The score on its way: its density among the paths inside, on nodes; the score at time t is z sqrt(t)."""

    def __init__(self, drift: float = 0.0, sided: int = 1) -> None:
        self.drift, self.sided, self.time = drift, sided, 0.0
        self.nodes, self.mass = np.zeros(1), np.ones(1)

    def exceeds(self, time: float, bound: float) -> float:
        """Return the probability to be inside so far and beyond z = bound at this time."""
        step, end = sqrt(time - self.time), bound * sqrt(time)
        reached = self.nodes + self.drift * step * step
        beyond = ndtr((reached - end) / step)
        if self.sided == 2:
            beyond = beyond + ndtr((-end - reached) / step)
        return float(self.mass @ beyond)

    def bound(self, time: float, error: float) -> float:
        """Return the z that is exceeded with this probability."""
        if self.exceeds(time, HIGHEST) >= error:
            return HIGHEST
        return float(brentq(lambda z: self.exceeds(time, z) - error, -FAR, HIGHEST, xtol=1e-12, rtol=1e-14))

    def go(self, time: float, bound: float) -> None:
        """Carry the density on to this time, for paths below z = bound (two-sided: also above -bound)."""
        step, end = sqrt(time - self.time), bound * sqrt(time)
        low, high = min(0.0, self.drift * time) - FAR * sqrt(time), max(0.0, self.drift * time) + FAR * sqrt(time)
        low = max(low, -end) if self.sided == 2 else low
        nodes, weights = composite(np.linspace(low, max(min(high, end), low), PANELS + 1))
        apart = (nodes[:, None] - self.nodes[None, :] - self.drift * step * step) / step
        density = np.exp(-apart * apart / 2) @ self.mass / (step * sqrt(2 * pi))
        self.time, self.nodes, self.mass = time, nodes, weights * density
