"""Simulated experiments: decided exactly as a report decides, and counted as the true rates say."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import stats
from experiments import simulation, spec
from experiments.errors import InvalidInput
from experiments.simulation import Options, rules, trials
from experiments.simulation.summary import mean, quantile
from experiments.simulation.trials import Setting, play
from stats.allocation import Allocation
from stats.association import pair_p_value
from stats.multiplicity import holm

PLAYED = {
    "sequential": {"design": "sequential", "units_per_variant": 12_000},
    "drop-losers": {"design": "sequential", "units_per_variant": 12_000, "allocation": "drop-losers", "leader_share": True},
    "fixed": {"design": "fixed", "units_per_variant": 4_000},
    "looks": {"design": "looks", "units_per_variant": 8_000, "looks": 4},
}  # fmt: skip


@pytest.fixture
def planned(document):
    """A factory of definitions with three equally weighted variants; keywords change the plan."""

    def make(outcome="help_sought", **plan) -> spec.Definition:
        made = document()
        for variant, weight in zip(made["variants"], (3334, 3333, 3333), strict=True):
            variant["weight"] = weight
        made["plan"] = copy.deepcopy(made["plan"]) | plan
        made["outcomes"]["primary"] = {"outcome": outcome}
        made["outcomes"].pop("secondary")
        return spec.parse(made)

    return make


# ------------------------------------------------------------------- the same verdicts as a report


@pytest.fixture
def sealed_days(monkeypatch):
    """Every sealed day of the one run that is played: events, units, shares, and the shares that follow."""
    days = []
    make = trials.rule_of

    def watched(setting, runs):
        rule = make(setting, runs)
        seal, shares = rule.seal, rule.shares

        def noted_seal(events, units, rho):
            days.append([events[0], units[0], rho[0]])
            seal(events, units, rho)

        def noted_shares(allocation, rho):
            following = shares(allocation, rho)
            days[-1].append(following[0])
            return following

        rule.seal, rule.shares = noted_seal, noted_shares
        return rule

    monkeypatch.setattr(trials, "rule_of", watched)
    return days


def report_of(setting: Setting, days) -> stats.Report:
    """What a report says of these days; the last day's following shares are a phase that has begun."""
    names = [f"v{k}" for k in range(len(setting.rates))]
    shares, cells = [], []
    for number, (events, units, rho, following) in enumerate(days):
        phases = [tuple(rho), tuple(following)]
        at = len(shares) - 1 - shares[::-1].index(phases[0]) if phases[0] in shares else len(shares)
        shares += [phases[0]] if at == len(shares) else []
        if number == len(days) - 1 and phases[1] != phases[0]:
            shares.append(phases[1])
        cells += [
            stats.Cell(name, at + 1, f"{number:04}", "s", "", int(n), int(n), {"primary": int(x)})
            for name, n, x, share in zip(names, units, events, rho, strict=True)
            if share > 0
        ]
    counts = stats.Counts(tuple(cells), shares={p + 1: dict(zip(names, s, strict=True)) for p, s in enumerate(shares)})
    plan = stats.Plan(
        tuple(names), "v0", (stats.Outcome("primary", "primary", setting.better),), setting.design, setting.alpha,
        setting.planned, looks=setting.looks, spending=setting.spending,
    )  # fmt: skip
    return stats.report(plan, counts)


@pytest.mark.parametrize("truth", [{}, {"harm": 0.02}, {"present": 0.013, "law": 0.016, "harm": 0.022}], ids=str)
@pytest.mark.parametrize("outcome", ["help_sought", "proceeded"])
@pytest.mark.parametrize("plan", PLAYED)
def test_a_run_ends_as_its_report_says(plan, outcome, truth, planned, sealed_days):
    setting = simulation.setting_of(planned(outcome, **PLAYED[plan]), truth, Options(per_day=1_500))
    played = play(setting, 1, seed=5)
    report, before = report_of(setting, sealed_days), report_of(setting, sealed_days[:-1])

    assert played.finished[0]
    winner = f"v{played.winner[0]}" if played.winner[0] >= 0 else None
    narrowed = setting.design == "fixed" and played.eliminated.any()
    assert report.status == ("winner" if winner else "narrowed" if narrowed else "no-clear-winner")
    assert (report.status_arms[0] if winner else None) == winner
    ruled_out = {arm.variant for arm in report.arms if not arm.could_be_best}
    assert ruled_out == {f"v{k}" for k in np.flatnonzero(played.eliminated[0])}
    assert before.status in ("collecting", "narrowed")
    assert len(sealed_days) + setting.lag == played.days[0]


def test_the_comparison_with_reports_meets_every_ending(planned):
    """So that the test above compares winners, losers and open ends."""
    endings = set()
    for name, plan in PLAYED.items():
        for truth in ({}, {"harm": 0.02}):
            setting = simulation.setting_of(planned(**plan), truth, Options(per_day=1_500))
            played = play(setting, 1, seed=5)
            endings.add((name, int(played.winner[0]), bool(played.eliminated.any())))
    assert {(name, 2, True) for name in PLAYED} < endings
    assert {(name, -1, False) for name in PLAYED} & endings


# -------------------------------------------------------------------------------- what is played


def test_units_and_events_follow_shares_and_rates():
    weights = np.array([0.5, 0.2, 0.3])
    setting = Setting(np.array([0.01, 0.02, 0.03]), Allocation(weights, 0), 10_000, 10**9, "fixed", max_days=50)
    played = play(setting, 40, seed=2)
    assert not played.finished.any()
    np.testing.assert_array_equal(played.units.sum(axis=1), 500_000)
    np.testing.assert_allclose(played.units.mean(axis=0), 500_000 * weights, rtol=0.002)
    np.testing.assert_allclose(played.events.sum(axis=0) / played.units.sum(axis=0), setting.rates, rtol=0.01)


def test_gains_by_hand():
    """Half of the units see a rate of 0.03 instead of the control's 0.01; the shares never change."""
    setting = Setting(
        np.array([0.01, 0.03]), Allocation(np.array([0.5, 0.5]), 0), per_day=1_000, design="fixed", planned=5_000
    )
    played = play(setting, 3, seed=1)
    np.testing.assert_allclose(played.over_control, played.units.sum(axis=1) * 0.5 * 0.02)
    np.testing.assert_array_equal(played.over_start, 0)


def test_dropping_losers_helps_more_people_and_ends_sooner(planned):
    truth, options = {"law": 0.012, "harm": 0.018}, Options(runs=200, per_day=2_000)
    size = {"units_per_variant": 40_000}
    equal = simulation.simulate(planned(**size), truth, options).summary
    drop = simulation.simulate(planned(allocation="drop-losers", **size), truth, options).summary
    assert equal.over_start.value == 0
    assert drop.over_start.value > 5 * drop.over_start.se > 0
    assert drop.days.median.value < equal.days.median.value
    assert drop.power.value > 0.95 < equal.power.value


def test_rates_drift_evenly_in_logs():
    setting = Setting(np.array([0.01]), Allocation(np.ones(1)), 1, expected=11, drift=4.0)
    days = [setting.rates_on(day)[0] for day in (0, 5, 10, 500)]
    assert days == pytest.approx([0.005, 0.01, 0.02, 0.02])


def test_the_best_is_the_lowest_where_fewer_is_better(planned):
    found = simulation.simulate(planned("proceeded", units_per_variant=30_000), {"law": 0.005}, Options(runs=50))
    assert found.to_dict()["best"] == ["law"]
    assert found.summary.power.value > 0.9
    assert found.summary.over_control.value < 0


def test_a_variant_without_weight_is_never_shown_nor_the_best(document):
    made = document()
    for variant, weight in zip(made["variants"], (5000, 5000, 0), strict=True):
        variant["weight"] = weight
    found = simulation.simulate(spec.parse(made), {"law": 0.03, "harm": 0.2}, Options(runs=20))
    assert found.setting.best == (1,)
    assert found.summary.named[2].value == 0


def test_a_day_decides_when_window_and_grace_have_passed(planned):
    definition = planned(design="fixed", units_per_variant=1_000)
    for hours, lag in ((None, 2), (0, 0), (24, 1), (25, 2), (72, 3)):
        found = simulation.simulate(definition, {}, Options(runs=5, delay_hours=hours))
        assert found.setting.lag == lag
        assert found.summary.days.median.value == 1 + lag


def test_runs_that_are_given_up_are_undecided(planned):
    found = simulation.simulate(planned(units_per_variant=10**6), {}, Options(runs=20, max_days=4)).summary
    assert found.undecided.value == 1
    assert found.days.median.value == 4


def test_the_same_seed_gives_the_same_and_another_one_another(planned):
    definition = planned(allocation="drop-losers")
    first, again, other = (
        simulation.simulate(definition, {"law": 0.02}, Options(runs=30, seed=seed)) for seed in (7, 7, 8)
    )
    assert first.to_dict() == again.to_dict()
    assert first.summary != other.summary


def test_pieces_add_up(planned, monkeypatch):
    """Many runs are played in pieces that fit into memory."""
    monkeypatch.setattr(trials, "CELLS", 9 * 25 * 7)
    told = []
    setting = simulation.setting_of(planned(design="fixed"), {}, Options())
    played = play(setting, 20, 1, told.append)
    assert len(played.winner) == len(played.units) == 20
    assert told == sorted(told)
    assert told[-1] == 1


# ------------------------------------------------------------------------- the rules, in arrays


def test_p_values_of_arrays_are_those_of_reports():
    rng = np.random.default_rng(3)
    units = rng.integers(1, 3_000, (400, 2))
    events = rng.binomial(units, rng.choice([0.0, 0.001, 0.02, 0.5, 1.0], (400, 2)))
    found = rules.pair_p_values(*(x.astype(float) for x in (events[:, 0], units[:, 0], events[:, 1], units[:, 1])))
    for p, x, n in zip(found, events.tolist(), units.tolist(), strict=True):
        expected = pair_p_value(x[0], n[0], x[1], n[1])
        assert p == pytest.approx(1.0 if expected is None else expected, rel=1e-9)


def test_holm_of_arrays_is_that_of_reports():
    p_values = np.random.default_rng(4).random((50, 6)) ** 3
    for row, adjusted in zip(p_values, rules.holm(p_values), strict=True):
        expected = holm(dict(enumerate(row.tolist())))
        assert adjusted.tolist() == pytest.approx([expected[k] for k in range(6)])


def test_ahead_is_better_than_every_open_one():
    better = np.zeros((3, 3, 3), dtype=bool)
    better[0, 1, [0, 2]] = better[1, 1, 0] = better[2, 2, 1] = True
    assert rules.ahead(better, np.array([True, True, True])).tolist() == [1, -1, -1]
    assert rules.ahead(better, np.array([True, True, False])).tolist() == [1, 1, -1]


def test_standard_errors():
    assert mean([1, 0, 0, 0]).value == 0.25
    assert mean([1, 0, 0, 0]).se == pytest.approx(np.sqrt(0.25 * 0.75 / 4))
    values = np.random.default_rng(1).standard_normal((2_000, 400))
    medians = [quantile(row, 0.5) for row in values]
    true = np.std([one.value for one in medians])
    assert np.mean([one.se for one in medians]) == pytest.approx(true, rel=0.05)


# -------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("truth", "options", "named"),
    [
        ({"nobody": 0.01}, {}, "truth"),
        ({"law": 1.5}, {}, "truth"),
        ({"law": -0.1}, {}, "truth"),
        ({"law": float("nan")}, {}, "truth"),
        ({}, {"runs": 0}, "runs"),
        ({}, {"per_day": 0}, "per-day"),
        ({}, {"max_days": 0}, "max-days"),
        ({}, {"seed": -1}, "seed"),
        ({}, {"drift": 0.0}, "drift"),
        ({}, {"drift": float("inf")}, "drift"),
        ({"law": 0.7}, {"drift": 4.0}, "drift"),
        ({}, {"delay_hours": -1}, "delay-hours"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(planned, truth, options, named):
    with pytest.raises(InvalidInput) as refused:
        simulation.simulate(planned(), truth, Options(**options))
    assert refused.value.pointer == named


def test_too_little_traffic_is_refused(document):
    with pytest.raises(InvalidInput, match="not one unit a day"):
        simulation.simulate(spec.parse(document(traffic=1)), {}, Options(per_day=100))


def test_time_blocks_are_refused(document):
    made = document(unit="block", block_hours=24)
    made["outcomes"].pop("guardrails")
    with pytest.raises(InvalidInput, match="time blocks"):
        simulation.simulate(spec.parse(made), {}, Options())
