"""The last good copy of the definitions: taken as a whole or not at all, and never a place where K lies open."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import access, lifecycle
from experiments.audit import Note
from experiments.catalogue import Catalogue
from experiments.errors import StoreUnavailable
from experiments.identity import Keyring
from experiments.store import Store
from experiments.store.copy import EXPIRES_SECONDS, FILE, RENEWED_SECONDS, Copy, Held
from tests.conftest import NOON

HELD = Held(7, ('{"key":"one"}', '{"key":"zwei – ü"}'), {"k1": '{"id":"k1"}'})


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    made = Copy(tmp_path / "spool")
    made.save(HELD, NOON)
    return made


def file_of(copy: Copy) -> Path:
    return copy._path


def set_aside(copy: Copy) -> list[str]:
    return sorted(path.name for path in copy._path.parent.iterdir() if "damaged" in path.name)


def rewrite(copy: Copy, change: Callable[[dict], object]) -> None:
    """Change what it says, with a digest that fits."""
    found = json.loads(file_of(copy).read_text().partition("\n")[2])
    change(found)
    body = json.dumps(found)
    file_of(copy).write_text(f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}")


# ------------------------------------------------------------------------------------------ the file


def test_what_was_saved_is_loaded(copy):
    assert copy.load(NOON) == HELD
    assert Copy(file_of(copy).parent).load(NOON + 5) == HELD


def test_there_is_none_at_first(tmp_path):
    assert Copy(tmp_path / "nothing").load(NOON) is None
    assert not (tmp_path / "nothing").exists()


def test_the_next_one_replaces_it_and_nothing_else_is_left(copy):
    later = Held(8, (), {})
    copy.save(later, NOON + 60)
    assert copy.load(NOON + 60) == later
    assert [path.name for path in file_of(copy).parent.iterdir()] == [FILE]
    assert file_of(copy).stat().st_mode & 0o777 == 0o600
    assert file_of(copy).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("age", "is_good"), [(0, True), (EXPIRES_SECONDS, True), (EXPIRES_SECONDS + 1, False)])
def test_it_expires(copy, age, is_good):
    assert copy.load(NOON + age) == (HELD if is_good else None)
    assert set_aside(copy) == [], "too old is not damaged"


def test_it_is_renewed_before_it_expires(copy):
    assert not copy.is_due(NOON + RENEWED_SECONDS)
    assert copy.is_due(NOON + RENEWED_SECONDS + 1)
    assert RENEWED_SECONDS < EXPIRES_SECONDS / 10


def test_a_folder_that_takes_none_costs_only_the_copy(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    copy = Copy(tmp_path / "file" / "spool")
    copy.save(HELD, NOON)
    assert copy.is_due(NOON), "it is tried again"
    assert copy.load(NOON) is None
    assert "no copy of the definitions could be kept" in caplog.text


# ------------------------------------------------------------------------------------------ damage


def refused(copy: Copy) -> bool:
    """It is not used, and lies aside for people to look at."""
    return copy.load(NOON) is None and not file_of(copy).exists() and len(set_aside(copy)) == 1


@pytest.mark.parametrize("size", [0, 1, 64, 65, 100, -1])
def test_a_copy_that_was_cut_off_is_set_aside(copy, size):
    whole = file_of(copy).read_bytes()
    file_of(copy).write_bytes(whole[:size])
    assert refused(copy)
    assert (file_of(copy).parent / set_aside(copy)[0]).read_bytes() == whole[:size]
    assert copy.load(NOON) is None, "and then there is none"


@given(data=st.data())
def test_a_copy_with_any_byte_changed_is_set_aside(tmp_path_factory, data):
    copy = Copy(tmp_path_factory.mktemp("copy"))
    copy.save(HELD, NOON)
    whole = bytearray(file_of(copy).read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    file_of(copy).write_bytes(whole)
    assert refused(copy)


@pytest.mark.parametrize("blob", [b"", b"\n", b"\xff\xfe", b"{}", b"0" * 64 + b"\n{}", b"\x00" * 5_000])
def test_what_is_no_copy_is_set_aside(copy, blob):
    file_of(copy).write_bytes(blob)
    assert refused(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(schema=2),
        lambda found: found.pop("schema"),
        lambda found: found.pop("saved"),
        lambda found: found.update(saved="yesterday"),
        lambda found: found.update(saved=None),
        lambda found: found.pop("number"),
        lambda found: found.update(number=None),
        lambda found: found.pop("experiments"),
        lambda found: found.update(experiments=3),
        lambda found: found.pop("api_keys"),
        lambda found: found.update(api_keys=[1]),
    ],
)
def test_another_releases_copy_is_set_aside(copy, change):
    rewrite(copy, change)
    assert refused(copy)


# ------------------------------------------------------------------------------------ the catalogue's


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def known(world, definition, folder) -> Catalogue:
    """The catalogue of a process that has a running experiment and a key, and keeps a copy."""
    world.run(definition())
    key = access.ApiKey(id="k", kind="server", partner="p", partner_number=1, surfaces=("*",), created=1)
    world.store.documents.save_api_key("k", key.model_dump_json(), Note("ann", "create-key", "key/k", 0))
    catalogue = Catalogue(world.store, world.runtime.keyring, Copy(folder))
    catalogue.refresh(NOON)
    return catalogue


@pytest.fixture
def nowhere(open_store) -> Store:
    return open_store("unix:///nowhere", "unix:///nowhere")


def young(store: Store, keyring: Keyring, folder: Path) -> Catalogue:
    """The catalogue of a process that starts while the ledger is away."""
    catalogue = Catalogue(store, keyring, Copy(folder))
    with pytest.raises(StoreUnavailable):
        catalogue.refresh(NOON + 60)
    assert not catalogue.is_loaded
    return catalogue


def test_a_start_without_the_ledger_knows_what_was_known(known, nowhere, keyring, folder):
    catalogue = young(nowhere, keyring, folder)
    assert catalogue.recall(NOON + 60)
    assert catalogue.is_loaded
    assert catalogue.snapshot == known.snapshot
    assert set(catalogue.snapshot.api_keys) == {"k"}
    assert catalogue.snapshot.by_key["four-lines"].key == known.snapshot.by_key["four-lines"].key


def test_the_key_lies_wrapped_in_it(known, nowhere, folder, tmp_path, world):
    plain = known.snapshot.by_key["four-lines"].key
    held = (folder / FILE).read_text()
    assert len(plain) == 32
    assert [
        form for form in (plain.hex(), plain.decode("latin-1"), json.dumps(plain.decode("latin-1"))) if form in held
    ] == []
    assert world.store.documents.experiment("four-lines").latest.key in held, "as it lies in the ledger"
    stranger = young(nowhere, Keyring.at(tmp_path / "other.json"), folder)
    assert stranger.recall(NOON)
    assert stranger.snapshot.by_id == {}, "without the key file it assigns nobody"
    assert "another key file" in stranger.snapshot.problems[0]


def test_an_old_copy_is_not_recalled(known, nowhere, keyring, folder):
    catalogue = young(nowhere, keyring, folder)
    assert not catalogue.recall(NOON + EXPIRES_SECONDS + 1)
    assert not catalogue.is_loaded


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found["experiments"].append('{"key": "half'),
        lambda found: found["experiments"].append('{"key": "x", "of": "another release"}'),
        lambda found: found["experiments"].append(None),
        lambda found: found["api_keys"].update(z="{}"),
        lambda found: found["api_keys"].update(z=5),
    ],
)
def test_a_copy_that_makes_no_sense_is_never_half_applied(known, nowhere, keyring, folder, change):
    copy = Copy(folder)
    rewrite(copy, change)
    catalogue = young(nowhere, keyring, folder)
    before = catalogue.snapshot
    assert not catalogue.recall(NOON)
    assert catalogue.snapshot is before
    assert len(set_aside(copy)) == 1
    assert not (folder / FILE).exists()


def test_without_a_copy_nothing_is_recalled(nowhere, keyring, folder):
    assert not young(nowhere, keyring, folder).recall(NOON)
    assert not Catalogue(nowhere, keyring).recall(NOON)


def test_when_the_ledger_is_back_it_is_read_in_full(known, world, keyring, folder, definition):
    """Even where the number is the same: it may be another ledger, restored from a backup."""
    copied = Copy(folder).load(NOON)
    catalogue = Catalogue(world.store, keyring, Copy(folder))
    assert catalogue.recall(NOON)
    world.store.documents.client.hdel("sp:{control}:api_keys", "k")  # behind the catalogue's back
    assert catalogue.refresh(NOON + 60), "as if it had never been read"
    assert catalogue.snapshot.number == copied.number
    assert dict(catalogue.snapshot.api_keys) == {}
    assert Copy(folder).load(NOON + 60).api_keys == {}
    assert not catalogue.refresh(NOON + 61)


def test_the_copy_follows_every_change(known, world, keyring, folder, nowhere):
    world.change(lifecycle.suspend, now=NOON + 100)
    assert known.refresh(NOON + 100)
    catalogue = young(nowhere, keyring, folder)
    assert catalogue.recall(NOON + 100)
    assert catalogue.snapshot.by_key["four-lines"].version.state == "suspended"


def test_the_copy_is_renewed_while_nothing_changes(known, folder):
    assert not known.refresh(NOON + RENEWED_SECONDS + 1)
    assert Copy(folder).load(NOON + RENEWED_SECONDS + EXPIRES_SECONDS) is not None
