"""The status of an experiment. The first step that applies decides.

Nothing may be concluded while the split is broken or nothing is sealed; then comes safety; then the design's own rule
says which arms are out and whether one has won; last, whether anything holds the winner back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from stats.counts import Counts
from stats.evidence import winners
from stats.plan import Better, Plan
from stats.planned import PlannedLooks
from stats.reading import Reading
from stats.reasons import DETAILS, Reason
from stats.result import Arm, Guardrail, Pair, SampleRatio, Status, Strata


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status with the arms it names; `could_be_best` are the arms not shown worse, None while there is no rule."""

    status: Status
    arms: tuple[str, ...] = ()
    reason: Reason | None = None
    could_be_best: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a design's rule says: which arms are out, who has won (None: nobody), and whether the run is over."""

    out: frozenset[str]
    winner: str | None
    over: bool


def waiting(counts: Counts, srm: SampleRatio, arms: Sequence[Arm]) -> Verdict | None:
    """Return the status while nothing may be concluded; None when the design's rule may speak."""
    if srm.alarm:
        return Verdict("blocked", reason=because("srm-alarm", _broken(srm), srm.arm or ""))
    if not any(arm.units for arm in arms):
        begun = any(cell.assigned or cell.exposed for cell in (*counts.sealed, *counts.provisional))
        return Verdict("collecting" if begun else "not-started", reason=because("no-sealed-units"))
    return None


def below_planned(plan: Plan, counts: Counts, arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return the open variants with fewer exposed units than planned."""
    needed, still_open = plan.planned_units or 0, counts.open_arms(plan.variants)
    return tuple(arm.variant for arm in arms if arm.variant in still_open and arm.units < needed)


def sequential(plan: Plan, counts: Counts, reading: Reading, arms: Sequence[Arm]) -> Standing:
    """Return what the always-valid engine says; see `stats.evidence`. The run is over at the planned size."""
    still_open = counts.open_arms(plan.variants)
    out = frozenset(v for v, gone in zip(plan.variants, reading.state.eliminated[0], strict=True) if gone)
    open_arms = np.array([[variant in still_open for variant in plan.variants]])
    won = int(winners(reading.state, open_arms)[0])
    return Standing(out, plan.variants[won] if won >= 0 else None, over=not below_planned(plan, counts, arms))


def fixed(plan: Plan, counts: Counts, pairs: Sequence[Pair]) -> Standing:
    """Return what the p-values at the planned size say, adjusted by Holm over all pairs.

    An arm is out when another one is shown better than it. Winner: the one open arm that is shown better than every
    other open arm. A closed arm may rule out an open one, and is never itself among the best: a winner is one of those
    that are still open.
    """
    better = {(pair.a, pair.b) for pair in pairs if shown_better(pair, plan.primary.better, plan.alpha)}
    return _ahead(plan, counts, better, over=True)


def at_looks(plan: Plan, counts: Counts, planned: PlannedLooks) -> Standing:
    """Return what the looks taken so far say, by the same rule; see `stats.planned`."""
    better = {(plan.variants[i], plan.variants[j]) for i, j in np.argwhere(planned.better)}
    return _ahead(plan, counts, better, over=planned.over)


def _ahead(plan: Plan, counts: Counts, better: set[tuple[str, str]], *, over: bool) -> Standing:
    still_open = counts.open_arms(plan.variants)
    out = frozenset(arm for arm in plan.variants if any((other, arm) in better for other in plan.variants))
    ahead = (arm for arm in still_open if all((arm, other) in better for other in still_open if other != arm))
    return Standing(out, next(ahead, None) if len(still_open) > 1 else None, over=over)


def too_early(plan: Plan, counts: Counts, arms: Sequence[Arm]) -> Verdict | None:
    """Return why a fixed design may not be judged yet; None when it may."""
    below = below_planned(plan, counts, arms)
    if below:
        return Verdict("collecting", reason=because("planned-size-not-reached", None, *below))
    changed = [pair for pair in combinations(counts.open_arms(plan.variants), 2) if not counts.comparable(pair)]
    if changed:
        return Verdict("collecting", reason=because("weights-changed", None, *map("/".join, changed)))
    return None


def decide(plan: Plan, counts: Counts, arms: Sequence[Arm], standing: Standing, pairs: Sequence[Pair]) -> Verdict:
    """Turn a standing into a status: winner, practically equal, narrowed, no clear winner, or collecting."""
    still_open = counts.open_arms(plan.variants)
    left = tuple(arm for arm in still_open if arm not in standing.out)
    unseen = tuple(arm.variant for arm in arms if arm.variant in still_open and not arm.units)
    if unseen:
        return Verdict("collecting", (), because("no-units", None, *unseen), left)
    if standing.winner is not None:
        status: Status = "winner-on-clicks" if plan.primary.clicks_only else "winner"
        return Verdict(status, (standing.winner,), None, (standing.winner,))
    if len(left) > 1 and practically_equal(plan, pairs, left):
        return Verdict("practically-equal", left, None, left)
    return _undecided(plan, standing, left)


def _undecided(plan: Plan, standing: Standing, left: tuple[str, ...]) -> Verdict:
    """Return the status while nobody has won."""
    if not left:
        return Verdict("no-clear-winner", (), because("all-eliminated"), ())
    if standing.over and plan.design != "fixed" and plan.planned_units is not None:
        return Verdict("no-clear-winner", left, None, left)
    if standing.out:
        alone = len(left) == 1 and plan.design == "sequential"
        return Verdict("narrowed", left, because("global-evidence-missing", None, *left) if alone else None, left)
    return Verdict("no-clear-winner" if standing.over else "collecting", (), None, left)


def practically_equal(plan: Plan, pairs: Sequence[Pair], left: Sequence[str]) -> bool:
    """Tell whether every ratio between these arms lies between 1/equality_ratio and equality_ratio for sure.

    For sure: its whole confidence sequence (fixed design: its whole interval) does.
    """
    ends = [_ends(plan, pair) for pair in pairs if pair.a in left and pair.b in left]
    inside = (low > 1 / plan.equality_ratio and high < plan.equality_ratio for low, high in ends)
    return bool(ends) and all(inside)


def _ends(plan: Plan, pair: Pair) -> tuple[float, float]:
    found = pair.ratio_ci if plan.design == "fixed" else pair.ratio_cs
    if found is None or found[0] is None or found[1] is None:
        return 0.0, float("inf")
    return found[0], found[1]


def unsafe(counts: Counts, plan: Plan, guardrails: Sequence[Guardrail]) -> Verdict | None:
    """Return the safety stop: an open arm is shown to do worse than the control on a guardrail."""
    still_open = counts.open_arms(plan.variants)
    found = {
        (made.variant, guardrail.name): made.basis
        for guardrail in guardrails
        for made in guardrail.safety
        if made.harmed and made.variant in still_open
    }
    if not found:
        return None
    arms = tuple(arm for arm in plan.variants if any(arm == harmed for harmed, _ in found))
    live = " (on live counts, to be confirmed)" if "sealed" not in found.values() else ""
    told = ", ".join(f"{name} is worse after {arm} than after the control" for arm, name in found)
    return Verdict("stopped-for-safety", arms, because("harm", told + live, *arms))


def held_back(verdict: Verdict, guardrails: Sequence[Guardrail], strata: Strata) -> Verdict:
    """Withhold a winner for whom a guardrail fails, or whose lead has another direction in some stratum."""
    if verdict.status not in ("winner", "winner-on-clicks"):
        return verdict
    (arm,) = verdict.arms
    failing = [guardrail.name for guardrail in guardrails if arm in guardrail.fails]
    if failing:
        detail = f"variant {arm} is ahead, but {', '.join(failing)} is worse than with the control"
        return replace(verdict, status="narrowed", reason=because("guardrail-fails", detail, arm))
    against = [f"{p.a}/{p.b}" for p in strata.pairs if p.direction_conflict and arm in (p.a, p.b)]
    if against:
        return replace(verdict, status="narrowed", reason=because("direction-conflict", None, *against))
    return verdict


def shown_better(pair: Pair, better: Better, alpha: float) -> bool:
    """Tell whether a is shown better than b: adjusted p-value at most alpha, difference in the good direction."""
    if pair.p_value_adjusted is None or pair.difference is None or pair.p_value_adjusted > alpha:
        return False
    return pair.difference > 0 if better == "higher" else pair.difference < 0


def shown_worse_than_control(plan: Plan, pair: Pair, better: Better) -> bool:
    """Tell whether a guardrail's ratio to the control lies wholly on the bad side of 1.

    By its confidence sequence where staff may look at any time, by its interval under the fixed design.
    """
    lower, upper = _ends(plan, pair) if plan.design != "fixed" else _interval(pair)
    return lower > 1 if better == "lower" else upper < 1


def _interval(pair: Pair) -> tuple[float, float]:
    lower, upper = pair.ratio_ci or (None, None)
    return lower or 0.0, float("inf") if upper is None else upper


def _broken(srm: SampleRatio) -> str:
    values: Mapping[str, float | None] = {"assigned": srm.assignments.e_value, "exposed": srm.exposures.e_value}
    shown = ", ".join(f"{name} E = {e:.3g}" for name, e in values.items() if e is not None)
    where = f" on surface {srm.surface}" if srm.surface else ""
    got = f"variant {srm.arm} got {srm.direction} units than planned{where}"
    return f"the traffic split is broken: {got}" + (f" ({shown})" if shown else "")


def because(code: str, detail: str | None = None, *where: str) -> Reason:
    """Return the reason of a status."""
    return Reason(code, "status", detail or DETAILS[code], where)
