"""Factorial designs: the effect of each declared component over all others, and whether it depends on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stats.conditional import cmh_p_value
from stats.counts import Counts
from stats.grid import Grid
from stats.interaction import Crossed, interaction
from stats.mantel_haenszel import Floats, Tables, ratio_interval, risk_ratio
from stats.plan import Plan
from stats.reasons import Notes
from stats.result import Factor, FactorEffect, Interaction

EFFECT = ("ratio", "ratio_ci", "p_value")
TEST = ("chi2", "df", "p_value")

Levels = Mapping[str, Mapping[tuple[str, ...], list[int]]]


def factors(
    plan: Plan, counts: Counts, outcome: str, notes: Notes, *, withheld: str | None, no_p: str | None
) -> tuple[Factor, ...]:
    """Return the effects of every factor of the plan, over the sealed cells; empty for a plan without factors.

    Main effects: a level against the reference level, the Mantel-Haenszel ratio over phases and over those
    combinations of all other factors' levels in which both levels have a variant. Two levels are crossed with two
    such combinations, or with one where their variants differ in nothing else; others are `not-crossed`. The
    reference is the level that is crossed with the most others: the control's where it is one of those, else the
    first in the plan's order. So a control that stands outside a grid is left out, and the grid analysed. Variants
    of one level and combination are added up within a phase.

    Interactions: see `stats.interaction`; in the largest full grid of two factors' levels.

    `withheld` is the code why there are ratios only (a broken split, say), `no_p` the code why there are no
    p-values; None where there is no such reason.
    """
    if not plan.factors:
        return ()
    data = Data.of(plan, counts, outcome)
    gate = Gate(plan.alpha, withheld, no_p, notes)
    names = tuple(plan.factors[plan.control])
    return tuple(
        Factor(
            name,
            effects=_effects(data, name, gate),
            interactions=tuple(_interaction(data, (name, other), gate) for other in names[at + 1 :]),
        )
        for at, name in enumerate(names)
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """What holds evidence back, and where it is said."""

    alpha: float
    withheld: str | None
    no_p: str | None
    notes: Notes


@dataclass(frozen=True, slots=True)
class Data:
    """Sealed counts of K arms in P phases.

    events, units   (P, K) exposed units with the outcome, exposed units; 0 where an arm was closed
    weights         (P,) number of the class of phases in which the arms' weights have the same ratios
    """

    plan: Plan
    events: Floats
    units: Floats
    weights: NDArray[np.intp]

    @classmethod
    def of(cls, plan: Plan, counts: Counts, outcome: str) -> Data:
        """Add up the strata."""
        grid = Grid.of(plan, counts, outcome)
        events, units = grid.events.sum(axis=0), grid.units.sum(axis=0)
        if grid.rho is None:
            return cls(plan, events, units, np.arange(len(units)))
        rows = np.round(grid.rho, 12)
        classes = np.unique(rows, axis=0, return_inverse=True)[1] if len(rows) else np.arange(0)
        return cls(plan, np.where(rows > 0, events, 0), np.where(rows > 0, units, 0), classes.ravel())

    def level(self, variant: str, factor: str) -> str:
        """Return the variant's level of a factor."""
        return self.plan.factors[variant][factor]

    def levels(self, *factors: str) -> Levels:
        """Return level of the first factor -> combination of all others' levels but these -> arms, in plan order."""
        rest = [name for name in self.plan.factors[self.plan.control] if name not in factors]
        found: dict[str, dict[tuple[str, ...], list[int]]] = {}
        for arm, variant in enumerate(self.plan.variants):
            combination = tuple(self.level(variant, name) for name in rest)
            found.setdefault(self.level(variant, factors[0]), {}).setdefault(combination, []).append(arm)
        return found


def _crossed(levels: Levels, first: str, second: str) -> list[tuple[str, ...]]:
    """Return the combinations in which both levels have a variant; none where the levels are not crossed."""
    common = [combination for combination in levels[first] if combination in levels[second]]
    alone = len(levels[first].keys() | levels[second].keys()) == 1
    return common if len(common) > 1 or alone else []


def _reference(levels: Levels, control: str) -> str:
    partners = {one: sum(bool(_crossed(levels, one, other)) for other in levels if other != one) for one in levels}
    return max(levels, key=lambda one: (partners[one], one == control))


def _effects(data: Data, factor: str, gate: Gate) -> tuple[FactorEffect, ...]:
    levels = data.levels(factor)
    reference = _reference(levels, data.level(data.plan.control, factor))
    return tuple(_effect(data, levels, (factor, level, reference), gate) for level in levels if level != reference)


def _effect(data: Data, levels: Levels, names: tuple[str, str, str], gate: Gate) -> FactorEffect:
    factor, level, reference = names
    where = f"{factor}: {level}/{reference}"
    common = _crossed(levels, level, reference)
    arms = sorted(arm for one in common for arm in (*levels[level][one], *levels[reference][one]))
    variants = tuple(data.plan.variants[arm] for arm in arms)
    tables = _tables(data, [levels[level][one] for one in common], [levels[reference][one] for one in common])
    known = bool((np.minimum(tables.n1, tables.n2) > 0).any())
    if not known:
        _note(gate, "effects", EFFECT, "no-units" if common else "not-crossed", where)
        return FactorEffect(level, reference, variants=variants)
    found = risk_ratio(tables)
    ratio = found.value()
    if ratio is None:
        _note(gate, "effects", ("ratio",), "unbounded" if found.top > 0 else "no-events", where)
    interval = None if gate.withheld else ratio_interval(tables, gate.alpha)
    if interval is None or interval[1] is None:
        _note(gate, "effects", ("ratio_ci",), gate.withheld or ("unbounded" if interval else "no-events"), where)
    hidden = gate.withheld or gate.no_p
    p_value = None if hidden else cmh_p_value(tables)
    if p_value is None:
        _note(gate, "effects", ("p_value",), hidden or "no-events", where)
    return FactorEffect(level, reference, ratio, interval, p_value, variants)


def _tables(data: Data, first: Sequence[Sequence[int]], second: Sequence[Sequence[int]]) -> Tables:
    """Return the tables combination x phase of one set of arms against another, set by set."""

    def summed(values: Floats, groups: Sequence[Sequence[int]]) -> Floats:
        return np.array([values[:, list(arms)].sum(axis=1) for arms in groups]).reshape(-1)

    parts = (data.events, first), (data.units, first), (data.events, second), (data.units, second)
    return Tables(*(summed(values, groups) for values, groups in parts))


def _note(gate: Gate, section: str, fields: Sequence[str], code: str, where: str) -> None:
    gate.notes.add_all(code, (f"factors[].{section}[].{name}" for name in fields), where)


def _interaction(data: Data, names: tuple[str, str], gate: Gate) -> Interaction:
    where = " x ".join(names)
    rows = _rows(data, names)
    found = gate.withheld or ("not-crossed" if rows is None else interaction(rows) if rows.units.any() else "no-units")
    if isinstance(found, str):
        _note(gate, "interactions", TEST, found, where)
        return Interaction(names)
    if found.link == "logit":
        _note(gate, "interactions", ("chi2",), "logit-link", where)
    if gate.no_p:
        _note(gate, "interactions", ("p_value",), gate.no_p, where)
    return Interaction(names, found.chi2, found.df, None if gate.no_p else found.p_value)


def _rows(data: Data, names: tuple[str, str]) -> Crossed | None:
    """Return a row for every arm of the largest grid of two factors, in every class of weights; None without one."""
    first, second = _largest_grid(data, names)
    if not first:
        return None
    rest = [name for name in data.plan.factors[data.plan.control] if name not in names]
    blocks: dict[tuple[str, ...], int] = {}
    found = []
    for arm, variant in enumerate(data.plan.variants):
        a, b = (data.level(variant, name) for name in names)
        if a in first and b in second:
            block = blocks.setdefault(tuple(data.level(variant, name) for name in rest), len(blocks))
            found.append((arm, first.index(a), second.index(b), block))
    arms, rows, columns, others = (np.array(part) for part in zip(*found, strict=True))
    classes = np.arange(data.weights.max(initial=-1) + 1)
    member = (data.weights == classes[:, None]).astype(float)
    events, units = member @ data.events[:, arms], member @ data.units[:, arms]
    repeat = (len(classes), 1)
    return Crossed(
        (len(first), len(second)),
        np.tile(rows, repeat).ravel(),
        np.tile(columns, repeat).ravel(),
        (others + len(blocks) * classes[:, None]).ravel(),
        events.ravel(),
        units.ravel(),
    )


def _largest_grid(data: Data, names: tuple[str, str]) -> tuple[list[str], list[str]]:
    """Return those levels of two factors of which every pair has a variant, two or more each; empty without.

    The grid of the most cells, of equal ones the first in the plan's order. Time grows with 2 to the power of the
    number of levels that can be in a grid: 64 sets of levels for 12 variants.
    """
    having: dict[str, set[str]] = {}
    for variant in data.plan.variants:
        having.setdefault(data.level(variant, names[0]), set()).add(data.level(variant, names[1]))
    order = list(dict.fromkeys(data.level(variant, names[1]) for variant in data.plan.variants))
    able = [level for level, others in having.items() if len(others) > 1]
    best: tuple[list[str], list[str]] = [], []
    for size in range(len(able), 1, -1):
        for chosen in combinations(able, size):
            common = set.intersection(*(having[level] for level in chosen))
            if len(common) > 1 and size * len(common) > len(best[0]) * len(best[1]):
                best = list(chosen), [level for level in order if level in common]
    return best
