"""Two variants of an experiment by time block against each other."""

from __future__ import annotations

from dataclasses import replace

from stats.blocks import blocks
from stats.counts import Counts
from stats.plan import Plan
from stats.reasons import Notes


def block_p_value(plan: Plan, counts: Counts, outcome: str, pair: tuple[str, str]) -> float | None:
    """Return the p-value that two variants do not differ, from the blocks that had one of the two.

    Given that a block had one of them, its label was drawn with the ratio of their probabilities: so the test of all
    variants holds for two. None where there is no evidence; see `stats.blocks`.
    """
    both = {phase: {arm: share.get(arm, 0.0) for arm in pair} for phase, share in counts.shares.items()}
    shares = {phase: _of_one(share) for phase, share in both.items() if min(share.values()) > 0}
    cells = tuple(cell for cell in counts.sealed if cell.variant in pair and (cell.phase in shares or not shares))
    control = plan.control if plan.control in pair else pair[0]
    small = replace(plan, variants=pair, control=control, factors={})
    return blocks(small, Counts(cells, shares=shares), outcome, Notes(), withheld=None, no_p=None).p_value


def _of_one(share: dict[str, float]) -> dict[str, float]:
    total = sum(share.values())
    return {arm: part / total for arm, part in share.items()}
