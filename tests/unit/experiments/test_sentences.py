"""The sentences that staff read: one for every status, none with the words of statisticians."""

from typing import get_args

import pytest

from experiments import sentences
from stats.result import Status

PAIR = {"ratio": 1.307, "ratio_ci": [1.04, 1.66], "difference": 0.0046, "difference_ci": [0.0031, 0.0061]}


@pytest.mark.parametrize("status", get_args(Status))
def test_every_status_has_a_headline_and_a_meaning(status):
    report = {"status": status, "status_arms": ["law", "help"], "primary_outcome": "help_sought"}
    told = sentences.headline(report) + " " + sentences.meaning(report)
    assert "{" not in told
    assert "significan" not in told.lower()
    assert "p-value" not in told.lower()
    assert told.count(".") >= 2


def test_a_message_is_named_in_quotes():
    report = {"status": "winner", "status_arms": ["help"], "primary_outcome": "left"}
    assert sentences.headline(report) == "Winner: the message “help”."
    assert sentences.meaning(report).startswith("More people left after this message than after every other one")


def test_nobody_is_told_to_keep_a_present_message_that_is_not_the_best():
    report = {"status": "no-clear-winner", "status_arms": ["harm", "help"], "control": "present"}
    assert "Keep the present message" not in sentences.meaning(report)
    assert "Keep the present message" in sentences.meaning(report | {"control": "help"})
    assert "Keep the present message" in sentences.meaning(report | {"status_arms": []})


def test_comparisons_in_words():
    assert sentences.comparison(PAIR) == "1.31 times (between 1.04 and 1.66)"
    assert sentences.difference(PAIR) == "+46.0 per 10 000 (+31.0 to +61.0)"
    open_ended = PAIR | {"ratio_ci": [0.8, None]}
    assert sentences.comparison(open_ended) == "1.31 times (between 0.80 and no upper limit yet)"
    unknown = dict.fromkeys(PAIR)
    assert sentences.comparison(unknown) == "cannot be said yet"
    assert sentences.difference(unknown) is None
    assert sentences.interval(None) == "–"
    assert sentences.interval([0.8, None]) == "0.800 to no upper limit"


@pytest.mark.parametrize(
    ("units", "planned", "told"),
    [(50, 200, "50 of 200 planned people per message (25 %)"), (300, 200, "(100 %)"), (3, None, None)],
)
def test_progress_in_words(units, planned, told):
    arms = [{"units": units}, {"units": units + 10}]
    found = sentences.progress({"planned_units": planned, "arms": arms})
    assert (told is None and found is None) or told in found


@pytest.mark.parametrize(
    ("design", "told"),
    [
        ("sequential", "at most 5 of them would ever drop the message that is truly best, however often anybody looks"),
        ("looks", "speaks at 4 planned looks"),
        ("fixed", "speaks once, at the planned size"),
    ],
)
def test_the_guarantee_is_one_sentence_about_a_hundred_experiments(design, told):
    found = sentences.guarantee({"design": design, "alpha": 0.05, "looks": [{"number": 2}, {"number": 4}]})
    assert told in found
    assert "100" in found
    assert "{" not in found


def test_the_winner_is_told_with_its_luck_taken_out():
    estimate = {"variant": "help", "rate": 0.0123, "rate_per_10000": 123.4, "ratio": 1.217}
    found = sentences.estimate({"estimate": estimate, "control": "present"})
    assert found.startswith(
        "Best guess of what “help” does from now on: 123.4 per 10 000, 1.22 times the present message."
    )
    assert "lucky" in found
    assert "times" not in sentences.estimate({"estimate": estimate | {"ratio": None}, "control": "present"})
    assert "times" not in sentences.estimate({"estimate": estimate, "control": "help"}), "of itself"
    assert sentences.estimate({"estimate": None}) is None


def test_the_tipping_point_in_words():
    arms = [{"variant": "help", "conversions": 240}]
    report = {"tipping_point": 12, "tipping_arm": "help", "arms": arms}
    assert sentences.tipping(report) == "The verdict would fall if 12 of the 240 reports counted for “help” were false."
    assert sentences.tipping(report | {"tipping_point": None, "tipping_arm": None}) is None


@pytest.mark.parametrize(
    ("e_value", "told"),
    [(0.3, "none yet"), (1, "none yet"), (240.4, "1 in 240"), (12_345, "1 in 12\u202f345"), (1e9, "beyond 1 in a million"),
     (None, "beyond doubt")],
)  # fmt: skip
def test_evidence_in_words(e_value, told):
    assert sentences.evidence(e_value) == told


@pytest.mark.parametrize(
    ("periods", "told"),
    [
        ((10, 20, 40), "a verdict in about 20 days (between 10 days and 40 days)"),
        ((10, 20, None), "between 10 days and more than ten years"),
        ((None, None, None), "no verdict is in sight within ten years"),
    ],
)
def test_the_outlook_in_words(periods, told):
    assert told in sentences.outlook({"forecast": {"periods": periods}})
    assert sentences.outlook({"forecast": None}) is None


def test_planned_designs_look_out_for_their_size():
    planned = {"forecast": {"periods": None, "planned_periods": 31}}
    assert sentences.outlook(planned) == "If it goes on like this, the planned size is reached in about 31 days."
    assert sentences.outlook({"forecast": {"periods": None, "planned_periods": None}}) is None


def test_a_sequence_says_that_it_may_be_looked_at_daily():
    pair = PAIR | {"ratio_cs": [0.98, 1.75]}
    assert sentences.comparison(pair, "sequential") == "1.31 times (between 0.98 and 1.75, safe to check any time)"
    assert sentences.comparison(pair, "fixed") == "1.31 times (between 1.04 and 1.66)"
