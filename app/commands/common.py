"""What several commands need: the runtime on the configured stores, files, output."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from app.settings import Settings
from experiments.directory import load_fallbacks, load_help
from experiments.errors import InvalidInput
from experiments.identity import Keyring
from experiments.reading import load_json, load_yaml
from experiments.runtime import Runtime
from experiments.store import Store

JSON = click.option("--json", "as_json", is_flag=True, help="Output for machines.")
AS = click.option("--as", "name", required=True, metavar="NAME", help="Who acts; kept in the log.")
WHY = click.option("--why", default=None, help="The reason; kept in the log.")


def now() -> int:
    """Unix seconds."""
    return int(time.time())


@contextmanager
def urls(settings: Settings) -> Iterator[tuple[str, str]]:
    """Addresses of both stores: the configured ones, else the private servers (joined, or started for now)."""
    if settings.ledger_url:
        yield settings.ledger_url, settings.volatile_url
        return
    from experiments.store import embedded  # noqa: PLC0415  (where stores are configured, nothing is started)

    with embedded.joined(settings.var, preferred=settings.redis_server) as found:
        yield found.ledger, found.volatile


@contextmanager
def opened() -> Iterator[Runtime]:
    """The runtime of a command, up to date with the store, patient with it."""
    settings = Settings.read()
    with urls(settings) as (ledger, volatile):
        store = Store.open(ledger, volatile, budget=5.0, durability=settings.durability)
        store.condition().require()
        directory = load_help(settings.help_file)
        fallbacks = load_fallbacks(directory, settings.fallback_file)
        runtime = Runtime.make(store, Keyring.at(settings.key_file), directory, fallbacks)
        runtime.shards = settings.shards
        runtime.refresh(time.time())
        yield runtime


def document_at(path: str) -> Any:
    """Read a YAML or JSON file ('-': standard input) as a document."""
    text = read_text(path)
    return load_json(text) if path.endswith(".json") else load_yaml(text)


def read_text(path: str) -> str:
    """Read a UTF-8 file, or raise InvalidInput naming it."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"{path}: cannot be read: {reason}") from None


def echo_json(value: Any) -> None:
    """Print JSON for machines."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))
