"""The comparison within strata and phases: one ratio, one test, and whether the strata agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.counts import Counts
from stats.grid import Grid, Order
from stats.mantel_haenszel import (
    Floats,
    Homogeneity,
    Quotient,
    Tables,
    breslow_day,
    chi2_tail,
    cmh_chi2,
    divided,
    odds_ratio,
    risk_ratio,
    risk_terms,
)
from stats.multiplicity import holm
from stats.plan import Plan
from stats.reasons import Notes
from stats.result import Strata, StratifiedPair, StratumArm

CONFLICT_P = 0.01
CONFLICT_EXPECTED = 5
P_VALUES = ("cmh_p_value", "breslow_day_p_value")
TESTED = ("mh_odds_ratio_ci", "cmh_chi2", "breslow_day_chi2", *P_VALUES, "direction_conflict")
FIGURES = ("mh_ratio", "mh_odds_ratio", *TESTED)

Bools = NDArray[np.bool_]


def strata(plan: Plan, counts: Counts, outcome: str, notes: Notes, *, withheld: str | None, no_p: str | None) -> Strata:
    """Return every pair of variants within strata and phases, over the sealed cells.

    A pair is compared in the tables stratum x phase in which both arms were open (all phases where shares are
    unknown). `withheld` is the code why there are point estimates only (a broken split, say), `no_p` the code why
    there are no p-values, which does not silence the alarm of a direction conflict; None where there is no such
    reason. With fewer than two strata that have exposed units every figure is None: `no-strata`.

    Direction conflict of a pair: its Breslow-Day p-value, Holm-adjusted over all pairs, is .01 or less, and strata
    with 5 or more expected events in each arm (under the stratum's common rate) lie on both sides of a ratio of 1.
    Merely some stratum pointing the other way is what most honest trials with many strata show.
    """
    grid = Grid.of(plan, counts, outcome)
    if len(grid.labels) < 2:
        notes.add_all("no-strata", (f"strata.{name}" for name in FIGURES))
        return Strata()
    hidden = dict.fromkeys(TESTED, withheld) if withheld else dict.fromkeys(P_VALUES, no_p) if no_p else {}
    order = [(a, b) for b, a in combinations(range(len(plan.variants)), 2)]
    compared = Comparisons.of(grid, order, plan.alpha)
    pairs = tuple(
        _pair((plan.variants[a], plan.variants[b]), compared.figures(at, hidden), notes)
        for at, (a, b) in enumerate(order)
    )
    top, figures = _top(plan, grid, outcome, hidden)
    alarms = [pair.direction_conflict for pair in pairs]
    figures = figures.having("direction_conflict", True in alarms if set(alarms) != {None} else None)
    return Strata(*top, **figures.noted("strata.", "/".join(top), notes), pairs=pairs, arms=_arms(plan, grid, notes))


def _pair(names: tuple[str, str], figures: Figures, notes: Notes) -> StratifiedPair:
    return StratifiedPair(*names, **figures.noted("strata.pairs[].", "/".join(names), notes))


def _top(plan: Plan, grid: Grid, outcome: str, hidden: Mapping[str, str]) -> tuple[tuple[str, str], Figures]:
    """Return the best of the other arms against the control: it leads, or is next where the control leads."""
    control = plan.variants.index(plan.control)
    order = [(k, control) for k in range(len(plan.variants)) if k != control]
    compared = Comparisons.of(grid, order, plan.alpha)
    lower = any(one.name == outcome and one.better == "lower" for one in plan.outcomes)
    ranks = [compared.rank(at) for at in range(len(order))]
    best = ranks.index(min(ranks) if lower else max(ranks))
    return (plan.variants[order[best][0]], plan.control), compared.figures(best, hidden)


def _arms(plan: Plan, grid: Grid, notes: Notes) -> tuple[StratumArm, ...]:
    found = []
    for s, label in enumerate(grid.labels):
        for k, variant in enumerate(plan.variants):
            units, events = int(grid.units[s, :, k].sum()), int(grid.events[s, :, k].sum())
            if not units:
                notes.add("no-units", "strata.arms[].rate", f"{label}/{variant}")
            found.append(StratumArm(label, variant, units, events, events / units if units else None))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one pair by field name, and the code of each that is None."""

    values: Mapping[str, Any]
    codes: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, Any], codes: Mapping[str, str], hidden: Mapping[str, str]) -> Figures:
        """Take away what is hidden, and keep the codes of what is missing."""
        kept = {name: None if name in hidden else value for name, value in values.items()}
        return cls(kept, {name: hidden.get(name) or codes[name] for name, value in kept.items() if value is None})

    def having(self, name: str, value: bool | None) -> Figures:  # noqa: FBT001  (a figure, not a switch)
        """Return the figures with another value of one; its code stays if that is None."""
        codes = {key: code for key, code in self.codes.items() if key != name or value is None}
        return Figures({**self.values, name: value}, codes)

    def noted(self, prefix: str, where: str, notes: Notes) -> Mapping[str, Any]:
        """Note why figures are missing, and return the figures."""
        for name, code in self.codes.items():
            notes.add(code, prefix + name, where)
        return self.values


@dataclass(frozen=True, slots=True)
class Comparisons:
    """M pairs of arms, first over second, compared at once; every array is (M,).

    known      whether any table has units of both arms
    says       whether any table has events and others, so that there is a test
    conflict   direction conflict, within the family of these M pairs
    rate       events per unit of the first arm where the second was open too
    """

    alpha: float
    known: Bools
    ratio: Quotient
    odds: Quotient
    says: Bools
    cmh: Floats
    cmh_p: Floats
    homogeneity: Homogeneity
    homogeneity_p: Floats
    conflict: Bools
    rate: Floats

    @classmethod
    def of(cls, grid: Grid, order: Order, alpha: float) -> Comparisons:
        """Compare these pairs of arms."""
        flat, merged = grid.tables(order).flat(), grid.merged(order)
        cmh, homogeneity = cmh_chi2(flat), breslow_day(merged)
        p_values = homogeneity.p_value
        return cls(
            alpha=alpha,
            known=np.minimum(flat.n1, flat.n2).max(axis=-1) > 0,
            ratio=risk_ratio(flat),
            odds=odds_ratio(flat),
            says=flat.variance.sum(axis=-1) > 0,
            cmh=cmh,
            cmh_p=chi2_tail(cmh, 1),
            homogeneity=homogeneity,
            homogeneity_p=p_values,
            conflict=_opposed(merged) & _unequal(homogeneity.df, p_values),
            rate=divided(flat.x1.sum(axis=-1), flat.n1.sum(axis=-1)),
        )

    def rank(self, at: int) -> tuple[float, float]:
        """Return ratio (1 where nothing is known) and rate of the first arm: the more, the more events."""
        top, bottom = self.ratio.top[at], self.ratio.bottom[at]
        return float(top / bottom) if bottom > 0 else inf if top > 0 else 1.0, float(self.rate[at])

    def figures(self, at: int, hidden: Mapping[str, str]) -> Figures:
        """Return the figures of one pair."""
        if not self.known[at]:
            return Figures(dict.fromkeys(FIGURES), dict.fromkeys(FIGURES, "no-units"))
        ratio, odds = self.ratio, self.odds
        says, testable = self.says[at], self.homogeneity.df[at] > 0
        values = {
            "mh_ratio": ratio.value(at),
            "mh_odds_ratio": odds.value(at),
            "mh_odds_ratio_ci": odds.interval(self.alpha, at),
            "cmh_chi2": float(self.cmh[at]) if says else None,
            "cmh_p_value": float(self.cmh_p[at]) if says else None,
            "breslow_day_chi2": float(self.homogeneity.chi2[at]) if testable else None,
            "breslow_day_p_value": float(self.homogeneity_p[at]) if testable else None,
            "direction_conflict": bool(self.conflict[at]),
        }
        return Figures.of(values, self._codes(at), hidden)

    def _codes(self, at: int) -> Mapping[str, str]:
        """Return why a figure of this pair is missing, if it is."""
        odds = bool(self.odds.top[at] > 0), bool(self.odds.bottom[at] > 0)
        zero = "zero-count" if any(odds) else "no-events"
        untested = "too-few-strata" if all(odds) else zero
        return {
            "mh_ratio": "unbounded" if self.ratio.top[at] > 0 else "no-events",
            "mh_odds_ratio": "unbounded" if odds[0] else "no-events",
            "mh_odds_ratio_ci": zero,
            "cmh_chi2": "no-events",
            "cmh_p_value": "no-events",
            "breslow_day_chi2": untested,
            "breslow_day_p_value": untested,
        }


def _opposed(tables: Tables) -> Bools:
    """Return whether strata with enough expected events lie on both sides of a ratio of 1; tables (M, S, C)."""
    first, second = tables.expected.sum(axis=-1), (tables.events - tables.expected).sum(axis=-1)
    enough = np.minimum(first, second) >= CONFLICT_EXPECTED
    above, below = (terms.sum(axis=-1) for terms in risk_terms(tables))
    return np.asarray((enough & (above > below)).any(axis=-1) & (enough & (above < below)).any(axis=-1))


def _unequal(df: NDArray[np.int64], p_values: Floats) -> Bools:
    """Return whether strata differ, at `CONFLICT_P` for all pairs together."""
    adjusted = holm({int(at): float(p_values[at]) for at in np.flatnonzero(df > 0)})
    return np.array([adjusted.get(at, 1.0) <= CONFLICT_P for at in range(len(df))])
