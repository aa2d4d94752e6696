"""Any table gives finite numbers, infinities that say so, or a reason; `python -m benchmarks.any_table` plays 100,000."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from stats import Counts, report
from tests.simulation.any_table import draw
from tests.soundness import STATUSES, problems

SEED = 20_000
TABLES, PARTS = 500, 10
EQUIVARIANT = ("fixed", "looks")  # the sequential engine lays its first bet on the first of several that tie


def made(plan, counts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return report(plan, counts)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_any_table_gives_a_sound_report(part):
    for number in range(part, TABLES, PARTS):
        found = problems(made(*draw(SEED, number)))
        assert not found, f"--seed {SEED} --only {number}"


@pytest.mark.slow
def test_the_tables_reach_every_part_of_the_engine():
    """Every status that counts alone can give, in every design that can give it."""
    seen = Counter()
    for number in range(0, TABLES, 2):
        plan, counts = draw(SEED, number)
        seen[plan.design, made(plan, counts).status] += 1
    for design in ("sequential", "fixed", "looks"):
        assert {"blocked", "winner", "no-clear-winner", "stopped-for-safety"} <= {s for d, s in seen if d == design}
    assert {status for _, status in seen} >= STATUSES - {"suspended"}


def test_a_table_is_drawn_again_from_its_number():
    assert draw(3, 14) == draw(3, 14) != draw(3, 15)


@pytest.mark.slow
def test_the_order_of_cells_within_a_period_says_nothing():
    for number in range(40):
        plan, counts = draw(SEED + 1, number)
        order = {}
        for cell in counts.sealed:
            order.setdefault(cell.period, len(order))
        mixed = list(counts.sealed)
        Random(number).shuffle(mixed)
        mixed.sort(key=lambda cell: order[cell.period])
        first, second = (made(plan, replace(counts, sealed=tuple(cells))) for cells in (counts.sealed, mixed))
        assert (first.status, first.status_arms) == (second.status, second.status_arms)
        assert first.path == second.path


@pytest.mark.slow
def test_the_order_of_the_arms_says_nothing():
    """The same pairs, and under the designs that add up the same verdict, whatever the order in the file."""
    for number in range(80):
        plan, counts = draw(SEED + 3, number)
        order = Random(number).sample(plan.variants, len(plan.variants))
        one, other = made(plan, counts), made(replace(plan, variants=tuple(order)), counts)
        mixed = {(pair.a, pair.b): pair for pair in other.pairs}
        for pair in one.pairs:
            for name in ("ratio", "difference", "log10_e_value", "p_value", "p_value_adjusted"):
                expected = getattr(mixed[pair.a, pair.b], name)
                known = None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-9)
                assert getattr(pair, name) == known, (number, name)
        if plan.design in EQUIVARIANT:
            assert (one.status, set(one.status_arms)) == (other.status, set(other.status_arms)), number


@pytest.mark.slow
def test_live_counts_decide_nothing_but_a_stop():
    for number in range(60):
        plan, counts = draw(SEED + 2, number)
        with_live, without = made(plan, counts), made(plan, Counts(counts.sealed, shares=counts.shares))
        if with_live.status not in ("stopped-for-safety", "collecting", "not-started"):
            assert (with_live.status, with_live.status_arms) == (without.status, without.status_arms)
        assert (with_live.pairs, with_live.arms[0].rate_ci) == (without.pairs, without.arms[0].rate_ci)
