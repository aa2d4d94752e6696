"""The ratio of every variant to the control over time, with the confidence sequence as it stood then."""

from __future__ import annotations

from math import isfinite, isnan, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from stats.path import Matrix, Path
from stats.reading import Indices, Reading
from stats.reasons import Notes
from stats.result import Band
from stats.sequences import Array, Labels, labels, log_likelihood, log_mixture, ratio_sequences

HALVINGS = 40  # of the way to an end, which gives it to 1e-9
STEPS, CLOSE = 12, 1e-9  # of Newton's, and the last one's length
MOST = 8_000  # ends times epochs, a tenth of a second: where weights change all the time, not every point has a band

Flags = NDArray[np.bool_]


def ratio_bands(reading: Reading, notes: Notes, *, logged: bool) -> tuple[tuple[Band | None, ...], ...]:
    """Return for each batch and variant lower end, ratio and upper end, as the report of that moment said.

    The control's are 1. None without events, and at the points between those that are followed. `logged` tells
    whether the probabilities are known; where they are not, the split as seen until now stands in for them.
    """
    path, control = reading.path, reading.arm(reading.plan.control)
    lower, upper, followed = _sequences(path, control, reading.plan.alpha)
    ratio = _ratios(path, control, logged=logged)
    for values in (lower, ratio, upper):
        values[followed, control] = 1.0
    _note(reading.plan.variants, np.stack((lower, ratio, upper))[:, followed], notes)
    if len(followed) < len(path.periods):
        notes.add("points-between", "path[].ratios")
    rows = zip(lower.tolist(), ratio.tolist(), upper.tolist(), strict=True)
    return tuple(tuple(map(_band, *row)) for row in rows)


def _band(lower: float, ratio: float, upper: float) -> Band | None:
    if isnan(lower):
        return None
    return lower, ratio if isfinite(ratio) else None, upper if isfinite(upper) else None


def _note(variants: tuple[str, ...], bands: Array, notes: Notes) -> None:
    for code, missing in (("no-events", np.isnan(bands)), ("unbounded", np.isinf(bands))):
        for arm in np.flatnonzero(missing.any(axis=(0, 1))):
            notes.add(code, "path[].ratios", variants[arm])


def _sequences(path: Path, control: int, alpha: float) -> tuple[Array, Array, Indices]:
    """Return the ends (B, K) of the sequences against the control, and which batches have them; the others are NaN.

    As `Reading.sequences` has them at the end: batches of one rho are one epoch, in the order in which these began.
    """
    _, begin, epoch = np.unique(path.rho, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(begin)
    others = np.delete(np.arange(path.rho.shape[1]), control)
    chosen = _followed(len(epoch), others.size * len(begin))
    member = epoch[:, None] == order
    events = np.cumsum(path.events[:, :, None] * member[:, None, :], axis=0)[chosen]  # (C, K, E)
    rho = path.rho[begin[order]].T
    pairs = labels(events[:, others], events[:, [control]], rho[others], rho[[control]])
    found = _ends(Labels(*(part.reshape(-1, len(begin)) for part in pairs)), alpha)
    ends = np.full((2, *path.rho.shape), np.nan)
    ends[:, chosen[:, None], others] = np.array(found).reshape(2, -1, others.size)
    return ends[0], ends[1], chosen


def _ends(pairs: Labels, alpha: float) -> tuple[Array, Array]:
    """Return the ends of P pairs (P, E), as `ratio_sequences` does, and sooner where weights never changed."""
    lower, upper = np.full((2, len(pairs.first)), np.nan)
    quick = np.zeros(lower.shape, dtype=bool)
    if pairs.first.shape[1] == 1:
        at = np.flatnonzero((pairs.first > 0).all(axis=1) & (pairs.second > 0).all(axis=1))
        some = Labels(*(part[at] for part in pairs))
        level = log_mixture(some) + log(alpha)
        (low, low_is_good), (high, high_is_good) = (_newton(some, level, side) for side in (-1, 1))
        lower[at], upper[at], quick[at] = np.exp(low), np.exp(high), low_is_good & high_is_good
    if not quick.all():
        slow = Labels(*(part[~quick] for part in pairs))
        lower[~quick], upper[~quick] = ratio_sequences(slow, alpha, HALVINGS)
    return lower, upper


def _newton(pairs: Labels, level: Array, side: int) -> tuple[Array, Flags]:
    """Return the log ratios under (side -1) or over (1) the likeliest one at which the log likelihood is the level.

    By Newton's method on the root of the deviance, which is nearly a straight line; and which of them have converged.
    The pairs (P, 1) have events of both.
    """
    first, second, share = (part[:, 0] for part in pairs)
    top = np.log(first / second) - logit(share)
    at_top = log_likelihood(pairs, top)
    aim = np.sqrt(at_top - level)
    t = top + side * aim * np.sqrt(2 / first + 2 / second)
    move = np.full(t.shape, np.inf)
    with np.errstate(all="ignore"):  # what has not converged is found in another way
        for _ in range(STEPS):
            fallen = np.sqrt(at_top - log_likelihood(pairs, t))
            slope = first - (first + second) * expit(t + logit(share))
            move = 2 * fallen * (fallen - aim) / slope
            t = t + move
            if (np.abs(move) < CLOSE).all():
                break
    return t, (np.abs(move) < CLOSE) & (side * (t - top) > 0)


def _followed(batches: int, each: int) -> Indices:
    """Return which batches are followed: all, or every second, third … up to the last one."""
    every = -(-batches * each // MOST)
    return np.arange((batches - 1) % every, batches, every)


def _ratios(path: Path, control: int, *, logged: bool) -> Matrix:
    """Return the ratio of rates (B, K), as `Pair.ratio`: of totals, or Mantel and Haenszel's once weights have changed.

    Infinite where the control has no event; NaN where neither has one.
    """
    both = (path.rho > 0) & (path.rho[:, [control]] > 0)
    phases, phase = np.unique(path.phases, return_inverse=True)
    own = (phase == np.arange(len(phases))[:, None])[:, :, None] & both  # (P, B, K)
    x1, n1 = (np.cumsum(own * values, axis=1) for values in (path.events, path.units))
    x2, n2 = (np.cumsum(own * values[:, [control]], axis=1) for values in (path.events, path.units))
    same = _constant(path, both, control) if logged else _single(phase)
    size = np.maximum(n1 + n2, 1)
    top = np.where(same, x1.sum(axis=0) * n2.sum(axis=0), (x1 * n2 / size).sum(axis=0))
    bottom = np.where(same, x2.sum(axis=0) * n1.sum(axis=0), (x2 * n1 / size).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Matrix = top / bottom
    return ratio


def _constant(path: Path, both: Flags, control: int) -> Flags:
    """Tell for each batch and variant whether its odds against the control have never changed until then (B, K)."""
    odds = np.where(both, path.rho / np.where(both, path.rho[:, [control]], 1.0), np.nan)
    low, high = np.fmin.accumulate(odds, axis=0), np.fmax.accumulate(odds, axis=0)
    return np.asarray(~(high - low > 1e-9 * high))


def _single(phase: NDArray[np.int64]) -> Flags:
    """Tell for each batch whether there was only one phase until then (B, 1)."""
    return np.asarray(np.maximum.accumulate(phase != phase[0]) == 0)[:, None]
