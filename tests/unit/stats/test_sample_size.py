"""Planned sizes: R's numbers, statsmodels' formula, and seeded simulations of what the size promises."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from statsmodels.stats.proportion import power_proportions_2indep

from experiments.simulation.rules import shown_better
from stats import evidence
from stats.allocation import Allocation
from stats.looks import boundaries
from stats.sample_size import (
    SETTLED,
    Aim,
    asked,
    fixed,
    harmful,
    kl,
    looks,
    power_of,
    sequential,
    smallest_ratio,
    units_per_arm,
)

RATIOS = (1.2, 1.3, 1.5, 2.0)
# power.prop.test(p1 = p, p2 = r * p, power = .8, sig.level = .05)$n of R 4.2.2, rounded up.
R_SIZES = {
    0.0005: (862_901, 400_934, 156_879, 47_057),
    0.001: (431_213, 200_351, 78_390, 23_511),
    0.005: (85_862, 39_885, 15_599, 4_673),
    0.01: (42_693, 19_827, 7_750, 2_319),
    0.05: (8_158, 3_780, 1_471, 435),
}


@pytest.mark.parametrize("rate", R_SIZES)
def test_two_variants_need_what_r_says(rate):
    sizes = tuple(ceil(units_per_arm(Aim(2, rate, ratio))) for ratio in RATIOS)
    assert sizes == pytest.approx(R_SIZES[rate], abs=1)


@pytest.mark.parametrize(("rate", "ratio", "units"), [(0.01, 1.3, 15_000), (0.12, 0.8, 2_000), (2e-5, 2, 2_000_000)])
def test_power_is_that_of_statsmodels(rate, ratio, units):
    low, high = sorted((rate, ratio * rate))
    other = power_proportions_2indep(high - low, low, units, alternative="larger", alpha=0.025, return_results=False)
    assert power_of(Aim(2, rate, ratio), units) == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize(("arms", "ratio"), [(3, 1.3), (4, 0.7), (12, 1.5)])
def test_holm_over_all_pairs_has_the_planned_power(arms, ratio):
    """2,000 tables: standard error 0.009, so 0.03 is more than three of them; the normal formula adds its own error."""
    rate, runs = 0.02, 2_000
    units = np.full((runs, arms), ceil(units_per_arm(Aim(arms, rate, ratio))))
    events = np.random.default_rng(3).binomial(units, [ratio * rate, *[rate] * (arms - 1)])
    better = shown_better(events.astype(float), units.astype(float), 0.05, "higher" if ratio > 1 else "lower")
    assert better[:, 0, 1:].all(axis=1).mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
def test_looks_have_the_planned_power_and_mean(spending):
    """Walks of 5 steps, 40,000 of them: standard error 0.002."""
    aim = Aim(2, 0.001, 1.4)
    once, several = fixed(aim).units, looks(aim, 5, spending)
    need = 1.959964 + 0.841621
    drift = need * np.sqrt(several.units / once)
    steps = np.random.default_rng(5).normal(drift / 5, np.sqrt(1 / 5), (40_000, 5))
    times = tuple((k + 1) / 5 for k in range(5))
    over = steps.cumsum(axis=1) / np.sqrt(times) > boundaries(times, 0.025, spending)
    ends = np.where(over.any(axis=1), over.argmax(axis=1) + 1, 5) / 5
    assert over.any(axis=1).mean() == pytest.approx(0.8, abs=0.008)
    assert ends.mean() * several.units == pytest.approx(several.mean_units, rel=0.01)


def test_more_looks_need_more_units_and_end_earlier():
    sizes = [fixed(Aim(2, 0.01, 1.3)), *(looks(Aim(2, 0.01, 1.3), number) for number in (2, 5, 10))]
    assert all(a.units < b.units and a.mean_units > b.mean_units for a, b in pairwise(sizes))


def played(aim, shares, runs, seed=2):
    """Units of all variants until the winner is named, and until the last variant is ruled out; R each."""
    step = ceil(sequential(aim, shares).mean_units / 30)
    weights = np.full(aim.arms, 1 / aim.arms)
    allocation = Allocation(weights, 0, drop=shares != "equal", leader=shares == "leader")
    state, rho = evidence.start(runs, aim.arms, aim.alpha), np.tile(weights, (runs, 1))
    rates = np.array([*[aim.rate] * (aim.arms - 1), aim.best])
    named, out, rng, batch = np.zeros(runs), np.zeros(runs), np.random.default_rng(seed), 0
    while not (named.all() if aim.ratio > 1 else out.all()):
        batch += 1
        units = rng.multinomial(step, rho)
        events = rng.binomial(units, rates)
        state, _ = evidence.follow(state, events[:, None].astype(float), units[:, None].astype(float), rho[:, None])
        named = np.where((named == 0) & (evidence.winners(state, rho > 0) >= 0), batch * step, named)
        out = np.where((out == 0) & state.eliminated[:, -1], batch * step, out)
        rho = np.broadcast_to(allocation.following(state, rho), (runs, aim.arms)).copy()
    return named, out


@pytest.mark.parametrize(
    ("arms", "ratio", "alpha", "shares"),
    [
        (2, 1.3, 0.05, "equal"),
        (2, 1.3, 0.2, "equal"),
        (4, 1.3, 0.05, "equal"),
        (4, 1.3, 0.05, "drop-losers"),
        (4, 1.3, 0.05, "leader"),
        (4, 2.0, 0.01, "equal"),
        (4, 1.1, 0.05, "equal"),
        (8, 1.5, 0.05, "leader"),
    ],
)
def test_the_sequential_size_is_that_of_the_engine(arms, ratio, alpha, shares):
    """To 15 %, as its docstring says, and three standard errors of 400 runs; where losers go, the spread is smaller."""
    aim = Aim(arms, 1e-3, ratio, alpha)
    named, _ = played(aim, shares, 400)
    error = 3 * named.std() / 20 / named.mean()
    size = sequential(aim, shares)
    assert named.mean() == pytest.approx(size.mean_units, rel=0.15 + error)
    assert 0.71 < (named <= size.units).mean() < (0.89 if shares == "equal" else 0.95)


@pytest.mark.parametrize("arms", [2, 4])
def test_a_harmful_variant_is_out_when_it_is_said(arms):
    _, out = played(Aim(arms, 1e-3, 1 / 1.3), "equal", 400)
    assert out.mean() == pytest.approx(harmful(Aim(arms, 1e-3, 1.3)), rel=0.25)


@pytest.mark.parametrize("rule", [fixed, looks, sequential])
@pytest.mark.parametrize("ratio", [1.3, 0.7])
def test_the_smallest_ratio_is_the_one_that_needs_these_units(rule, ratio):
    aim = Aim(4, 2e-5, ratio)
    assert smallest_ratio(aim, rule(aim).units, rule) == pytest.approx(ratio, rel=1e-4)


def test_no_ratio_is_found_with_a_handful_of_units():
    assert smallest_ratio(Aim(2, 2e-5, 1.3), 1_000, fixed) is None
    assert smallest_ratio(Aim(2, 2e-5, 0.5), 100_000, fixed) is None
    assert smallest_ratio(Aim(2, 0.9995, 0.5), 1_000, fixed) is not None


def test_the_evidence_of_an_event():
    """At small ratios (log r)^2 / 8; the same for a ratio and its inverse."""
    assert kl(1.01) == pytest.approx(np.log(1.01) ** 2 / 8, rel=1e-4)
    assert kl(2.0) == pytest.approx(kl(0.5), rel=1e-12)
    assert asked(Aim(2, 0.01, 1.1)) == asked(Aim(2, 0.01, 1.1), "leader")
    assert list(SETTLED) == ["equal", "drop-losers", "leader"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arms": 1}, "arms"),
        ({"rate": 0}, "rate"),
        ({"ratio": 1}, "ratio"),
        ({"ratio": 200}, "ratio"),
        ({"alpha": 0.6}, "alpha"),
        ({"power": 1}, "power"),
    ],
)
def test_a_senseless_aim_names_its_field(change, field):
    with pytest.raises(ValueError, match=f"^{field}: "):
        Aim(**{"arms": 2, "rate": 0.01, "ratio": 1.3} | change)
