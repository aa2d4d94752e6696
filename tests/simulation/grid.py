"""The grid of error rates: many runs of hard cases, looked at after every single event.

One run is a row of events. Between two events units pass without one, as many as the rates say; the base rate rises
fourfold from the first event to the last; and after each "day" of some events the shares change: the leader gets more,
eliminated arms are closed. That is what an always-valid engine must stand. Arrays: R runs, B events, K arms; arm 0 is
the control, the last arm is the one that may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, xlogy

from stats import evidence, sequences
from stats.allocation import Allocation
from tests.simulation.rivals import RIVALS

Array = NDArray[np.float64]

ALPHA = 0.05
RISE = 4.0
LEAD = 0.6  # the leader's share of two arms, where the service would stay at one half
CELLS = 250_000  # numbers in the evidence of one call: keeps a process far under 1 GB


@dataclass(frozen=True, slots=True)
class Case:
    """What is played: `rate` is the others' rate in the middle of its rise, `ratio` the last arm's rate over it.

    `day`: events between two changes of the shares. `adaptive`: whether shares and base rate change at all.
    """

    arms: int
    rate: float
    events: int
    ratio: float = 1.0
    day: int = 25
    adaptive: bool = True

    @property
    def name(self) -> str:
        """Like `K=4, 0.5 %, ratio 1.2`."""
        kind = "" if self.adaptive else ", equal shares, constant rate"
        return f"K={self.arms}, {100 * self.rate:g} %, ratio {self.ratio:g}{kind}"

    @property
    def best(self) -> list[int]:
        """The truly best arms."""
        last = self.arms - 1
        return list(range(self.arms)) if self.ratio == 1 else [last] if self.ratio > 1 else list(range(last))


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers of runs: with a wrong winner, with the truly best arm eliminated (where several tie: the mean of them),
    with any arm eliminated, with the ratio sequence of the last arm over the control missing the truth at any event;
    and in `wrong`, for each rival rule, with a wrong winner among `watched` runs.
    """

    runs: int = 0
    winner: int = 0
    best_eliminated: float = 0.0
    any_eliminated: int = 0
    missed: int = 0
    watched: int = 0
    wrong: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RIVALS, 0))

    def __add__(self, other: Tally) -> Tally:
        plain = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name != "wrong"}
        return Tally(**plain, wrong={name: self.wrong[name] + other.wrong[name] for name in RIVALS})


def limit(nominal: float, runs: int) -> float:
    """Return the nominal rate and three standard errors of it."""
    return nominal + 3 * sqrt(nominal * (1 - nominal) / runs)


def chunks(case: Case, runs: int, seed: np.random.SeedSequence) -> Iterator[tuple[int, np.random.SeedSequence]]:
    """Yield the number of runs and the seed of each piece of a case."""
    size = max(1, CELLS // (case.day * case.arms**2 * evidence.GRID.size))
    begins = range(0, runs, size)
    for begin, own in zip(begins, seed.spawn(len(begins)), strict=True):
        yield min(size, runs - begin), own


def run(case: Case, runs: int, seed: int, watched: int = 0) -> Tally:
    """Play a case in this process; the first `watched` runs are also judged by the rivals."""
    total = Tally()
    for number, own in chunks(case, runs, np.random.SeedSequence(seed)):
        total += play(case, number, own, watch=total.runs < watched)
    return total


def play(case: Case, runs: int, seed: np.random.SeedSequence, *, watch: bool) -> Tally:
    """Play one piece of a case."""
    rng = np.random.default_rng(seed)
    state = evidence.start(runs, case.arms, ALPHA)
    lead = LEAD if case.arms == 2 else 0.0
    allocation = Allocation(np.full(case.arms, 1 / case.arms), 0, case.adaptive, case.adaptive, lead, burn_in=1)
    rho, ratios = allocation.weights[None], Ratios(runs)
    winner, missed = np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    wrong = {name: np.zeros(runs, dtype=bool) for name in RIVALS}
    for begin in range(0, case.events, case.day):
        at = np.arange(begin, min(begin + case.day, case.events))
        events, units = draw(case, np.broadcast_to(rho, (runs, case.arms)), at, rng)
        totals = [old[:, None] + np.cumsum(new, axis=1) for old, new in ((state.events, events), (state.units, units))]
        for name, rule in RIVALS.items() if watch else ():
            wrong[name] |= rule(*totals).any(axis=1)
        missed |= ratios.miss(events[..., [-1, 0]], rho[:, [-1, 0]], log(case.ratio))
        state, steps = evidence.follow(state, events, units, rho[:, None])
        winner |= wrong_winner(case, steps, totals[1], rho)
        rho = allocation.following(state, rho)
    return Tally(
        runs=runs,
        winner=int(winner.sum()),
        best_eliminated=float(state.eliminated[:, case.best].mean(axis=1).sum()),
        any_eliminated=int(state.eliminated.any(axis=1).sum()),
        missed=int(missed.sum()),
        watched=runs if watch else 0,
        wrong={name: int(found.sum()) if watch else 0 for name, found in wrong.items()},
    )


def draw(case: Case, rho: Array, at: NDArray[np.int64], rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the events `at` these positions of a run, one in each batch, and the units since the event before.

    Of the units, each is assigned by rho (R, K) and converts by its arm's rate, so the number without an event before
    the next one is geometric, their arms are multinomial, and the event's arm follows rho times the rates.
    """
    ratios = np.ones(case.arms)
    ratios[-1] = case.ratio
    rise = RISE ** (at / max(case.events - 1, 1) - 0.5) if case.adaptive else np.ones(len(at))
    rates = case.rate * rise[:, None] * ratios
    chance = rho[:, None] * rates
    total = chance.sum(axis=-1)
    label = (rng.random(total.shape)[..., None] * total[..., None] > np.cumsum(chance, axis=-1)).sum(axis=-1)
    events = np.eye(case.arms)[np.minimum(label, case.arms - 1)]
    without = rho[:, None] * (1 - rates)
    idle = rng.multinomial(rng.geometric(total) - 1, without / without.sum(axis=-1, keepdims=True))
    return events, events + idle


def wrong_winner(case: Case, steps: evidence.Steps, units: Array, rho: Array) -> NDArray[np.bool_]:
    """Tell for each run whether somebody but the one best arm is the winner after any of these events.

    The engine's own rule, for the state after each event; only eliminated arms are ever closed here.
    """
    runs, batches, arms = steps.eliminated.shape
    state = replace(
        evidence.start(runs * batches, arms, ALPHA),
        units=units.reshape(-1, arms),
        eliminated=steps.eliminated.reshape(-1, arms),
        decisive=steps.decisive.reshape(-1),
    )
    is_open = np.broadcast_to(rho[:, None] > 0, steps.eliminated.shape).reshape(-1, arms)
    winner = evidence.winners(state, is_open).reshape(runs, batches)
    right = case.best[0] if len(case.best) == 1 else -1
    wrong: NDArray[np.bool_] = ((winner >= 0) & (winner != right)).any(axis=1)
    return wrong


class Ratios:
    """The labels of one pair of arms in each run, summed by their share, and whether their sequence misses a truth.

    All runs begin with the same share; it stays the first, as the sequence's prior speaks of it.
    """

    def __init__(self, runs: int, first: float = 0.5) -> None:
        self.shares = np.array([first])
        self.counts = np.zeros((2, runs, 1))

    def miss(self, events: Array, rho: Array, log_ratio: float) -> NDArray[np.bool_]:
        """Take in a day (R, B, 2) and tell for each run whether its sequence misses the ratio after any event."""
        both = (rho > 0).all(axis=1)
        share = np.round(np.where(both, rho[:, 0] / np.where(both, rho.sum(axis=1), 1.0), self.shares[0]), 12)
        events = events * np.broadcast_to(both, len(events))[:, None, None]
        known = np.concatenate([self.shares, np.setdiff1d(share, self.shares)])  # the first day's first: the prior's
        counts = np.zeros((*self.counts.shape[:2], len(known)))
        counts[..., : len(self.shares)] = self.counts
        order = np.argsort(known)
        mine = np.eye(len(known))[order[np.searchsorted(known[order], np.broadcast_to(share, len(events)))]]
        path = counts[:, :, None] + np.cumsum(np.moveaxis(events, 2, 0), axis=2)[..., None] * mine[None, :, None]
        self.shares, self.counts = known, path[:, :, -1]
        pairs = sequences.Labels(path[0], path[1], np.broadcast_to(known, path[0].shape))
        missed = np.zeros(path.shape[1:3], dtype=bool)
        at = np.flatnonzero(events.any(axis=2))
        for bound in (self._one_ratio_each, self._one_ratio):
            asked = sequences.Labels(*(part.reshape(-1, len(known))[at] for part in pairs))
            at = at[bound(asked) - _likelihood(asked, log_ratio) >= -log(ALPHA)]
        if at.size:
            asked = sequences.Labels(*(part.reshape(-1, len(known))[at] for part in pairs))
            missed.flat[at] = ~sequences.covers(asked, log_ratio, ALPHA)
        return missed.any(axis=1)

    # A sequence whose truth is within log(1/alpha) of a bound of its mixture cannot miss it: nobody need ask.

    @staticmethod
    def _one_ratio_each(pairs: sequences.Labels) -> Array:
        """Return a bound of every likelihood, hence of the mixture: each share with a ratio of its own."""
        total = np.maximum(pairs.first + pairs.second, 1)
        null = pairs.first * np.log(pairs.share) + pairs.second * np.log1p(-pairs.share)
        return (xlogy(pairs.first, pairs.first / total) + xlogy(pairs.second, pairs.second / total) - null).sum(axis=-1)

    @staticmethod
    def _one_ratio(pairs: sequences.Labels) -> Array:
        """Return a sharper bound: one ratio for all shares. l is concave, so it lies below its tangent by the maximum."""
        low, high = np.full(len(pairs.first), -20.0), np.full(len(pairs.first), 20.0)
        for _ in range(24):
            middle = (low + high) / 2
            rises = _slope(pairs, middle) > 0
            low, high = np.where(rises, middle, low), np.where(rises, high, middle)
        return _likelihood(pairs, low) + np.maximum(_slope(pairs, low), 0) * (high - low)


def _slope(pairs: sequences.Labels, log_ratio: Array) -> Array:
    """Return the derivative of the likelihood by the log ratio."""
    label = expit(log_ratio[:, None] + logit(pairs.share))
    slope: Array = (pairs.first - (pairs.first + pairs.second) * label).sum(axis=-1)
    return slope


def _likelihood(pairs: sequences.Labels, log_ratio: float) -> Array:
    return sequences.log_likelihood(pairs, np.full(pairs.first.shape[:-1], log_ratio))


def sum_of(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    return sum(tallies, Tally())
