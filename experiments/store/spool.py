"""The spool: events that the ledger could not take, on this host's own disk until it can.

One SQLite file for all processes of a host, written with an fsync before anybody is told `spooled`. It holds what
the ledger would hold (pseudonyms, no sessions). Each event has a number that is never given twice; the ledger
remembers, for each shard, the number of the last event of this spool that it has, so that a replay that was broken
off counts nothing twice. A file that is damaged is set aside, never read in part; so is an event with a wrong checksum.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from filelock import FileLock, Timeout

from experiments.errors import StoreUnavailable
from experiments.store.act_bytes import from_bytes, lasting, to_bytes
from experiments.store.acts import Act
from experiments.store.group import Group
from experiments.store.waits import PLAINLY, Waits

FILE = "spool.sqlite3"
PAGE_BYTES = 4096
BUSY_SECONDS = 1.0  # that a process waits for another one's write
KEEP_SECONDS = 2.0  # that a request waits for the disk at most
MOST = 1000  # events in one write

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL, at INTEGER NOT NULL, act BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_tag ON events (tag, number);
CREATE TABLE IF NOT EXISTS aside (
    number INTEGER PRIMARY KEY, tag TEXT NOT NULL, at INTEGER NOT NULL, act BLOB NOT NULL
);
"""
_INSERT = "INSERT INTO events (tag, at, act) VALUES (?, ?, ?)"
_ASIDE = "INSERT OR REPLACE INTO aside (number, tag, at, act) SELECT number, tag, at, act FROM events WHERE number = ?"
_WAITING = """
SELECT tag, sum(waits), sum(1 - waits)
FROM (SELECT tag, 1 AS waits FROM events UNION ALL SELECT tag, 0 FROM aside) GROUP BY tag
"""

Value = TypeVar("Value")


class _DamagedError(sqlite3.DatabaseError):
    """The file does not hold together, although SQLite can open it."""


class Waiting(NamedTuple):
    """An event of the spool: its number, when it was kept (unix seconds), the act.

    The act's slots have the moment they are sealed (unix seconds) in place of the seconds until then. None: it cannot
    be read.
    """

    number: int
    at: int
    act: Act | None
    spool: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a spool holds: events that wait and that were set aside, the oldest one's time, size and limit in bytes."""

    waiting: int
    aside: int
    oldest: int | None
    bytes: int
    limit: int
    damaged: tuple[str, ...]


class Spool:
    """The spool in a folder, opened when it is first needed, bounded to so many megabytes. Safe for threads."""

    def __init__(self, folder: Path, megabytes: int, waits: Waits = PLAINLY) -> None:
        self.folder = folder
        self._pages = megabytes * 1024 * 1024 // PAGE_BYTES
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._lock = threading.Lock()
        self._group: Group[tuple[str, int, bytes], None] = Group(self._insert, most=MOST, waits=waits)
        self._turn = FileLock(folder / "replay.lock", thread_local=False)
        self.trouble: str | None = None
        self.id = ""

    def keep(self, acts: Sequence[Act], now: int) -> None:
        """Put events on the disk; when this returns they are there. Raises StoreUnavailable: full, or not writable."""
        self._group.submit([(act.tag, now, to_bytes(lasting(act, now))) for act in acts], KEEP_SECONDS)

    @property
    def exists(self) -> bool:
        """Whether there is a file at all; a spool that nobody needed yet is not made to look into it."""
        return self._path.exists()

    def check(self) -> None:
        """Find out whether it can be written to; `trouble` says what is wrong, or None."""

        def write(db: sqlite3.Connection) -> None:
            # More than a page, so that a spool that is full is told from one that can take an event.
            db.execute("INSERT INTO meta VALUES ('check', zeroblob(?))", (2 * PAGE_BYTES,))
            db.execute("DELETE FROM meta WHERE name = 'check'")

        with suppress(StoreUnavailable):
            self._do(write)

    def tags(self) -> list[str]:
        """The shards that events wait for. Raises StoreUnavailable."""
        return [tag for (tag,) in self._read("SELECT DISTINCT tag FROM events")]

    def first(self, tag: str, most: int) -> list[Waiting]:
        """The oldest events that wait for a shard, in the order in which they came."""
        query = "SELECT number, at, act FROM events WHERE tag = ? ORDER BY number LIMIT ?"
        name, rows = self._do(lambda db: (self.id, db.execute(query, (tag, most)).fetchall()), writes=False)
        return [Waiting(number, at, from_bytes(act), name) for number, at, act in rows]

    def settle(self, last: Waiting, tag: str, *, spoiled: Sequence[int] = (), instead: Sequence[Act] = ()) -> None:
        """Let go of a shard's events up to one; spoiled ones are set aside, others come in instead.

        Raises StoreUnavailable when the file is another one by now, because that one was damaged.
        """

        def write(db: sqlite3.Connection) -> None:
            if self.id != last.spool:
                raise OSError("the file was set aside meanwhile")
            db.executemany(_ASIDE, [(number,) for number in spoiled])
            db.executemany(_INSERT, [(act.tag, int(time.time()), to_bytes(act)) for act in instead])
            db.execute("DELETE FROM events WHERE tag = ? AND number <= ?", (tag, last.number))

        self._do(write)

    def tidy(self) -> None:
        """Leave nothing of events that have gone: deleting overwrites them, and this empties the file's log, too."""
        with suppress(sqlite3.Error, OSError), self._lock:
            self._connected().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def waiting(self) -> dict[str, tuple[int, int]]:
        """Events that wait and that were set aside, by shard. Raises StoreUnavailable."""
        return {tag: (waits, aside) for tag, waits, aside in self._read(_WAITING)}

    def take_turn(self) -> bool:
        """Tell whether this process is the one that replays: it keeps the folder's lock as long as it lives."""
        try:
            if not self._turn.is_locked:
                self._turn.acquire(timeout=0)
        except (Timeout, OSError):
            return False
        return True

    def close(self) -> None:
        with self._lock:
            self._disconnect()
        self._turn.release(force=True)

    # ------------------------------------------------------------------------------------------ the file

    def _insert(self, rows: list[tuple[str, int, bytes]]) -> Sequence[None]:
        self._do(lambda db: db.executemany(_INSERT, rows))
        return [None] * len(rows)

    def _read(self, query: str, *parameters: object) -> list[Any]:
        """Rows of a query; other processes may write meanwhile."""
        return self._do(lambda db: db.execute(query, parameters).fetchall(), writes=False)

    def _do(self, work: Callable[[sqlite3.Connection], Value], *, writes: bool = True) -> Value:
        """Do it in one transaction. Raises StoreUnavailable; then nothing was changed."""
        with self._lock:
            try:
                found = self._transaction(work, "BEGIN IMMEDIATE" if writes else "BEGIN")
            except sqlite3.Error as error:
                if _is_damage(error):
                    self._disconnect()
                    self._set_own_aside()
                raise self._unavailable(error) from error
            except OSError as error:
                self._disconnect()
                raise self._unavailable(error) from error
        self.trouble = None
        return found

    def _transaction(self, work: Callable[[sqlite3.Connection], Value], begin: str) -> Value:
        db = self._connected()
        db.execute(begin)
        try:
            found = work(db)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        return found

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        self.trouble = f"the spool cannot be written: {error}"
        return StoreUnavailable(self.trouble)

    @property
    def _path(self) -> Path:
        return self.folder / FILE

    def _connected(self) -> sqlite3.Connection:
        """The open file: opened anew when it is no longer the one in the folder."""
        if self._db is not None and _inode(self._path) == self._inode:
            return self._db
        self._disconnect()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.folder / "open.lock", timeout=5):
            try:
                self._db = self._open()
            except sqlite3.Error as error:
                if not _is_damage(error):
                    raise
                self._set_aside()
                self._db = self._open()
        self._inode = _inode(self._path)
        return self._db

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._path.chmod(0o600)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", f"max_page_count={self._pages}"):
                db.execute(f"PRAGMA {pragma}")
            db.executescript(_SCHEMA)
            _require_sound(db)
            db.execute("INSERT OR IGNORE INTO meta VALUES ('id', ?)", (secrets.token_hex(8),))
            db.execute("INSERT OR REPLACE INTO meta VALUES ('limit', ?)", (self._pages * PAGE_BYTES,))
            self.id = db.execute("SELECT value FROM meta WHERE name = 'id'").fetchone()[0]
        except BaseException:
            db.close()
            raise
        return db

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _set_own_aside(self) -> None:
        """As below, unless another process has done so, and the file in the folder is a new one."""
        with suppress(OSError), FileLock(self.folder / "open.lock", timeout=5):
            if _inode(self._path) == self._inode:
                self._set_aside()

    def _set_aside(self) -> None:
        """Move a damaged file out of the way, for people to look at."""
        stamp = f"damaged-{int(time.time())}-{secrets.token_hex(2)}"
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self._path}{suffix}").replace(f"{self._path}.{stamp}{suffix}")


def look(folder: Path) -> Look | None:
    """What the spool in a folder holds, None if there is none; opens it for reading only. Raises StoreUnavailable."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as db:
            waiting, oldest = db.execute("SELECT count(*), min(at) FROM events").fetchone()
            aside = db.execute("SELECT count(*) FROM aside").fetchone()[0]
            limit = db.execute("SELECT value FROM meta WHERE name = 'limit'").fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the spool in {folder} cannot be read: {error}") from error
    return Look(waiting, aside, oldest, path.stat().st_size, int(limit[0]) if limit else 0, damaged(folder))


def damaged(folder: Path) -> tuple[str, ...]:
    """Names of the files that were set aside."""
    return tuple(sorted(path.name for path in folder.glob("*.damaged-*") if path.suffix[-4:] not in ("-wal", "-shm")))


def _require_sound(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise _DamagedError("the file is malformed")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return -1


def _is_damage(error: sqlite3.Error) -> bool:
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, _DamagedError) or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
