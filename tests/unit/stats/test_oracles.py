"""Tables of published trials. T1 and so on are the project's numbers of them; sources stand with the data."""

from __future__ import annotations

import pytest

from stats import association

# Steering Committee of the Physicians' Health Study (1989): myocardial infarction, placebo and aspirin.
PHYSICIANS = {"aspirin": (104, 11_037), "placebo": (189, 11_034)}
# Prichard, Wortley, Watters, Spiranovic, Hunn & Krone (2022), Sexual Abuse 34:106-124, doi
# 10.1177/10790632211013809: desisted. The integers are the only ones that give the published odds ratios.
HONEYPOT = {"control": (27, 100), "police": (40, 81), "illegal": (52, 99)}
HONEYPOT_UNITS = {"control": 100, "victim": 65, "viewer": 74, "police": 81, "illegal": 99}
# Prichard et al. (2024), Child Abuse & Neglect 155:106955.
SECOND_HONEYPOT_UNITS = {"control": 100, "D3": 117, "T1": 120, "T3": 137}
# Onie et al. (2023), JMIR Mental Health, e42316: clicks of search advertisements (two studies, not randomised).
ADVERTISEMENTS = {"one": (664, 16_505), "two": (6_227, 120_881)}


def test_t1_physicians_health_study(analyse, pair):
    report = analyse(PHYSICIANS)
    found = pair(report, "placebo", "aspirin")
    assert found.ratio == pytest.approx(1.81780, abs=5e-6)
    assert found.odds_ratio == pytest.approx(1.83205, abs=5e-6)
    assert found.odds_ratio_ci == pytest.approx((1.44004, 2.33078), abs=5e-6)
    assert found.difference == pytest.approx(0.007706, abs=5e-7)
    assert found.difference_ci == pytest.approx((0.004702, 0.010775), abs=5e-7)
    assert found.p_value == pytest.approx(5.692e-07, rel=1e-3)
    assert report.global_.chi2 == pytest.approx(25.01388, abs=5e-6)
    assert association.fisher(189, 11_034, 104, 11_037)[0] == pytest.approx(5.033e-07, rel=1e-3)


def test_t2_police_warning_against_control(analyse, pair):
    found = pair(analyse(HONEYPOT), "police", "control")
    assert round(found.odds_ratio, 2) == 2.64  # as published
    assert (found.odds_ratio, *found.odds_ratio_ci) == pytest.approx((2.63776, 1.41871, 4.90431), abs=5e-6)
    assert found.ratio == pytest.approx(1.82899, abs=5e-6)
    assert found.difference == pytest.approx(0.223827, abs=5e-7)
    assert found.difference_ci == pytest.approx((0.081859, 0.355559), abs=5e-7)
    assert found.p_value == pytest.approx(0.0019285, abs=5e-8)
    assert association.chi_square((40, 27), (81, 100)).chi2 == pytest.approx(9.61633, abs=5e-6)
    assert association.fisher(40, 81, 27, 100)[0] == pytest.approx(0.0031239, abs=5e-8)


def test_t3_illegality_warning_against_control(analyse, pair):
    found = pair(analyse(HONEYPOT), "illegal", "control")
    assert round(found.odds_ratio, 2) == 2.99  # as published
    assert (found.odds_ratio, *found.odds_ratio_ci) == pytest.approx((2.99133, 1.65480, 5.40732), abs=5e-6)
    assert found.difference_ci == pytest.approx((0.119625, 0.378176), abs=5e-7)
    assert found.p_value == pytest.approx(0.00023353, abs=5e-9)
    assert association.fisher(52, 99, 27, 100)[0] == pytest.approx(0.00028325, abs=5e-9)


def test_t4_all_three_arms(analyse):
    report = analyse(HONEYPOT)
    assert report.global_.chi2 == pytest.approx(15.47301, abs=5e-6)
    assert report.global_.df == 2
    assert report.global_.p_value == pytest.approx(0.00043659, abs=5e-9)
    adjusted = {found.a: found.p_value_adjusted for found in report.multiplicity.adjusted}
    assert adjusted == pytest.approx({"police": 0.00192854, "illegal": 0.00046705}, abs=5e-9)
    assert {found.b for found in report.multiplicity.adjusted} == {"control"}


def test_t5_two_good_warnings_leave_no_winner(analyse, pair):
    report = analyse(HONEYPOT)
    found = pair(report, "illegal", "police")
    assert (found.odds_ratio, *found.odds_ratio_ci) == pytest.approx((1.13404, 0.63011, 2.04101), abs=5e-6)
    assert found.p_value == pytest.approx(0.67477, abs=5e-6)
    assert (report.status, report.status_arms) == ("narrowed", ("police", "illegal"))


def test_t8_search_advertisements(analyse, pair):
    found = pair(analyse(ADVERTISEMENTS), "two", "one")
    assert (found.odds_ratio, *found.odds_ratio_ci) == pytest.approx((1.29570, 1.19402, 1.40603), abs=5e-6)
    assert (found.difference, *found.difference_ci) == pytest.approx((0.011283, 0.007942, 0.014438), abs=5e-7)
    assert association.fisher(6_227, 120_881, 664, 16_505)[0] == pytest.approx(1.627e-10, rel=1e-3)


def test_t9_one_rate(analyse):
    (arm, _) = analyse({"engaged": (1_419, 6_227), "other": (1, 10)}).arms
    assert arm.rate == pytest.approx(0.227879, abs=5e-7)
    assert arm.rate_ci == pytest.approx((0.217630, 0.238463), abs=5e-7)


def test_t11_rare_rates_lie_close_to_the_poisson_limits(analyse):
    """Scanlan et al. (2024), reThink: per 2.8 million warnings. Limits: exact Poisson."""
    n = 2_800_000
    poisson = {1_656: (5.633e-04, 6.206e-04), 490: (1.599e-04, 1.912e-04), 68: (1.89e-05, 3.08e-05)}
    report = analyse({str(x): (x, n) for x in poisson})
    for arm, limits in zip(report.arms, poisson.values(), strict=True):
        assert arm.rate_ci == pytest.approx(limits, rel=0.02)


def test_t12_no_event_in_one_arm(analyse, pair):
    report = analyse({"none": (0, 5_000), "some": (6, 5_000)})
    assert report.arms[0].rate_ci == (0.0, pytest.approx(0.000768, abs=5e-7))
    assert association.chi_square((0, 6), (5_000, 5_000)).p_value == pytest.approx(0.01428, abs=5e-6)
    exact, mid_p = association.fisher(0, 5_000, 6, 5_000)
    assert exact == pytest.approx(0.03120, abs=5e-6)
    found = pair(report, "some", "none")
    assert found.p_value == mid_p  # three events are expected: no chi-square
    assert found.odds_ratio is None
    assert found.odds_ratio_ci[1] is None
    assert pair(report, "none", "some").odds_ratio == 0


@pytest.mark.parametrize(
    ("units", "chi2", "p_value"),
    [(HONEYPOT_UNITS, 11.34606, 0.02294), (SECOND_HONEYPOT_UNITS, 5.81435, 0.12100)],
)
def test_t14_sample_ratio(analyse, units, chi2, p_value):
    table = {arm: (n // 2, n) for arm, n in units.items()}
    equal = dict.fromkeys(units, 1 / len(units))
    checked = analyse(table, shares=equal).srm
    assert checked.assignments.chi2 == pytest.approx(chi2, abs=5e-6)
    assert checked.assignments.p_value == pytest.approx(p_value, abs=5e-6)
    assert checked.assignments.df == len(units) - 1
    assert not checked.alarm
    assert analyse(table, shares=equal, srm_alpha=0.05).srm.alarm == (p_value < 0.05)
