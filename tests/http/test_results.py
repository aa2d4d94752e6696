"""Results as JSON, CSV and page: from sealed days only, open ones coarse, names that stay."""

from __future__ import annotations

import copy
import csv
import io
from datetime import UTC, datetime

import pytest

import stats
from experiments.model import DAY, HOUR
from experiments.tables import read_counts
from tests.http.conftest import DOCUMENT, NOON, TODAY

PATH = "/v1/experiments/four-lines/results"
SEALED = (TODAY + 1) * DAY + (24 + 6) * HOUR
AROUND = {
    "experiment", "version", "state", "title", "question", "simulated", "as_of", "started", "stopped", "sealed_until",
    "sealed_days", "open_days", "window_hours", "surfaces", "primary_outcome", "messages", "durability", "may_be_lost",
    "channels", "repeat_triggers", "locales", "times_shown", "apart", "notices", "closed", "adopted",
    "outcome_definitions", "plan", "phases", "evidence", "expected", "versions", "looked", "deviations",
    "events_waiting", "events_set_aside", "final",
}  # fmt: skip
REPORT = {
    "schema", "status", "status_arms", "status_reason", "alpha", "design", "rho", "control", "outcome", "better",
    "planned_units", "arms", "pairs", "srm", "global", "strata", "multiplicity", "outcomes", "guardrails", "provisional",
    "reasons", "tipping_point", "tipping_arm", "factors", "forecast",
    "looks", "claims", "path", "estimate", "blocks",
}  # fmt: skip
UNITS, CALLS = 60, 9


@pytest.fixture
def played(service):
    """60 sessions of one day were shown a message, 9 called, 4 of those wrote too."""
    for number in range(UNITS):
        token = service.shown(f"s{number}", stratum="list-a" if number % 2 else "list-b")["token"]
        if number < CALLS:
            service.outcome(token)
        if number < 4:
            service.outcome(token, channel="email", key=None)
    return service


def results(service, query: str = "", kind: str = ""):
    answer = service.get(f"{PATH}{kind}{query}")
    assert answer.status_code == 200, answer.text
    return answer


def test_names_that_stay(played):
    found = results(played).json
    assert found.keys() == AROUND | REPORT
    assert found["schema"] == 1
    assert (found["experiment"], found["version"], found["state"]) == ("four-lines", 1, "running")
    assert found["as_of"] == "2026-11-24T12:00:00Z"
    assert found["arms"][0].keys() >= {"variant", "assigned", "units", "conversions", "rate", "rate_ci"}
    assert found["pairs"][0].keys() >= {"a", "b", "ratio", "ratio_ci", "difference", "p_value"}
    assert found["messages"]["law"]["de"]["title"] == "law de"
    assert found["durability"] == "single"
    assert results(played, kind=".json").json == found
    assert found["may_be_lost"] in played.get("/experiments/four-lines").text


def test_an_open_day_decides_nothing_and_is_coarse(played):
    found = results(played).json
    assert (found["sealed_days"], found["open_days"], found["sealed_until"]) == (0, 1, None)
    assert all(arm["units"] == 0 for arm in found["arms"])
    assert found["channels"] == found["locales"] == found["times_shown"] == []
    shown = [row[name] for row in found["provisional"] for name in ("assigned", "units", "conversions")]
    assert len(shown) == 9
    assert all(number is None or (number >= 10 and number % 5 == 0) for number in shown)
    assert any(shown)
    assert all(row["conversions"] is None for row in found["provisional"]), "nine calls are told to nobody"


def test_a_sealed_day_decides_exactly(played):
    played.clock.now = SEALED - 1
    assert results(played).json["sealed_days"] == 0
    played.clock.now = SEALED
    found = results(played).json
    assert (found["sealed_days"], found["open_days"]) == (1, 2)
    assert found["sealed_until"] == "2026-11-25T00:00:00Z"
    assert sum(arm["units"] for arm in found["arms"]) == sum(arm["assigned"] for arm in found["arms"]) == UNITS
    assert sum(arm["conversions"] for arm in found["arms"]) == CALLS
    by_tier = {}
    for row in found["channels"]:
        at = (row["outcome"], row["channel"], row["tier"])
        by_tier[at] = by_tier.get(at, 0) + row["units"]
    assert by_tier == {("help_sought", "call", "attested"): CALLS, ("help_sought", "email", "reported"): 4}
    assert sum(row["units"] for row in found["locales"]) == UNITS
    assert not any(row["units"] for row in found["provisional"])


def test_later_days_do_not_move_what_is_sealed(played):
    played.clock.now = SEALED
    before = results(played).json
    for number in range(30):
        played.shown(f"later {number}")
    after = results(played).json
    assert after["arms"] == before["arms"]
    assert after["pairs"] == before["pairs"]
    assert after["provisional"] != before["provisional"]


def test_as_of_a_later_time(played):
    now = results(played).json
    later = results(played, f"?as_of=%2B{SEALED - NOON}").json
    named = results(played, f"?as_of={datetime.fromtimestamp(SEALED, UTC).isoformat().replace('+00:00', 'Z')}").json
    assert now["sealed_days"] == 0
    assert later == named
    assert later["as_of"] == named["as_of"] == "2026-11-26T06:00:00Z"
    played.clock.now = SEALED
    assert results(played).json == later


def test_versions(played):
    played.act("stop")
    played.run({**copy.deepcopy(DOCUMENT), "title": "The second"})
    assert results(played).json["version"] == 2
    assert results(played, "?version=1").json["title"] == DOCUMENT["title"]
    assert results(played, "?version=2").json["title"] == "The second"
    assert sum(a["assigned"] or 0 for a in results(played, "?version=2").json["provisional"]) == 0


def test_a_draft_has_not_started(empty):
    empty.post("/v1/experiments", DOCUMENT, key=None)
    found = results(empty).json
    assert (found["status"], found["started"], found["sealed_days"]) == ("not-started", None, 0)
    assert empty.get("/experiments/four-lines").status_code == 200


def test_a_suspended_experiment_says_so(played):
    played.act("suspend")
    assert results(played).json["status"] == "suspended"


def reread(service, control: str | None = None) -> dict:
    """The report of the table, as somebody else would compute it."""
    plan, counts = read_counts(
        results(service, kind=".csv").text, control=control, planned_units=1000, expected_rate=0.01, design="sequential"
    )
    return stats.report(plan, counts).to_dict()


def test_the_table_gives_the_same_report(played):
    played.clock.now = SEALED
    answer = results(played, kind=".csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert "four-lines.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0].keys() == {"variant", "phase", "weight", "outcome", "units", "conversions"}
    assert len(rows) == 9, "three variants, three outcomes"
    by_accept = played.get(PATH, headers={"Accept": "text/csv"})
    assert by_accept.text == answer.text
    found, again = results(played).json, reread(played)
    assert again["arms"] == found["arms"]
    assert again["pairs"] == found["pairs"]
    assert again["srm"]["exposures"] == found["srm"]["exposures"]


def test_the_table_of_an_experiment_whose_arm_was_closed(played):
    played.clock.now += DAY
    played.act("close-arm", variant="law")
    for number in range(60):
        played.shown(f"second day {number}")
    played.clock.now = SEALED + DAY
    found, again = results(played).json, reread(played)
    assert again["arms"] == found["arms"]
    assert again["pairs"] == found["pairs"]
    assert again["srm"]["alarm"] == found["srm"]["alarm"] is False
    assert again["srm"]["exposures"]["chi2"] == pytest.approx(found["srm"]["exposures"]["chi2"])


def test_the_table_of_no_sealed_day_has_a_header_only(played):
    assert len(results(played, kind=".csv").text.splitlines()) == 1


def test_the_page_shows_the_same_values(played):
    played.clock.now = SEALED
    found, page = results(played).json, played.get("/experiments/four-lines")
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert "<script" not in page.text
    for arm in found["arms"]:
        assert arm["variant"] in page.text
    assert found["title"] in page.text
    assert "four-lines" in played.get("/").text
