"""Plays experiments day after day, many runs at once. Arrays: R runs, K variants in file order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from experiments.simulation.looks import Looks
from experiments.simulation.rules import NOBODY, Fixed, Indices, Rule, Sequential
from stats.allocation import Allocation, Array, Flags
from stats.evidence import GRID
from stats.plan import Better, Design, Outcome, Plan, Spending

CELLS = 2_000_000  # numbers in the evidence of the runs that are played at once: bounds the memory


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played.

    rates       (K,) true rates of the outcome; where they drift, those of the middle
    looks       number of planned looks, and `spending` of alpha over them: design `looks` only
    allocation  shares at the start, and how they change
    per_day     units a day
    planned     sealed units of each open variant at which a run ends; None: only a winner ends it
    lag         whole days from the end of a day until it is sealed
    max_days    a run that is not decided by then stays undecided
    expected    days that the planned size takes
    drift       factor by which all rates change, evenly in logs, from the first to the last of the expected days
    """

    rates: Array
    allocation: Allocation
    per_day: int
    planned: int | None = None
    design: Design = "sequential"
    looks: int = 5
    spending: Spending = "obrien-fleming"
    alpha: float = 0.05
    better: Better = "higher"
    lag: int = 0
    max_days: int = 3650
    expected: int = 1
    drift: float = 1.0

    @property
    def best(self) -> tuple[int, ...]:
        """Positions of the truly best variants that take part: several where they tie."""
        rates = {k: rate for k, rate in enumerate(self.rates) if self.allocation.weights[k] > 0}
        top = max(rates.values()) if self.better == "higher" else min(rates.values())
        return tuple(k for k, rate in rates.items() if rate == top)

    def rates_on(self, day: int) -> Array:
        """Return the true rates of a day; the first is 0."""
        last = self.expected - 1
        part = min(day / last, 1.0) if last > 0 else 0.5
        rates: Array = self.rates * self.drift ** (part - 0.5)
        return rates


@dataclass(frozen=True, slots=True)
class Played:
    """What came out.

    winner         (R,) position of the variant that was named, or -1
    eliminated     (R, K) whether it was ruled out as the best
    days           (R,) from the start to the verdict
    finished       (R,) whether there was a verdict within `max_days`
    units, events  (R, K) exposed units, and those with the outcome; days that were not sealed at the end included
    over_control   (R,) expected events more than had every unit seen the control (without one: the first variant)
    over_start     (R,) expected events more than had the shares stayed those of the start
    """

    winner: Indices
    eliminated: Flags
    days: Indices
    finished: Flags
    units: Array
    events: Array
    over_control: Array
    over_start: Array


def play(setting: Setting, runs: int, seed: int, progress: Callable[[float], Any] = lambda _: None) -> Played:
    """Play whole experiments. The same seed gives the same runs; `progress` is told which part is done, 0 to 1."""
    arms = len(setting.rates)
    size = max(1, CELLS // (arms * arms * GRID.size))
    begins = range(0, runs, size)
    seeds = np.random.SeedSequence(seed).spawn(len(begins))
    chunks = []
    for begin, own in zip(begins, seeds, strict=True):
        number = min(size, runs - begin)
        tell = partial(_tell, progress, begin / runs, number / runs)
        chunks.append(_Runs(setting, number, np.random.default_rng(own)).play(tell))
    return Played(*(np.concatenate([getattr(chunk, field.name) for chunk in chunks]) for field in fields(Played)))


def _tell(progress: Callable[[float], Any], begin: float, whole: float, part: float) -> None:
    progress(begin + whole * part)


def rule_of(setting: Setting, runs: int) -> Rule:
    """Return what decides by the setting's design."""
    arms = len(setting.rates)
    if setting.design == "sequential":
        return Sequential(runs, arms, setting.alpha, setting.better)
    if setting.design == "fixed":
        return Fixed(runs, arms, setting.alpha, setting.better)
    plan = Plan(
        tuple(map(str, range(arms))), "0", (Outcome("primary", "primary", setting.better),), "looks", setting.alpha,
        setting.planned, looks=setting.looks, spending=setting.spending,
    )  # fmt: skip
    return Looks(runs, plan)


class _Runs:
    """Runs that are played at once. Those that have ended leave the arrays; `at` tells where the others belong."""

    def __init__(self, setting: Setting, runs: int, rng: np.random.Generator) -> None:
        arms = len(setting.rates)
        self.setting, self.rng = setting, rng
        self.rule = rule_of(setting, runs)
        self.at = np.arange(runs)
        self.rho = setting.allocation.weights[None]
        self.total = np.zeros((2, runs, arms))  # units and events exposed so far, sealed or not
        self.gained = np.zeros((2, runs))  # over the control, over the shares of the start
        self.unsealed: deque[tuple[Array, Array, Array]] = deque()
        self.played = Played(
            np.full(runs, NOBODY), np.zeros((runs, arms), dtype=bool), np.full(runs, setting.max_days),
            np.zeros(runs, dtype=bool), np.zeros((runs, arms)), np.zeros((runs, arms)), np.zeros(runs), np.zeros(runs),
        )  # fmt: skip

    def play(self, progress: Callable[[float], Any]) -> Played:
        """Play until every run has ended, or `max_days` have passed."""
        for day in range(1, self.setting.max_days + 1):
            self._expose(day - 1)
            if len(self.unsealed) > self.setting.lag:
                self._seal()
                self._end(day)
            if not self.at.size:
                break
            gone = min(1.0, day / (self.setting.expected + self.setting.lag))
            progress(1 - (1 - gone) * self.at.size / len(self.played.winner))
        self._keep_books(np.ones(self.at.size, dtype=bool))
        progress(1.0)
        return self.played

    def _expose(self, day: int) -> None:
        """Show the variants for a day, to units that convert by that day's rates."""
        setting, allocation = self.setting, self.setting.allocation
        shares = np.broadcast_to(self.rho, (self.at.size, len(setting.rates)))
        units = self.rng.multinomial(setting.per_day, shares)
        rates = setting.rates_on(day)
        events = self.rng.binomial(units, rates)
        self.unsealed.append((events.astype(float), units.astype(float), self.rho))
        self.total += units, events
        control = rates[allocation.control or 0]
        self.gained += setting.per_day * np.stack([shares @ (rates - control), (shares - allocation.weights) @ rates])

    def _seal(self) -> None:
        self.rule.seal(*self.unsealed.popleft())
        self.rho = self.rule.shares(self.setting.allocation, self.rho)

    def _full(self) -> Flags:
        """Tell which runs have sealed the planned size: as a report does, by every variant that is still open."""
        if self.setting.planned is None:
            return np.zeros(self.at.size, dtype=bool)
        return np.asarray(((self.rule.units >= self.setting.planned) | (self.rho == 0)).all(axis=1))

    def _end(self, day: int) -> None:
        """End the runs that have a verdict after this many days."""
        final = self._full()
        winner = self.rule.winners(self.rho, final)
        ended = final | (winner != NOBODY)
        if not ended.any():
            return
        self.played.winner[self.at[ended]] = winner[ended]
        self.played.days[self.at[ended]] = day
        self.played.finished[self.at[ended]] = True
        self._keep_books(ended)
        self._keep(~ended)

    def _keep_books(self, ended: Flags) -> None:
        at = self.at[ended]
        self.played.eliminated[at] = self.rule.eliminated()[ended]
        self.played.units[at], self.played.events[at] = self.total[:, ended]
        self.played.over_control[at], self.played.over_start[at] = self.gained[:, ended]

    def _keep(self, going: Flags) -> None:
        self.rule.keep(going)
        self.at, self.total, self.gained = self.at[going], self.total[:, going], self.gained[:, going]
        self.rho = _of(self.rho, going)
        self.unsealed = deque((events[going], units[going], _of(rho, going)) for events, units, rho in self.unsealed)


def _of(rho: Array, going: Flags) -> Array:
    return rho if len(rho) == 1 else rho[going]
