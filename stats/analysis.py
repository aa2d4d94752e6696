"""From counts to a report: the one place that knows the order of the parts."""

from __future__ import annotations

from dataclasses import replace

from stats.blocks import blocks
from stats.closure import claims
from stats.compare import Gate, arms_of, comparisons, pairs_of
from stats.counts import Counts, tally, total
from stats.expectation import estimate, expected
from stats.factors import factors
from stats.forecast import forecast
from stats.guards import safety
from stats.overall import global_test, multiplicity
from stats.plan import Outcome, Plan, require
from stats.planned import planned_looks
from stats.reading import Reading, read
from stats.reasons import Notes
from stats.result import Arm, Blocks, Claim, Guardrail, Live, Pair, Report, SampleRatio, Strata, Supporting
from stats.srm import sample_ratio
from stats.story import path_points
from stats.strata import strata as stratified
from stats.tipping import tipping_point
from stats.verdict import (
    Verdict,
    at_looks,
    below_planned,
    decide,
    fixed,
    held_back,
    sequential,
    shown_worse_than_control,
    too_early,
    unsafe,
    waiting,
)


def report(plan: Plan, counts: Counts) -> Report:
    """Return the report of these counts under this plan.

    Pure: the same plan and counts give an equal report. Sealed cells decide; provisional ones are only listed.
    Raises ValueError for a cell or share of a variant, or a conversion of an outcome, that the plan lacks.
    """
    _check_names(plan, counts)
    if plan.rho == "observed":
        counts = replace(counts, shares={})
    return _Analysis(plan, counts).report()


class _Analysis:
    """One report in the making: plan, counts, and the notes why numbers are absent."""

    def __init__(self, plan: Plan, counts: Counts) -> None:
        self.plan, self.counts, self.notes = plan, counts, Notes()
        self.reading = read(plan, counts, plan.primary)
        self.arms = arms_of(plan, self.reading, self.notes)
        early = bool(below_planned(plan, counts, self.arms))
        once = plan.design == "fixed" and not early
        self.srm = sample_ratio(plan, counts, self.reading.path, self.notes, once=once)
        self.gate = _gate(plan, self.srm, early=early)
        self.arms = expected(self.reading, counts, self.arms, self.gate, self.notes)
        self.planned = planned_looks(self.reading, self.notes) if plan.design == "looks" else None

    def report(self) -> Report:
        plan, counts, notes = self.plan, self.counts, self.notes
        primary = plan.primary.name
        pairs = pairs_of(self.reading, comparisons(plan, counts, primary, self.gate), self.gate, notes)
        guardrails = tuple(self._guardrail(outcome) for outcome in plan.of_role("guardrail"))
        held = {"withheld": self.gate.no_labels, "no_p": self.gate.too_early}
        strata = stratified(plan, counts, primary, notes, **held)
        outcomes, families = self._supporting()
        verdict = self._verdict(pairs, guardrails, strata)
        outlook = forecast(self.reading, counts, verdict.status, notes)
        tipping = tipping_point(self.reading, counts, verdict.status, verdict.arms, notes)
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
            arms=self._judged(verdict),
            pairs=pairs,
            srm=self.srm,
            global_=global_test(self.reading, counts, self.gate, notes),
            strata=strata,
            multiplicity=multiplicity(plan, counts, pairs, self.gate, notes),
            outcomes=outcomes,
            guardrails=guardrails,
            factors=factors(plan, counts, primary, notes, **held),
            blocks=self._blocks(),
            claims=families,
            provisional=_provisional(plan, counts),
            path=path_points(self.reading, self.gate, notes, logged=bool(counts.shares)),
            looks=self.planned.looks if self.planned else (),
            estimate=estimate(verdict, self.arms, plan.control, self.gate, notes),
            forecast=outlook,
            tipping_point=tipping.outcomes,
            tipping_arm=tipping.arm,
            reasons=notes.reasons(),
        )

    def _verdict(self, pairs: tuple[Pair, ...], guardrails: tuple[Guardrail, ...], strata: Strata) -> Verdict:
        plan, counts = self.plan, self.counts
        first = waiting(counts, self.srm, self.arms)
        if first:
            return first
        if self.gate.blocks and plan.design == "sequential":
            standing = replace(fixed(plan, counts, pairs), over=not below_planned(plan, counts, self.arms))
        elif plan.design == "sequential":
            standing = sequential(plan, counts, self.reading, self.arms)
        elif self.planned:
            standing = at_looks(plan, counts, self.planned)
        else:
            early = too_early(plan, counts, self.arms)
            if early:
                return unsafe(counts, plan, guardrails) or early
            standing = fixed(plan, counts, pairs)
        found = held_back(decide(plan, counts, self.arms, standing, pairs), guardrails, strata)
        stop = unsafe(counts, plan, guardrails)
        return replace(stop, could_be_best=found.could_be_best) if stop else found

    def _judged(self, verdict: Verdict) -> tuple[Arm, ...]:
        if verdict.could_be_best is None:
            self.notes.add(verdict.reason.code if verdict.reason else "not-computed", "arms[].could_be_best")
            return self.arms
        return tuple(replace(arm, could_be_best=arm.variant in verdict.could_be_best) for arm in self.arms)

    def _section(self, outcome: Outcome, notes: Notes) -> tuple[Reading, tuple[Arm, ...], tuple[Pair, ...]]:
        """Return arms and pairs of an outcome that supports."""
        notes.add("no-verdict", "arms[].could_be_best")
        reading = read(self.plan, self.counts, outcome)
        compared = comparisons(self.plan, self.counts, outcome.name, self.gate)
        arms = expected(reading, self.counts, arms_of(self.plan, reading, notes), self.gate, notes)
        return reading, arms, pairs_of(reading, compared, self.gate, notes)

    def _supporting(self) -> tuple[tuple[Supporting, ...], tuple[Claim, ...]]:
        """Return the secondary outcomes, and the claims of their families."""
        made: list[Supporting] = []
        evidence: dict[str, dict[tuple[str, str], float | None]] = {}
        for outcome in self.plan.of_role("secondary"):
            reading, arms, pairs = self._section(outcome, self.notes.inside("outcomes[].", outcome.name))
            made.append(Supporting(outcome.name, outcome.better, outcome.clicks_only, outcome.family, arms, pairs))
            evidence.setdefault(outcome.family, {}).update(self._against_control(reading))
        families = (claims(found, self.plan.alpha, self.notes) for name, found in evidence.items() if name)
        return tuple(made), tuple(claim for family in families for claim in family)

    def _against_control(self, reading: Reading) -> dict[tuple[str, str], float | None]:
        """Return (outcome, variant) -> log evidence that the variant is better than the control."""
        name, control = reading.outcome.name, reading.arm(self.plan.control)
        log_e = reading.state.log_e[0, :, control]
        others = ((arm, variant) for arm, variant in enumerate(self.plan.variants) if arm != control)
        return {(name, variant): None if self.gate.no_labels else float(log_e[arm]) for arm, variant in others}

    def _blocks(self) -> Blocks | None:
        if self.plan.unit != "block":
            return None
        held = {"withheld": self.gate.withheld, "no_p": self.gate.too_early}
        return blocks(self.plan, self.counts, self.plan.primary.name, self.notes, **held)

    def _guardrail(self, outcome: Outcome) -> Guardrail:
        notes = self.notes.inside("guardrails[].", outcome.name)
        reading, arms, pairs = self._section(outcome, notes)
        made = safety(reading, self.counts, self.gate, notes)
        tolerated = {one.variant for one in made if one.non_inferior}
        against = [pair for pair in pairs if pair.b == self.plan.control and pair.a not in tolerated]
        fails = tuple(pair.a for pair in against if shown_worse_than_control(self.plan, pair, outcome.better))
        return Guardrail(outcome.name, outcome.better, outcome.margin_ratio, arms, pairs, fails, made)


def _check_names(plan: Plan, counts: Counts) -> None:
    cells, outcomes = (*counts.sealed, *counts.provisional), {outcome.name for outcome in plan.outcomes}
    variants = {cell.variant for cell in cells}.union(*counts.shares.values()) - set(plan.variants)
    unknown = {name for cell in cells for name in cell.conversions} - outcomes
    require("counts", f"the plan has no variant {sorted(variants)}", holds=not variants)
    require("counts", f"the plan has no outcome {sorted(unknown)}", holds=not unknown)


def _gate(plan: Plan, srm: SampleRatio, *, early: bool) -> Gate:
    withheld = "srm-alarm" if srm.alarm else None
    by_design = {"sequential": "always-valid", "looks": "planned-looks", "fixed": None}[plan.design]
    return Gate(withheld, "planned-size-not-reached" if early else by_design, blocks=plan.unit == "block")


def _provisional(plan: Plan, counts: Counts) -> tuple[Live, ...]:
    sums = tally(counts.provisional, plan.primary.name)
    found = {variant: total(sums, variant) for variant in plan.variants}
    return tuple(Live(arm, one.assigned, one.exposed, one.conversions) for arm, one in found.items())
