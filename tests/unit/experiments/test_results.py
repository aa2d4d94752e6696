"""What a result tells of its path, how a plan reads a definition, and the report's two descriptions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import stats
from experiments.report_schema import report_schema
from experiments.results import _told, analyse

DOCS = Path(__file__).parents[3] / "docs"
BLOCKS = "variant,units,conversions,period\n" + "".join(
    f"{'ab'[day % 2]},{1000 + day},{20 + 9 * (day % 2) + day % 3},day {day:02}\n" for day in range(20)
)
STRATA = """variant,units,conversions,stratum,outcome
a,1000,100,x,primary
b,1000,140,x,primary
a,1000,50,y,primary
b,1000,70,y,primary
a,1000,10,x,calls
b,1000,14,x,calls
a,1000,5,y,calls
b,1000,7,y,calls
"""


def points(*counts):
    return [{"period": f"day {k}", "conversions": list(count)} for k, count in enumerate(counts)]


def arms(*counts):
    return [{"conversions": count} for count in counts]


def test_a_point_needs_ten_further_events_in_every_arm():
    path = points((9, 30), (10, 40), (11, 60), (19, 70), (20, 80))
    assert [point["period"] for point in _told(path, arms(20, 80))] == ["day 1", "day 4"]


def test_an_arm_that_gets_no_more_events_holds_nothing_back():
    """It was closed: its number was told already, and cannot give away anybody."""
    path = points((12, 10), (12, 20), (12, 30))
    assert [point["period"] for point in _told(path, arms(12, 30))] == ["day 0", "day 1", "day 2"]


def test_few_events_have_no_path():
    assert list(_told(points((1, 2), (3, 4), (9, 9)), arms(9, 9))) == []


def test_the_last_events_of_a_closed_arm_are_not_told_one_by_one():
    path = points((10, 10), (11, 20), (11, 30))
    assert [point["period"] for point in _told(path, arms(11, 30))] == ["day 0"]


def test_a_table_of_blocks():
    made = analyse(BLOCKS, unit="block", equal=True)
    assert made["blocks"]["blocks"] == [10, 10]
    assert made["blocks"]["p_value"] < 0.01
    assert made["blocks"]["design_effect"] > 0
    assert made["arms"][0]["rate_ci"] is None
    assert {reason["code"] for reason in made["reasons"] if reason["field"] == "arms[].rate_ci"} == {"blocks"}
    assert (made["status"], made["status_arms"]) == ("winner", ["b"])


def test_the_schema_in_the_documents_is_the_one_of_the_code():
    assert json.loads((DOCS / "report-schema.json").read_text(encoding="utf-8")) == report_schema()


@pytest.mark.parametrize("design", ["fixed", "sequential", "looks"])
@pytest.mark.parametrize("options", [{}, {"equal": True, "planned_units": 1_500}])
def test_every_report_follows_the_schema(design, options):
    jsonschema.validate(analyse(STRATA, design=design, **options), report_schema())


def test_a_report_of_blocks_follows_the_schema():
    jsonschema.validate(analyse(BLOCKS, unit="block"), report_schema())


def test_the_schema_refuses_what_is_no_report():
    made = analyse(STRATA)
    for wrong in (made | {"status": "significant"}, made | {"alpha": "0.05"}, made | {"more": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, report_schema())


def test_every_field_is_described():
    text = (DOCS / "report.md").read_text(encoding="utf-8")
    names = set()
    for definition in (report_schema(), *report_schema()["$defs"].values()):
        names |= set(definition.get("properties", {}))
    assert {"tipping_point", "rate_cs", "e_closed"} <= names
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()


def test_the_code_of_every_reason_is_described():
    text = (DOCS / "statistics.md").read_text(encoding="utf-8")
    codes = set(stats.reasons.DETAILS)
    assert {code for code in codes if f"`{code}`" not in text} == set()
