"""scipy and statsmodels as second opinion wherever they are right, on random tables; the first ones are drawn by seed.

Where they are wrong see `test_defects`.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb, sqrt
from random import Random

import numpy as np
import pytest
import scipy.stats as sps
from scipy.integrate import quad
from statsmodels.stats import contingency_tables, meta_analysis, multitest, proportion

from stats import (
    association,
    bayes,
    best,
    clusters,
    conditional,
    exact,
    intervals,
    looks,
    mantel_haenszel,
    multiplicity,
    odds,
    pooled,
    ratio,
    shrinkage,
)
from stats.srm import Split, check
from tests.peers import proportions

TABLES = 200
ALPHAS = (0.01, 0.05, 0.2)


def tables(seed, *, positive=False, top=3_000):
    """Yield (x1, n1, x2, n2) of sizes and rates of every order; `positive`: no cell is zero."""
    draw = Random(seed)
    for _ in range(TABLES):
        made = []
        for _ in "12":
            n = draw.choice((draw.randint(4, 30), draw.randint(30, 400), draw.randint(400, top)))
            rate = draw.choice((0.01, 0.1, 0.4, 0.9)) * draw.random()
            x = round(n * rate)
            made += [min(max(x, 1), n - 1) if positive else x, n]
        yield tuple(made)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_one_rate(alpha):
    for x, n, *_ in tables(1):
        wilson, exactly = (proportion.proportion_confint(x, n, alpha, method=method) for method in ("wilson", "beta"))
        assert intervals.wilson(x, n, alpha) == pytest.approx(wilson, rel=1e-9, abs=1e-15)
        assert exact.clopper_pearson(x, n, alpha) == pytest.approx(np.nan_to_num(exactly), rel=1e-8, abs=1e-15)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_difference_of_two_rates(alpha):
    for table in tables(2):
        expected = proportion.confint_proportions_2indep(*table, compare="diff", method="newcomb", alpha=alpha)
        assert intervals.newcombe(*table, alpha) == pytest.approx(expected, rel=1e-8, abs=1e-14)
        expected = proportion.confint_proportions_2indep(*table, compare="diff", method="agresti-caffo", alpha=alpha)
        assert proportions.agresti_caffo(*table, alpha) == pytest.approx(expected, rel=1e-8, abs=1e-14)


def test_ratio_of_two_rates():
    for table in tables(3, positive=True):
        expected = proportion.confint_proportions_2indep(*table, compare="ratio", method="score", correction=False)
        assert ratio.koopman(*table, 0.05) == pytest.approx(expected, rel=2e-5)
        expected = proportion.confint_proportions_2indep(*table, compare="ratio", method="score", correction=True)
        assert proportions.miettinen_nurminen_ratio(*table, 0.05) == pytest.approx(expected, rel=2e-5)
        x1, n1, x2, n2 = table
        expected = sps.contingency.relative_risk(x1, n1, x2, n2).confidence_interval(0.95)
        assert proportions.katz(*table, 0.05) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_odds_ratio():
    for table in tables(4, positive=True):
        x1, n1, x2, n2 = table
        found = sps.contingency.odds_ratio([[x1, n1 - x1], [x2, n2 - x2]], kind="sample")
        ends = found.confidence_interval(0.95)
        assert odds.odds_ratio_interval(*table, 0.05) == pytest.approx((ends.low, ends.high), rel=1e-9)
        assert pooled.estimates([pooled.Table(*table)]).odds_ratio == pytest.approx(found.statistic, rel=1e-12)


def test_two_equal_rates():
    for x1, n1, x2, n2 in tables(5):
        cells = [[x1, n1 - x1], [x2, n2 - x2]]
        found = association.fisher(x1, n1, x2, n2)
        seen = sps.hypergeom.pmf(x1, n1 + n2, n1, x1 + x2)
        assert found[0] == pytest.approx(sps.fisher_exact(cells).pvalue, rel=1e-7)
        assert found[1] == pytest.approx(found[0] - seen / 2, rel=1e-7) or found == (1, 1)
        tested = conditional.exact_conditional([cells])
        for side, p_value in (("less", tested.less), ("greater", tested.greater)):
            assert p_value == pytest.approx(sps.fisher_exact(cells, alternative=side).pvalue, rel=1e-7)


def test_many_equal_rates():
    draw = Random(6)
    for _ in range(TABLES):
        n = [draw.randint(20, 5_000) for _ in range(draw.randint(2, 12))]
        x = [draw.randint(1, max(1, units // 10)) for units in n]
        expected = sps.chi2_contingency([x, [b - a for a, b in zip(x, n, strict=True)]], correction=False)
        found = association.chi_square(x, n)
        assert (found.chi2, found.df, found.p_value) == pytest.approx(
            (expected.statistic, expected.dof, expected.pvalue)
        )


def test_labels_of_events():
    """Twice the smaller binomial tail; mid-p counts what was seen by half."""
    draw = Random(7)
    for _ in range(TABLES):
        x1, x2, share = draw.randint(0, 60), draw.randint(0, 60), draw.uniform(0.05, 0.95)
        law = sps.binom(x1 + x2, share)
        tails = law.cdf(x1), law.sf(x1 - 1)
        found = exact.conditional_p_values(x1, x2, share)
        assert found[0] == pytest.approx(min(1, 2 * min(tails)), rel=1e-9)
        assert found[1] == pytest.approx(min(1, 2 * min(tails) - law.pmf(x1)), rel=1e-9)


@pytest.mark.parametrize(("ours", "theirs"), [(multiplicity.holm, "holm"), (multiplicity.benjamini_hochberg, "fdr_bh")])
def test_adjustment(ours, theirs):
    draw = Random(8)
    for _ in range(15):
        family = [
            draw.choice((draw.random(), draw.random() ** 6, 0.01, 0.04, 0.0, 1.0)) for _ in range(draw.randint(1, 40))
        ]
        expected = multitest.multipletests(family, method=theirs)[1]
        assert list(ours(dict(enumerate(family))).values()) == pytest.approx(list(expected), rel=1e-12)


def test_strata():
    draw = Random(9)
    for _ in range(TABLES):
        stack = []
        for _ in range(draw.randint(2, 8)):
            n1, n2 = draw.randint(20, 800), draw.randint(20, 800)
            x1, x2 = draw.randint(1, n1 // 3), draw.randint(1, n2 // 3)
            stack.append([[x1, n1 - x1], [x2, n2 - x2]])
        theirs = contingency_tables.StratifiedTable(np.array(stack, dtype=float).transpose(1, 2, 0))
        made = mantel_haenszel.Tables.of(stack)
        found = mantel_haenszel.odds_ratio(made)
        assert found.value() == pytest.approx(theirs.oddsratio_pooled, rel=1e-10)
        assert found.interval(0.05) == pytest.approx(theirs.oddsratio_pooled_confint(), rel=1e-9)
        assert mantel_haenszel.risk_ratio(made).value() == pytest.approx(theirs.riskratio_pooled, rel=1e-10)
        tested = theirs.test_null_odds(correction=False)
        chi2, p_value = mantel_haenszel.cmh(stack)
        assert chi2 == pytest.approx(tested.statistic, rel=1e-9)
        assert p_value == pytest.approx(tested.pvalue, rel=1e-6, abs=1e-15)  # theirs is 1 - cdf
        unlike = mantel_haenszel.breslow_day(mantel_haenszel.Tables(*(part[:, None] for part in made.parts())))
        expected = theirs.test_equal_odds()
        assert (unlike.chi2, unlike.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)


def test_split():
    draw = np.random.default_rng(10)
    for _ in range(TABLES):
        share = draw.dirichlet(np.full(draw.integers(2, 12), 5.0))
        observed = draw.multinomial(5_000, share).astype(float)
        if (5_000 * share < 5).any():
            continue
        expected = sps.chisquare(observed, 5_000 * share)
        found = check(Split(observed, 5_000 * share, np.zeros(1)))
        assert (found.chi2, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


def test_size_and_power():
    """statsmodels differs from R by the pooled rate: the mean of the two, and the same at equal arms."""
    for p1, p2, n in ((0.01, 0.013, 20_000), (0.0005, 0.001, 25_000), (0.5, 0.75, 50), (0.05, 0.04, 9_000)):
        expected = proportion.power_proportions_2indep(p1 - p2, p2, n, return_results=False)
        assert proportions.r_power(n, p1, p2, 0.05) == pytest.approx(expected, abs=2e-3)
        assert proportions.r_power(proportions.r_size(p1, p2, 0.8, 0.05), p1, p2, 0.05) == pytest.approx(0.8, abs=1e-12)


def exactly(a, b):
    """P(B > A) in fractions, Evan Miller (2015), Formulas for Bayesian A/B testing: the sum over i < a_B of B(a_A + i, b_A + b_B) / ((b_B + i) B(1 + i, b_B) B(a_A, b_A))."""

    def beta(x, y):
        return Fraction(x + y, x * y) / comb(x + y, x)

    (a1, b1), (a2, b2) = a, b
    return sum(beta(a1 + i, b1 + b2) / ((b2 + i) * beta(1 + i, b2) * beta(a1, b1)) for i in range(a2))


@pytest.mark.parametrize(("a", "b"), [((3, 9), (5, 8)), ((1, 40), (4, 38)), ((12, 90), (9, 95)), ((1, 1), (1, 1))])
def test_probability_to_be_best_in_fractions(a, b):
    found = bayes.compare(*(np.array(part, dtype=float) for part in zip(a, b, strict=True)))
    assert found.probability_best[1] == pytest.approx(float(exactly(a, b)), abs=1e-12)
    mirrored = bayes.compare(*(np.array(part, dtype=float) for part in zip(b, a, strict=True)), better="lower")
    assert mirrored.probability_best[0] == pytest.approx(float(exactly(b, a)), abs=1e-12)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_bayesian_panel_by_quadrature(better):
    a, b = np.array([12.0, 15.0, 3.0, 9.5]), np.array([900.0, 1_000.0, 150.0, 1_200.0])
    laws = [sps.beta(x, y) for x, y in zip(a, b, strict=True)]
    beats = (lambda law, p: law.cdf(p)) if better == "higher" else (lambda law, p: law.sf(p))
    found = bayes.compare(a, b, better)
    extreme = 0.0
    for k, law in enumerate(laws):
        others = laws[:k] + laws[k + 1 :]
        wins = lambda p, law=law, others=others: law.pdf(p) * np.prod([beats(other, p) for other in others])  # noqa: E731
        chance, _ = quad(wins, 0, 0.2, limit=400, epsabs=1e-13)
        assert found.probability_best[k] == pytest.approx(chance, abs=1e-9)
        extreme += quad(lambda p, wins=wins: p * wins(p), 0, 0.2, limit=400, epsabs=1e-14)[0]
    expected = extreme - a / (a + b) if better == "higher" else a / (a + b) - extreme
    assert found.expected_loss == pytest.approx(expected, abs=1e-11)


def test_shrinkage():
    draw = np.random.default_rng(12)
    for _ in range(50):
        units = draw.integers(500, 20_000, draw.integers(2, 12)).astype(float)
        events = draw.binomial(units.astype(int), draw.uniform(0.005, 0.03, units.size)).astype(float)
        found = shrinkage.shrunken_rates(events, units)
        y, v = np.log((events + 0.5) / (units + 0.5)), 1 / (events + 0.5) - 1 / (units + 0.5)
        expected = meta_analysis.combine_effects(y, v, method_re="chi2")
        assert (found.q, found.tau2) == pytest.approx((expected.q, max(0.0, expected.tau2)), rel=1e-9, abs=1e-12)
        assert found.mu == pytest.approx(expected.mean_effect_re if expected.tau2 > 0 else expected.mean_effect_fe)


@pytest.mark.parametrize("sided", [1, 2])
@pytest.mark.parametrize("comparisons", [2, 3])
def test_constant_of_many_to_one(comparisons, sided):
    d = best.dunnett_constant(comparisons, 0.05, sided)
    cov = np.full((comparisons, comparisons), 0.5) + np.eye(comparisons) / 2
    law = sps.multivariate_normal(cov=cov, maxpts=2_000_000, abseps=1e-7, releps=1e-7)
    low = np.full(comparisons, -d if sided == 2 else -np.inf)
    inside = law.cdf(np.full(comparisons, d), lower_limit=low)
    assert inside == pytest.approx(0.95, abs=2e-5)


@pytest.mark.parametrize("kind", ["obrien-fleming", "pocock"])
def test_boundaries_of_three_looks(kind):
    """The chance to stay inside all three, as the probability of a box under a normal law."""
    times = (0.3, 0.55, 1.0)
    bounds = looks.boundaries(times, 0.025, kind)
    cov = [[sqrt(min(s, t) / max(s, t)) for s in times] for t in times]
    for drift in (0.0, 2.5):
        law = sps.multivariate_normal([drift * sqrt(t) for t in times], cov, maxpts=2_000_000, abseps=1e-8, releps=1e-8)
        inside = law.cdf(np.array(bounds))
        assert 1 - sum(looks.crossing(times, bounds, drift)) == pytest.approx(inside, abs=2e-5)
    assert sum(looks.crossing(times, bounds)) == pytest.approx(0.025, abs=1e-10)


def test_clustered_difference_by_hand():
    """The variance of a ratio of sums, cluster by cluster, by the jackknife of many clusters."""
    draw = np.random.default_rng(14)
    arms = []
    for rate in (0.2, 0.25):
        sizes = draw.integers(1, 9, 600)
        arms.append((draw.binomial(sizes, draw.beta(8 * rate, 8 * (1 - rate), 600)), sizes))
    found = clusters.taylor_difference(*arms[0], *arms[1])
    variance = 0.0
    for events, units in arms:
        without = (events.sum() - events) / (units.sum() - units)
        variance += (len(units) - 1) / len(units) * ((without - without.mean()) ** 2).sum()
    assert found.robust_se == pytest.approx(sqrt(variance), rel=0.01)
    assert found.robust_se > found.naive_se


def test_comparisons_with_the_best_are_simultaneous():
    """Hsu: all intervals hold at once in 95 % of 4,000 draws, also where three arms tie for the best."""
    draw = np.random.default_rng(15)
    for rates in ((0.05, 0.05, 0.05, 0.03), (0.05, 0.052, 0.04, 0.06)):
        n = (4_000, 5_000, 6_000, 5_000)
        truth = [p - max(rates[:k] + rates[k + 1 :]) for k, p in enumerate(rates)]
        held = 0
        for x in draw.binomial(n, rates, (2_000, 4)).tolist():
            ends = best.with_the_best(x, n, 0.05)
            held += all(low <= gap <= high for (low, high), gap in zip(ends, truth, strict=True))
        assert held / 2_000 >= 0.95 - 3 * sqrt(0.95 * 0.05 / 2_000)


def test_two_arms_by_the_methods_for_many():
    """With two arms Dunnett's method is the plain two-sided z, and Hsu's the one-sided."""
    for table in tables(16, positive=True):
        x, n = table[::2], table[1::2]
        (found,) = (p for p in best.dunnett_p_values(x, n, 0)[1:])
        if found is not None and max(n) < 100 * min(n):
            assert found == pytest.approx(association.chi_square(x, n).p_value, rel=1e-5)
    assert best.dunnett_constant(1, 0.05) == pytest.approx(-sps.norm.ppf(0.05), abs=1e-12)
    assert best.dunnett_constant(1, 0.05, 2) == pytest.approx(-sps.norm.ppf(0.025), abs=1e-12)
