"""Count tables: what is read, and what is refused with its place and its cure."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stats
from experiments.table_rows import TableError
from experiments.tables import read_counts

SIMPLE = "variant,units,conversions\npresent,100,27\npolice,81,40\nillegal,99,52\n"
WEIGHTED = """variant,units,conversions,period,weight
a,50,5,mon,5000
b,49,6,mon,5000
a,70,7,tue,7500
b,20,2,tue,2500
a,72,7,wed,7500
b,25,3,wed,2500
"""


def refused(text, **settings):
    with pytest.raises(TableError) as caught:
        read_counts(text, **settings)
    assert "\n" not in str(caught.value)
    return caught.value


def test_three_columns_are_a_table():
    plan, counts = read_counts(SIMPLE)
    assert plan.variants == ("present", "police", "illegal")
    assert (plan.control, plan.primary.name, plan.design, plan.alpha, plan.rho) == (
        "present", "primary", "fixed", 0.05, "observed",
    )  # fmt: skip
    assert counts.sealed[1] == stats.Cell("police", 1, "", "", "", 81, 81, {"primary": 40})
    assert (counts.provisional, counts.shares) == ((), {})


def test_the_published_trial_has_two_left_and_no_winner():
    """Prichard et al. (2022), Sexual Abuse 34:106-124."""
    made = stats.report(*read_counts(SIMPLE))
    assert (made.status, made.status_arms) == ("narrowed", ("police", "illegal"))
    assert made.srm.reason == "weights-unknown"


def test_an_open_file_is_read_as_text_is(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\ufeff" + SIMPLE, encoding="utf-8")
    with path.open(encoding="utf-8") as file:
        assert read_counts(file) == read_counts(SIMPLE)
    assert read_counts(StringIO(SIMPLE.replace("\n", "\r\n"))) == read_counts(SIMPLE)


def test_white_space_and_empty_lines_are_not_data():
    assert read_counts(SIMPLE.replace(",", " , ").replace("police", "\n police")) == read_counts(SIMPLE)


def test_quoted_values():
    plan, _ = read_counts('variant,units,conversions\n"law, plainly",10,1\nb,10,2\n')
    assert plan.variants == ("law, plainly", "b")


def test_settings_reach_the_plan():
    plan, _ = read_counts(SIMPLE, control="police", planned_units=500, design="looks", alpha=0.1)
    assert (plan.control, plan.planned_units, plan.design, plan.alpha) == ("police", 500, "looks", 0.1)


def test_a_variant_called_control_is_the_control():
    assert read_counts(SIMPLE.replace("police", "control"))[0].control == "control"
    assert read_counts(SIMPLE.replace("police", "control"), control="illegal")[0].control == "illegal"


def test_equal_shares_are_checked():
    plan, counts = read_counts("variant,units,conversions\na,1000,10\nb,800,10\n", equal=True)
    assert (plan.rho, counts.shares) == ("logged", {1: {"a": 0.5, "b": 0.5}})
    assert stats.report(plan, counts).status == "blocked"


def test_weights_make_phases():
    """A new phase begins with the period whose weights differ from those before."""
    plan, counts = read_counts(WEIGHTED)
    assert plan.rho == "logged"
    assert counts.shares == {1: {"a": 0.5, "b": 0.5}, 2: {"a": 0.75, "b": 0.25}}
    assert [(cell.period, cell.phase) for cell in counts.sealed[::2]] == [("mon", 1), ("tue", 2), ("wed", 2)]


def test_weights_that_return_begin_a_phase_of_their_own():
    _, counts = read_counts(WEIGHTED.replace("wed,7500", "wed,5000").replace("wed,2500", "wed,5000"))
    assert list(counts.shares) == [1, 2, 3]


def test_weights_may_sum_to_one():
    assert read_counts(WEIGHTED.replace("5000", "0.5").replace("7500", "0.75").replace("2500", "0.250")) == (
        read_counts(WEIGHTED)
    )


def test_phases_may_be_given():
    _, counts = read_counts("variant,units,conversions,phase,weight\na,9,1,4,5000\nb,9,1,4,5000\n")
    assert counts.shares == {4: {"a": 0.5, "b": 0.5}}
    assert {cell.phase for cell in counts.sealed} == {4}


def test_a_closed_variant_has_weight_0():
    text = "variant,units,conversions,phase,weight\na,9,1,1,5000\nb,9,1,1,5000\na,9,1,2,10000\nb,0,0,2,0\n"
    assert read_counts(text)[1].shares[2] == {"a": 1.0, "b": 0.0}


def test_a_closed_variant_needs_no_row_in_every_period_of_its_phase():
    head = "variant,units,conversions,period,phase,weight\n"
    rows = "a,9,1,mon,1,5000\nb,9,1,mon,1,5000\na,9,1,tue,2,10000\nb,0,0,tue,2,0\na,9,1,wed,2,10000\n"
    assert len(read_counts(head + rows)[1].sealed) == 5


def test_strata_and_outcomes():
    text = """variant,units,conversions,stratum,outcome
a,10,1,x,contact
a,10,5,x,primary
b,12,2,x,contact
b,12,6,x,primary
a,20,1,y,contact
a,20,5,y,primary
b,22,2,y,contact
b,22,6,y,primary
"""
    plan, counts = read_counts(text)
    assert [(outcome.name, outcome.role) for outcome in plan.outcomes] == [
        ("primary", "primary"),
        ("contact", "secondary"),
    ]
    assert len(counts.sealed) == 4
    assert counts.sealed[0].conversions == {"contact": 1, "primary": 5}
    assert [cell.stratum for cell in counts.sealed] == ["x", "x", "y", "y"]
    assert read_counts(text.replace("primary", "help"))[0].primary.name == "contact"


HEAD = "variant,units,conversions"


@pytest.mark.parametrize(
    ("text", "row", "column", "words"),
    [
        ("", None, None, "the file is empty"),
        ("\n\n", None, None, "the file is empty"),
        (f"{HEAD}\n", None, None, "a header and no rows"),
        ("variant,units\na,1\n", 1, "conversions", "is missing"),
        ("variant;units;conversions\na;1;1\n", 1, "variant;units;conversions", "is not a column"),
        (f"{HEAD},colour\na,1,1,red\n", 1, "colour", "these are variant, units, conversions, period"),
        (f'{HEAD},"col\nour"\na,1,1,red\n', 2, r"col\nour", "these are variant"),
        (f"{HEAD},units\na,1,1,1\n", 1, "units", "is there twice"),
        (f"{HEAD}\na,10,1\nb,10\n", 3, None, "has 2 values; the header has 3"),
        (f"{HEAD}\na,10,1\nb,10,11\n", 3, "conversions", "11 of 10 units; there can be at most 10"),
        (f"{HEAD}\na,10,1\nb,-10,1\n", 3, "units", "'-10' is not a whole number"),
        (f"{HEAD}\na,10,1\nb,10,1.5\n", 3, "conversions", "'1.5' is not a whole number"),
        (f"{HEAD}\na,10,1\nb,1e3,1\n", 3, "units", "'1e3' is not a whole number"),
        (f"{HEAD}\na,10,1\nb,,1\n", 3, "units", "'' is not a whole number"),
        (f"{HEAD}\na,10,1\nb,٣,1\n", 3, "units", "'٣' is not a whole number"),
        (f"{HEAD}\na,10,1\nb,2000000000000,1\n", 3, "units", "from 0 to 1000000000000"),
        (f"{HEAD}\na,10,1\n,10,1\n", 3, "variant", "is empty"),
        (f"{HEAD}\na,10,1\na,10,1\n", 3, "variant", "'a' has the same counts on row 2"),
        (f"{HEAD},stratum\na,10,1,x\na,10,1,y\n", None, "variant", "'a' is the only variant"),
        (f"{HEAD},phase\na,1,1,one\nb,1,1,one\n", 2, "phase", "'one' is not the number of a phase"),
        (f"{HEAD},weight\na,1,1,half\nb,1,1,half\n", 2, "weight", "such as 2500 (of 10000) or 0.25"),
        (f"{HEAD},weight\na,1,1,5000\nb,1,1,4000\n", 2, "weight", "sum to 9000; they must sum to 10000, or to 1"),
        (f"{HEAD},weight\na,1,1,0.5\nb,1,1,0.4\n", 2, "weight", "sum to 0.9;"),
        (f"{HEAD},weight\na,1,1,10000\nb,1,1,0\n", 3, "units", "a closed variant must have 0"),
        (f"{HEAD},period\na,1,1,mon\nb,1,1,mon\na,1,1,tue\n", 4, "variant", "'b' has no row in period 'tue'"),
        (f"{HEAD},period\na,1,1,\nb,1,1,mon\n", 2, "period", "is empty"),
        (f"{HEAD},stratum\na,1,1,x\nb,1,1,x\nb,1,1,y\n", 4, "variant", "'a' has no row in stratum 'y'"),
        (f"{HEAD},outcome\na,1,1,x\nb,1,1,x\na,1,1,y\n", 2, "variant", "'b' has no row for outcome 'y';"),
        (f"{HEAD},outcome\na,5,1,x\nb,5,1,x\na,5,1,y\nb,6,1,y\n", 2, "units", "'b' has different units"),
        (f'{HEAD}\na,10,1\n"b,10,1\n', 3, None, "is not CSV"),
    ],
)
def test_what_is_wrong_is_refused(text, row, column, words):
    error = refused(text)
    assert (error.row, error.column) == (row, column)
    assert words in str(error)
    if row:
        assert str(error).startswith(f"row {row}")
    if column:
        assert f"column '{column}': " in str(error)


def test_weights_must_be_constant_within_a_period():
    text = f"{HEAD},period,stratum,weight\na,1,1,mon,x,5000\nb,1,1,mon,x,5000\na,1,1,mon,y,4000\nb,1,1,mon,y,6000\n"
    error = refused(text)
    assert (error.row, error.column) == (4, "weight")
    assert "4000 for 'a', but 5000 before" in error.detail


def test_a_missing_row_is_named_before_the_sum_that_it_breaks():
    error = refused(f"{HEAD},period,weight\na,1,1,mon,5000\nb,1,1,mon,5000\na,1,1,tue,5000\n")
    assert (error.row, error.column) == (4, "variant")
    assert "weight 0 if it was closed" in error.detail


def test_an_equal_split_contradicts_weights():
    assert refused(WEIGHTED, equal=True).column == "weight"


def test_unknown_control():
    error = refused(SIMPLE, control="nobody")
    assert "'nobody'" in error.detail
    assert "present, police, illegal" in error.detail


def test_long_and_strange_values_stay_on_one_short_line():
    error = refused(f'{HEAD}\na,"{"9" * 500}\n\n",1\n')
    assert len(str(error)) < 200


def test_other_arguments_name_their_field():
    with pytest.raises(ValueError, match=r"^alpha: "):
        read_counts(SIMPLE, alpha=2)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='abc,019.-"\n\r\0 variantunitsconversions', max_size=60), st.booleans())
def test_no_text_breaks_the_reader(text, headed):
    """Whatever is in the file: a table, or a TableError of one line."""
    try:
        table = read_counts((HEAD + "\n" if headed else "") + text)
    except TableError as error:
        message = str(error)
    else:
        message = stats.report(*table).status
    assert len(message.splitlines()) == 1
