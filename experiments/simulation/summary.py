"""What many played experiments say about a plan, each figure with its Monte-Carlo standard error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from experiments.simulation.rules import NOBODY
from experiments.simulation.trials import Played, Setting


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over the runs, and its Monte-Carlo standard error (0 where all runs agree)."""

    value: float
    se: float


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of the runs, and the range of the middle eight tenths."""

    median: Estimate
    low: Estimate
    high: Estimate


@dataclass(frozen=True, slots=True)
class Summary:
    """Shares are of all runs; the first five add up to 1, but for `best_dropped`.

    power            the truly best variant is named; None where several tie for it
    wrong_winner     another one is named; where several tie for the best, any
    no_clear_winner  the planned size is sealed and nobody is named
    undecided        `max_days` have passed
    best_dropped     the truly best variant is ruled out at some time; where several tie, their mean
    named            (K,) each variant is named
    days             from the start to the verdict
    units            exposed units of a run, days that were not sealed at the end included
    events           those with the outcome
    over_control     expected events more than had every unit seen the control
    over_start       expected events more than had the shares stayed those of the file
    """

    power: Estimate | None
    wrong_winner: Estimate
    no_clear_winner: Estimate
    undecided: Estimate
    best_dropped: Estimate
    named: tuple[Estimate, ...]
    days: Spread
    units: Estimate
    units_spread: Spread
    events: Estimate
    over_control: Estimate
    over_start: Estimate


def summarise(setting: Setting, played: Played) -> Summary:
    """Return the summary of what was played under a setting."""
    best, named = setting.best, played.winner != NOBODY
    right = named & (played.winner == best[0]) if len(best) == 1 else np.zeros_like(named)
    return Summary(
        power=mean(right) if len(best) == 1 else None,
        wrong_winner=mean(named & ~right),
        no_clear_winner=mean(~named & played.finished),
        undecided=mean(~played.finished),
        best_dropped=mean(played.eliminated[:, best].mean(axis=1)),
        named=tuple(mean(played.winner == arm) for arm in range(len(setting.rates))),
        days=spread(played.days),
        units=mean(played.units.sum(axis=1)),
        units_spread=spread(played.units.sum(axis=1)),
        events=mean(played.events.sum(axis=1)),
        over_control=mean(played.over_control),
        over_start=mean(played.over_start),
    )


def mean(values: ArrayLike) -> Estimate:
    """Return the mean over runs: its standard error is the standard deviation over the root of their number."""
    values = np.asarray(values, dtype=float)
    return Estimate(float(np.mean(values)), float(np.std(values) / np.sqrt(len(values))))


def spread(values: ArrayLike) -> Spread:
    """Return the median and the range of the middle eight tenths."""
    return Spread(quantile(values, 0.5), quantile(values, 0.1), quantile(values, 0.9))


def quantile(values: ArrayLike, q: float) -> Estimate:
    """Return a quantile: its standard error is half the distance of the quantiles one standard error of q away.

    Source: Woodruff (1952), JASA 47:635-646.
    """
    values = np.asarray(values, dtype=float)
    aside = np.sqrt(q * (1 - q) / len(values))
    low, middle, high = np.quantile(values, [max(q - aside, 0), q, min(q + aside, 1)])
    return Estimate(float(middle), float(high - low) / 2)
