"""Which message, how sure, may I act: for every status, without the words of statisticians."""

from typing import Any, get_args

import pytest

from experiments import answers
from experiments.words import Words
from stats.result import Status

EVIDENCE = {"log10_e": 2.5, "log10_needed": 1.301, "reached": True, "share": 1.0, "level": 4}
FORBIDDEN = ("significan", "p-value", "p =", "{", "null", "None.")


def result(status: str, **fields: Any) -> dict[str, Any]:
    """The fields that answers are made of."""
    return {
        "status": status, "status_arms": ["help"], "primary_outcome": "help_sought", "control": "present",
        "alpha": 0.05, "design": "sequential", "looks": [], "evidence": EVIDENCE, "guardrails": [], "state": "running",
        "started": "2026-11-01T00:00:00Z", "adopted": None, "sealed_days": 9,
    } | fields  # fmt: skip


@pytest.mark.parametrize("status", get_args(Status))
@pytest.mark.parametrize("evidence", [EVIDENCE, None])
def test_every_status_has_three_answers(status, evidence):
    told = answers.answers(result(status, evidence=evidence))
    for answer in told:
        assert answer.short
        text = f"{answer.short} {answer.more}"
        assert not [word for word in FORBIDDEN if word in text]


@pytest.mark.parametrize(
    ("status", "act"),
    [
        ("not-started", "Not yet."), ("collecting", "Not yet."), ("narrowed", "Not yet."), ("winner", "Yes."),
        ("winner-on-clicks", "Not on clicks alone."), ("practically-equal", "Yes."), ("blocked", "No."),
        ("stopped-for-safety", "Yes, now."), ("suspended", "Not now."),
    ],
)  # fmt: skip
def test_may_i_act(status, act):
    assert answers.answers(result(status)).act.short == act


def test_who_wins_is_named_and_how_sure_is_a_number_of_experiments():
    told = answers.answers(result("winner"))
    assert told.which.short == "“help”."
    assert told.sure.short == "Sure."
    assert "at most 1 of 316 experiments" in told.sure.more


def test_evidence_that_was_enough_once_stays_enough():
    weaker = EVIDENCE | {"log10_e": 0.9}
    assert "at most 1 of 19 experiments" in answers.answers(result("winner", evidence=weaker)).sure.more


def test_before_the_first_closed_day_nothing_is_promised():
    assert answers.answers(result("collecting", evidence=None, sealed_days=0)).sure.more == "No day is closed yet."


def test_a_decision_is_told_instead_of_advice():
    adopted = answers.answers(result("winner", state="concluded", adopted="help"))
    assert adopted.act.short == "It is decided."
    assert "“help” was adopted" in adopted.act.more
    assert "no message was adopted" in answers.answers(result("winner", state="archived")).act.more


def test_an_experiment_that_ended_too_early_is_no_ground_to_act():
    assert answers.answers(result("collecting", state="stopped")).act.short == "No."


def test_the_present_message_is_not_defended_where_it_is_not_among_the_best():
    assert answers.answers(result("no-clear-winner", status_arms=["harm"])).act.short == "Yes, in part."
    assert answers.answers(result("no-clear-winner", status_arms=["present"])).act.short == "No change."
    assert answers.answers(result("no-clear-winner", status_arms=[])).which.short == "None stands out."


@pytest.mark.parametrize(("basis", "short"), [("sealed", "Sure enough to stop."), ("live", "Fairly sure.")])
def test_harm_on_open_days_is_to_be_confirmed(basis, short):
    rail = {"safety": [{"variant": "help", "harmed": True, "basis": basis}]}
    assert answers.answers(result("stopped-for-safety", guardrails=[rail])).sure.short == short


@pytest.mark.parametrize(
    ("log10_e", "level", "told"),
    [
        (-0.4, 0, "No evidence yet"), (0.2, 1, "would come up often"), (0.6, 2, "at most 1 of 3 experiments"),
        (1.2, 3, "nearly enough"), (7.0, 4, "fewer than 1 of a million"),
    ],
)  # fmt: skip
def test_the_strength_of_evidence(log10_e, level, told):
    evidence = {"log10_e": log10_e, "log10_needed": 1.301, "reached": level == 4, "share": 0.5, "level": level}
    assert told in (answers.strength(result("collecting", evidence=evidence)) or "")


def test_alike_is_not_the_same_as_without_evidence():
    evidence = EVIDENCE | {"log10_e": -7.0, "reached": False, "level": 0}
    assert "small" in (answers.strength(result("practically-equal", evidence=evidence)) or "")


def test_the_traffic_check_in_words():
    fine = {"alarm": False, "arm": None, "direction": None, "surface": None}
    broken = {"alarm": True, "arm": "help", "direction": "fewer", "surface": "search-uk"}
    assert answers.traffic(result("winner", srm=fine))[0] == "Yes."
    assert answers.traffic(result("winner", srm=fine | {"alarm": None}))[0] == "Not checked yet."
    short, more = answers.traffic(result("blocked", srm=broken))
    assert short == "No."
    assert "“help” reached fewer people than planned on the surface “search-uk”" in more


def test_a_guardrail_names_the_worst_first_and_everybody_once():
    safety = [
        {"variant": "a", "harmed": False, "basis": None, "non_inferior": True},
        {"variant": "b", "harmed": True, "basis": "sealed", "non_inferior": False},
        {"variant": "c", "harmed": True, "basis": "live", "non_inferior": False},
        {"variant": "d", "harmed": False, "basis": None, "non_inferior": False},
        {"variant": "e", "harmed": False, "basis": None, "non_inferior": False},
    ]
    reported = [{"conversions": 0}, {"conversions": 3}]
    found = answers.guardrail({"safety": safety, "fails": ["d"], "margin_ratio": 1.1, "arms": reported})
    assert [(one.kind, one.arms) for one in found] == [
        ("harmed", ("b",)), ("harmed-live", ("c",)), ("fails", ("d",)), ("safe", ("a",)), ("unknown", ("e",)),
    ]  # fmt: skip
    without_margin = {"safety": safety[-1:], "fails": [], "margin_ratio": None, "arms": reported}
    assert answers.guardrail(without_margin)[0].told == "not shown to be worse"
    never_reported = without_margin | {"arms": [{"conversions": 0}] * 2}
    assert answers.guardrail(never_reported)[0].told == "cannot be said yet"


@pytest.mark.parametrize(
    ("waits", "aside", "told"),
    [
        (0, 0, "No event waits to be counted."),
        (1, 0, "1 event waits to be counted."),
        (1200, 2, "1\u202f200 events wait to be counted. 2 events could not be written"),
    ],
)
def test_what_waits(waits, aside, told):
    assert answers.waiting({"events_waiting": waits, "events_set_aside": aside}).startswith(told)


def test_sentences_are_written_with_the_words_they_are_given():
    german = Words(
        translate=lambda text: {"Yes.": "Ja."}.get(text, text), choose=lambda _one, more, _n: more,
        decimal=lambda value, places: f"{value:.{places}f}".replace(".", ","),
    )  # fmt: skip
    told = answers.answers(result("winner"), german)
    assert told.act.short == "Ja."
    assert answers.waiting({"events_waiting": 1, "events_set_aside": 0}, german) == "1 events wait to be counted."
