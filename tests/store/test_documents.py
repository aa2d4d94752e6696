"""Documents: compare-and-set, surfaces, versions, keys; on one server and on a cluster."""

import threading

import pytest

from experiments import lifecycle
from experiments.audit import Note
from experiments.errors import NotFound, Stale, SurfaceTaken
from experiments.lifecycle import Actor
from experiments.model import Experiment

NOW = 1_900_000_000
ANN, BOB = Actor("ann", NOW), Actor("bob", NOW)
NOTE = Note("ann", "create-key", "key/k", NOW)


def apply(store, definition, known=None):
    change = lifecycle.apply(known, definition, ANN, version_id=store.documents.next_version_id())
    return store.documents.save(change)


def start(store, definition, known=None):
    now_is = apply(store, definition, known)
    now_is = store.documents.save(lifecycle.submit(now_is, ANN))
    now_is = store.documents.save(lifecycle.approve(now_is, BOB))
    return store.documents.save(lifecycle.start(now_is, BOB, key="1.wrapped"))


def test_an_experiment_comes_back_as_it_was_saved(each_store, definition):
    saved = start(each_store, definition(ethics={"committee": "c", "reference": "r", "expires": "2035-01-01"}))
    assert each_store.documents.experiment("four-lines") == saved
    assert each_store.documents.experiments() == [saved]
    assert saved.revision == 4
    assert Experiment.model_validate_json(saved.model_dump_json(by_alias=True)) == saved


def test_an_unknown_experiment_is_not_found(each_store):
    with pytest.raises(NotFound) as caught:
        each_store.documents.experiment("nothing")
    assert (caught.value.code, caught.value.pointer) == ("unknown-experiment", "/experiment")


def test_whoever_saves_second_is_stale(each_store, definition):
    read = apply(each_store, definition())
    first = each_store.documents.save(lifecycle.submit(read, ANN))
    number = each_store.documents.catalogue_number()
    with pytest.raises(Stale):
        each_store.documents.save(lifecycle.submit(read, Actor("eve", NOW)))
    with pytest.raises(Stale):
        apply(each_store, definition(title="from nothing"))
    assert each_store.documents.experiment("four-lines") == first
    assert each_store.documents.catalogue_number() == number
    assert [entry.who for entry in each_store.documents.log("four-lines")] == ["ann", "ann"]


def test_of_many_writers_one_wins_each_revision(store, definition):
    read = apply(store, definition())
    won, lost = [], []

    def write(name):
        try:
            won.append(store.documents.save(lifecycle.submit(read, Actor(name, NOW))))
        except Stale:
            lost.append(name)

    threads = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 19)
    assert store.documents.experiment("four-lines") == won[0]
    assert len(store.documents.log("four-lines")) == 2


def test_a_surface_shows_one_experiment(each_store, definition):
    start(each_store, definition())
    for act in (lifecycle.submit,):
        other = each_store.documents.save(act(apply(each_store, definition(key="other", surfaces=["search-de"])), ANN))
    other = each_store.documents.save(lifecycle.approve(other, BOB))
    number = each_store.documents.catalogue_number()
    with pytest.raises(SurfaceTaken) as caught:
        each_store.documents.save(lifecycle.start(other, BOB, key="1.wrapped"))
    assert "search-de" in caught.value.detail
    assert "four-lines" in caught.value.detail
    assert caught.value.pointer == "/surfaces"
    assert each_store.documents.experiment("other") == other
    assert each_store.documents.catalogue_number() == number


@pytest.mark.parametrize("act", [lifecycle.suspend, lifecycle.stop])
def test_stopping_frees_the_surfaces_and_suspending_does_not(each_store, definition, act):
    started = start(each_store, definition())
    each_store.documents.save(act(started, ANN))
    if act is lifecycle.suspend:
        with pytest.raises(SurfaceTaken):
            start(each_store, definition(key="other", surfaces=["search-uk"]))
    else:
        assert start(each_store, definition(key="other", surfaces=["search-uk"])).latest.state == "running"


def test_version_two_stops_version_one_and_takes_its_own_surfaces(each_store, definition):
    one = start(each_store, definition())
    two = start(each_store, definition(surfaces=["search-uk", "search-fr"]), known=one)
    assert [(v.number, v.state, v.stopped) for v in two.versions] == [(1, "stopped", NOW), (2, "running", None)]
    assert two.versions[0].id != two.versions[1].id
    assert start(each_store, definition(key="freed", surfaces=["search-de"])).latest.state == "running"
    with pytest.raises(SurfaceTaken):
        start(each_store, definition(key="taken", surfaces=["search-fr"]))


def test_the_log_tells_who_did_what(each_store, definition):
    start(each_store, definition())
    log = each_store.documents.log("four-lines")
    assert [(e.who, e.act, e.version, e.at) for e in log] == [
        ("ann", "apply", 1, NOW), ("ann", "submit", 1, NOW), ("bob", "approve", 1, NOW), ("bob", "start", 1, NOW),
    ]  # fmt: skip


def test_the_catalogue_number_moves_with_every_change(each_store, definition):
    numbers = [each_store.documents.catalogue_number()]
    for act in (
        lambda: apply(each_store, definition()),
        lambda: each_store.documents.save_api_key("k1", "{}", NOTE),
        lambda: each_store.documents.save_api_key("k1", "{}", NOTE),
    ):
        act()
        numbers.append(each_store.documents.catalogue_number())
    assert numbers == [0, 1, 2, 3]


def test_version_ids_are_never_given_twice(each_store):
    assert len({each_store.documents.next_version_id() for _ in range(50)}) == 50


def test_a_partner_keeps_its_number(each_store):
    numbers = [each_store.documents.partner_number(name) for name in ("a", "b", "a", "b")]
    assert numbers[:2] == numbers[2:]
    assert numbers[0] != numbers[1]


def test_api_keys_are_kept_by_id(each_store):
    each_store.documents.save_api_key("k1", "one", NOTE)
    each_store.documents.save_api_key("k2", "two", NOTE)
    each_store.documents.save_api_key("k1", "three", NOTE)
    assert each_store.documents.api_keys() == {"k1": b"three", "k2": b"two"}


def test_all_documents_lie_in_one_slot(each_store, each_kind, definition):
    start(each_store, definition())
    each_store.documents.save_api_key("k1", "one", NOTE)
    each_store.documents.partner_number("a")
    assert {key.partition(b"}")[0] for key in each_kind.all_keys()} == {b"sp:{control"}
