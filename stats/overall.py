"""What is said of all arms at once: the global test, and the comparisons with the control for publication."""

from __future__ import annotations

from collections.abc import Mapping

from stats.association import SMALLEST_EXPECTED, chi_square, smallest_expected
from stats.compare import Comparison, Gate, Sums
from stats.counts import Counts, total
from stats.multiplicity import holm
from stats.plan import Plan
from stats.reasons import Notes
from stats.result import Adjusted, Global, Multiplicity

_ADJUSTED = ("multiplicity.adjusted[].p_value", "multiplicity.adjusted[].p_value_adjusted")


def global_test(plan: Plan, counts: Counts, sums: Sums, gate: Gate, notes: Notes) -> Global:
    """Return the chi-square test that all variants have one rate, in the phases in which all were open.

    Variants without units are left out (`df` shows it). The p-value is None where a cell of fewer than 5 is
    expected.
    """
    found = [total(sums, variant, counts.common_phases(plan.variants)) for variant in plan.variants]
    x, n = [one.conversions for one in found if one.exposed], [one.exposed for one in found if one.exposed]
    code = _held_back(plan, counts, gate) or ("no-units" if len(n) < 2 else None)
    test = None if code else chi_square(x, n)
    if test is None:
        notes.add_all(code or "no-events", ("global.chi2", "global.df", "global.p_value"))
        return Global()
    if smallest_expected(x, n) < SMALLEST_EXPECTED:
        notes.add("too-few-events", "global.p_value")
        return Global(chi2=test.chi2, df=test.df)
    return Global(chi2=test.chi2, df=test.df, p_value=test.p_value)


def _held_back(plan: Plan, counts: Counts, gate: Gate) -> str | None:
    if gate.blocked:
        return "srm-alarm"
    if not counts.comparable(plan.variants):
        return "weights-changed"
    return "planned-size-not-reached" if gate.early else None


def against_control(plan: Plan, compared: Mapping[tuple[str, str], Comparison], notes: Notes) -> Multiplicity:
    """Return every other variant against the control, Holm-adjusted within this family."""
    found = {a if b == plan.control else b: made for (a, b), made in compared.items() if plan.control in (a, b)}
    adjusted = holm({arm: made.p_value for arm, made in found.items() if made.p_value is not None})
    for arm, made in found.items():
        if made.p_code:
            notes.add_all(made.p_code, _ADJUSTED, f"{arm}/{plan.control}")
    rows = (Adjusted(arm, plan.control, made.p_value, adjusted.get(arm)) for arm, made in found.items())
    return Multiplicity(tuple(rows))
