"""What is worth telling, and how often a delivery is tried."""

from __future__ import annotations

import pytest

from experiments.alerts import BACK_OFF, Alert, Delivery, of_result, of_test

ARM = {"units": 10, "could_be_best": None}


def report(**changes) -> dict:
    plain = {
        "experiment": "four-lines", "version": 2, "title": "Four lines", "status": "collecting", "status_arms": [],
        "srm": {"alarm": False}, "arms": [ARM, ARM], "planned_units": 1000, "design": "sequential",
    }  # fmt: skip
    return plain | changes


def kinds(**changes) -> list[tuple[str, str]]:
    return [(alert.kind, alert.id) for alert in of_result(report(**changes), 5)]


def test_an_experiment_that_collects_is_no_news():
    assert kinds() == []
    assert kinds(srm={"alarm": None}, planned_units=None) == []


@pytest.mark.parametrize("status", ["winner", "winner-on-clicks", "practically-equal", "no-clear-winner"])
def test_a_verdict_is_news_once_for_each_verdict(status):
    assert kinds(status=status, status_arms=["law"]) == [
        ("verdict-reached", f"verdict-reached:four-lines:2:{status}:law")
    ]


def test_harm_a_broken_split_and_the_planned_size_are_news():
    assert kinds(status="stopped-for-safety", status_arms=["law"])[0][0] == "harm-stop"
    assert kinds(status="blocked", srm={"alarm": True}) == [("traffic-mismatch", "traffic-mismatch:four-lines:2")]
    full = [{"units": 1000, "could_be_best": True}, {"units": 3, "could_be_best": False}]
    assert kinds(arms=full) == [("plan-reached", "plan-reached:four-lines:2")], "the arm that is out need not reach it"
    assert kinds(arms=[*full, ARM]) == []


def test_what_is_told_holds_no_count():
    for alert in of_result(
        report(status="winner", status_arms=["law"], arms=[{"units": 12345, "could_be_best": True}]), 5
    ):
        assert "12345" not in alert.text
        assert "12 345" not in alert.text


def test_a_delivery_is_tried_a_few_times_ever_later_and_then_given_up():
    one, now, waits = Delivery(channel="webhook", due=0), 1000, []
    while one.due is not None:
        after = one.after("answered 500", now, arrived=False)
        if after.due is not None:
            waits.append(after.due - now)
            now = after.due
        one = after
    assert waits == list(BACK_OFF) == sorted(BACK_OFF)
    assert (one.tries, one.arrived, one.told) == (len(BACK_OFF) + 1, False, "answered 500")


def test_what_arrived_is_over():
    one = Delivery(channel="mail", due=0).after("accepted", 9, arrived=True)
    assert (one.due, one.arrived, one.at) == (None, True, 9)


def test_an_alert_survives_being_kept():
    alert = of_test("ann", 7).addressed(["webhook", "mail"])
    assert Alert.model_validate_json(alert.model_dump_json()) == alert
    assert alert.due(7)
    assert not alert.due(6)
