"""The status of an experiment: a fixed-size rule on Holm-adjusted p-values.

The first step that applies decides: a broken split blocks; nothing sealed; planned size not reached; weights
that changed; then the pairs. An arm is out when another one is shown better than it, at `alpha` over all pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from stats.counts import Counts
from stats.plan import Better, Plan
from stats.reasons import DETAILS, Reason
from stats.result import Arm, Guardrail, Pair, SampleRatio, Status


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status with the arms it names; `could_be_best` are the arms not shown worse, None while there is no rule."""

    status: Status
    arms: tuple[str, ...] = ()
    reason: Reason | None = None
    could_be_best: tuple[str, ...] | None = None


def waiting(plan: Plan, counts: Counts, srm: SampleRatio, arms: Sequence[Arm]) -> Verdict | None:
    """Return the status while nothing may be concluded; None when the pairs may speak."""
    if srm.alarm:
        return Verdict("blocked", reason=_because("srm-alarm", _broken(srm), srm.arm or ""))
    if not any(arm.units for arm in arms):
        begun = any(cell.assigned or cell.exposed for cell in (*counts.sealed, *counts.provisional))
        return Verdict("collecting" if begun else "not-started", reason=_because("no-sealed-units"))
    below = below_planned(plan, counts, arms)
    if below:
        return Verdict("collecting", reason=_because("planned-size-not-reached", None, *below))
    changed = [pair for pair in combinations(counts.open_arms(plan.variants), 2) if not counts.comparable(pair)]
    if changed:
        return Verdict("collecting", reason=_because("weights-changed", None, *map("/".join, changed)))
    return None


def below_planned(plan: Plan, counts: Counts, arms: Sequence[Arm]) -> tuple[str, ...]:
    """Return the open variants with fewer exposed units than planned."""
    needed, still_open = plan.planned_units or 0, counts.open_arms(plan.variants)
    return tuple(arm.variant for arm in arms if arm.variant in still_open and arm.units < needed)


def decide(plan: Plan, counts: Counts, pairs: Sequence[Pair], guardrails: Sequence[Guardrail]) -> Verdict:
    """Return the verdict that the pairs of the primary outcome allow.

    Winner: the one open arm that is shown better than every other open arm, unless a guardrail fails for it.
    Narrowed: some open arm is out. A closed arm may rule out an open one, and is never itself among the best.
    """
    still_open = counts.open_arms(plan.variants)
    better = {(pair.a, pair.b) for pair in pairs if shown_better(pair, plan.primary.better, plan.alpha)}
    left = tuple(arm for arm in still_open if not any((other, arm) in better for other in plan.variants))
    for arm in left:
        if len(still_open) > 1 and all((arm, other) in better for other in still_open if other != arm):
            return _winner(plan, arm, guardrails)
    if 0 < len(left) < len(still_open):
        return Verdict("narrowed", left, None, left)
    return Verdict("no-clear-winner", could_be_best=left)


def shown_better(pair: Pair, better: Better, alpha: float) -> bool:
    """Tell whether a is shown better than b: adjusted p-value at most alpha, difference in the good direction."""
    if pair.p_value_adjusted is None or pair.difference is None or pair.p_value_adjusted > alpha:
        return False
    return pair.difference > 0 if better == "higher" else pair.difference < 0


def shown_worse_than_control(pair: Pair, better: Better) -> bool:
    """Tell whether the interval of a guardrail's ratio to the control lies wholly on the bad side of 1."""
    if pair.ratio_ci is None:
        return False
    lower, upper = pair.ratio_ci
    if better == "lower":
        return lower is not None and lower > 1
    return upper is not None and upper < 1


def _winner(plan: Plan, arm: str, guardrails: Sequence[Guardrail]) -> Verdict:
    failing = [guardrail.name for guardrail in guardrails if arm in guardrail.fails]
    if failing:
        detail = f"variant {arm} is ahead, but {', '.join(failing)} is worse than with the control"
        return Verdict("narrowed", (arm,), _because("guardrail-fails", detail, arm), (arm,))
    return Verdict("winner-on-clicks" if plan.primary.clicks_only else "winner", (arm,), None, (arm,))


def _broken(srm: SampleRatio) -> str:
    p_values: Mapping[str, float | None] = {
        "assigned": srm.assignments.p_value,
        "exposed": srm.exposures.p_value,
    }
    shown = ", ".join(f"{name} p = {p:.2g}" for name, p in p_values.items() if p is not None)
    return f"the traffic split is broken: variant {srm.arm} got {srm.direction} units than planned ({shown})"


def _because(code: str, detail: str | None = None, *where: str) -> Reason:
    return Reason(code, "status", detail or DETAILS[code], where)
