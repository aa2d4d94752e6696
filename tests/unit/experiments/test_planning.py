"""The size of an experiment in days and words."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path

import pytest
import yaml

from experiments import spec
from experiments.directory import load_help
from experiments.errors import InvalidInput
from experiments.planning import Question, in_words, plan_size, question_of
from stats.sample_size import Aim, fixed, sequential

CALLS = Question(rate=0.0007, ratio=1.5, arms=4, name="calls", others={"clicks": 0.007})
FOUR_LINES = Path(__file__).parents[3] / "experiments" / "library" / "four-lines.yml"


def test_the_sentence_compares_outcomes():
    found = plan_size(CALLS)
    days = ceil(sequential(Aim(4, 0.0007, 1.5)).units / 4_000) + 2
    assert found.chosen.days == days
    assert found.others["clicks"].days < days / 9
    assert found.sentence == (
        f"At 4,000 warnings a day this takes {in_words(days)}; "
        f"by clicks instead of calls, {in_words(found.others['clicks'].days)}."
    )


def test_every_design_has_its_size():
    found = plan_size(CALLS)
    assert [(way.design, way.shares) for way in found.designs] == [
        ("sequential", "equal"),
        ("sequential", "drop-losers"),
        ("sequential", "leader"),
        ("looks", "equal"),
        ("fixed", "equal"),
    ]
    assert found.chosen == found.designs[0]
    assert found.designs[-1].units == fixed(CALLS.aim()).units == found.designs[-1].mean_units
    assert all(way.units_per_variant == -(-way.units // 4) for way in found.designs)
    two = plan_size(replace(CALLS, arms=2))
    assert [way.shares for way in two.designs] == ["equal"] * 3


@pytest.mark.parametrize("design", ["sequential", "looks", "fixed"])
@pytest.mark.parametrize("ratio", [1.5, 0.6])
def test_what_is_detectable_in_a_span_takes_that_span(design, ratio):
    asked = replace(CALLS, design=design, ratio=ratio)
    for span in plan_size(asked).detectable:
        if span.ratio is not None:
            assert (span.ratio > 1) == (ratio > 1)
            assert plan_size(replace(asked, ratio=span.ratio)).chosen.days == pytest.approx(span.days, abs=2)


def test_a_rate_of_two_in_a_hundred_thousand():
    found = plan_size(Question(rate=2e-5, ratio=1.3, arms=12, per_day=8_000))
    assert found.chosen.days > 30_000
    assert "years" in found.sentence
    assert found.detectable[0].ratio > 50
    assert plan_size(replace(found.question, per_day=100)).detectable[0].ratio is None


def test_a_harmful_variant_is_out_before_the_best_is_named():
    found = plan_size(CALLS)
    assert found.harm_days < found.chosen.mean_days
    assert plan_size(replace(CALLS, design="fixed")).harm_days is None


def test_the_file_asks_the_question():
    definition = spec.parse(yaml.safe_load(FOUR_LINES.read_text()), help_resources=load_help(None).by_key)
    asked = question_of(definition, 4_000)
    assert (asked.rate, asked.ratio, asked.arms) == (0.0073, 1.2, 5)
    assert (asked.delay_days, asked.design, asked.shares) == (2, "sequential", "equal")
    assert question_of(definition, 4_000, lower=True).ratio == pytest.approx(1 / 1.2)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1, "1 day"),
        (20, "20 days"),
        (36, "5 weeks"),
        (76, "11 weeks"),
        (77, "3 months"),
        (517, "17 months"),
        (914, "3 years"),
        (400_000, "1,095 years"),
    ],
)
def test_durations_are_said_as_people_say_them(days, words):
    assert in_words(days) == words


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arms": 1}, "arms"),
        ({"arms": 13}, "arms"),
        ({"rate": 0}, "rate"),
        ({"rate": 1}, "rate"),
        ({"ratio": 1.0001}, "ratio"),
        ({"ratio": float("nan")}, "ratio"),
        ({"rate": 0.5, "ratio": 2.5, "others": {}}, "ratio"),
        ({"per_day": 0}, "per-day"),
        ({"alpha": 0}, "alpha"),
        ({"power": 1.2}, "power"),
        ({"looks": 1}, "looks"),
        ({"delay_days": -1}, "delay-days"),
        ({"design": "bayes"}, "design"),
        ({"shares": "thompson"}, "shares"),
        ({"spending": "even"}, "spending"),
        ({"design": "fixed", "shares": "leader"}, "shares"),
        ({"others": {"clicks": 0.9}}, "compare clicks"),
        ({"others": {"clicks": float("nan")}}, "compare clicks"),
    ],
)
def test_a_senseless_question_names_its_field(change, field):
    with pytest.raises(InvalidInput) as refused:
        replace(CALLS, **change)
    assert refused.value.pointer == field
