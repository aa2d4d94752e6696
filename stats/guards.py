"""Guardrails: the one-sided harm stop, and the reading as "not worse than the margin allows"."""

from __future__ import annotations

from math import exp, log

from stats.compare import LARGEST_LOG, Gate
from stats.counts import Counts
from stats.evidence import Array
from stats.reading import Reading, read
from stats.reasons import Notes
from stats.result import Basis, Safety

_NAMES = ("e_value", "harmed", "e_non_inferior", "non_inferior")


def safety(reading: Reading, counts: Counts, gate: Gate, notes: Notes) -> tuple[Safety, ...]:
    """Return every variant other than the control on this guardrail.

    Harm is evidence of 1/harm_alpha that the control is better, on sealed counts at any time so far, or on the live
    counts now; unless they show that the variant is within the margin that is tolerated. The live counts may stop,
    never praise: a message that delays its readers can look worse there than it is, so such a stop is to be confirmed.
    """
    others = [variant for variant in reading.plan.variants if variant != reading.plan.control]
    if gate.no_labels:
        notes.add_all(gate.no_labels, (f"safety[].{name}" for name in _NAMES))
        return tuple(Safety(variant) for variant in others)
    live = read(reading.plan, Counts((*counts.sealed, *counts.provisional), shares=counts.shares), reading.outcome)
    margin = reading.outcome.margin_ratio
    if margin is None:
        notes.add_all("no-margin", (f"safety[].{name}" for name in _NAMES[2:]))
    within = [None if margin is None else found.shifted(margin).log_e for found in (reading, live)]
    return tuple(_safety(variant, reading, live.log_e, within, notes) for variant in others)


def _safety(variant: str, reading: Reading, live: Array, within: list[Array | None], notes: Notes) -> Safety:
    plan, arm, control = reading.plan, reading.arm(variant), reading.arm(reading.plan.control)
    sealed, now = float(reading.state.peak[0, control, arm]), float(live[control, arm])
    reach = -log(plan.harm_alpha)
    # What is within the margin is judged as things stand: a variant that was, once, may have become worse since.
    margin, margin_now = (None if found is None else float(found[arm, control]) for found in within)
    tolerated, tolerated_now = (found is not None and found >= -log(plan.alpha) for found in (margin, margin_now))
    basis: Basis | None = None
    if sealed >= reach and not tolerated:
        basis = "sealed"
    elif now >= reach and not tolerated_now:
        basis = "live"
    return Safety(
        variant,
        e_value=_value(sealed, "e_value", variant, notes),
        harmed=basis is not None,
        basis=basis,
        e_non_inferior=None if margin is None else _value(margin, "e_non_inferior", variant, notes),
        non_inferior=None if margin is None else tolerated,
    )


def _value(log_e: float, name: str, variant: str, notes: Notes) -> float | None:
    if log_e >= LARGEST_LOG:
        notes.add("unbounded", f"safety[].{name}", variant)
        return None
    return exp(log_e)
