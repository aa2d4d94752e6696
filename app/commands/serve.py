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
    from granian import Granian  # noqa: PLC0415
    from granian.constants import Interfaces  # noqa: PLC0415

    require_loopback(settings)
    os.environ[SETTINGS["ledger_url"].name] = ledger
    os.environ[SETTINGS["volatile_url"].name] = volatile
    Granian(
        "app.wsgi:build",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=settings.workers,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_access=False,
    ).serve()
