"""The spool: what is in it stays in it until it is let go of, whatever happens to the process or the file."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.errors import StoreUnavailable
from experiments.store.acts import Act, Slot, Terms, apart, assign, outcome
from experiments.store.spool import FILE, Spool, _DamagedError, damaged, look

NOW = 1_795_521_600
TAG, OTHER = "{e.1.0}", "{e.1.1}"
TERMS = Terms(86_400, 3_600, 60, (3, 1 << 16))
SLOT = Slot(TAG, 20_781, 7_200, 64, b"\x00\xff12\n6\x808")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", 16)
    yield made
    made.close()


def act(number: int = 0, tag: str = TAG) -> Act:
    return apart(tag, f"late.{number}")


def names(spool: Spool, tag: str = TAG) -> list[str]:
    return [one.act.what for one in spool.first(tag, 10_000) if one.act is not None]


def settle(spool: Spool, number: int, **options) -> None:
    """Let go of the events up to a number, as a replay does that has just read them."""
    spool.settle(spool.first(TAG, 1)[0]._replace(number=number), TAG, **options)


def execute(spool: Spool, statement: str, *parameters: object) -> None:
    with closing(sqlite3.connect(spool.folder / FILE, isolation_level=None)) as db:
        db.execute(statement, parameters)


# ------------------------------------------------------------------------------ what goes in comes out


def test_events_come_back_in_order_by_shard(spool):
    spool.keep([act(1), act(2, OTHER)], NOW)
    spool.keep([act(3)], NOW + 5)
    assert [(one.number, one.at, one.act) for one in spool.first(TAG, 10)] == [(1, NOW, act(1)), (3, NOW + 5, act(3))]
    assert names(spool, OTHER) == ["late.2"]
    assert [one.number for one in spool.first(TAG, 1)] == [1]
    assert sorted(spool.tags()) == [TAG, OTHER]
    assert spool.waiting() == {TAG: (2, 0), OTHER: (1, 0)}


def test_seconds_until_sealed_become_the_moment(spool):
    older = outcome([SLOT], TERMS, at=NOW, bit=1, what="help_sought", by_partner=True)
    newest = outcome([SLOT, SLOT._replace(day=20_780, seconds=60)], TERMS, at=NOW, bit=1, what="help_sought")
    spool.keep([newest._replace(otherwise=older)], NOW)
    held = spool.first(TAG, 1)[0].act
    assert held is not None
    assert held.otherwise is not None
    assert [slot.seconds for slot in (*held.slots, *held.otherwise.slots)] == [NOW + 7_200, NOW + 60, NOW + 7_200]
    assert held._replace(slots=newest.slots, otherwise=None) == newest


whole = st.integers(-1, 2**53)
slots = st.builds(
    Slot, st.just(TAG), st.integers(0, 99_999), st.integers(1, 10**6), st.integers(0, 9_999),
    st.binary(min_size=8, max_size=8),
)  # fmt: skip
acts = st.builds(
    assign, st.lists(slots, min_size=1, max_size=4),
    st.builds(Terms, whole, whole, whole, st.lists(st.integers(0, 2**18 - 1), max_size=30).map(tuple)),
    now=whole, word=st.none() | st.integers(0, 2**32 - 1), shown=st.booleans(), locale=st.text(max_size=9),
    closed=st.lists(st.integers(0, 31)),
)  # fmt: skip


@given(st.lists(acts, max_size=5))
def test_every_act_comes_back_as_it_was(tmp_path_factory, given_acts):
    spool = Spool(tmp_path_factory.mktemp("spool"), 16)
    spool.keep(given_acts, 0)  # at the moment 0 the seconds left are the moment itself
    assert [one.act for one in spool.first(TAG, 100)] == given_acts
    spool.close()


def test_what_was_kept_is_there_for_the_next_process(spool):
    spool.keep([act(1)], NOW)
    again = Spool(spool.folder, 16)
    assert names(again) == ["late.1"]
    assert again.id == spool.id != ""
    again.close()


def test_files_are_their_owners_alone(spool):
    spool.keep([act(1)], NOW)
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in spool.folder.glob(f"{FILE}*")}
    assert modes
    assert set(modes.values()) == {0o600}


# ---------------------------------------------------------------------------------------- letting go


def test_settled_events_are_gone_and_no_others(spool):
    spool.keep([act(1), act(2, OTHER), act(3), act(4)], NOW)
    settle(spool, 3)
    assert names(spool) == ["late.4"]
    assert names(spool, OTHER) == ["late.2"]


def test_a_number_is_never_given_twice(spool):
    spool.keep([act(1), act(2)], NOW)
    settle(spool, 2)
    spool.close()
    again = Spool(spool.folder, 16)
    again.keep([act(3)], NOW)
    assert [one.number for one in again.first(TAG, 9)] == [3]
    settle(again, 3, instead=[act(4)])
    assert [one.number for one in again.first(TAG, 9)] == [4]
    again.close()


def test_spoiled_events_are_set_aside_and_counted(spool):
    spool.keep([act(1), act(2), act(3)], NOW)
    settle(spool, 2, spoiled=[2])
    assert names(spool) == ["late.3"]
    assert spool.waiting() == {TAG: (1, 1)}
    settle(spool, 3)
    assert spool.tags() == []
    assert spool.waiting() == {TAG: (0, 1)}
    held = look(spool.folder)
    assert held is not None
    assert (held.waiting, held.aside, held.oldest) == (0, 1, None)


def test_what_comes_instead_is_of_another_shard(spool):
    spool.keep([act(1)], NOW)
    settle(spool, 1, instead=[act(2, OTHER)])
    assert spool.waiting() == {OTHER: (1, 0)}
    assert names(spool, OTHER) == ["late.2"]


# --------------------------------------------------------------------------------------- being looked at


def test_a_spool_that_nobody_needed_is_not_made_by_looking(spool):
    assert not spool.exists
    assert look(spool.folder) is None
    assert not spool.folder.exists()


def test_a_look_changes_nothing_and_needs_no_open_spool(spool):
    spool.keep([act(1), act(2)], NOW)
    spool.keep([act(3)], NOW + 9)
    spool.close()
    found = look(spool.folder)
    assert found is not None
    assert (found.waiting, found.aside, found.oldest, found.damaged) == (3, 0, NOW, ())
    assert found.limit == 16 * 1024 * 1024
    assert 0 < found.bytes < found.limit
    assert names(Spool(spool.folder, 16)) == ["late.1", "late.2", "late.3"]


def test_a_look_into_what_is_no_spool_says_so(spool):
    spool.folder.mkdir()
    (spool.folder / FILE).write_bytes(b"no database at all, but some text" * 100)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        look(spool.folder)


# ---------------------------------------------------------------------------------- full, or unwritable


def fill(spool: Spool) -> int:
    """Keep events until not one more fits; returns how many were taken."""
    taken = 0

    def keep(size: int) -> None:
        nonlocal taken
        while taken < 100_000:
            spool.keep([act(taken + n) for n in range(size)], NOW)
            taken += size

    for size in (200, 1):
        with pytest.raises(StoreUnavailable, match="full"):
            keep(size)
    return taken


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path):
    spool = Spool(tmp_path, 1)
    taken = fill(spool)
    assert taken > 1_000
    assert spool.waiting() == {TAG: (taken, 0)}
    held = look(tmp_path)
    assert held is not None
    assert held.bytes <= held.limit == 1024 * 1024
    spool.close()


def test_a_full_spool_stays_in_trouble_until_there_is_room(tmp_path):
    spool = Spool(tmp_path, 1)
    fill(spool)
    spool.check()
    assert "full" in (spool.trouble or "")
    settle(spool, 1_000)
    spool.check()
    assert spool.trouble is None
    spool.keep([act(n) for n in range(200)], NOW)
    spool.close()


@pytest.fixture
def unwritable(tmp_path) -> Spool:
    """A spool whose folder would lie below a file."""
    (tmp_path / "file").write_text("")
    return Spool(tmp_path / "file" / "spool", 16)


def test_a_folder_that_cannot_be_made_is_told(unwritable, tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        unwritable.keep([act()], NOW)
    assert "cannot be written" in unwritable.trouble
    unwritable.check()
    assert unwritable.trouble is not None
    assert not unwritable.exists
    assert not unwritable.take_turn()
    (tmp_path / "file").unlink()
    unwritable.check()
    assert unwritable.trouble is None
    unwritable.keep([act(7)], NOW)
    assert names(unwritable) == ["late.7"]
    unwritable.close()


# ------------------------------------------------------------------------------------------------ damage


def spoil(folder: Path) -> None:
    """Overwrite the database in place, under whoever has it open."""
    for path in (folder / FILE, folder / f"{FILE}-wal"):
        if path.exists():
            with path.open("r+b") as file:
                file.write(b"\xa5" * path.stat().st_size)
                file.flush()
                os.fsync(file.fileno())


def test_a_damaged_file_is_set_aside_and_a_new_spool_begins(spool):
    spool.keep([act(1)], NOW)
    first = spool.id
    spool.close()
    spoil(spool.folder)
    again = Spool(spool.folder, 16)
    again.keep([act(2)], NOW)
    assert names(again) == ["late.2"]
    assert again.id != first, "its numbers begin anew, and so must what the ledger remembers of it"
    assert len(damaged(spool.folder)) == 1
    held = look(spool.folder)
    assert held is not None
    assert held.damaged == damaged(spool.folder)
    again.close()


def test_a_file_cut_off_is_set_aside(spool):
    spool.keep([act(n) for n in range(2_000)], NOW)
    spool.close()
    os.truncate(spool.folder / FILE, 3 * 4096 + 100)
    again = Spool(spool.folder, 16)
    assert again.waiting() == {}
    assert len(damaged(spool.folder)) == 1
    again.close()


def test_a_spool_set_aside_by_another_is_left_by_who_has_it_open(spool):
    spool.keep([act(1)], NOW)
    other = Spool(spool.folder, 16)
    assert names(other) == ["late.1"]
    spoil(spool.folder)
    third = Spool(spool.folder, 16)
    third.keep([act(2)], NOW)
    for one in (spool, other):
        one.keep([act(3)], NOW)
    assert names(third) == names(spool) == names(other) == ["late.2", "late.3", "late.3"]
    assert len({spool.id, other.id, third.id}) == 1
    assert len(damaged(spool.folder)) == 1
    for one in (other, third):
        one.close()


def meet_damage(spool: Spool) -> None:
    """What SQLite says when it comes upon a page that makes no sense."""

    def work(_: object) -> None:
        raise _DamagedError("database disk image is malformed")

    with pytest.raises(StoreUnavailable, match="malformed"):
        spool._do(work)


def test_only_the_damaged_file_is_set_aside_not_the_new_one(spool, monkeypatch):
    """Two find the damage at once: the slower one must not take the faster one's new file for it."""
    spool.keep([act(1)], NOW)
    faster = Spool(spool.folder, 16)
    set_aside = Spool._set_own_aside

    def late(self: Spool) -> None:
        monkeypatch.setattr(Spool, "_set_own_aside", set_aside)
        meet_damage(faster)
        faster.keep([act(2)], NOW)
        set_aside(self)

    faster.waiting()
    monkeypatch.setattr(Spool, "_set_own_aside", late)
    meet_damage(spool)
    assert names(faster) == names(spool) == ["late.2"]
    assert len(damaged(spool.folder)) == 1
    faster.close()


def test_an_error_of_ours_damages_nothing(spool):
    spool.keep([act(1)], NOW)
    with pytest.raises(StoreUnavailable):
        spool._do(lambda db: db.execute("INSERT INTO meta VALUES (?, ?)", ("x", object())))
    assert names(spool) == ["late.1"]
    assert damaged(spool.folder) == ()


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x00" * 4,
        b"\x00" * 3,
        b"\xc1",
        b"\x93\x01\x02\x03",
        msgpack.packb(["assign"] * 7),
        b"\xff" * 40,
        msgpack.packb(None),
    ],
)
def test_an_event_that_cannot_be_read_is_none_and_the_rest_is_there(spool, blob):
    spool.keep([act(1), act(2), act(3)], NOW)
    execute(spool, "UPDATE events SET act = ? WHERE number = 2", blob)
    assert [one.act for one in spool.first(TAG, 9)] == [act(1), None, act(3)]


def blob_of(spool: Spool, number: int) -> bytes:
    with closing(sqlite3.connect(spool.folder / FILE)) as db:
        return db.execute("SELECT act FROM events WHERE number = ?", (number,)).fetchone()[0]


@settings(max_examples=50)
@given(data=st.data())
def test_an_event_with_any_bit_turned_is_none(tmp_path_factory, data):
    """It would be another unit's, or another variant's, or make no sense at all."""
    spool = Spool(tmp_path_factory.mktemp("spool"), 16)
    spool.keep([outcome([SLOT], TERMS, at=NOW, bit=1, what="help_sought", word=1 << 27)], NOW)
    blob = bytearray(blob_of(spool, 1))
    place = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[place // 8] ^= 1 << place % 8
    execute(spool, "UPDATE events SET act = ?", bytes(blob))
    assert [one.act for one in spool.first(TAG, 1)] == [None]
    spool.close()


def test_a_file_that_somebody_deleted_is_made_again(spool):
    spool.keep([act(1)], NOW)
    for path in spool.folder.glob(f"{FILE}*"):
        path.unlink()
    spool.keep([act(2)], NOW)
    assert names(spool) == ["late.2"]


# ---------------------------------------------------------------------------------------- many at once


def test_threads_share_writes_and_lose_nothing(spool):
    def run(seed: int) -> None:
        for n in range(25):
            spool.keep([act(100 * seed + n), act(100 * seed + 50 + n, OTHER)], NOW)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(spool)) == sorted(f"late.{100 * seed + n}" for seed in range(16) for n in range(25))
    assert spool.waiting() == {TAG: (400, 0), OTHER: (400, 0)}


def _keep(folder: Path, seed: int, taken) -> None:
    spool = Spool(folder, 16)
    for n in range(60):
        try:
            spool.keep([act(1_000 * seed + n)], NOW)
        except StoreUnavailable:  # the other one had it too long: refused, and never to be found there
            continue
        taken.put(f"late.{1_000 * seed + n}")
    spool.close()


def test_two_processes_write_at_once(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    taken = spawn.Queue()
    writers = [spawn.Process(target=_keep, args=(tmp_path, seed, taken)) for seed in (1, 2)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(60)
    told = []
    while not taken.empty():
        told.append(taken.get())
    spool = Spool(tmp_path, 16)
    held = spool.first(TAG, 1_000)
    assert [one.exitcode for one in writers] == [0, 0]
    assert sorted(names(spool)) == sorted(told)
    assert len(told) > 60, "both got their turn"
    assert [one.number for one in held] == sorted({one.number for one in held})
    spool.close()


def test_a_broken_off_process_leaves_what_was_told(tmp_path):
    """Kept means on the disk: the process is killed the moment it is told."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        Spool(tmp_path, 16).keep([act(1), act(2)], NOW)
        os.write(write, b"kept")
        os.kill(os.getpid(), 9)
    os.close(write)
    assert os.read(read, 10) == b"kept"
    os.close(read)
    os.waitpid(child, 0)
    assert names(Spool(tmp_path, 16)) == ["late.1", "late.2"]


def test_events_of_another_file_are_not_let_go(spool):
    """Read before the file was set aside, settled after it: the new file's events have the same numbers."""
    spool.keep([act(1)], NOW)
    read = spool.first(TAG, 1)[0]
    spool._path.replace(spool.folder / "elsewhere")
    spool.keep([act(2)], NOW)
    with pytest.raises(StoreUnavailable):
        spool.settle(read, TAG)
    assert [one.act for one in spool.first(TAG, 9)] == [act(2)]
