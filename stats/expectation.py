"""What to expect of each arm: the Bayesian panel, rates corrected for luck, and the estimate shown after a win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stats.bayes import panel
from stats.compare import Gate
from stats.counts import Counts
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Arm, Estimate
from stats.shrinkage import shrunken_rates
from stats.standard import standardised
from stats.verdict import Verdict

NAMES = ("probability_best", "expected_loss_per_10000", "shrunken_rate")


def expected(reading: Reading, counts: Counts, arms: Sequence[Arm], gate: Gate, notes: Notes) -> tuple[Arm, ...]:
    """Return the arms with the numbers of `NAMES`, compared as `standardised` says.

    The open arms with units; where fewer than two of them are left, all arms with units.
    """
    still_open = counts.open_arms(reading.plan.variants)
    if sum(arm.variant in still_open and arm.units > 0 for arm in arms) < 2:
        still_open = reading.plan.variants
    codes = {arm.variant: gate.no_labels or _missing(arm, still_open) for arm in arms}
    chosen = [k for k, arm in enumerate(arms) if codes[arm.variant] is None]
    rates = standardised(reading.path, chosen) if len(chosen) > 1 else None
    for arm in arms:
        code = codes[arm.variant] or (None if rates else "no-common-phase" if len(chosen) > 1 else "no-units")
        if code:
            notes.add_all(code, (f"arms[].{name}" for name in NAMES), arm.variant)
    if rates is None:
        return tuple(arms)
    planned = reading.plan.expected_rate if reading.outcome == reading.plan.primary else None
    found = panel(rates.events, rates.units, planned, reading.outcome.better)
    drawn = shrunken_rates(rates.events, rates.units).rates
    values = np.stack([found.probability_best, found.expected_loss * 10_000, drawn], axis=1).tolist()
    made = dict(zip(chosen, values, strict=True))
    return tuple(_with(arm, made.get(k)) for k, arm in enumerate(arms))


def _with(arm: Arm, values: list[float] | None) -> Arm:
    if values is None:
        return arm
    chance, loss, rate = values
    return replace(arm, probability_best=chance, expected_loss_per_10000=loss, shrunken_rate=rate)


def _missing(arm: Arm, still_open: Sequence[str]) -> str | None:
    if arm.variant not in still_open:
        return "closed"
    return None if arm.units else "no-units"


def estimate(verdict: Verdict, arms: Sequence[Arm], control: str, gate: Gate, notes: Notes) -> Estimate | None:
    """Return what to expect of the winner, and of its ratio to the control; None where nobody has won.

    Its own rate is the highest of several, so it is on average too high; the shrunken one is shown first.
    """
    if verdict.status not in ("winner", "winner-on-clicks"):
        notes.add("no-winner", "estimate")
        return None
    rates = {arm.variant: arm.shrunken_rate for arm in arms}
    won, other = rates[verdict.arms[0]], rates[control]
    if won is None:
        notes.add(gate.no_labels or "no-common-phase", "estimate")
        return None
    if other is None:
        notes.add("closed", "estimate.ratio")
    return Estimate(verdict.arms[0], won, won * 10_000, None if other is None else won / other)
