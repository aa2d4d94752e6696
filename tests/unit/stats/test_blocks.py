"""Time blocks: randomisation inference, exact by enumeration, and what a report says of it."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import scipy.stats as sps

from stats import Cell, Counts, Outcome, Plan, report
from stats.block_pairs import block_p_value
from stats.blocks import DRAWS, Series, all_sequences, e_process, randomisation_test
from stats.clusters import design_effect

PLAN = Plan(("a", "b"), "a", (Outcome("help", "primary"),), design="fixed", unit="block")


def numbers(seed, blocks):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 40, blocks).astype(float), draw.integers(40, 200, blocks).astype(float)


def series(labels, events, views, rho=None):
    labels = np.asarray(labels)
    rho = np.full((len(labels), labels.max() + 1), 1 / (labels.max() + 1)) if rho is None else rho
    return Series(labels, np.zeros(len(labels), dtype=int), np.asarray(events, float), np.asarray(views, float), rho)


@pytest.mark.parametrize(("arms", "blocks"), [(2, 9), (3, 6)])
def test_e_process_has_mean_one_after_every_block(arms, blocks):
    """Over all label sequences, with probabilities that change at every block and an arm that is closed in one."""
    rho = np.random.default_rng(arms).dirichlet(np.full(arms, 3.0), blocks)
    rho[2, 0] = 0
    rho[2] /= rho[2].sum()
    labels, weights = all_sequences(rho)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    path = e_process(labels, *numbers(4, blocks), rho)
    assert weights @ np.exp(path) == pytest.approx(np.ones(blocks), abs=1e-12)


def test_e_process_finds_a_difference():
    labels = np.random.default_rng(2).integers(0, 2, (1, 80))
    views = np.full(80, 500.0)
    events = np.random.default_rng(3).poisson(np.where(labels[0] == 1, 20, 10)).astype(float)
    rho = np.full((80, 2), 0.5)
    assert e_process(labels, events, views, rho)[0, -1] > log(1e6)
    mixed = np.random.default_rng(4).permutation(events)
    assert e_process(labels, mixed, views, rho)[0].max() < log(20)


def test_randomisation_test_keeps_its_level_exactly():
    """The share of label sequences with p <= a is at most a, and close to it."""
    events, views = numbers(1, 8)
    labels, weights = all_sequences(np.full((8, 2), 0.5))
    p_values = np.array([randomisation_test(series(one, events, views, np.full((8, 2), 0.5))) for one in labels])
    for level in (0.01, 0.05, 0.1, 0.3, 0.5):
        assert level - 2 / 256 <= weights[p_values <= level + 1e-12].sum() <= level + 1e-12


def test_randomisation_test_of_equal_blocks_is_the_permutation_of_means():
    """Six blocks of the same views: by brute force over all 64 draws."""
    events, labels = np.array([3, 9, 4, 12, 5, 10.0]), np.array([0, 1, 0, 1, 0, 1])
    off = events - events.mean()

    def between(draw):
        return sum(off[draw == arm].sum() ** 2 / max((draw == arm).sum(), 1) for arm in (0, 1))

    draws = [np.array([number >> bit & 1 for bit in range(6)]) for number in range(64)]
    expected = sum(between(draw) >= between(labels) - 1e-9 for draw in draws) / 64
    assert randomisation_test(series(labels, events, np.full(6, 100.0))) == pytest.approx(expected, abs=1e-12)


def test_randomisation_test_of_many_blocks_is_drawn_and_always_the_same():
    draw = np.random.default_rng(5)
    labels, events = draw.integers(0, 2, 40), draw.poisson(20, 40)
    one, again = (randomisation_test(series(labels, events, np.full(40, 500.0))) for _ in "12")
    assert one == again
    far = np.where(labels == 1, 60, 10)
    assert randomisation_test(series(labels, far, np.full(40, 500.0))) == 1 / (1 + DRAWS)


def test_blocks_without_a_choice_are_no_matter():
    """A hundred blocks of one open arm after six of two: they have no draw, so there are still 64 sequences."""
    rho = np.vstack((np.full((6, 2), 0.5), np.tile((1.0, 0.0), (100, 1))))
    labels, weights = all_sequences(rho)
    assert labels.shape == (64, 106)
    assert (labels[:, 6:] == 0).all()
    assert weights.sum() == pytest.approx(1)


def test_equal_rates_are_no_evidence_whatever_the_sizes():
    events = np.array([1, 2, 10, 7, 3, 5, 11, 13.0])
    assert randomisation_test(series([0, 1] * 4, events, events * 7)) == 1


def counts(rows, shares=None):
    """One cell per block: (variant, views, events)."""
    cells = tuple(
        Cell(variant, phase, f"block {number}", "", "", views, views, {"help": events})
        for number, (variant, views, events, phase) in enumerate(rows)
    )
    return Counts(cells, shares={1: {"a": 0.5, "b": 0.5}} if shares is None else shares)


def test_report_by_blocks():
    rows = [("ab"[number % 2], 1_000, 10 + 20 * (number % 2) + number % 3, 1) for number in range(24)]
    made = report(PLAN, counts(rows))
    assert (made.status, made.status_arms, made.blocks.blocks) == ("winner", ("b",), (12, 12))
    assert made.blocks.p_value == 1 / (1 + DRAWS)
    assert made.blocks.e_value > 20
    assert {pair.e_value for pair in made.pairs} == {None}
    assert {pair.ratio_ci for pair in made.pairs} == {None}
    assert made.pairs[0].p_value == made.pairs[1].p_value == block_p_value(PLAN, counts(rows), "help", ("a", "b"))
    assert ("blocks", "pairs[].e_value") in {(reason.code, reason.field) for reason in made.reasons}


def test_blocks_in_two_phases_and_unclear_ones():
    both = {1: {"a": 0.5, "b": 0.5}, 2: {"a": 0.2, "b": 0.8}}
    rows = [("ab"[number % 2], 1_000, 12, 1) for number in range(6)]
    twice = counts(rows, both)
    twice = Counts((*twice.sealed, Cell("a", 2, "block 0", "", "", 500, 500, {"help": 3})), shares=both)
    made = report(PLAN, twice)
    assert made.blocks.blocks == (2, 3)
    assert ("block-in-two-phases", ("block 0",)) in {(reason.code, reason.where) for reason in made.reasons}
    mixed = Counts((*counts(rows).sealed, Cell("b", 1, "block 0", "", "", 9, 9, {})), shares=counts(rows).shares)
    made = report(PLAN, mixed)
    assert (made.blocks.p_value, made.blocks.e_value) == (None, None)
    assert "block-unclear" in {reason.code for reason in made.reasons}


def test_design_effect_is_pearsons_over_its_degrees_of_freedom():
    events, units = np.array([10, 30, 12, 28, 25, 5.0]), np.array([100, 200, 100, 200, 150, 90.0])
    group = np.array([0, 0, 0, 1, 1, 1])
    expected = 0.0
    for number in (0, 1):
        x, n = events[group == number], units[group == number]
        expected += sps.chi2_contingency(np.stack((x, n - x)), correction=False).statistic
    assert design_effect(events, units, group) == pytest.approx(expected / 4)
    assert design_effect(np.zeros(3), np.ones(3), np.zeros(3, dtype=int)) is None
    assert design_effect(np.ones(2), np.full(2, 5.0), np.array([0, 1])) is None
