"""A raw session reaches neither store nor any of their files, in no plain encoding. The search itself is tested."""

import base64
import hashlib
from urllib.parse import quote

import pytest

from experiments import outcomes
from experiments.errors import OutcomeRefused
from experiments.store.acts import apart
from experiments.store.spool import Spool

NOON = 20_781 * 86_400 + 43_200
SESSIONS = [f"visitor {number}: Zoë/4f1c9a" for number in range(5)]


def encodings(session: str) -> dict[str, bytes]:
    """Every form in which a session could leak; base64 at each of the three offsets it may have in a text."""
    raw = session.encode()
    digests = {name: hashlib.new(name, raw) for name in ("md5", "sha1", "sha256", "sha512")}
    found = {
        "raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "reversed": raw[::-1],
        "url": quote(session).encode(), "utf-16": session.encode("utf-16-le"), "json": ascii(session)[1:-1].encode(),
    }  # fmt: skip
    for name, digest in digests.items():
        found |= {f"{name} bytes": digest.digest(), f"{name} hex": digest.hexdigest().encode()}
        found[f"{name} base64"] = base64.b64encode(digest.digest()).rstrip(b"=")
    for offset in range(3):
        found[f"base64 at {offset}"] = base64.b64encode(b"\0" * offset + raw)[4 if offset else 0 : -4]
    return found


def everything(server) -> dict[str, bytes]:
    """All keys and values of a server, what it says of itself, and all bytes of its files."""
    found = {}
    with server.client() as client:
        for key in client.scan_iter():
            found[f"key {key!r}"] = key
            found[f"value of {key!r}"] = client.dump(key) + b"".join(plain(client, key))
        for name in ("slowlog get 128", "client list", "info all"):
            found[name] = repr(client.execute_command(*name.split())).encode()
    for path in server.folder.rglob("*"):
        if path.is_file():
            found[path.name] = path.read_bytes()
    return found


def plain(client, key) -> list[bytes]:
    match client.type(key):
        case b"string":
            return [client.get(key)]
        case b"hash":
            return [part for pair in client.hgetall(key).items() for part in pair]
        case b"list":
            return client.lrange(key, 0, -1)
    raise AssertionError(f"a type that the key map does not have: {key}")


def leaks(servers, sessions) -> set[tuple[str, str]]:
    places = {name: content for server in servers for name, content in everything(server).items()}
    return {
        (place, form)
        for session in sessions
        for form, text in encodings(session).items()
        for place, content in places.items()
        if text in content
    }


@pytest.fixture
def played(start_server, open_store, make_world, definition):
    """Two servers after a full run: every act, every refusal, both units, a day's end."""
    ledger = start_server(
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--save",
        "1 1",
        "--slowlog-log-slower-than",
        "0",
        "--rdbcompression",
        "no",
    )
    volatile = start_server("--save", "")
    world = make_world(open_store(ledger.url, volatile.url))
    world.run(definition(), NOON)
    world.run(
        definition(key="views", surfaces=["surface-b"], unit="view", outcomes={"primary": {"outcome": "help_sought"}}),
        NOON,
    )
    for day in (0, 1):
        now = NOON + day * 86_400
        world.runtime.refresh(now)
        for session in SESSIONS:
            told = world.assign(session, now, shown=True, stratum="list-a")
            world.assign(session, now + 100)
            world.expose(told, now + 5)
            world.outcome(told, now + 6)
            world.outcome(session, now + 7, outcome="left")
            world.assign(None, now, surface="surface-b", request_id=session, shown=True)
            world.assign(session, now, override="law")
            outcomes.young_people_help(
                world.runtime, told.grant, world.runtime.catalogue.snapshot.by_key["four-lines"], now
            )
            with pytest.raises(OutcomeRefused):
                world.outcome(session, now + 8, at=NOON - 1000)
    with ledger.client() as client:
        client.save()
    return ledger, volatile


def test_no_session_is_stored_in_any_form(played):
    assert leaks(played, SESSIONS) == set()


def test_the_search_finds_every_form(played):
    ledger, volatile = played
    forms = encodings(SESSIONS[3])
    with ledger.client() as client:
        for form, text in forms.items():
            client.hset(f"sp:leak {form}", "field", b"before " + text + b" after")
        client.save()
    found = leaks([ledger, volatile], SESSIONS)
    for form in forms:
        places = {place for place, name in found if name == form}
        assert f"value of {f'sp:leak {form}'.encode()!r}" in places
        assert any(place.endswith(".aof") for place in places)
        assert "dump.rdb" in places


# --------------------------------------------------------------------------------------- the spool


@pytest.fixture
def spooled(store, ledger, volatile_server, open_store, make_world, definition, tmp_path):
    """A process that knows a running experiment and plays it while the ledger is out of reach."""
    live = make_world(store)
    live.run(definition(), NOON)
    away = make_world(open_store("unix:///nowhere", volatile_server.url))
    away.runtime.catalogue.snapshot = live.runtime.catalogue.snapshot
    spool = away.runtime.spool = Spool(tmp_path / "spool", 16)
    for session in SESSIONS:
        told = away.assign(session, NOON, shown=True, stratum="list-a")
        away.expose(told, NOON + 5)
        away.outcome(told, NOON + 6)
        away.outcome(session, NOON + 7, outcome="left")
    yield spool
    spool.close()


def in_files(spool) -> set[str]:
    held = {path.name: path.read_bytes() for path in spool.folder.iterdir()}
    forms = {(session, form): text for session in SESSIONS for form, text in encodings(session).items()}
    return {form for (_, form), text in forms.items() for content in held.values() if text in content}


def test_no_session_is_in_the_spool_in_any_form(spooled):
    assert sum(waits for waits, _ in spooled.waiting().values()) == 4 * len(SESSIONS)
    assert in_files(spooled) == set()


def test_the_search_finds_it_there_too(spooled):
    spooled.keep([apart("{e.1.0}", SESSIONS[2])], NOON)
    assert in_files(spooled) == {"raw"}
