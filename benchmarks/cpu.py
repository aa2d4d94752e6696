"""CPU that processes have taken, by the kernel's account (/proc/PID/stat)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.servers import Server

TICK = os.sysconf("SC_CLK_TCK")


def of(servers: Iterable[Server]) -> float:
    """Seconds, user and system, of redis-servers."""
    return sum(_ticks(_fields(Path(f"/proc/{server.process.pid}"))) for server in servers) / TICK


def of_session(session: int) -> float:
    """Seconds of all processes that live in a session: a service's supervisor and its workers."""
    return sum(_ticks(fields) for fields in _all() if int(fields[3]) == session) / TICK


def _all() -> Iterator[list[str]]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            yield _fields(process)


def _fields(process: Path) -> list[str]:
    """Fields from the third one on, which is the first after the program's name."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _ticks(fields: list[str]) -> int:
    return int(fields[11]) + int(fields[12])
