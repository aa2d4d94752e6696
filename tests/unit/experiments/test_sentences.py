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
