"""The way to one shard: what is repeated, what is not, what fails alone and what fails for all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.errors import StoreUnavailable
from experiments.store import acts, keys
from experiments.store.acts import Act, Slot, Terms, Told, apart
from experiments.store.batch import DONE_BEFORE, Origin
from experiments.store.connection import connect
from experiments.store.lane import MOST, Lane, Spoiled
from experiments.store.ledger import Ledger
from experiments.store.rows import Row
from tests.conftest import DURABLE

DAY = 86_400
TODAY = 20_000
NOON = TODAY * DAY + DAY // 2
TAG = "{e.1.0}"
TERMS = Terms(DAY, 3_600, 60, (0b11_1111_1111, 0b1010, 1 << 16))
LONG = 20.0
POISON = Act("no such act", TAG, (), TERMS, (), "x")


def assign(name: int = 0, **options) -> Act:
    slot = Slot(TAG, TODAY, 3 * DAY, 2, bytes([name]) * 8)
    return acts.assign(
        [slot], TERMS, **({"now": NOON, "word": Row(1, 0, 0, 0).word(), "shown": True, "locale": "en"} | options)
    )


@contextmanager
def lane_to(url: str, timeout: float = 5.0, tag: str = TAG, **options) -> Iterator[Lane]:
    client = connect(url, timeout=timeout)
    lane = Lane(client, tag, **options)
    yield lane
    lane.close()
    client.close()


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def lane(server) -> Iterator[Lane]:
    with lane_to(server.url) as found:
        yield found


def apart_of(server) -> dict[str, int]:
    with server.client() as client:
        return {name.decode(): int(n) for name, n in client.hgetall(keys.apart(TAG)).items()}


def codes(told) -> list[int | None]:
    return [one.code if isinstance(one, Told) else None for one in told]


# ------------------------------------------------------------------------------------------- the wire


def test_a_server_that_does_not_know_the_script_learns_it_once(server, lane):
    with server.client() as client:
        for _ in range(2):
            lane.write([apart(TAG, "x")], LONG)
        assert client.info("commandstats")["cmdstat_eval"]["calls"] == 1
        client.script_flush()
        lane.write([apart(TAG, "x")], LONG)
        assert client.info("commandstats")["cmdstat_eval"]["calls"] == 2
    assert apart_of(server) == {"x": 3}


def test_an_idle_connection_that_was_closed_is_opened_again(server, lane):
    lane.write([apart(TAG, "x")], LONG)
    with server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
        told = lane.write([apart(TAG, "x")], LONG)
        assert client.info("commandstats")["cmdstat_eval"]["calls"] == 1
    assert codes(told) == [1]
    assert not lane.is_away
    assert apart_of(server) == {"x": 2}


def test_connections_are_given_back_however_often_they_break(server, lane):
    with server.client() as client:
        for _ in range(250):
            lane.write([apart(TAG, "x")], LONG)
            client.client_kill_filter(_type="normal", skipme=True)
        assert int(client.info("clients")["connected_clients"]) < 5
    assert apart_of(server) == {"x": 250}


def test_many_shards_share_one_server(server):
    client = connect(server.url, timeout=5.0)
    lanes = [Lane(client, f"{{e.{n}.0}}") for n in range(150)]
    for number, lane in enumerate(lanes):
        lane.write([apart(f"{{e.{number}.0}}", "x")], LONG)
    for lane in lanes:
        lane.close()
    client.close()


class Slow:
    """A server that answers some commands and then keeps quiet; counts connections and what it was sent."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received: list[bytes] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(1 << 20):
                if b"EVAL" in data:
                    self.received.append(data)
                else:
                    connection.sendall(b"+OK\r\n" * data.count(b"*"))

    def close(self) -> None:
        self._listener.close()
        for one in self._open:
            one.close()


def test_a_late_answer_is_not_waited_for_twice():
    slow = Slow()
    try:
        with lane_to(slow.url, timeout=0.1) as lane:
            with pytest.raises(StoreUnavailable, match="Timeout"):
                lane.write([apart(TAG, "x")], LONG)
            assert lane.is_away
            with pytest.raises(StoreUnavailable, match="a moment ago"):
                lane.write([apart(TAG, "x")], LONG)
        assert len(slow.received) == 1, "sent once"
    finally:
        slow.close()


def test_a_late_answer_is_never_taken_for_the_next_ones(server):
    """The server sleeps over the time-out, then answers a call that nobody waits for any more."""
    with lane_to(server.url, timeout=0.2) as lane, server.client() as client:
        lane.write([assign(1)], LONG)
        client.execute_command("CLIENT", "PAUSE", 600, "ALL")
        with pytest.raises(StoreUnavailable):
            lane.write([apart(TAG, "late")], LONG)
        told = trying(lambda: lane.write([assign(1), assign(2), assign(1)], LONG))
        assert [(one.code, one.day) for one in told] == [(0, TODAY), (1, TODAY), (0, TODAY)]
        assert not lane.is_away


def trying(act: Callable):
    """Do it until the breaker lets it through."""
    end = time.monotonic() + LONG
    while True:
        try:
            return act()
        except StoreUnavailable:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


# --------------------------------------------------------------------------------- one that is spoiled


@pytest.mark.parametrize("place", [0, 1, 5, 9])
def test_a_spoiled_act_fails_alone(each_server, place):
    with lane_to(each_server.url) as lane:
        batch = [apart(TAG, f"x{n}") for n in range(10)]
        batch[place] = POISON
        told = lane.write(batch, LONG)
        assert [isinstance(one, Spoiled) for one in told] == [n == place for n in range(10)]
        assert codes(told) == [None if n == place else 1 for n in range(10)]
        assert not lane.is_away, "the server is well"
    counted = each_server.clients[0].hgetall(keys.apart(TAG))
    assert counted == {b"x%d" % n: b"1" for n in range(10) if n != place}


def test_all_of_them_spoiled(lane, server):
    assert codes(lane.write([POISON] * 7, LONG)) == [None] * 7
    assert apart_of(server) == {}


def test_a_spoiled_act_leaves_no_half_of_another(lane, server):
    """What came before it in the batch is decided again, and counted once."""
    told = lane.write([assign(1), assign(2), POISON, assign(1), assign(3)], LONG)
    assert codes(told) == [1, 1, None, 0, 1]
    with server.client() as client:
        counted = client.hgetall(keys.counts(TAG, TODAY))
    assert counted == {b"0.1.0.0.a": b"3", b"0.1.0.0.e": b"3", b"l.1.en": b"3", b"n.1.1": b"3"}


def test_a_spoiled_act_of_a_ledger_raises_for_who_wrote_it(store, ledger):
    with pytest.raises(StoreUnavailable, match="cannot make sense"):
        store.ledger.write(POISON)
    assert store.ledger.write(apart(TAG, "x")).code == 1


def test_spoiled_ones_among_threads_disturb_nobody_else(lane, server):
    wrong: list[object] = []

    def run(seed: int) -> None:
        for n in range(20):
            (told,) = lane.write([POISON if seed % 3 == 0 else apart(TAG, f"{seed}.{n}")], LONG)
            if isinstance(told, Spoiled) != (seed % 3 == 0):
                wrong.append(told)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(9)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []
    assert apart_of(server) == {f"{seed}.{n}": 1 for seed in range(9) if seed % 3 for n in range(20)}


# ----------------------------------------------------------------------------- a server that takes nothing


def everything(client: redis.Redis) -> dict[bytes, dict[bytes, bytes]]:
    return {key: client.hgetall(key) for key in sorted(client.scan_iter(count=1000)) if client.type(key) == b"hash"}


def refuse_memory(client: redis.Redis) -> Callable[[], object]:
    client.config_set("maxmemory", 1)
    return lambda: client.config_set("maxmemory", 0)


def refuse_as_replica(client: redis.Redis) -> Callable[[], object]:
    client.execute_command("REPLICAOF", "127.0.0.1", 1)
    return lambda: client.execute_command("REPLICAOF", "NO", "ONE")


def refuse_without_replicas(client: redis.Redis) -> Callable[[], object]:
    client.config_set("min-replicas-to-write", 1)
    return lambda: client.config_set("min-replicas-to-write", 0)


@pytest.mark.parametrize("refuse", [refuse_memory, refuse_as_replica, refuse_without_replicas])
@pytest.mark.parametrize("each_server", ["redis-6.2", "redis-7.0"], indirect=True)
def test_a_server_that_refuses_is_away_and_nothing_is_half_written(each_server, refuse):
    client = each_server.clients[0]
    with lane_to(each_server.url) as lane:
        lane.write([assign(1)], LONG)
        before = everything(client)
        undo = refuse(client)
        try:
            with pytest.raises(StoreUnavailable) as refused:
                lane.write([assign(2), apart(TAG, "x"), assign(1)], LONG)
            assert not isinstance(refused.value, Spoiled)
            assert "refused to write" in refused.value.detail
            assert lane.is_away
            assert everything(client) == before
        finally:
            undo()
        assert codes(trying(lambda: lane.write([assign(2), apart(TAG, "x"), assign(1)], LONG))) == [1, 1, 0]
        assert not lane.is_away


def test_a_user_who_may_not_write_is_no_spoiled_event(start_server):
    server = start_server(*DURABLE)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "weak", "on", ">x", "~*", "+@all", "-hincrby", "-hset")
        with lane_to(server.url.replace("unix://", "unix://weak:x@")) as lane:
            with pytest.raises(StoreUnavailable) as refused:
                lane.write([assign(1)], LONG)
            assert not isinstance(refused.value, Spoiled), "all events would be set aside for a wrong setting"
        assert everything(client) == {}


# ------------------------------------------------------------------------------------------- a spool's


def test_a_spools_numbers_are_remembered(lane, server):
    batch = [apart(TAG, f"x{n}") for n in range(4)]
    assert codes(lane.write_many(batch[:2], Origin("s", (3, 7)))) == [1, 1]
    assert codes(lane.write_many(batch, Origin("s", (3, 7, 8, 12)))) == [DONE_BEFORE, DONE_BEFORE, 1, 1]
    assert codes(lane.write_many(batch, Origin("s", (3, 7, 8, 12)))) == [DONE_BEFORE] * 4
    assert codes(lane.write_many(batch[:1], Origin("another", (1,)))) == [1]
    assert apart_of(server) == {"x0": 2, "x1": 1, "x2": 1, "x3": 1}
    with server.client() as client:
        assert client.hgetall(keys.spools(TAG)) == {b"s": b"12", b"another": b"1"}


def test_a_spoiled_one_of_a_spool_holds_up_nothing(lane, server):
    batch = [apart(TAG, "x0"), POISON, apart(TAG, "x2"), apart(TAG, "x3")]
    assert codes(lane.write_many(batch, Origin("s", (1, 2, 3, 4)))) == [1, None], "those behind it wait"
    assert codes(lane.write_many(batch[2:], Origin("s", (3, 4)))) == [1, 1]
    assert codes(lane.write_many(batch, Origin("s", (1, 2, 3, 4)))) == [DONE_BEFORE] * 4
    assert apart_of(server) == {"x0": 1, "x2": 1, "x3": 1}


# --------------------------------------------------------------------------- one batch, or one by one


names = st.integers(0, 3)
times = st.integers(0, 400).map(lambda step: NOON + 15 * step)
rows = st.sampled_from([Row(0, 0, 0, 0), Row(1, 0, 1, 0), Row(31, 1023, 15, 20)])
days = st.sampled_from([(TODAY,), (TODAY, TODAY - 1), (TODAY - 1,)])


def slots(name: int, given_days) -> list[Slot]:
    return [Slot(TAG, day, 3 * DAY, 2, bytes([name, day % 251]) * 4) for day in given_days]


any_act = st.one_of(
    st.builds(
        lambda name, where, now, row, shown, closed, partner, claimed: acts.assign(
            slots(name, where), TERMS, now=now, word=row and row.word(), shown=shown, locale="en", closed=closed,
            by_partner=partner, claimed=claimed and row is not None,
        ),
        names, days, times, st.none() | rows, st.booleans(), st.sampled_from([(), (1,), (0, 31)]), st.booleans(),
        st.booleans(),
    ),
    st.builds(
        lambda name, now, row, partner: acts.expose(
            slots(name, (TODAY,))[0], TERMS, now=now, word=row.word(), issued=now - 20, by_partner=partner
        ),
        names, times, rows, st.booleans(),
    ),
    st.builds(
        lambda name, where, at, bit, row, partner: acts.outcome(
            slots(name, where[:1] if row else where), TERMS, at=at, bit=bit, what="x", word=row and row.word(),
            issued=NOON, by_partner=partner,
        ),
        names, days, times, st.integers(0, 17), st.none() | rows, st.booleans(),
    ),
    st.builds(lambda field: apart(TAG, field), st.sampled_from(["late.left", "outage.exposed"])),
)  # fmt: skip


def lifetimes(client: redis.Redis) -> dict[bytes, bool]:
    return {key: client.ttl(key) > 0 for key in client.scan_iter(count=1000)}


@settings(max_examples=60)
@given(batch=st.lists(any_act, min_size=1, max_size=25), cuts=st.lists(st.integers(1, 25), max_size=3))
def test_a_batch_is_its_acts_one_by_one(each_server, batch, cuts):
    client = each_server.clients[0]
    found = []
    for sizes in ([1] * len(batch), [len(batch)], [*cuts, len(batch)]):
        client.flushall()
        told: list = []
        with lane_to(each_server.url) as lane:
            for size in sizes:
                if part := batch[len(told) : len(told) + size]:
                    told += lane.write(part, LONG)
        found.append((told, everything(client), lifetimes(client)))
    assert len(found[0][0]) == len(batch)
    assert found[0] == found[1] == found[2]


@settings(max_examples=25)
@given(batch=st.lists(any_act, min_size=1, max_size=12), again=st.lists(st.integers(0, 11), max_size=12))
def test_what_is_sent_again_changes_no_count_but_times_shown(each_server, batch, again):
    """Assignments, exposures and outcomes are safe to repeat at once; events apart are counted each time."""
    client = each_server.clients[0]
    client.flushall()
    batch = [one for one in batch if one.kind != "apart"]
    with lane_to(each_server.url) as lane:
        for one in batch:
            lane.write([one], LONG)
            before = everything(client)
            lane.write([one] * (1 + len(again) % 3), LONG)
            assert without_times(everything(client)) == without_times(before)


def without_times(held):
    """All counts but those of showings, whose second has no time: a retry may be the third."""
    return {
        key: {name: n for name, n in fields.items() if not name.startswith(b"n.")}
        for key, fields in held.items()
        if b":c:" in key
    }


def test_a_call_larger_than_a_batch_is_written(lane, server):
    told = lane.write([apart(TAG, f"x{n % 7}") for n in range(3 * MOST)], LONG)
    assert codes(told) == [1] * (3 * MOST)
    assert sum(apart_of(server).values()) == 3 * MOST


def test_threads_get_the_answers_to_their_own_acts(lane, server):
    wrong: list[object] = []

    def run(seed: int) -> None:
        for n in range(15):
            told = lane.write([assign(seed, word=Row(seed, 0, 0, 0).word()), apart(TAG, f"{seed}")], LONG)
            if (told[0].code, told[0].word >> 27, told[1].word) != (0 if n else 1, seed, 0):
                wrong.append(told)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(1, 17)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []
    assert apart_of(server) == {f"{seed}": 15 for seed in range(1, 17)}
    with server.client() as client:
        ran = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert ran < 16 * 15, "some went out together"


# ------------------------------------------------------------------------------------------- a cluster


def test_a_slot_that_has_moved_is_followed(cluster):
    """An empty slot is given from one master to another and back; the lane notices only by MOVED."""
    clients = cluster.clients()
    tag = "{moving.1.0}"
    slot = int(clients[0].execute_command("CLUSTER", "KEYSLOT", keys.days(tag)))
    ids = [client.execute_command("CLUSTER", "MYID") for client in clients]
    with lane_to(cluster.url, tag=tag) as lane:
        assert codes(lane.write([apart(tag, "before")], LONG)) == [1]
        home = next(n for n, client in enumerate(clients) if holds(client, tag))
        away = (home + 1) % 3
        try:
            move(clients, ids, slot, home, away, keys.apart(tag))
            assert codes(lane.write([apart(tag, "after")], LONG)) == [1]
            assert not lane.is_away
            assert codes(lane.write([apart(tag, "after")], LONG)) == [1]
            assert clients[away].hgetall(keys.apart(tag)) == {b"before": b"1", b"after": b"2"}
        finally:
            move(clients, ids, slot, away, home, keys.apart(tag))
        assert codes(lane.write([apart(tag, "back")], LONG)) == [1]
        assert clients[home].hgetall(keys.apart(tag)) == {b"before": b"1", b"after": b"2", b"back": b"1"}
    for client in clients:
        with suppress(redis.ResponseError):
            client.delete(keys.apart(tag))
        client.close()


def holds(client: redis.Redis, tag: str) -> bool:
    try:
        return bool(client.exists(keys.apart(tag)))
    except redis.ResponseError:  # MOVED
        return False


def move(clients, ids, slot: int, source: int, target: int, key: str) -> None:
    """The steps of a resharding tool, for a slot with one key."""
    name = [one.decode() if isinstance(one, bytes) else one for one in ids]
    clients[target].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", name[source])
    clients[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", name[target])
    if clients[source].execute_command("CLUSTER", "COUNTKEYSINSLOT", slot):
        port = clients[target].connection_pool.connection_kwargs["port"]
        clients[source].execute_command("MIGRATE", "127.0.0.1", port, key, 0, 5000)
    for number in (target, source, 3 - source - target):
        clients[number].execute_command("CLUSTER", "SETSLOT", slot, "NODE", name[target])


# ------------------------------------------------------------------------------------------- replicas


def waited(client: redis.Redis) -> int:
    """How often a server was asked whether its replicas have a write."""
    asked = client.info("commandstats")
    return sum(asked.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("wait", "waitaof"))


def test_a_write_counts_when_a_replica_has_it(cluster):
    clients, tag = cluster.clients(), "{copied.1.0}"
    with lane_to(cluster.url, tag=tag, replicated=4.0) as lane:
        assert codes(lane.write([apart(tag, "x")], LONG)) == [1]
        home = next(client for client in clients if holds(client, tag))
        before = waited(home)
        assert codes(lane.write([apart(tag, "x")], LONG)) == [1]
        assert waited(home) == before + 1
        assert not lane.is_away
    home.delete(keys.apart(tag))
    for client in clients:
        client.close()


def test_without_a_replica_it_is_written_and_not_acknowledged(server):
    """It waits in the spool then, and the replay finds that it is there."""
    with lane_to(server.url, replicated=0.05) as lane:
        with pytest.raises(StoreUnavailable, match="not on enough servers") as short:
            lane.write([assign(1)], LONG)
        assert not isinstance(short.value, Spoiled)
        assert lane.is_away
    with server.client() as client:
        assert client.hget(keys.counts(TAG, TODAY), "0.1.0.0.a") == b"1"
    with lane_to(server.url) as alone:
        assert codes(alone.write_many([assign(1)], Origin("s", (1,)))) == [0]


# -------------------------------------------------------------------------------------------- the ledger


def test_a_shard_that_is_away_slows_no_other_down(server):
    ledger = Ledger(connect(server.url, timeout=2.0), connect(server.url, timeout=2.0), budget=2.0)
    ledger.write(apart(TAG, "x"))
    ledger._lane("{e.1.1}")._breaker.failed()
    assert ledger.away == ["{e.1.1}"]
    assert ledger.write(apart(TAG, "x")).code == 1
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        ledger.write(apart("{e.1.1}", "x"))
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        ledger.open_day("{e.1.1}", 1, 1)
    assert ledger.open_day(TAG, 1, 1) == 1
    ledger.close()


def test_what_has_no_pages_yet_is_not_sent(store, ledger):
    slot = Slot(TAG, TODAY, DAY, acts.UNKNOWN_PAGES, bytes(8))
    act = acts.expose(slot, TERMS, now=NOON, word=0, issued=NOON)
    with pytest.raises(StoreUnavailable, match="not known yet"):
        store.ledger.write(act)
    assert ledger.all_keys() == set()
    assert store.ledger.away == []
