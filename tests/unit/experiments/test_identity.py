"""The key file, sessions, and the day keys that processes share."""

import json
import os
import stat
import threading

import pytest

from experiments.errors import InvalidInput, StoreUnavailable
from experiments.identity import DayKeys, Keyring, session_bytes
from experiments.model import DAY, HOUR

K = bytes(range(32))
TODAY = 20_781
MORNING, AFTERNOON = TODAY * DAY + 9 * HOUR, TODAY * DAY + 15 * HOUR


# ------------------------------------------------------------------------------------------ key file


def test_the_key_file_is_the_owners_alone(tmp_path):
    old = os.umask(0)
    try:
        Keyring.at(tmp_path / "deep" / "keys.json")
    finally:
        os.umask(old)
    path = tmp_path / "deep" / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["keys.json"], "nothing is left lying about"


def test_it_is_made_once_and_read_ever_after(tmp_path):
    path = tmp_path / "keys.json"
    first = Keyring.at(path).wrap(K, "four-lines", 1)
    before = path.read_bytes()
    assert Keyring.at(path).unwrap(first, "four-lines", 1) == K
    assert path.read_bytes() == before


def test_of_two_creators_one_decides(tmp_path):
    path = tmp_path / "keys.json"
    ready, made, failed = threading.Barrier(16), [], []

    def create() -> None:
        ready.wait()
        try:
            made.append(Keyring.at(path))
        except Exception as error:  # noqa: BLE001  (a thread's failure is the test's)
            failed.append(error)

    threads = [threading.Thread(target=create) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    wrapped = made[0].wrap(K, "four-lines", 1)
    assert [ring.unwrap(wrapped, "four-lines", 1) for ring in made] == [K] * 16
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]


def test_a_wrapped_key_belongs_to_its_version(keyring):
    wrapped = keyring.wrap(K, "four-lines", 1)
    assert keyring.unwrap(wrapped, "four-lines", 1) == K
    for experiment, version in (("four-lines", 2), ("four-line", 1), ("four-lines:1", 1)):
        with pytest.raises(InvalidInput):
            keyring.unwrap(wrapped, experiment, version)


def test_wrapping_hides_the_key_and_never_repeats(keyring):
    one, two = (keyring.wrap(K, "four-lines", 1) for _ in range(2))
    assert one != two
    assert K.hex() not in one


def test_another_key_file_says_so(keyring, tmp_path):
    wrapped = keyring.wrap(K, "four-lines", 1)
    with pytest.raises(InvalidInput, match="another key file"):
        Keyring.at(tmp_path / "other.json").unwrap(wrapped, "four-lines", 1)


@pytest.mark.parametrize("text", ["", "1", "1.", "x.AAAA", "1.AAAA", "1.!!!", "9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_a_spoiled_wrapped_key_is_no_crash(keyring, text):
    with pytest.raises(InvalidInput):
        keyring.unwrap(text, "four-lines", 1)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "3", "null", '{"wrap": {}, "tokens": {}}', '{"wrap": {"1": "00"}, "tokens": {"1": "00"}}',
     '{"wrap": {"x": "00"}, "tokens": {}}', '{"wrap": {"1": 5}, "tokens": {"1": 5}}', "\x00\x01"],
)  # fmt: skip
def test_what_is_no_key_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(InvalidInput, match="is not a key file"):
        Keyring.at(path)
    assert path.read_text() == content


def test_keys_are_of_full_length_and_differ(tmp_path):
    held = [json.loads((tmp_path / n).read_text()) for n in ("a", "b") if Keyring.at(tmp_path / n)]
    keys = [bytes.fromhex(one[ring]["1"]) for one in held for ring in ("wrap", "tokens")]
    assert [len(key) for key in keys] == [32] * 4
    assert len(set(keys)) == 4


def test_after_a_rotation_the_old_key_still_opens(tmp_path):
    path = tmp_path / "keys.json"
    wrapped = Keyring.at(path).wrap(K, "four-lines", 1)
    content = json.loads(path.read_text())
    content["wrap"]["2"] = "11" * 32
    path.write_text(json.dumps(content))
    rotated = Keyring.at(path)
    assert rotated.unwrap(wrapped, "four-lines", 1) == K
    assert rotated.wrap(K, "four-lines", 1).startswith("2.")


# ------------------------------------------------------------------------------------------ sessions


@pytest.mark.parametrize("session", ["a", "x" * 128, "é" * 64, "😀" * 32, " ", "\x00"])
def test_sessions_of_1_to_128_bytes(session):
    assert session_bytes(session) == session.encode()


@pytest.mark.parametrize("session", ["", "x" * 129, "é" * 64 + "x", "😀" * 32 + "x", "\ud800"], ids=repr)
def test_other_sessions_are_refused_without_being_repeated(session):
    with pytest.raises(InvalidInput) as caught:
        session_bytes(session)
    assert (caught.value.code, caught.value.pointer) == ("session-length", "/session")
    assert not session or session not in str(caught.value)


# ------------------------------------------------------------------------------------------ day keys


def test_processes_share_the_days_key(store):
    one, two = DayKeys(store.volatile), DayKeys(store.volatile)
    key = one.key(TODAY, MORNING)
    assert len(key) == 32
    assert two.key(TODAY, MORNING) == key
    assert one.key(TODAY + 1, MORNING) != key


def test_the_next_days_key_is_made_at_noon(store, volatile_server):
    keys = DayKeys(store.volatile)
    with volatile_server.client() as client:
        keys.refresh(MORNING, TODAY)
        assert client.keys() == [f"sp:day:{TODAY}".encode()]
        keys.refresh(AFTERNOON, TODAY)
        assert sorted(client.keys()) == [f"sp:day:{day}".encode() for day in (TODAY, TODAY + 1)]


def test_an_emptied_store_is_given_its_keys_again(store, volatile_server):
    one, two = DayKeys(store.volatile), DayKeys(store.volatile)
    key = one.key(TODAY, MORNING)
    assert two.key(TODAY, MORNING) == key
    with volatile_server.client() as client:
        client.flushall()
        two.refresh(MORNING + 5, TODAY)
        one.refresh(MORNING + 6, TODAY)
        assert client.get(f"sp:day:{TODAY}") == key
    assert (one.key(TODAY, MORNING), two.key(TODAY, MORNING)) == (key, key)
    assert DayKeys(store.volatile).key(TODAY, MORNING) == key
    assert (one.resets, two.resets) == (0, 0)


def test_only_the_loss_of_all_makes_a_new_key(store, volatile_server):
    key = DayKeys(store.volatile).key(TODAY, MORNING)
    with volatile_server.client() as client:
        client.flushall()
    assert DayKeys(store.volatile).key(TODAY, MORNING) != key


def test_a_process_that_was_left_out_adopts_what_the_others_use(store, volatile_server):
    alone = DayKeys(store.volatile)
    alone.key(TODAY, MORNING)
    with volatile_server.client() as client:
        client.flushall()
    key = DayKeys(store.volatile).key(TODAY, MORNING)
    alone.refresh(MORNING, TODAY)
    assert (alone.key(TODAY, MORNING), alone.resets) == (key, 1)


def test_keys_of_sealed_days_are_dropped_everywhere(store, volatile_server):
    keys = DayKeys(store.volatile)
    for day in (TODAY - 2, TODAY - 1, TODAY):
        keys.key(day, MORNING)
    keys.refresh(MORNING, TODAY - 1)
    with volatile_server.client() as client:
        assert sorted(client.keys()) == [f"sp:day:{day}".encode() for day in (TODAY - 1, TODAY)]


def test_a_key_expires_after_the_longest_window_at_last(store, volatile_server):
    DayKeys(store.volatile).key(TODAY, MORNING)
    with volatile_server.client() as client:
        left = client.ttl(f"sp:day:{TODAY}")
    assert 0 <= 15 * HOUR + 120 * HOUR - left < 60


def test_a_known_key_needs_no_store(start_server, open_store):
    server = start_server("--save", "")
    keys = DayKeys(open_store(server.url, server.url).volatile)
    key = keys.key(TODAY, MORNING)
    server.stop()
    assert keys.key(TODAY, MORNING) == key
    with pytest.raises(StoreUnavailable):
        keys.key(TODAY + 1, MORNING)


def test_a_key_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        Keyring.at(tmp_path)  # a folder


def test_a_key_replaces_another_only_where_units_came_before_it(store):
    counted: list[str] = []
    keys = DayKeys(store.volatile, lambda _: list(counted))
    keys.key(TODAY, MORNING)
    counted.append("tag")
    keys.key(TODAY, MORNING)
    DayKeys(store.volatile, lambda _: counted).key(TODAY, MORNING)
    assert keys.replaced == []
    keys.key(TODAY - 1, MORNING)
    assert keys.replaced == [(TODAY - 1, "tag")]
    keys.key(TODAY + 1, MORNING)
    assert keys.replaced == [(TODAY - 1, "tag")], "a day that is to come has no units"


def test_a_key_that_somebody_has_is_adopted_without_asking_for_units(store):
    def silent(_: int) -> list[str]:
        raise StoreUnavailable("the ledger does not answer")

    key = DayKeys(store.volatile).key(TODAY, MORNING)
    lonely = DayKeys(store.volatile, silent)
    assert lonely.key(TODAY, MORNING) == key
    with pytest.raises(StoreUnavailable):
        lonely.key(TODAY - 1, MORNING)
    assert DayKeys(store.volatile).key(TODAY - 1, MORNING), "nothing half-made was left behind"
    assert lonely.key(TODAY + 1, MORNING), "tomorrow's key waits for no ledger"
