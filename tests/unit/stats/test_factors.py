"""Declared components: main effects over all others, and interactions; against by-hand sums and statsmodels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scipy.stats as sps
from scipy.special import xlogy

from stats import Cell, Counts, Outcome, Plan, report
from stats.interaction import Crossed, interaction
from stats.mantel_haenszel import Tables, ratio_interval, risk_ratio

GRID = {"a": ("calm", "short"), "b": ("stern", "short"), "c": ("calm", "long"), "d": ("stern", "long")}
HELP = (Outcome("help", "primary"),)


def levels(grid, names=("tone", "length")):
    return {arm: dict(zip(names, found, strict=True)) for arm, found in grid.items()}


def made(events, grid=GRID, units=10_000, control="a", **settings):
    """The factors of a report; `events` of each arm in the order of the grid."""
    arms = tuple(grid)
    plan = Plan(arms, control, HELP, **({"design": "fixed", "factors": levels(grid)} | settings))
    cells = tuple(Cell(arm, 1, "", "", "", units, units, {"help": x}) for arm, x in zip(arms, events, strict=True))
    found = report(plan, Counts(cells, shares={1: dict.fromkeys(arms, 1 / len(arms))}))
    return found.factors, {(reason.code, reason.field) for reason in found.reasons}


def test_main_effects_of_a_multiplicative_table():
    (tone, length), _ = made([100, 130, 120, 156])
    (effect,) = tone.effects
    assert (effect.level, effect.reference, effect.variants) == ("stern", "calm", ("a", "b", "c", "d"))
    assert effect.ratio == pytest.approx(1.3)
    assert length.effects[0].ratio == pytest.approx(1.2)
    assert effect.ratio_ci[0] < 1.3 < effect.ratio_ci[1]
    (found,) = tone.interactions
    assert (found.factors, found.df, length.interactions) == (("tone", "length"), 1, ())
    assert (found.chi2, found.p_value) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-3))


def test_main_effect_is_mantel_haenszel_over_the_other_factor():
    (tone, _), _ = made([100, 150, 210, 190])
    tables = Tables.of([[[150, 9_850], [100, 9_900]], [[190, 9_810], [210, 9_790]]])
    assert tone.effects[0].ratio == pytest.approx(float(risk_ratio(tables).value()), rel=1e-12)
    assert tone.effects[0].ratio_ci == pytest.approx(ratio_interval(tables, 0.05), rel=1e-12)


def saturated(events, units, fit):
    """Twice the log-likelihood of the table less that of a fit."""
    full = xlogy(events, events / units) + xlogy(units - events, 1 - events / units)
    return 2 * (full - xlogy(events, fit) - xlogy(units - events, 1 - fit)).sum()


@pytest.mark.parametrize("events", [(100, 130, 120, 200), (40, 30, 20, 60), (500, 700, 650, 640)])
def test_interaction_is_the_distance_from_the_best_multiplicative_table(events):
    """By a grid of the three parameters that are left, refined: no model is fitted twice the same way."""
    rows = np.array(list(product((0, 1), (0, 1))))
    found = interaction(crossed(rows, events))
    design = np.column_stack((np.ones(4), rows))
    x, n = np.array(events, dtype=float), np.full(4, 10_000.0)
    beta = np.linalg.lstsq(design, np.log(x / n), rcond=None)[0]
    for _ in range(40):  # Fisher scoring of the log-binomial model
        p = np.exp(design @ beta)
        score = design.T @ ((x - n * p) / (1 - p))
        beta = beta + np.linalg.solve((design.T * (n * p / (1 - p))) @ design, score)
    assert found.chi2 == pytest.approx(saturated(x, n, np.exp(design @ beta)), rel=1e-5, abs=1e-7)
    assert (found.df, found.link) == (1, "log")
    assert found.p_value == pytest.approx(sps.chi2.sf(found.chi2, 1), rel=1e-9)


def crossed(rows, events, units=10_000, block=None):
    block = np.zeros(len(rows), dtype=int) if block is None else np.array(block)
    shape = tuple(int(column.max()) + 1 for column in rows.T)
    numbers = np.array(events, dtype=float), np.full(len(rows), float(units))
    return Crossed(shape, rows[:, 0], rows[:, 1], block, *numbers)


def test_interaction_keeps_its_level():
    """No interaction, rates of 1 to 2 %: 5 % of 400 tables, three standard errors."""
    draw = np.random.default_rng(8)
    rows = np.array(list(product((0, 1), (0, 1))))
    low = [interaction(crossed(rows, draw.binomial(10_000, (0.01, 0.013, 0.012, 0.0156)))).p_value for _ in range(400)]
    assert np.mean(np.array(low) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_cells_without_events_are_separated_and_the_effects_stay():
    (tone, length), codes = made([0, 13, 12, 16])
    assert tone.interactions[0].p_value is None
    assert ("separated", "factors[].interactions[].chi2") in codes
    assert tone.effects[0].ratio == pytest.approx(29 / 12)
    assert length.effects[0].ratio == pytest.approx(28 / 13)


def test_nothing_is_crossed_where_two_arms_differ_in_everything():
    (tone, length), codes = made([10, 20], {"a": ("calm", "short"), "b": ("stern", "long")})
    assert [effect.ratio for factor in (tone, length) for effect in factor.effects] == [None, None]
    assert {("not-crossed", "factors[].effects[].ratio"), ("not-crossed", "factors[].interactions[].chi2")} <= codes


def test_a_control_outside_the_grid_is_left_out():
    """A fifth arm that says nothing of the components: the grid is analysed all the same."""
    (tone, _), _ = made([90, 100, 130, 120, 156], {"none": ("none", "none")} | GRID, control="none")
    by_level = {effect.level: effect for effect in tone.effects}
    assert by_level["stern"].reference == "calm"
    assert by_level["stern"].ratio == pytest.approx(1.3)
    assert by_level["none"].ratio is None


def test_the_planned_size_holds_p_values_back():
    (tone, _), codes = made([100, 130, 120, 156], planned_units=20_000)
    assert tone.effects[0].ratio == pytest.approx(1.3)
    assert tone.effects[0].p_value is tone.interactions[0].p_value is None
    assert ("planned-size-not-reached", "factors[].effects[].p_value") in codes


@pytest.mark.parametrize("block", [[0] * 6, [0, 0, 1, 1, 2, 2]])
def test_sparse_rows_make_no_warning(block):
    """Levels and blocks that depend on one another: a number or a code, never a complaint of the fit."""
    rows = np.array([(0, 0), (0, 1), (1, 0), (1, 1), (0, 0), (1, 1)])
    found = interaction(crossed(rows, (5, 100, 3, 99, 100, 7), 100, block))
    assert found in ("separated", "not-crossed") or np.isfinite(found.chi2)
