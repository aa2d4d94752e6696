"""From counts to a report: the one place that knows the order of the parts."""

from __future__ import annotations

from dataclasses import replace

from stats.compare import Gate, arms_of, comparisons, pairs_of
from stats.counts import Counts, tally, total
from stats.overall import against_control, global_test
from stats.plan import Outcome, Plan, require
from stats.reasons import Notes
from stats.result import Arm, Guardrail, Live, Pair, Report, Strata, Supporting
from stats.srm import sample_ratio
from stats.verdict import Verdict, below_planned, decide, shown_worse_than_control, waiting

_ARM_GAPS = ("rate_cs", "probability_best", "expected_loss_per_10000", "shrunken_rate")
_PAIR_GAPS = ("ratio_cs", "e_value")
_SECTION_GAPS = (*(f"arms[].{name}" for name in _ARM_GAPS), *(f"pairs[].{name}" for name in _PAIR_GAPS))
_REPORT_GAPS = (
    *(f"srm.{name}.e_value" for name in ("assignments", "exposures", "surfaces[]")),
    *(f"global.{name}" for name in ("e_value", "e_dirichlet")),
    *(f"strata.{name}" for name in Strata.__dataclass_fields__),
    *("tipping_point", "factors", "forecast"),
)


def report(plan: Plan, counts: Counts) -> Report:
    """Return the report of these counts under this plan.

    Pure: the same plan and counts give an equal report. Sealed cells decide; provisional ones are only listed.
    Raises ValueError for a cell or share of a variant, or a conversion of an outcome, that the plan lacks.
    """
    _check_names(plan, counts)
    if plan.rho == "observed":
        counts = replace(counts, shares={})
    notes = Notes()
    srm = sample_ratio(plan, counts, notes)
    sums = tally(counts.sealed, plan.primary.name)
    arms = arms_of(plan, sums, notes)
    gate = Gate(blocked=bool(srm.alarm), early=bool(below_planned(plan, counts, arms)))
    compared = comparisons(plan, counts, sums, gate)
    pairs = pairs_of(plan, compared, notes)
    guardrails = tuple(_guardrail(plan, counts, outcome, gate, notes) for outcome in plan.of_role("guardrail"))
    verdict = waiting(plan, counts, srm, arms) or decide(plan, counts, pairs, guardrails)
    notes.add_all("not-computed", (*_SECTION_GAPS, *_REPORT_GAPS))
    return Report(
        status=verdict.status,
        status_arms=verdict.arms,
        status_reason=verdict.reason,
        alpha=plan.alpha,
        design=plan.design,
        rho="logged" if counts.shares else "observed",
        control=plan.control,
        outcome=plan.primary.name,
        better=plan.primary.better,
        planned_units=plan.planned_units,
        arms=_judged(arms, verdict, notes),
        pairs=pairs,
        srm=srm,
        global_=global_test(plan, counts, sums, gate, notes),
        strata=Strata(),
        multiplicity=against_control(plan, compared, notes),
        outcomes=tuple(_supporting(plan, counts, outcome, gate, notes) for outcome in plan.of_role("secondary")),
        guardrails=guardrails,
        provisional=_provisional(plan, counts),
        reasons=notes.reasons(),
    )


def _check_names(plan: Plan, counts: Counts) -> None:
    cells, outcomes = (*counts.sealed, *counts.provisional), {outcome.name for outcome in plan.outcomes}
    variants = {cell.variant for cell in cells}.union(*counts.shares.values()) - set(plan.variants)
    unknown = {name for cell in cells for name in cell.conversions} - outcomes
    require("counts", f"the plan has no variant {sorted(variants)}", holds=not variants)
    require("counts", f"the plan has no outcome {sorted(unknown)}", holds=not unknown)


def _judged(arms: tuple[Arm, ...], verdict: Verdict, notes: Notes) -> tuple[Arm, ...]:
    if verdict.could_be_best is None:
        notes.add(verdict.reason.code if verdict.reason else "not-computed", "arms[].could_be_best")
        return arms
    return tuple(replace(arm, could_be_best=arm.variant in verdict.could_be_best) for arm in arms)


def _section(
    plan: Plan, counts: Counts, outcome: Outcome, gate: Gate, notes: Notes
) -> tuple[tuple[Arm, ...], tuple[Pair, ...]]:
    """Return arms and pairs of an outcome that supports."""
    sums = tally(counts.sealed, outcome.name)
    notes.add("no-verdict", "arms[].could_be_best")
    notes.add_all("not-computed", _SECTION_GAPS)
    pairs = pairs_of(plan, comparisons(plan, counts, sums, gate), notes)
    return arms_of(plan, sums, notes), pairs


def _supporting(plan: Plan, counts: Counts, outcome: Outcome, gate: Gate, notes: Notes) -> Supporting:
    arms, pairs = _section(plan, counts, outcome, gate, notes.inside("outcomes[].", outcome.name))
    return Supporting(outcome.name, outcome.better, outcome.clicks_only, arms, pairs)


def _guardrail(plan: Plan, counts: Counts, outcome: Outcome, gate: Gate, notes: Notes) -> Guardrail:
    arms, pairs = _section(plan, counts, outcome, gate, notes.inside("guardrails[].", outcome.name))
    against = [pair for pair in pairs if pair.b == plan.control]
    fails = tuple(pair.a for pair in against if shown_worse_than_control(pair, outcome.better))
    return Guardrail(outcome.name, outcome.better, outcome.margin_ratio, arms, pairs, fails)


def _provisional(plan: Plan, counts: Counts) -> tuple[Live, ...]:
    sums = tally(counts.provisional, plan.primary.name)
    found = {variant: total(sums, variant) for variant in plan.variants}
    return tuple(Live(arm, one.assigned, one.exposed, one.conversions) for arm, one in found.items())
