"""Rules that are in use elsewhere, for arrays of totals (.., K): each tells where it would name a winner.

They are here to be measured, and to show that the simulation can see a failure. Arm 0 is the control. Each is as
careful as it can be about several arms (Bonferroni over the comparisons with the control), so that what remains is
the price of looking at any time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtr, ndtri, polygamma

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

TUNING = 5_000  # sessions at which a widely used platform tunes its sequential interval
FEWEST = 5  # events of each arm before P(best) is asked for
_NODES, _MASSES = np.polynomial.hermite_e.hermegauss(40)


def z_test(events: Array, units: Array, alpha: float = 0.05) -> Flags:
    """Some arm differs from the control by a pooled two-sided z-test of two proportions."""
    x, n = events[..., 1:], units[..., 1:]
    x0, n0 = events[..., :1], units[..., :1]
    pooled = (x + x0) / np.maximum(n + n0, 1)
    variance = pooled * (1 - pooled) * (1 / np.maximum(n, 1) + 1 / np.maximum(n0, 1))
    gap = x / np.maximum(n, 1) - x0 / np.maximum(n0, 1)
    limit = -ndtri(alpha / 2 / x.shape[-1])
    return ((variance > 0) & (n > 0) & (n0 > 0) & (np.abs(gap) > limit * np.sqrt(variance))).any(axis=-1)


def probability_best(events: Array, units: Array) -> Array:
    """P(arm has the highest rate), (.., K), under independent uniform priors.

    The log of each Beta posterior is replaced by a normal of the same mean and variance, which from five events on
    is right to 0.01; then the integral over one arm is by Gauss-Hermite quadrature.
    """
    mean = digamma(events + 1) - digamma(units + 2)
    spread = np.sqrt(polygamma(1, events + 1) - polygamma(1, units + 2))
    found = np.empty_like(mean)
    for arm in range(events.shape[-1]):
        others = np.delete(np.arange(events.shape[-1]), arm)
        at = mean[..., arm, None] + spread[..., arm, None] * _NODES
        below = ndtr((at[..., None, :] - mean[..., others, None]) / spread[..., others, None]).prod(axis=-2)
        found[..., arm] = below @ _MASSES / _MASSES.sum()
    return found


def best_with_95_percent(events: Array, units: Array, threshold: float = 0.95) -> Flags:
    """Some arm is the best with P > 95 %, and every arm has at least five events."""
    warm = (events >= FEWEST).all(axis=-1)
    found = np.zeros(warm.shape, dtype=bool)
    found[warm] = (probability_best(events[warm], units[warm]) > threshold).any(axis=-1)
    return found


def relative_sequence(events: Array, units: Array, alpha: float = 0.05, tuning: float = TUNING) -> tuple[Array, Array]:
    """Ends (.., K - 1) of an asymptotic confidence sequence of the relative change to the control; NaN without one.

    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Ann Statist 52:2613-2640 (arXiv:2103.06476), with the variance
    of the ratio by the delta method: as a widely used platform has it, without its gate of 25 events.
    """
    x, n = events[..., 1:], units[..., 1:]
    x0, n0 = events[..., :1], units[..., :1]
    usable = (x > 0) & (x0 > 0) & (n > 0) & (n0 > 0)
    n, n0 = np.maximum(n, 1), np.maximum(n0, 1)
    rate, rate0 = x / n, np.where(x0 > 0, x0, 1.0) / n0
    spread = rate * (1 - rate) / (n * rate0**2) + (1 - rate0) * rate**2 / (n0 * rate0**3)
    rho2 = (-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))) / tuning
    total = (n + n0) * rho2
    half = np.sqrt(spread * 2 * (total + 1) / total * np.log(np.sqrt(total + 1) / alpha))
    change = rate / rate0 - 1
    return np.where(usable, change - half, np.nan), np.where(usable, change + half, np.nan)


def relative_interval(events: Array, units: Array, alpha: float = 0.05) -> Flags:
    """Some arm's interval of the relative change to the control leaves out 0."""
    low, high = relative_sequence(events, units, alpha / (events.shape[-1] - 1))
    return ((low > 0) | (high < 0)).any(axis=-1)


RIVALS = {"z_test": z_test, "probability_best": best_with_95_percent, "relative_interval": relative_interval}
