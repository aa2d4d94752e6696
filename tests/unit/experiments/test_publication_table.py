"""The published table as `signpost analyse` reads it: assigned units, and a variant that is missing from a phase."""

from __future__ import annotations

import pytest

from experiments.publication.table import week_of
from experiments.table_rows import TableError
from experiments.tables import read_counts

HEAD = "phase,variant,weight,assigned,units,conversions\n"
WHOLE = "1,a,5000,120,100,20\n1,b,2500,55,50,10\n1,c,2500,60,50,10\n"


def test_assigned_units_are_read():
    _, counts = read_counts(HEAD + WHOLE)
    assert [(cell.variant, cell.assigned, cell.exposed) for cell in counts.sealed] == [
        ("a", 120, 100), ("b", 55, 50), ("c", 60, 50),
    ]  # fmt: skip


def test_fewer_assigned_than_shown_contradicts_itself():
    with pytest.raises(TableError, match="row 2, column 'assigned': 99 assigned, but 100 units"):
        read_counts(HEAD + WHOLE.replace("120", "99"))


def test_a_variant_may_be_missing_where_the_others_have_all_of_the_weight():
    _, counts = read_counts(HEAD + WHOLE + "2,a,0.666666666667,80,80,15\n2,b,0.333333333333,40,40,12\n")
    assert {cell.variant for cell in counts.sealed if cell.phase == 2} == {"a", "b"}
    assert counts.share(2, "c") == 0
    assert counts.share(1, "c") == 0.25


def test_a_missing_variant_whose_weight_is_missing_too_is_an_error():
    with pytest.raises(TableError, match="'c' has no row"):
        read_counts(HEAD + WHOLE + "2,a,5000,80,80,15\n2,b,2500,40,40,12\n")


@pytest.mark.parametrize(
    ("day", "week"), [("2026-11-24", "2026-W48"), ("2027-01-01", "2026-W53"), ("2024-12-30", "2025-W01")]
)
def test_weeks_are_those_of_iso(day, week):
    assert week_of(day) == week
