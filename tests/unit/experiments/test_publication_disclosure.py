"""The disclosure function: no count of one to nine people leaves the house, by itself or by subtraction."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.publication.disclosure import Cell, Table, disclose, safe, stretches

WEEKS = [f"2026-W{week:02}" for week in range(40, 53)]
WATCHED = (
    {"assigned": 1, "units": -1}, {"units": 1, "=any": -1}, {"units": 1, "=call": -1}, {"units": 1, "=click": -1},
    {"=any": 1, "=call": -1}, {"=any": 1, "=click": -1}, {"=call": 1, "=click": 1, "=any": -1},
)  # fmt: skip
SEEDS = st.integers(0, 2**32)


def counts(draw):
    """A week's counts of a variant that can be: help by call, by click, or by both, of those shown, of those assigned."""
    call, click, both, none, unseen = (draw.randrange(draw.choice((1, 4, 25, 400))) for _ in range(5))
    units = call + click + both + none
    return {
        "assigned": units + unseen, "units": units, "=any": call + click + both, "=call": call + both,
        "=click": click + both,
    }  # fmt: skip


def drawn(seed):
    """Two or three variants, up to three phases of up to five weeks, with strata or without."""
    draw = Random(seed)
    variants, strata = "abc"[: draw.randint(2, 3)], draw.choice((("",), ("x", "y")))
    shares = [draw.choice([(0.5, 0.5), (0.3, 0.7)]) for _ in range(draw.randint(1, 3))]
    weeks = [(phase, week) for phase in range(len(shares)) for week in range(draw.randint(1, 5))]
    cells = [
        Cell(phase, WEEKS[min(at, 12)], variant, stratum, counts(draw) if draw.random() < 0.9 else {})
        for at, (phase, _) in enumerate(weeks)
        for variant in variants
        for stratum in strata
    ]
    return Table(
        tuple(cells), ("units", "=any"), ("=call", "=click", "assigned"), WATCHED, stretches(dict(enumerate(shares)))
    )


def derived(measures):
    """Every number that follows from a cell: each measure, and each watched sum."""
    yield from measures.values()
    for one in WATCHED:
        if set(one) <= set(measures):
            yield sum(times * measures[name] for name, times in one.items())


@given(SEEDS)
def test_no_published_number_is_of_one_to_nine_people(seed):
    for row in disclose(drawn(seed)).rows:
        assert all(number == 0 or number >= 10 for number in derived(row.measures)), row


@given(SEEDS)
def test_no_sum_or_difference_of_published_cells_is_either(seed):
    """Whole variants, runs of weeks, strata: whatever is added up, differences are of whole cells."""
    table = drawn(seed)
    found = disclose(table)
    by_variant = defaultdict(list)
    for row in found.rows:
        by_variant[row.variant].append(row)
    for rows in by_variant.values():
        for start, end in combinations(range(len(rows) + 1), 2):
            run = rows[start:end]
            total = {name: sum(row.measures[name] for row in run) for name in found.measures}
            assert all(number == 0 or number >= 10 for number in derived(total))


@given(SEEDS)
def test_published_and_left_out_make_up_what_was_counted(seed):
    """Of every variant in every stretch: the exact total, or nothing at all."""
    table = drawn(seed)
    found = disclose(table)
    for stretch in table.stretches:
        for variant in {cell.variant for cell in table.cells}:
            inside = [cell for cell in table.cells if cell.phase in stretch and cell.variant == variant]
            rows = [row for row in found.rows if row.phase in stretch and row.variant == variant]
            if (stretch[0], variant) in found.absent:
                assert rows == []
                continue
            for name in found.measures:
                exact = sum(cell.measures.get(name, 0) for cell in inside)
                assert sum(row.measures[name] for row in rows) == exact, (variant, name)


@given(SEEDS)
def test_what_is_left_out_had_to_be(seed):
    """A measure or a variant is left out only where its total in a stretch is too small, and the reason tells no number."""
    table = drawn(seed)
    found = disclose(table)
    named = {one.name for one in found.left_out if one.what == "measure"}
    assert named == set(table.optional) - set(found.measures)
    for stretch in table.stretches:
        for variant in {cell.variant for cell in table.cells}:
            inside = [cell for cell in table.cells if cell.phase in stretch and cell.variant == variant]
            total = {name: sum(cell.measures.get(name, 0) for cell in inside) for name in table.required}
            assert ((stretch[0], variant) in found.absent) == (not safe(total, WATCHED[1:2]))
    assert not any(character.isdigit() for one in found.left_out for character in one.why)


@given(SEEDS)
def test_the_table_is_in_order_and_the_same_each_time(seed):
    """So all releases of a version are one."""
    found = disclose(drawn(seed))
    assert found == disclose(drawn(seed))
    for one, other in pairwise(spans(found)):
        assert one[0] <= other[0]
        assert one[2] <= other[1]


def table(*weeks, optional=(), variants="ab", phases=None):
    """Weeks of {variant: (units, any)} in one stretch; `phases` are the numbers of the weeks' phases."""
    phases = phases or [0] * len(weeks)
    cells = tuple(
        Cell(phase, WEEKS[at], variant, "", dict(zip(("units", "=any", *optional), week[variant], strict=True)))
        for at, (week, phase) in enumerate(zip(weeks, phases, strict=True))
        for variant in variants
    )
    return Table(cells, ("units", "=any"), optional, WATCHED, (tuple(dict.fromkeys(phases)),))


def spans(found):
    return list(dict.fromkeys((row.phase, row.first, row.last) for row in found.rows))


def test_weeks_wait_for_the_smallest_count():
    found = disclose(table(*[{"a": (100, 30), "b": (100, 6)}] * 5))
    assert spans(found) == [(0, "2026-W40", "2026-W41"), (0, "2026-W42", "2026-W44")], "the last week goes backwards"
    assert [row.measures["=any"] for row in found.rows] == [60, 12, 90, 18]


def test_a_count_of_nought_may_be_told():
    assert len(spans(disclose(table(*[{"a": (100, 10), "b": (100, 0)}] * 3)))) == 3


def test_the_last_weeks_go_back_as_far_as_they_must():
    """Ten, then nought, then three: three alone may not be told, and nought and three are three."""
    found = disclose(table({"a": (50, 10), "b": (50, 10)}, {"a": (50, 0), "b": (50, 0)}, {"a": (50, 3), "b": (50, 12)}))
    assert spans(found) == [(0, "2026-W40", "2026-W42")]


def test_a_small_phase_joins_one_of_the_same_probabilities():
    found = disclose(table({"a": (50, 4), "b": (50, 10)}, {"a": (50, 11), "b": (50, 10)}, phases=[0, 1]))
    assert spans(found) == [(0, "2026-W40", "2026-W41")]


def test_a_phase_that_is_large_enough_stays_exact():
    found = disclose(table({"a": (50, 14), "b": (50, 10)}, {"a": (50, 11), "b": (50, 10)}, phases=[0, 1]))
    assert spans(found) == [(0, "2026-W40", "2026-W40"), (1, "2026-W41", "2026-W41")]


def test_a_variant_that_never_reaches_ten_is_left_out_and_the_others_stay():
    found = disclose(table(*[{"a": (50, 20), "b": (50, 12), "c": (50, 4)}] * 2, variants="abc"))
    assert {row.variant for row in found.rows} == {"a", "b"}
    assert [(one.what, one.name) for one in found.left_out] == [("counts", "c")]


def test_people_without_the_outcome_count_too():
    found = disclose(table({"a": (50, 20), "b": (50, 45)}))
    assert {row.variant for row in found.rows} == {"a"}


def test_who_has_the_wider_outcome_alone_counts_too():
    """20 sought help, 15 of them by call: five did so in another way."""
    found = disclose(table({"a": (50, 20, 15), "b": (50, 30, 12)}, optional=("=call",)))
    assert found.measures == ("units", "=any")
    assert [(one.what, one.name) for one in found.left_out] == [("measure", "=call")]


def test_strata_are_left_out_before_people_are_told_of():
    cells = [Cell(0, WEEKS[0], v, s, {"units": 50, "=any": n}) for v in "ab" for s, n in (("x", 20), ("y", 4))]
    found = disclose(Table(tuple(cells), ("units", "=any"), (), WATCHED, ((0,),)))
    assert [(row.variant, row.stratum, row.measures["=any"]) for row in found.rows] == [("a", "", 24), ("b", "", 24)]
    assert [one.what for one in found.left_out] == ["strata"]


@pytest.mark.parametrize(
    ("shares", "found"),
    [({}, ()), ({0: (1, 1)}, ((0,),)), ({0: (1, 1), 1: (1, 1), 2: (1, 2), 5: (1, 2)}, ((0, 1), (2, 5)))],
)
def test_stretches(shares, found):
    assert stretches(shares) == found
