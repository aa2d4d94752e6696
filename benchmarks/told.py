"""How a benchmark tells its figures: a Markdown table with the versions, or JSON for machines."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redis

from benchmarks.service import Size


def arguments(text: str | None, choices: Sequence[str] = (), **numbers: int) -> argparse.Namespace:
    """Options of a benchmark: `--json`, a whole number for each keyword, and which of its parts (all by default)."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    if choices:
        parser.add_argument("what", nargs="*", default=list(choices), metavar="PART", help=", ".join(choices))
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--json", action="store_true", dest="as_json", help="output for machines")
    options = parser.parse_args()
    options.busy = busy()
    return options


def busy(seconds: float = 1.0) -> float:
    """Cores that are busy with something else, before anything of ours runs (Linux)."""
    before = _ticks()
    time.sleep(seconds)
    spent = [now - then for now, then in zip(_ticks(), before, strict=True)]
    return (os.cpu_count() or 1) * (1 - sum(spent[3:5]) / max(1, sum(spent)))  # idle, and waiting for the disk


def _ticks() -> list[int]:
    return [int(n) for n in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]


def size(options: argparse.Namespace) -> Size:
    return Size(options.workers, options.threads)


def versions(client: redis.Redis | None = None) -> dict[str, str]:
    """Versions of everything that takes part, and the number of cores."""
    found = {"python": platform.python_version()} | {n: version(n) for n in ("flask", "granian")}
    found["redis-py"] = version("redis")
    if client is not None:
        found["redis"] = client.info("server")["redis_version"]
    return found | {"cores": str(os.cpu_count())}


def tell(
    options: argparse.Namespace,
    found: dict[str, Any],
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    end: str = "",
) -> None:
    """Print either all of `found` as JSON, or the table, what it ends with, and the versions."""
    found["busy_with_something_else"] = options.busy
    if options.as_json:
        print(json.dumps(found, indent=2))
        return
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    if end:
        print(f"\n{end}")
    print("; ".join(f"{name} {number}" for name, number in found["versions"].items()), end="; ")
    print(f"{options.busy:.1f} cores busy with something else at the start", flush=True)


def each(values: Iterable[float]) -> str:
    return ", ".join(f"{value:,.0f}" for value in values)


def progress(text: str) -> None:
    """Say on the terminal what is under way."""
    if sys.stderr.isatty():
        print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)
