"""`signpost serve`: private stores if none are configured, then Granian."""

from __future__ import annotations

import os

import click

from app.commands.common import urls
from app.settings import SETTINGS, Settings, require_loopback


@click.command()
@click.option("--surfaces", default=None, help="public, research, review: which to serve (all by default).")
def command(surfaces: str | None) -> None:
    """Serve over HTTP until Ctrl-C."""
    if surfaces is not None:
        os.environ[SETTINGS["surfaces"].name] = surfaces
    settings = Settings.read()
    with urls(settings) as (ledger, volatile):
        run(settings, ledger, volatile)


def run(settings: Settings, ledger: str, volatile: str) -> None:
    """Serve in worker processes that are told the stores' addresses by the environment; returns on Ctrl-C."""
    from app.server import Server  # noqa: PLC0415  (Granian is loaded by those who serve)

    require_loopback(settings)
    os.environ[SETTINGS["ledger_url"].name] = ledger
    os.environ[SETTINGS["volatile_url"].name] = volatile
    Server.of(settings).serve()
