"""What a process knows by heart, and how it catches up."""

import threading

import pytest

from experiments import lifecycle
from experiments.audit import Note
from experiments.errors import StoreUnavailable
from experiments.identity import Keyring
from experiments.model import DAY
from experiments.results import result
from experiments.runtime import FIRST_DAY_PAGES, LEAST_PAGES, Runtime
from experiments.store.ledger import ROWS_PER_PAGE

TODAY = 20_781
NOON = TODAY * DAY + 43_200


def test_an_empty_ledger_is_a_loaded_catalogue(runtime):
    assert not runtime.catalogue.is_loaded
    runtime.refresh(NOON)
    assert runtime.catalogue.is_loaded
    assert runtime.catalogue.snapshot.known == frozenset()


def test_it_is_read_again_only_when_something_changed(world, running, definition):
    running(definition())
    before = world.runtime.catalogue.snapshot
    assert not world.runtime.catalogue.refresh()
    assert world.runtime.catalogue.snapshot is before
    world.store.documents.save_api_key(
        "k",
        '{"id":"k","kind":"browser","partner":"p","partner_number":1,"surfaces":["*"],"created":1}',
        Note("ann", "create-key", "key/k", 0),
    )
    assert world.runtime.catalogue.refresh()
    assert set(world.runtime.catalogue.snapshot.api_keys) == {"k"}


def test_what_it_knows_of_a_running_version(world, running, definition):
    live = running(definition(), tags=("0", "x"))
    snapshot = world.runtime.catalogue.snapshot
    assert snapshot.on_surface == {"search-uk": live, "search-de": live}
    assert snapshot.by_id == {live.version.id: live}
    assert live.key == bytes([1]) * 32
    assert live.tags == ("{four-lines.1.0}", "{four-lines.1.x}")
    assert (live.locales, live.terms.pause) == (("en", "de"), 60)
    assert live.terms.masks == (2**10 - 1, 0b1010, 1 << 16)


def test_a_locale_nobody_reviewed_is_not_served(running, definition):
    assert running(definition(locales={"de": {"reviewed": False}})).locales == ("en",)


def test_a_version_whose_key_cannot_be_read_is_left_out_and_named(world, running, definition, tmp_path):
    running(definition())
    stranger = Runtime.make(
        world.store, Keyring.at(tmp_path / "other.json"), world.runtime.directory, world.runtime.fallbacks
    )
    stranger.refresh(NOON)
    assert stranger.catalogue.snapshot.by_id == {}
    assert "another key file" in stranger.catalogue.snapshot.problems[0]


def test_versions_that_take_outcomes_come_newest_first(world, running, definition):
    running(definition())
    running(definition(title="Two"))
    snapshot = world.runtime.catalogue.snapshot
    assert [live.version.number for live in snapshot.versions("four-lines")] == [2, 1]
    assert snapshot.by_key["four-lines"].version.number == 2
    assert snapshot.versions("nothing") == []


def test_concluded_versions_are_forgotten(world, running, definition):
    running(definition())
    world.change(lifecycle.stop, now=NOON)
    assert world.runtime.catalogue.snapshot.on_surface == {}
    assert world.runtime.catalogue.snapshot.by_id
    world.change(lifecycle.conclude, now=NOON + 9 * DAY)
    assert world.runtime.catalogue.snapshot.by_id == {}
    assert world.runtime.catalogue.snapshot.known == {"four-lines"}


def test_the_latest_decision_on_a_surface_holds(world, running, definition):
    for number, adopt in ((1, "law"), (2, "harm")):
        start = NOON + number * 20 * DAY
        running(definition(), start)
        world.change(lifecycle.stop, now=start)
        world.change(lifecycle.conclude, now=start + 9 * DAY, adopt=adopt)
    adopted = world.runtime.catalogue.snapshot.adopted
    assert {surface: texts["en"].title for surface, texts in adopted.items()} == {
        "search-uk": "harm",
        "search-de": "harm",
    }


def test_when_the_ledger_is_away_what_was_known_stays_known(
    start_server, open_store, volatile_server, make_world, definition
):
    server = start_server()
    world = make_world(open_store(server.url, volatile_server.url))
    world.run(definition())
    before = world.runtime.catalogue.snapshot
    server.stop()
    with pytest.raises(StoreUnavailable):
        world.runtime.refresh(NOON)
    assert world.runtime.catalogue.snapshot is before
    assert "did not answer" in world.runtime.degraded


# --------------------------------------------------------------------------------------------- pages


def test_pages_of_a_day_are_the_same_in_every_process(world, running, definition, make_world):
    live = running(definition())
    other = make_world(world.store).runtime
    other.refresh(NOON)
    assert world.runtime.pages(live, 0, TODAY) == other.pages(live, 0, TODAY) == FIRST_DAY_PAGES
    assert world.runtime.pages(live, 0, TODAY + 1) == LEAST_PAGES


def test_pages_follow_the_day_before(world, running, definition):
    live = running(definition())
    world.store.ledger.client.hset(f"sp:{live.tags[0]}:c:{TODAY}", "0.0.0.0.a", 500 * ROWS_PER_PAGE + 1)
    world.runtime.refresh(NOON + DAY)
    assert world.runtime.pages(live, 0, TODAY + 1) == 501


def test_open_days_are_opened_by_the_refresh(world, running, definition, ledger):
    live = running(definition())
    world.runtime.refresh(NOON + DAY)
    assert set(ledger.clients[0].hkeys(f"sp:{live.tags[0]}:days")) == {b"%d" % TODAY, b"%d" % (TODAY + 1)}


def test_a_refresh_beside_requests_disturbs_nobody(world, running, definition):
    live = running(definition())
    failed, done = [], threading.Event()

    def ask() -> None:
        day = TODAY
        while not done.is_set():
            day = TODAY + (day + 1) % 8
            try:
                world.runtime.pages(live, 0, day)
                world.runtime.day_keys.key(day, NOON)
            except Exception as error:  # noqa: BLE001  (a thread's failure is the test's)
                failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for step in range(10):
        world.runtime.refresh(NOON + step)
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []


def restarted(world) -> Runtime:
    """Another process with the same stores and files."""
    old = world.runtime
    return Runtime.make(old.store, old.keyring, old.directory, old.fallbacks)


def test_a_day_key_that_is_lost_everywhere_is_noted_once_and_reported(world, running, definition, store):
    live = running(definition())
    world.assign("someone", NOON, shown=True)
    store.volatile.client.flushall()
    for process in (restarted(world), restarted(world)):
        process.refresh(NOON + 60)
    assert store.ledger.counts(live.tags, [TODAY])[1] == {f"reset.{TODAY}": 1}
    notices = result(store, live.experiment, now=NOON + 60).notices
    assert any("was lost: sessions of that day that came back may be counted twice" in text for text in notices)


def test_a_day_without_units_and_a_store_that_is_filled_again_are_no_loss(world, running, definition, store):
    live = running(definition())
    restarted(world).refresh(NOON + 60)
    world.assign("someone", NOON, shown=True)
    store.volatile.client.flushall()
    world.runtime.refresh(NOON + 120)  # puts its copy back
    restarted(world).refresh(NOON + 180)
    assert store.ledger.counts(live.tags, [TODAY])[1] == {}


def test_day_keys_are_put_back_and_made_while_the_ledger_is_away(
    start_server, open_store, volatile_server, make_world, definition
):
    """The volatile store was emptied in an outage: nobody may make other keys when the ledger is back."""
    ledger = start_server()
    store = open_store(ledger.url, volatile_server.url)
    world = make_world(store)
    world.run(definition(), now=NOON)
    held = store.volatile.held_key(TODAY)
    with volatile_server.client() as client:
        client.flushall()
    ledger.stop()
    with pytest.raises(StoreUnavailable):
        world.runtime.refresh(NOON + 60)
    assert held is not None
    assert store.volatile.held_key(TODAY) == held
    assert store.volatile.held_key(TODAY + 1) is not None, "after noon tomorrow's key waits for no ledger, either"
