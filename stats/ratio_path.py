"""The ratio of every variant to the control over time, with the confidence sequence as it stood then."""

from __future__ import annotations

from math import isfinite, isnan

import numpy as np
from numpy.typing import NDArray

from stats.path import Matrix, Path
from stats.reading import Indices, Reading
from stats.reasons import Notes
from stats.result import Band
from stats.sequences import Array, Labels, labels, ratio_sequences

HALVINGS = 40  # of the way to an end, which gives it to 1e-9
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
    found = ratio_sequences(Labels(*(part.reshape(-1, len(begin)) for part in pairs)), alpha, HALVINGS)
    ends = np.full((2, *path.rho.shape), np.nan)
    ends[:, chosen[:, None], others] = np.array(found).reshape(2, -1, others.size)
    return ends[0], ends[1], chosen


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
