"""Drop the losers on real stores: once, whoever asks and however many at once; and what sessions are shown after it."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from experiments import desk, lifecycle, phases
from experiments.errors import NotFound, Stale, StoreUnavailable
from experiments.lifecycle import Actor
from experiments.model import DAY, HOUR
from experiments.results import result
from experiments.store import keys
from experiments.tick import AFTER_SEALING, Turn, due, take, tick

FIRST = 20_781
START = FIRST * DAY
SEALED = START + 2 * DAY + 6 * HOUR  # the first day is sealed: its end, a window of 24 h and a grace of 6 h
EVENTS, UNITS = (60, 60, 12), (3000, 3000, 3000)


@pytest.fixture
def dropping(document):
    """A factory of documents: the variants present (control), law and harm, nearly equal shares."""

    def make(**changes):
        variants = document()["variants"]
        for variant, weight in zip(variants, (3334, 3333, 3333), strict=True):
            variant["weight"] = weight
        plan = document()["plan"] | {"allocation": "drop-losers", "units_per_variant": 10**6} | changes.pop("plan", {})
        return document(variants=variants, plan=plan, **changes)

    return make


@pytest.fixture
def play(world, dropping, definition):
    """Start an experiment and write a day's counts; returns it as the catalogue holds it."""

    def run(events=EVENTS, units=UNITS, day=FIRST, **changes):
        live = world.run(definition(**dropping(**changes)), now=START)
        add(world, live, events, units, day)
        return live

    return run


def act_of(name):
    """The transition of this name."""
    return getattr(phases, name, None) or getattr(lifecycle, name)


def add(world, live, events=EVENTS, units=UNITS, day=FIRST, phase=0) -> None:
    cells = {"a": units, "e": units, "d0": events}
    fields = {f"{phase}.{k}.0.0.{name}": n for name, ns in cells.items() for k, n in enumerate(ns) if n}
    world.store.ledger.client.hset(keys.counts(live.tags[0], day), mapping=fields)


def phases_of(world, key="four-lines"):
    return world.store.documents.experiment(key).latest.phases


def one(world, now=SEALED, **options):
    (found,) = tick(world.runtime, now, **options)
    return found


# ------------------------------------------------------------------------------------------------ once


@pytest.mark.parametrize("each_kind", ["redis-6.2", "redis-7.0", "cluster"], indirect=True)
def test_a_loser_is_closed_and_the_log_says_why(each_store, make_world, definition, dropping):
    world = make_world(each_store)
    add(world, world.run(definition(**dropping()), now=START))
    found = one(world)
    assert found.to_dict() == {
        "experiment": "four-lines", "version": 1, "code": "changed", "text": found.decision.text,
        "sealed": "2026-11-24", "closed": ["harm"], "weights": {"present": 5001, "law": 4999, "harm": 0},
    }  # fmt: skip
    before, after = phases_of(world)
    assert (after.number, after.weights, after.closed, after.adapted) == (1, (5001, 4999, 0), {2}, FIRST)
    assert (after.started, after.traffic, before.weights) == (SEALED, before.traffic, (3334, 3333, 3333))
    entry = world.store.documents.log("four-lines")[-1]
    assert (entry.who, entry.act, entry.at, entry.version) == ("signpost tick", "adapt", SEALED, 1)
    assert entry.why == found.decision.text
    assert entry.why.startswith("“harm” is closed, ruled out as the best on the sealed day 2026-11-24")
    assert entry.details == {
        "phase": 1, "sealed": "2026-11-24", "closed": "harm", "weights": "5001,4999,0",
        "evidence": entry.details["evidence"],
    }  # fmt: skip
    assert entry.details["evidence"].startswith("chance of so much if law were no better than harm: 1 in 18")


def test_again_and_after_a_restart_there_is_nothing_to_do(world, play, make_world, store):
    play()
    one(world)
    revision = world.store.documents.experiment("four-lines").revision
    for someone, now in ((world, SEALED), (make_world(store), SEALED + DAY - 1)):
        assert one(someone, now).code == "done"
    following = one(world, SEALED + DAY)  # a day more is sealed, which says nothing new
    assert following.code == "nothing-to-change"
    assert world.store.documents.experiment("four-lines").revision == revision


def test_a_dry_run_does_nothing(world, play):
    play()
    found = one(world, dry_run=True)
    assert (found.code, found.decision.wanted.weights) == ("would-change", (5001, 4999, 0))
    assert len(phases_of(world)) == 1
    assert one(world).code == "changed"


def test_one_change_a_day_whatever_is_sealed_meanwhile(world, play):
    live = play(events=(60, 60, 60), plan={"leader_share": True})
    add(world, live, events=(60, 60, 90), day=FIRST + 1)
    found = [one(world, SEALED + DAY + hour * HOUR).code for hour in range(24)]
    assert Counter(found) == {"changed": 1, "done": 23}
    assert phases_of(world)[-1].adapted == FIRST + 1


def at_once(number, act):
    ready, found = threading.Barrier(number), []

    def run():
        ready.wait()
        found.append(act())

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_many_ticks_at_once_one_acts(world, play, ledger, volatile_server, open_store, make_world):
    """Threads with stores of their own: exactly one new phase and one entry in the log."""
    play()
    worlds = [make_world(open_store(ledger.url, volatile_server.url)) for _ in range(8)]
    free = iter(worlds)
    codes = at_once(len(worlds), lambda: one(next(free)).code)
    assert Counter(codes)["changed"] == 1
    assert set(codes) <= {"changed", "changed-meanwhile", "done"}
    assert len(codes) == len(worlds)
    assert [phase.number for phase in phases_of(world)] == [0, 1]
    assert [entry.act for entry in world.store.documents.log("four-lines")].count("adapt") == 1


@pytest.mark.parametrize("act", ["suspend", "set_traffic", "close_arm", "stop"])
def test_people_who_act_meanwhile_come_first(world, play, monkeypatch, act):
    """Between the look at the counts and the change somebody else acts."""
    play()
    options = {"set_traffic": {"traffic": 100}, "close_arm": {"variant": "law"}}.get(act, {})
    adapt = desk.adapt

    def after_somebody(*args):
        world.change(act_of(act), now=SEALED, **options)
        return adapt(*args)

    monkeypatch.setattr(desk, "adapt", after_somebody)
    assert one(world).code in ("changed-meanwhile", "transition-refused")
    assert all(phase.adapted is None for phase in phases_of(world))
    log = world.store.documents.log("four-lines")
    assert log[-1].act == act.replace("_", "-")


def test_somebody_between_reading_and_saving_makes_it_stale(world, play, monkeypatch):
    play()
    found = one(world, dry_run=True)
    read = world.store.documents.experiment("four-lines")
    world.change(phases.set_traffic, 9_000, now=SEALED)
    change = phases.adapt(read, Actor("signpost tick", SEALED), found.decision.wanted)
    with pytest.raises(Stale):
        world.store.documents.save(change)
    assert phases_of(world)[-1].closed == frozenset()


def test_a_draft_of_the_next_version_disturbs_nothing(world, play, definition, dropping):
    play()
    desk.apply(world.runtime, dropping(title="Next"), Actor("ann", SEALED))
    found = one(world)
    assert (found.code, found.version.number) == ("changed", 1)
    versions = world.store.documents.experiment("four-lines").versions
    assert [(v.state, len(v.phases)) for v in versions] == [("running", 2), ("draft", 0)]


# ------------------------------------------------------------------------------------- what forbids to act


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("srm-alarm", {"units": (3000, 3000, 2400)}),
        ("winner", {"events": (20, 20, 90)}),
        ("nothing-to-change", {"events": (30, 30, 31)}),
    ],
)
def test_what_the_counts_forbid(world, play, code, options):
    play(**options)
    assert one(world).code == code
    assert len(phases_of(world)) == 1


def test_before_a_sealed_day(world, play):
    play()
    assert one(world, SEALED - 1).code == "no-sealed-day"
    assert "2026-11-26 at 06:00 UTC" in one(world, SEALED - 1).decision.text
    assert one(world, SEALED).code == "changed"


def test_while_suspended(world, play):
    play()
    world.change(lifecycle.suspend, now=SEALED)
    assert one(world).code == "suspended"
    world.change(phases.resume, now=SEALED)
    assert one(world).code == "changed"
    assert [phase.number for phase in phases_of(world)] == [0, 1, 2]


def test_on_the_day_on_which_people_changed_weights(world, play):
    live = play()
    world.change(phases.set_weights, [3333, 3334, 3333], now=SEALED - 60)
    assert one(world).code == "too-soon"
    add(world, live, (0, 0, 0), (300, 300, 300), FIRST + 1)
    assert one(world, SEALED + DAY).code == "changed"


def test_experiments_that_do_not_drop_losers_are_left_alone(world, play, definition):
    world.run(definition(key="equal-one", surfaces=["elsewhere"]), now=START)
    assert tick(world.runtime, SEALED) == []
    (equal,) = tick(world.runtime, SEALED, ["equal-one"])
    assert equal.code == "equal-shares"
    world.change(lifecycle.stop, now=SEALED, key="equal-one")
    (stopped,) = tick(world.runtime, SEALED, ["equal-one"])
    assert (stopped.code, stopped.to_dict()["version"]) == ("not-running", None)


def test_an_unknown_key_changes_nothing(world, play):
    play()
    with pytest.raises(NotFound):
        tick(world.runtime, SEALED, ["four-lines", "nothing"])
    assert len(phases_of(world)) == 1


def test_each_experiment_by_itself(world, play, definition, dropping):
    play()
    add(world, world.run(definition(**dropping(key="other-one", surfaces=["search-fr"])), now=START), (60, 12, 60))
    found = tick(world.runtime, SEALED)
    assert [(t.experiment, t.code, t.decision.closed) for t in found] == [
        ("four-lines", "changed", ("harm",)), ("other-one", "changed", ("law",)),
    ]  # fmt: skip


# --------------------------------------------------------------------------------------- what sessions see


def test_a_closed_variant_is_given_to_no_new_session_and_earlier_ones_count(world, play):
    """Through the code that serves requests."""
    live = play()
    just_before = SEALED - 10
    world.runtime.refresh(just_before)
    early = [world.assign(f"early {n}", now=just_before, shown=True) for n in range(60)]
    by_variant = Counter(assigned.variant for assigned in early)
    assert set(by_variant) == {"present", "law", "harm"}
    assert one(world).code == "changed"
    world.runtime.refresh(SEALED + 1)

    new = [world.assign(f"new {n}", now=SEALED + 5, shown=True) for n in range(300)]
    shown = Counter(assigned.variant for assigned in new)
    assert set(shown) == {"present", "law"}
    assert 110 < shown["present"] < 190
    assert {assigned.phase for assigned in new} == {1}
    assert {assigned.variant: assigned.propensity for assigned in new} == {"present": 0.5001, "law": 0.4999}

    returning = [world.assign(f"early {n}", now=SEALED + 6, shown=True) for n in range(60)]
    kept = {e.variant: b.variant for e, b in zip(early, returning, strict=True)}
    assert kept == {"present": "present", "law": "law", "harm": None}
    assert {b.reason for e, b in zip(early, returning, strict=True) if e.variant == "harm"} == {"arm-closed"}

    receipts = Counter(world.outcome(assigned, SEALED + 60) for assigned in early)
    assert receipts == {"recorded": 60}
    day = FIRST + 2
    names = [variant.key for variant in live.version.definition.variants]
    counted = world.counts(live, day)
    assert {name: counted[f"0.{k}.0.0.d0"] for k, name in enumerate(names)} == dict(by_variant)
    assert {name: counted[f"1.{k}.0.0.e"] for k, name in enumerate(names[:2])} == dict(shown)
    assert not [field for field in counted if field.startswith("1.2.")]


def test_the_report_goes_on_over_both_phases(world, play):
    live = play()
    one(world)
    now = SEALED + 2 * DAY
    add(world, live, (62, 58, 0), (3001, 2999, 0), FIRST + 1, phase=0)
    add(world, live, (90, 90, 0), (5001, 4999, 0), FIRST + 2, phase=1)
    report = result(world.store, "four-lines", now=now).report
    assert (report.status, report.status_arms) == ("blocked", ()), "phase 0 promised harm a third of the second day"
    add(world, live, (62, 58, 10), (3001, 2999, 3000), FIRST + 1, phase=0)
    report = result(world.store, "four-lines", now=now).report
    assert (report.srm.alarm, report.status, report.status_arms) == (False, "narrowed", ("present", "law"))
    assert [arm.conversions for arm in report.arms] == [212, 208, 22]


# --------------------------------------------------------------------------------------- in the background


def test_a_turn_comes_a_while_after_the_day_is_sealed(world, play):
    play()
    assert list(due(world.runtime, SEALED + AFTER_SEALING - 1)) == []
    assert list(due(world.runtime, SEALED + AFTER_SEALING)) == [Turn("four-lines", 1, FIRST)]


def test_only_one_has_the_turn(world, play, make_world, store):
    play()
    now, other = SEALED + AFTER_SEALING, make_world(store)
    other.runtime.refresh(now)
    (turn,) = due(world.runtime, now)
    assert list(due(other.runtime, now)) == []
    assert take(world.runtime, turn, now).code == "changed"
    for someone in (world, other):
        someone.runtime.refresh(now)
        assert list(due(someone.runtime, now)) == []
    (following,) = due(other.runtime, now + DAY)
    assert following.day == FIRST + 1


def test_a_turn_that_came_to_nothing_comes_again(world, play, volatile_server):
    """Whoever had it died: its mark has a short life. Whoever finished leaves one that lasts."""
    play()
    now = SEALED + AFTER_SEALING
    (turn,) = due(world.runtime, now)
    with volatile_server.client() as client:
        name = keys.turn("four-lines", 1, FIRST)
        assert 0 < client.ttl(name) <= 600
        client.delete(name)
        (again,) = due(world.runtime, now)
        assert again == turn
        take(world.runtime, again, now)
        assert client.ttl(name) > 2 * DAY


def test_what_was_acted_on_is_not_due_even_if_the_marks_are_lost(world, play, volatile_server):
    play()
    now = SEALED + AFTER_SEALING
    one(world, now)
    world.runtime.refresh(now)
    assert list(due(world.runtime, now)) == []
    with volatile_server.client() as client:
        client.flushall()
    assert list(due(world.runtime, now)) == []


@pytest.mark.parametrize("act", ["suspend", "stop"])
def test_only_what_runs_is_due(world, play, act):
    play()
    world.change(act_of(act), now=SEALED)
    assert list(due(world.runtime, SEALED + DAY)) == []


def test_equal_shares_are_never_due(world, definition):
    world.run(definition(), now=START)
    assert list(due(world.runtime, SEALED + DAY)) == []


def test_without_the_volatile_store_nothing_is_due(world, play, ledger, open_store, make_world, tmp_path):
    play()
    blind = make_world(open_store(ledger.url, f"unix://{tmp_path}/none"))
    blind.runtime.catalogue.refresh()
    with pytest.raises(StoreUnavailable):
        list(due(blind.runtime, SEALED + DAY))
