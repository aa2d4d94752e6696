"""Confidence sequences: intervals that hold at all times at once, for the ratio of two rates and for one rate."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, expm1, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import betaln, expit, log_expit, logit

from stats.quadrature import composite

Array = NDArray[np.float64]
Ends = tuple[float, float | None]

# The prior: Beta(58 a, 58 (1 - a)) on the label of the first epoch, whose share is a. It is tuned to a ratio of 1.3
# (kappa = 1/(4 d^2) - 1 with d = 1.3/2.3 - 1/2; Howard et al. (2021)). It is worth 58 labels seen before the first.
KAPPA = 58.0

# Changing probabilities: the integral over the log ratio, to where the integrand has lost this many natural logarithms
# on either side of its peak, by this many panels on each side.
_DROP, _PANELS = 42.0, 4

_HALVINGS = 64
_TOLERANCE = 1e-11  # of the end of a rate sequence, in steps; rounding of the likelihood is about as much at 10^8 units
_FAR = 700.0  # the largest log ratio and log odds that a floating number holds


class Labels(NamedTuple):
    """Pairs of arms by epoch of constant rho, the earliest first, as the prior speaks of its share.

    first, second  (.., E) events;   share  (.., E) rho_i / (rho_i + rho_j)
    """

    first: Array
    second: Array
    share: Array


def ratio_sequence(events_i: Array, events_j: Array, rho_i: Array, rho_j: Array, alpha: float) -> Ends | None:
    """Return the confidence sequence of the ratio of rate i over rate j, level 1 - alpha at all times at once.

    All arguments (E,), one entry for each epoch of constant probabilities, in order; epochs in which one of the two
    was closed say nothing. No event of i: the lower end is 0. None of j: the upper end is None, for unbounded. None of
    either: None, as every ratio fits. The sequence of the reversed ratio is the reciprocal one.
    """
    lower, upper = ratio_sequences(labels(*(np.atleast_2d(x) for x in (events_i, events_j, rho_i, rho_j))), alpha)
    if np.isnan(lower[0]):
        return None
    return float(lower[0]), float(upper[0]) if np.isfinite(upper[0]) else None


def labels(events_i: Array, events_j: Array, rho_i: Array, rho_j: Array) -> Labels:
    """Return the labels of pairs, all broadcast to (.., E), epochs in the order in which they began.

    Epochs in which one of the two was closed have no labels; they are given the share of the first that has.
    """
    events_i, events_j, rho_i, rho_j = np.broadcast_arrays(events_i, events_j, rho_i, rho_j)
    both = (rho_i > 0) & (rho_j > 0)
    share = np.where(both, rho_i, 1.0) / np.where(both, rho_i + rho_j, 2.0)
    started = np.take_along_axis(share, both.argmax(axis=-1)[..., None], axis=-1)
    share = np.where(both, share, started)
    return Labels(np.where(both, events_i, 0.0), np.where(both, events_j, 0.0), share)


def ratio_sequences(pairs: Labels, alpha: float, halvings: int = _HALVINGS) -> tuple[Array, Array]:
    """Return lower and upper ends for P pairs (P, E): 0 and infinity where open, NaN where there is no event.

    { r : l(r) >= log of the mixture of exp l - log(1/alpha) }, where l is the log likelihood of the labels. Source:
    Lindon & Malek (2022), NeurIPS, arXiv:2011.03567, section 4, by the method of mixtures of Robbins (1970), Ann Math
    Statist 41:1397-1409. l is concave in log r, so there are at most two ends; each by so many halvings.
    """
    level = log_mixture(pairs) + np.log(alpha)
    first, second = pairs.first.sum(axis=-1), pairs.second.sum(axis=-1)
    top = _bisect(lambda t: _slope(pairs, t), np.full(first.shape, -_FAR), np.full(first.shape, _FAR), halvings)
    lower = _bisect(lambda t: level - log_likelihood(pairs, t), np.full(first.shape, -_FAR), top, halvings)
    upper = _bisect(lambda t: log_likelihood(pairs, t) - level, top, np.full(first.shape, _FAR), halvings)
    empty = first + second == 0
    low = np.where((first > 0) & (lower > -_FAR), np.exp(lower), 0.0)
    high = np.where((second > 0) & (upper < _FAR), np.exp(upper), np.inf)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def covers(pairs: Labels, log_ratio: float, alpha: float) -> NDArray[np.bool_]:
    """Tell for each pair (..) whether its sequence contains a log ratio; no root is sought."""
    at = np.full(pairs.first.shape[:-1], log_ratio)
    return np.asarray(log_likelihood(pairs, at) >= log_mixture(pairs) + np.log(alpha))


def log_likelihood(pairs: Labels, log_ratio: Array) -> Array:
    """Return l(r) - l(1) of pairs (.., E) at log ratios (..): sum of s_i t - (s_i + s_j) log(1 + a (e^t - 1))."""
    t = log_ratio[..., None]
    growth = np.logaddexp(np.log1p(-pairs.share), np.log(pairs.share) + t)
    total: Array = (pairs.first * t - (pairs.first + pairs.second) * growth).sum(axis=-1)
    return total


def log_mixture(pairs: Labels) -> Array:
    """Return the log of the mixture of exp(l(r) - l(1)) for pairs (.., E): shape (..).

    In closed form while the share is that of the first epoch, by quadrature from then on. Both are the same integral
    over the same prior, which is fixed before the first label: one martingale, whenever the shares change.
    """
    moved = (pairs.first + pairs.second > 0) & (np.abs(pairs.share - pairs.share[..., :1]) > 1e-12)
    constant = ~moved.any(axis=-1)
    mixed = np.zeros(constant.shape)
    if constant.any():
        mixed[constant] = _closed_form(Labels(*(x[constant] for x in pairs)))
    if not constant.all():
        mixed[~constant] = _quadrature(Labels(*(x[~constant] for x in pairs)))
    return mixed


def _closed_form(pairs: Labels) -> Array:
    """Source: Howard, Ramdas, McAuliffe & Sekhon (2021), Ann Statist 49:1055-1080, proposition 7 (beta-binomial)."""
    first, second, share = pairs.first.sum(axis=-1), pairs.second.sum(axis=-1), pairs.share[..., 0]
    a, b = KAPPA * share, KAPPA * (1 - share)
    null = first * np.log(share) + second * np.log1p(-share)
    mixed: Array = betaln(a + first, b + second) - betaln(a, b) - null
    return mixed


def _quadrature(pairs: Labels) -> Array:
    """Return the log of the integral of prior times exp(l), for pairs (P, E), by Gauss-Legendre about its peak.

    The prior is one more epoch, of 58 labels at the first share. The integrand is log-concave: on each side of its
    peak it is integrated as far as it takes to fall by 42 natural logarithms.
    """
    share = pairs.share[..., :1]
    a, b = KAPPA * share, KAPPA * (1 - share)
    first, second = np.concatenate([a, pairs.first], axis=-1), np.concatenate([b, pairs.second], axis=-1)
    whole = Labels(first, second, np.concatenate([share, pairs.share], axis=-1))
    top = _bisect(lambda t: _slope(whole, t), np.full(len(first), -_FAR), np.full(len(first), _FAR))
    at_top = log_likelihood(whole, top)

    def inside(t: Array) -> Array:
        return np.asarray(log_likelihood(whole, t) - at_top + _DROP)

    low = _bisect(lambda t: -inside(t), np.full(len(first), -_FAR), top, 24)
    high = _bisect(inside, top, np.full(len(first), _FAR), 24)
    nodes, weights = composite(np.linspace(-1.0, 1.0, 2 * _PANELS + 1))
    sums = np.zeros(len(first))
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        reach = high - top if node > 0 else top - low
        sums += weight * reach * np.exp(log_likelihood(whole, top + node * reach) - at_top)
    null = a * np.log(share) + b * np.log1p(-share)
    made: Array = at_top + np.log(sums) - (betaln(a, b) - null)[..., 0]
    return made


def _slope(pairs: Labels, t: Array) -> Array:
    """Return minus the derivative of l by the log ratio: negative below the maximum, positive above it."""
    label = expit(t[..., None] + logit(pairs.share))
    slope: Array = ((pairs.first + pairs.second) * label - pairs.first).sum(axis=-1)
    return -slope


def rate_sequence(x: int, n: int, alpha: float, planning_rate: float | None = None) -> tuple[float, float]:
    """Return the confidence sequence of one rate, level 1 - alpha at all times at once: x events of n >= 1 units.

    { p : B(a + x, b + n - x) / B(a, b) < p^x (1 - p)^(n - x) / alpha } with Beta(2, 2/p0 - 2) at the planning rate p0,
    Jeffreys' Beta(1/2, 1/2) without one. Source: Robbins (1970), Ann Math Statist 41:1397-1409, section 3. It assumes
    that the rate is constant: where it drifts, it describes.
    """
    a, b = (0.5, 0.5) if planning_rate is None else (2.0, 2 / planning_rate - 2)
    level = min(0.0, float(betaln(a + x, b + n - x) - betaln(a, b))) + log(alpha)  # rounding may exceed 0
    if x == 0:
        return 0.0, -expm1(level / n)
    if x == n:
        return exp(level / n), 1.0
    return _rate_where(level, x, n, -1), _rate_where(level, x, n, 1)


def _rate_where(level: float, x: int, n: int, side: int) -> float:
    """Return the rate, under (side -1) or over (1) the likeliest one, at which the log likelihood is the level.

    The root of the deviance is nearly a straight line on the scale of the log odds, so that any number of units takes
    as many steps: the first ends where the line would meet the level.
    """

    def likelihood(t: float) -> float:
        return float(x * log_expit(t) + (n - x) * log_expit(-t))

    low = log(x / (n - x))
    top = likelihood(low)
    if top <= level:  # so many units that the interval is thinner than rounding
        return float(expit(low))

    def excess(t: float) -> float:
        return sqrt(max(top - likelihood(t), 0.0)) - sqrt(top - level)

    step = sqrt(2 * (top - level) * (1 / x + 1 / (n - x)))
    high = low + side * step
    while excess(high) < 0:
        if abs(high) > _FAR:  # no number is far enough out
            return float(expit(high))
        low, high = high, high + 2 * (high - low)
    return float(expit(brentq(excess, low, high, xtol=_TOLERANCE * step)))


def _bisect(falls: Callable[[Array], Array], low: Array, high: Array, halvings: int = _HALVINGS) -> Array:
    """Return where `falls` changes from positive (at low) to negative (at high), by default to the last digit."""
    for _ in range(halvings):
        middle = (low + high) / 2
        positive = falls(middle) > 0
        low, high = np.where(positive, middle, low), np.where(positive, high, middle)
    return (low + high) / 2
