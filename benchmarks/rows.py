"""Rows of a day as the ledger holds them, written fast: whole pages at once, the protocol's bytes made by NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import redis
from numpy.typing import NDArray

from experiments.store import keys
from experiments.store.rows import Row

DAY = 20_780
KEPT = 100_000  # seconds
TAG = keys.tag("four-lines-uk", 1, "0")
VARIANTS, SURFACES, STRATA = 4, 2, 6  # 48 cells of counts, each with every measure that there is
PIECE = 1_000  # pages that are written in one go
KINDS = 20_000  # different rows; more would only take time


def write(client: redis.Redis, sessions: int, pages: int, *, tag: str = TAG, seed: int = 1) -> None:
    """Write the rows of a day's sessions, every field filled."""
    rng = np.random.default_rng(seed)
    names = rng.integers(0, 1 << 64, sessions, dtype=np.uint64)
    page_of = (names >> np.uint64(32)) % np.uint64(pages)
    order = np.argsort(page_of, kind="stable")
    ends = np.cumsum(np.bincount(page_of.astype(np.intp), minlength=pages))
    fields = _fields(names[order], _rows(sessions, rng))
    for first in range(0, pages, PIECE):
        _send(client, list(_commands(fields, ends, first, min(first + PIECE, pages), tag)))


def write_counts(client: redis.Redis, sessions: int, pages: int, *, tag: str = TAG) -> None:
    """Write the day's counts, and its number of pages."""
    client.hset(keys.counts(tag, DAY), mapping=_counts(sessions))
    client.hset(keys.days(tag), str(DAY), pages)


def _rows(sessions: int, rng: np.random.Generator) -> NDArray[np.void]:
    """Packed rows of sessions that were shown the message and reported two outcomes."""
    kinds = [
        Row(
            variant=int(rng.integers(VARIANTS)), phase=3, surface=int(rng.integers(SURFACES)),
            stratum=int(rng.integers(STRATA)), shown=int(rng.integers(1, 4)), step=int(rng.integers(8_640)),
            bits=1 << int(rng.integers(17)) | 1 << int(rng.integers(17)), told=3,
        ).pack()
        for _ in range(KINDS)
    ]  # fmt: skip
    return np.array(kinds, dtype="V8")[np.arange(sessions) % KINDS]


def _fields(names: NDArray[np.uint64], rows: NDArray[np.void]) -> NDArray[np.uint8]:
    """Each session's pseudonym and row as two arguments of the protocol, 28 bytes."""
    told = np.empty((len(names), 28), dtype=np.uint8)
    told[:] = np.frombuffer(b"$8\r\n........\r\n$8\r\n........\r\n", dtype=np.uint8)
    told[:, 4:12] = names.astype(">u8").view(np.uint8).reshape(-1, 8)
    told[:, 18:26] = rows.view(np.uint8).reshape(-1, 8)
    return told


def _commands(fields: NDArray[np.uint8], ends: NDArray[np.intp], first: int, end: int, tag: str) -> Iterator[bytes]:
    """HSET and EXPIRE of the pages that hold anything."""
    for number in range(first, end):
        begin = int(ends[number - 1]) if number else 0
        rows = fields[begin : int(ends[number])]
        if len(rows):
            name = keys.page(tag, DAY, number).encode()
            yield b"*%d\r\n$4\r\nHSET\r\n$%d\r\n%s\r\n" % (2 + 2 * len(rows), len(name), name) + rows.tobytes()
            yield b"*3\r\n$6\r\nEXPIRE\r\n$%d\r\n%s\r\n$%d\r\n%d\r\n" % (len(name), name, len(str(KEPT)), KEPT)


def _send(client: redis.Redis, commands: list[bytes]) -> None:
    """Send packed commands over one connection, and read as many answers."""
    connection = client.connection_pool.get_connection()
    try:
        connection.send_packed_command(commands)
        for _ in commands:
            connection.read_response()
    finally:
        client.connection_pool.release(connection)


def _counts(sessions: int) -> dict[str, int]:
    """Count fields of such a day, as many as there are cells and measures."""
    cells = [f"3.{v}.{s}.{t}" for v in range(VARIANTS) for s in range(SURFACES) for t in range(STRATA)]
    each = max(1, sessions // len(cells))
    measures = ("a", "e", "d0", "d1", "d2", *(f"o{bit}" for bit in range(17)))
    return {f"{cell}.{measure}": each for cell in cells for measure in measures} | {
        f"{table}.{v}.{name}": each for v in range(VARIANTS) for table, name in (("l", "en"), ("n", "1"), ("n", "2"))
    }
