"""What is said of all arms at once: the global test, and the comparisons with the control for publication."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

from stats.association import SMALLEST_EXPECTED, chi_square, smallest_expected
from stats.best import dunnett_p_values, with_the_best
from stats.compare import LARGEST_LOG, Gate, Sums
from stats.counts import Counts, tally, total
from stats.multiplicity import benjamini_hochberg, holm
from stats.plan import Plan
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Adjusted, Global, Multiplicity, Pair, WithBest

_CLASSIC = ("chi2", "df", "p_value")
_EVIDENCE = ("e_value", "e_dirichlet", "decisive")


def global_test(reading: Reading, counts: Counts, gate: Gate, notes: Notes) -> Global:
    """Return what is known against "all variants have one rate"."""
    made = _classic(reading.plan, counts, tally(counts.sealed, reading.outcome.name), gate, notes)
    if gate.no_labels:
        notes.add_all(gate.no_labels, (f"global.{name}" for name in _EVIDENCE))
        return made
    steps = reading.steps
    logs = (0.0, 0.0) if steps is None else (float(steps.log_mean[0, -1]), float(steps.log_dirichlet[0, -1]))
    for name, log_e in zip(_EVIDENCE, logs, strict=False):
        if log_e >= LARGEST_LOG:
            notes.add("unbounded", f"global.{name}")
    e_value, e_dirichlet = (exp(log_e) if log_e < LARGEST_LOG else None for log_e in logs)
    decisive = bool(reading.state.decisive[0])
    return Global(e_value, e_dirichlet, decisive, made.chi2, made.df, made.p_value)


def _classic(plan: Plan, counts: Counts, sums: Sums, gate: Gate, notes: Notes) -> Global:
    """Return Pearson's test in the phases in which all variants were open.

    Variants without units are left out (`df` shows it). The p-value is None where a cell of fewer than 5 is
    expected.
    """
    found = [total(sums, variant, counts.common_phases(plan.variants)) for variant in plan.variants]
    x, n = [one.conversions for one in found if one.exposed], [one.exposed for one in found if one.exposed]
    code = _held_back(plan, counts, gate) or ("no-units" if len(n) < 2 else None)
    test = None if code else chi_square(x, n)
    if test is None:
        notes.add_all(code or "no-events", (f"global.{name}" for name in _CLASSIC))
        return Global()
    if smallest_expected(x, n) < SMALLEST_EXPECTED:
        notes.add("too-few-events", "global.p_value")
        return Global(chi2=test.chi2, df=test.df)
    return Global(chi2=test.chi2, df=test.df, p_value=test.p_value)


def _held_back(plan: Plan, counts: Counts, gate: Gate) -> str | None:
    if gate.no_labels:
        return gate.no_labels
    if not counts.comparable(plan.variants):
        return "weights-changed"
    return gate.too_early


def multiplicity(plan: Plan, counts: Counts, pairs: tuple[Pair, ...], gate: Gate, notes: Notes) -> Multiplicity:
    """Return every other variant against the control, adjusted within this family, and every variant with the best."""
    by_arms = {(pair.a, pair.b): pair for pair in pairs}
    others = [variant for variant in plan.variants if variant != plan.control]
    found = {arm: _two_sided(by_arms, arm, plan.control, gate) for arm in others}
    known = {arm: p for arm, p in found.items() if p is not None}
    by_holm, by_fdr = holm(known), {} if gate.always_valid else benjamini_hochberg(known)
    by_dunnett, best = _many(plan, counts, gate, notes)
    for arm in others:
        where = f"{arm}/{plan.control}"
        if found[arm] is None:
            code = gate.no_labels or gate.no_p or _why_not(by_arms[arm, plan.control])
            notes.add_all(code, _ADJUSTED, where)
        if by_dunnett.get(arm, 1) is None:
            notes.add("too-few-events", "multiplicity.adjusted[].p_value_dunnett", where)
        if arm not in by_fdr:
            notes.add(gate.no_labels or gate.no_p or "no-units", "multiplicity.adjusted[].p_value_fdr", where)
    adjusted = (
        Adjusted(arm, plan.control, found[arm], by_holm.get(arm), by_dunnett.get(arm), by_fdr.get(arm))
        for arm in others
    )
    return Multiplicity(tuple(adjusted), best)


def _many(
    plan: Plan, counts: Counts, gate: Gate, notes: Notes
) -> tuple[Mapping[str, float | None], tuple[WithBest, ...]]:
    """Return Dunnett's p-value of each variant, and Hsu's intervals, over the phases in which all were open.

    Both lean on the normal distribution: None where a cell of fewer than 5 is expected.
    """
    sums = tally(counts.sealed, plan.primary.name)
    found = {arm: total(sums, arm, counts.common_phases(plan.variants)) for arm in plan.variants}
    x, n = [one.conversions for one in found.values()], [one.exposed for one in found.values()]
    code = gate.no_labels or gate.no_p or _held_back(plan, counts, gate) or (None if all(n) else "no-units")
    if code is None and smallest_expected(x, n) < SMALLEST_EXPECTED:
        code = "too-few-events"
    if code:
        notes.add_all(code, _MANY)
        return {}, tuple(WithBest(arm) for arm in plan.variants)
    p_values = dunnett_p_values(x, n, plan.variants.index(plan.control))
    ends = with_the_best(x, n, plan.alpha, plan.primary.better)
    best = tuple(WithBest(arm, *end) for arm, end in zip(plan.variants, ends, strict=True))
    return dict(zip(plan.variants, p_values, strict=True)), best


_MANY = ("multiplicity.adjusted[].p_value_dunnett", "multiplicity.best[].lower", "multiplicity.best[].upper")
_ADJUSTED = ("multiplicity.adjusted[].p_value", "multiplicity.adjusted[].p_value_adjusted")


def _two_sided(by_arms: Mapping[tuple[str, str], Pair], arm: str, control: str, gate: Gate) -> float | None:
    """Return the pair's p-value; under the sequential design twice the smaller of the two one-sided ones."""
    one, other = by_arms[arm, control].p_value, by_arms[control, arm].p_value
    if one is None or other is None or not gate.always_valid:
        return one
    return min(1.0, 2 * min(one, other))


def _why_not(pair: Pair) -> str:
    return "no-units" if pair.ratio_ci is None and pair.difference is None else "weights-changed"
