"""When a version may be published, and what its table then says."""

from __future__ import annotations

import dataclasses
import json

import pytest

from app.publishing import pack, to_folder, to_zip, zipped
from experiments import desk, retention
from experiments.errors import InvalidInput, NotFound, Refused
from experiments.lifecycle import Actor
from experiments.model import DAY, HOUR
from experiments.publication.consort import checklist, flow
from experiments.publication.release import differences_in_house, release
from experiments.store import keys
from tests.conftest import NOON, TODAY

SEALED = 30 * HOUR
PLENTY = {"present": (500, 60, 30), "law": (300, 45, 20), "harm": (200, 30, 15)}  # units, help sought, of it contact


@pytest.fixture
def played(world, definition):
    """A version with these counts of each day, written as the script writes them; stopped on the last day."""

    def play(*days, stop=True, strata=(1,), **options):
        plan = {"expected_rate": 0.01, "minimum_effect": {"ratio": 1.2}, "units_per_variant": 200}
        live = world.run(definition(plan=plan), **options)
        client = world.store.ledger.client
        for day, counts in enumerate(days, TODAY):
            for variant, (units, sought, contact) in enumerate(counts.values()):
                cell = {"a": units, "e": units, "d0": sought, "d1": contact, "d2": units // 5}
                for stratum in strata:
                    fields = {f"0.{variant}.0.{stratum}.{name}": number for name, number in cell.items()}
                    client.hset(keys.counts(live.tags[0], day), mapping=fields)
        if stop:
            desk.act(world.runtime, "four-lines", "stop", Actor("ann", NOON + (len(days) - 1) * DAY + HOUR))
        return world.store

    return play


def over(days=1):
    return (TODAY + days) * DAY + SEALED


def find(store, now=None, **options):
    return release(store, "four-lines", now=now or over(), **options)


def counted(found, variant, outcome="primary"):
    rows = [row for row in found.table.rows if row.variant == variant]
    return sum(row.measures["units"] for row in rows), sum(row.measures[f"o:{outcome}"] for row in rows)


def test_a_running_version_is_refused_with_the_next_step(played):
    store = played(PLENTY, stop=False)
    with pytest.raises(Refused, match=r"is running; .*stop it") as refused:
        find(store, now=over() + 90 * DAY)
    assert refused.value.code == "not-sealed"


def test_the_last_day_must_be_sealed(played):
    store = played(PLENTY)
    with pytest.raises(Refused, match="not sealed yet; publish it in 1 hours"):
        find(store, now=over() - 1)
    assert counted(find(store), "law") == (300, 45)


def test_another_moment_is_for_simulated_versions(played):
    store = played(PLENTY, stop=False)
    with pytest.raises(InvalidInput, match="simulated versions only"):
        find(store, as_of=over())


def test_simulated_counts_may_be_published_at_any_time(played):
    store = played(PLENTY, stop=False, simulated=True)
    with pytest.raises(Refused, match="no day of version 1 is sealed"):
        find(store, now=NOON)
    assert counted(find(store, now=NOON, as_of=over()), "law") == (300, 45)
    assert find(store).internal.simulated


def test_every_release_is_the_same(played):
    """So no two of them can be subtracted: when it is over, after it is concluded, when its counts are folded."""
    store = played(PLENTY, PLENTY, PLENTY)
    first = find(store, now=over(3)).table
    assert find(store, now=over(3) + 40 * DAY).table == first


def test_concluded_and_folded_counts_give_the_same_table(played, world):
    store = played(PLENTY, PLENTY)
    first = find(store, now=over(2))
    desk.act(world.runtime, "four-lines", "conclude", Actor("ann", over(2)))
    assert find(store, now=over(2)).table == first.table
    later = over(2) + retention.FOLD_AFTER + DAY
    assert retention.retain(world.runtime, later).folded == ("four-lines, version 1",)
    folded = find(store, now=later)
    assert (folded.table, folded.figures) == (first.table, first.figures)


def test_where_nothing_is_left_out_figures_are_those_of_the_internal_report(played):
    found = find(played(PLENTY))
    assert found.table.left_out == ()
    assert found.differences == ()
    internal = {arm.variant: (arm.units, arm.conversions) for arm in found.internal.report.arms}
    assert internal == {arm["variant"]: (arm["units"], arm["conversions"]) for arm in found.figures["arms"]}


def test_merged_weeks_are_told_where_they_matter(played):
    """The two days lie in one week; the largest evidence so far was that of the first day."""
    high, low = PLENTY | {"law": (300, 90, 30)}, PLENTY | {"law": (300, 20, 10)}
    found = find(played(high, low), now=over(2))
    names = {one.figure for one in found.differences}
    assert "pairs law/present p_value" in names
    same = (" units", " conversions", " rate", "ratio_ci", "ratio_cs", " e_value")
    assert not {name for name in names if name.endswith(same) and not name.startswith("srm")}
    assert all("merged" in one.why for one in found.differences)
    (inside,) = [one for one in differences_in_house(found) if one.figure == "pairs law/present p_value"]
    (told,) = [one for one in found.differences if one.figure == "pairs law/present p_value"]
    assert told.internal == float(f"{inside.internal:.2g}")


def test_a_small_variant_is_left_out_and_its_count_cannot_be_worked_out(played):
    found = find(played(PLENTY | {"harm": (200, 7, 0)}))
    assert [arm["variant"] for arm in found.figures["arms"]] == ["present", "law"]
    assert [(one.what, one.name) for one in found.table.left_out] == [("counts", "harm")]
    assert found.differences, "the verdict's figures are no longer the same"
    assert all(one.internal is None for one in found.differences if one.figure != "status")
    assert {float(w) for w in found.table.weights[0].values()} == {0.0, 0.625, 0.375}
    everything = "".join(text.decode() for name, text in pack(found).items() if name != "recompute.py")
    assert '"harm"' not in json.dumps(found.figures)
    assert "0.035" not in everything, "the rate of harm"


def test_a_small_outcome_is_left_out_as_a_whole(played):
    found = find(played(PLENTY | {"harm": (200, 30, 4)}))
    assert [one["name"] for one in found.figures["outcomes"]] == []
    assert [(one.what, one.name) for one in found.table.left_out] == [("measure", "o:contact")]
    assert "measure,contact,0," in found.table.left_out_csv()
    assert "contact" not in found.table.to_csv()


def test_strata_are_published_where_all_are_large_enough(played):
    found = find(played(PLENTY, strata=(1, 2)))
    assert found.table.has_strata
    assert {row["stratum"] for row in found.figures["strata"]["arms"]} == {"list-a", "list-b"}
    assert "cmh_p_value" in found.figures["strata"]["pairs"][0]
    assert pack(found), "and recomputed"


def test_too_few_people_for_anything(played):
    store = played({"present": (40, 3, 1), "law": (30, 4, 2), "harm": (20, 2, 0)})
    with pytest.raises(Refused, match="too few people") as refused:
        find(store)
    assert refused.value.code == "too-few-to-publish"


def test_a_control_that_is_too_small_leaves_nothing_to_compare(played):
    with pytest.raises(Refused, match="the control"):
        find(played(PLENTY | {"present": (500, 4, 1)}))


def test_what_is_not_there(played, world):
    store = played(PLENTY)
    with pytest.raises(NotFound, match="no version 2"):
        find(store, number=2)
    with pytest.raises(NotFound, match="no experiment 'other'"):
        release(store, "other", now=over())


def test_the_flow_adds_up(played):
    found = find(played(PLENTY))
    made = flow(found)
    assert (made.assigned, made.shown) == (1000, 1000)
    assert [(arm.variant, arm.not_shown, arm.with_outcome) for arm in made.arms] == [
        ("present", 0, 60), ("law", 0, 45), ("harm", 0, 30),
    ]  # fmt: skip


def test_the_checklist_says_what_is_known_and_what_is_not(played):
    items = {item.number: item for item in checklist(find(played(PLENTY)))}
    assert len({number.rstrip("abcd") for number in items}) == 30
    assert "200 units per variant" in items["16a"].known
    assert items["5a"].known == ""
    assert items["5a"].author


# --------------------------------------------------------------------------------------------------- the pack


def test_nothing_is_handed_out_that_does_not_follow(played):
    found = find(played(PLENTY))
    arms = [dict(arm) for arm in found.figures["arms"]]
    arms[1]["rate"] += 1e-6
    with pytest.raises(Refused, match=r"arms\[1\].rate"):
        pack(dataclasses.replace(found, figures={**found.figures, "arms": arms}))


def test_the_same_release_gives_the_same_zip(played):
    found = find(played(PLENTY))
    assert zipped(pack(found), "x") == zipped(pack(found), "x")


def test_nothing_that_is_there_is_overwritten(played, tmp_path):
    files = {"README.md": b"x", "charts/a.svg": b"y"}
    to_folder(files, tmp_path / "new")
    assert (tmp_path / "new" / "charts" / "a.svg").read_bytes() == b"y"
    with pytest.raises(InvalidInput, match="not an empty folder"):
        to_folder(files, tmp_path / "new")
    to_zip(files, tmp_path / "a.zip", "a")
    with pytest.raises(InvalidInput, match="is there already"):
        to_zip(files, tmp_path / "a.zip", "a")
    with pytest.raises(InvalidInput, match="cannot be written"):
        to_zip(files, tmp_path / "a.zip" / "b.zip", "a")
