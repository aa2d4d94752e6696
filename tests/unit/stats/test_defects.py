"""Known defects of libraries and platforms (docs/statistics.md), and that Signpost does not have them.

What the others say was measured with statsmodels 0.15.0, scipy 1.17.1 and gbstats 0.8.0 and stands here as numbers, so
that a repaired release breaks nothing; what is asked for is always the right answer, found in a second way.
"""

from __future__ import annotations

from itertools import product
from math import comb, inf, isfinite

import numpy as np
import pytest
import scipy.stats as sps
from scipy.optimize import brentq, minimize_scalar

from stats import Cell, Counts, Outcome, Plan, intervals, report, sequences
from stats.association import chi_square, fisher
from stats.best import dunnett_p_values
from stats.conditional import cmh_p_value
from stats.difference import mee, miettinen_nurminen
from stats.exact import clopper_pearson
from stats.interaction import Crossed, interaction
from stats.mantel_haenszel import Tables, breslow_day, odds_ratio
from stats.multiplicity import benjamini_hochberg, holm
from stats.odds import odds_ratio_interval
from stats.ratio import koopman
from stats.srm import split
from tests.peers import proportions, sequential

LIMIT = sps.chi2.isf(0.05, 1)


def likeliest(x1, n1, x2, n2, first_rate):
    """The likeliest p1 and p2 with p1 = first_rate(p2), by brute force."""
    grid = np.linspace(1e-9, 1 - 1e-9, 20_001)
    p1 = first_rate(grid)
    inside = (p1 > 0) & (p1 < 1)
    grid, p1 = grid[inside], p1[inside]
    fit = sps.binom.logpmf(x1, n1, p1) + sps.binom.logpmf(x2, n2, grid)
    at = int(fit.argmax())
    ends = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    loss = lambda p: -float(sps.binom.logpmf(x1, n1, first_rate(p)) + sps.binom.logpmf(x2, n2, p))  # noqa: E731
    p2 = float(minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-14}).x)
    return float(first_rate(p2)), p2


def difference_statistic(table, d, inflation):
    x1, n1, x2, n2 = table
    p1, p2 = likeliest(*table, lambda p: p + d)
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * inflation
    return (x1 / n1 - x2 / n2 - d) ** 2 / variance


@pytest.mark.parametrize(
    ("table", "theirs"),
    [
        ((7, 34, 1, 34), (0.027324612785507425, 0.34342871817252724)),
        ((56, 70, 48, 80), (0.05255169551769193, 0.34403907198677314)),
    ],
)
def test_score_interval_of_a_difference(table, theirs):
    """statsmodels' score test is wrong for every difference but 0 (issue 10269), and so is its interval."""
    units = table[1] + table[3]
    for method, inflation in ((miettinen_nurminen, units / (units - 1)), (mee, 1)):
        found = method(*table, 0.05)
        assert all(difference_statistic(table, end, inflation) == pytest.approx(LIMIT, rel=1e-6) for end in found)
    ours = miettinen_nurminen(*table, 0.05)
    assert max(abs(one - other) for one, other in zip(ours, theirs, strict=True)) > 2e-4


@pytest.mark.parametrize(
    "table", [(3, 20_000, 0, 20_000), (0, 16, 15, 72), (10, 10, 0, 10), (0, 10, 0, 10), (5, 5, 7, 7)]
)
def test_score_interval_of_a_difference_with_a_zero_cell(table):
    """statsmodels raises "f(a) and f(b) must have different signs"."""
    x1, n1, x2, n2 = table
    for method in (miettinen_nurminen, mee):
        low, high = method(*table, 0.05)
        assert -1 <= low <= x1 / n1 - x2 / n2 <= high <= 1
        assert method(x2, n2, x1, n1, 0.05) == pytest.approx((-high, -low), abs=1e-12)


def test_ratio_of_nothing_to_nothing():
    """statsmodels: (nan, nan) by score, ZeroDivisionError by log, 0.02 to 59 by adjusted log; scipy: nan."""
    assert koopman(0, 50, 0, 60, 0.05) is None
    assert odds_ratio_interval(0, 50, 0, 60, 0.05) is None
    made = analysed((0, 50), (0, 60))
    assert made.pairs[0].ratio is made.pairs[0].ratio_ci is made.pairs[0].ratio_cs is None
    codes = {(reason.code, reason.field) for reason in made.reasons}
    assert {("no-events", f"pairs[].{name}") for name in ("ratio", "ratio_ci", "ratio_cs")} <= codes


def test_ratio_with_one_zero():
    """statsmodels' score interval ends at -4e-15 or infinity, by log it raises, by adjusted log it is 0.009 to 3.2."""
    low, high = koopman(0, 50, 3, 60, 0.05)
    assert low == 0.0
    assert koopman(3, 60, 0, 50, 0.05) == (pytest.approx(1 / high, rel=1e-12), None)
    p1, p2 = likeliest(0, 50, 3, 60, lambda p: p * high)
    assert 50 * p1 / (1 - p1) + (3 - 60 * p2) ** 2 / (60 * p2 * (1 - p2)) == pytest.approx(LIMIT, rel=1e-6)


def test_odds_ratio_with_one_zero():
    """statsmodels: ZeroDivisionError by score and logit, 1.8e-39 to 5.6e+30 by smoothed logit."""
    low, high = odds_ratio_interval(0, 5_000, 6, 5_000, 0.05)
    assert low == 0
    assert 0.3 < high < 0.85  # scipy's conditional interval, which is exact and wider: 0 to 0.849


def test_one_rate_without_events():
    """statsmodels: Jeffreys' lower end is 2.5e-7 at 0 of 2,000; the normal interval is 0 to 0."""
    for method in (intervals.wilson, clopper_pearson, proportions.jeffreys):
        low, high = method(0, 2_000, 0.05)
        assert low == 0
        assert 1e-3 < high < 2e-3
    assert clopper_pearson(0, 2_000, 0.05)[1] == pytest.approx(1 - 0.025 ** (1 / 2_000), rel=1e-12)
    low, high = sequences.rate_sequence(0, 2_000, 0.05)
    assert (low, high > intervals.wilson(0, 2_000, 0.05)[1]) == (0, True)


def test_dunnett_is_for_rates():
    """scipy's `dunnett` pools one variance over all samples: a busy arm makes every other comparison blind."""
    x, n, control = (120, 100, 2_500, 70), (5_000,) * 4, 1
    samples = [np.repeat((1.0, 0.0), (events, units - events)) for events, units in zip(x, n, strict=True)]
    theirs = sps.dunnett(*(samples[arm] for arm in (0, 2, 3)), control=samples[control], rng=np.random.default_rng(1))
    ours = [p for p in dunnett_p_values(x, n, control) if p is not None]
    assert theirs.pvalue[2] > 0.5  # 70 against 100 of 5,000
    assert ours[2] < 0.06
    plain = [chi_square((x[arm], x[control]), (5_000, 5_000)).p_value for arm in (0, 2, 3)]
    for p, adjusted in zip(plain, ours, strict=True):
        assert p * (1 - 1e-9) <= adjusted <= min(1, 3 * p) + 1e-12  # between one comparison and Bonferroni


def test_dunnett_against_draws():
    """Three arms against one of another size: the chance that any |z| is as large, by 400,000 normal draws."""
    x, n, control = (300, 260, 240, 280), (4_000, 5_000, 6_000, 3_500), 3
    p = [events / units for events, units in zip(x, n, strict=True)]
    found = dunnett_p_values(x, n, control)
    draw = np.random.default_rng(7).standard_normal((400_000, 4)) / np.sqrt(n)
    z = (draw[:, :3] - draw[:, 3:]) / np.sqrt(1 / np.array(n[:3]) + 1 / n[3])
    largest = np.abs(z).max(axis=1)
    for arm in range(3):
        pooled = (x[arm] + x[3]) / (n[arm] + n[3])
        seen = abs(p[arm] - p[3]) / (pooled * (1 - pooled) * (1 / n[arm] + 1 / n[3])) ** 0.5
        assert found[arm] == pytest.approx((largest >= seen).mean(), abs=0.003)


def test_no_convergence_is_claimed_where_a_cell_has_no_event():
    """statsmodels' GLM: `converged` is True, with standard errors of 11,262 and 13,690 and p-values of 0.998."""
    rows = Crossed((2, 2), *(np.array(x) for x in ([0, 1, 0, 1], [0, 0, 1, 1], [0] * 4)), *cells([0, 10, 12, 15]))
    assert interaction(rows) == "separated"
    some = Crossed(rows.shape, rows.first, rows.second, rows.block, *cells([1, 10, 12, 15]))
    assert isfinite(interaction(some).chi2)


def cells(events):
    return np.array(events, dtype=float), np.full(len(events), 1_000.0)


@pytest.mark.parametrize(
    ("control", "treated", "theirs", "exact"),
    [((14, 1_000), (1, 1_000), 1.6e-26, 9.4e-4), ((10, 2_000), (2, 2_000), 2.6e-5, 0.038)],
)
def test_few_events_are_little_evidence(control, treated, theirs, exact):
    """GrowthBook's always-valid test of the relative change: a variance estimated from one event or two."""
    assert sequential.growthbook(*control, *treated, relative=True)[0] == pytest.approx(theirs, rel=0.03)
    assert fisher(*control, *treated)[0] == pytest.approx(exact, rel=0.02)
    assert analysed(control, treated).pairs[0].p_value > exact / 3  # mid-p
    always_valid = analysed(control, treated, "sequential").pairs[0]
    assert always_valid.p_value > exact / 2  # the price of looking at any time is never negative
    assert always_valid.ratio_cs[0] < 1 < always_valid.ratio_cs[1] or always_valid.e_value > 1


def test_no_event_in_the_control_is_evidence_too():
    """GrowthBook: p = 1 and an interval of [0, 0] where the control has none."""
    made = analysed((0, 5_000), (12, 5_000))
    pair = next(pair for pair in made.pairs if pair.a == "b")
    assert 2 * 0.5**12 <= pair.p_value < 0.001  # all 12 of 12 fall to one side: exactly 2^-11
    assert pair.difference_ci[0] > 0
    assert pair.ratio_ci[0] > 1
    assert pair.ratio_ci[1] is None


def test_adjustment_with_ties_and_with_nothing():
    """statsmodels' `multipletests` gives nan limits for an empty family and lets nan through."""
    assert holm({}) == benjamini_hochberg({}) == {}
    tied = dict(zip("abcde", (0.01, 0.01, 0.04, 0.04, 0.5), strict=True))
    assert list(holm(tied).values()) == pytest.approx([0.05, 0.05, 0.12, 0.12, 0.5])
    assert list(benjamini_hochberg(tied).values()) == pytest.approx([0.025, 0.025, 0.05, 0.05, 0.5])
    tiny = {"a": 0.0, "b": 0.0, "c": 5e-324, "d": 1.0}
    assert holm(tiny) == {"a": 0.0, "b": 0.0, "c": 1e-323, "d": 1.0}


def test_homogeneity_at_an_odds_ratio_of_one_and_with_empty_strata():
    """statsmodels: nan at a common odds ratio of exactly 1."""
    equal = Tables.of([[[3, 37], [3, 37]], [[5, 35], [5, 35]], [[0, 40], [0, 40]], [[0, 0], [2, 40]]])
    found = breslow_day(Tables(*(part[:, None] for part in equal.parts())))
    assert (float(found.chi2), int(found.df), float(found.p_value)) == (0, 1, 1)
    assert odds_ratio(equal).value() == 1


def test_stratified_p_value_where_few_events_can_move():
    """Nine of nine events on one side, 1:1: 2^-8, less half of the point seen; chi-square says .0027 at any split."""
    tables = Tables.of([[[3, 9_997], [0, 10_000]]] * 3)
    assert cmh_p_value(tables) == pytest.approx(1.5 * 0.5**9, rel=0.01)
    uneven = Tables.of([[[3, 997], [0, 9_000]]] * 3)
    assert cmh_p_value(uneven) == pytest.approx(0.5 * 0.1**9, rel=0.05)


def test_global_test_without_any_event():
    """scipy: ValueError, "The internally computed table of expected frequencies has a zero element"."""
    assert chi_square((0, 0), (50, 60)) is None


def test_fisher_is_not_rounded_where_tables_tie():
    """Tables as probable as the one seen count: whole numbers are the judge (scipy: a relative 1e-7)."""
    for n, x1, x2 in product((6, 9), range(7), range(7)):
        events = x1 + x2
        weight = [comb(n, k) * comb(n, events - k) if 0 <= events - k <= n else 0 for k in range(n + 1)]
        expected = sum(w for w in weight if w <= weight[x1]) / sum(weight)
        assert fisher(x1, n, x2, n)[0] == pytest.approx(expected, rel=1e-12)


def test_sample_ratio_of_large_counts_by_an_e_process():
    """ssrm-test breaks on numpy 2; a daily chi-square at 1 % rings in 10 % of sound experiments, and counts of 1e9
    overflow a product. Ours: never NaN, near 1/sqrt(units) of the prior's weight where all is well."""
    found = split(np.full((60, 4), 10.0**9), np.full((60, 4), 0.25))
    assert np.isfinite(found.log_e).all()
    assert found.peak < 1
    assert split(np.array([[10.0**9, 1.01 * 10**9]]), np.array([[0.5, 0.5]])).peak > 10_000


def test_koopman_does_not_lose_digits_at_rare_rates():
    """Textbook forms subtract nearly equal roots: at 3 and 5 of 1e9 the ends are those of the Poisson limit."""
    low, high = koopman(3, 10**9, 5, 10**9, 0.05)

    def poisson(t):
        """(x1 - r x2)^2 / (r (x1 + x2)), the limit of the statistic for rare events and equal sizes."""
        return (3 - t * 5) ** 2 / (t * 8) - LIMIT

    assert low == pytest.approx(brentq(poisson, 1e-6, 0.6), rel=1e-6)
    assert high == pytest.approx(brentq(poisson, 0.6, 1e6), rel=1e-6)


def analysed(first, second, design="fixed"):
    """The report of two arms, of equal shares."""
    plan = Plan(("a", "b"), "a", (Outcome("help", "primary"),), design=design)
    table = (Cell(arm, 1, "", "", "", n, n, {"help": x}) for arm, (x, n) in zip("ab", (first, second), strict=True))
    made = report(plan, Counts(tuple(table), shares={1: {"a": 0.5, "b": 0.5}}))
    assert all(value is None or abs(value) < inf for pair in made.pairs for value in (pair.ratio, pair.odds_ratio))
    return made
