"""`signpost results`: an experiment's result in the terminal."""

from __future__ import annotations

import sys
import time

import click

from app.commands.common import JSON, echo_json, opened
from app.commands.text import finding, show_report
from experiments import final
from experiments.moments import moment
from experiments.results import result


@click.command()
@click.argument("key")
@click.option("--version", type=int, default=None, help="The latest started version by default.")
@click.option("--as-of", "as_of", default=None, metavar="TIME", help="RFC 3339, a date, or +SECONDS from now.")
@click.option("--csv", "as_csv", is_flag=True, help="The count table, which `signpost analyse` reads.")
@click.option("--final", "frozen", is_flag=True, help="The report that was frozen when it was concluded, as JSON.")
@JSON
def command(key: str, version: int | None, as_of: str | None, as_csv: bool, frozen: bool, as_json: bool) -> None:
    """Show the result of experiment KEY."""
    with opened() as runtime:
        found = result(runtime.store, key, now=moment(as_of, time.time()), version=version)
        if frozen:
            echo_json(final.document(runtime.store, key, found.version))
            return
    if as_csv:
        click.echo(found.to_csv(), nl=False)
    elif as_json:
        echo_json(found.to_dict())
    else:
        click.echo(f"{found.title} ({key}, version {found.version}, {found.state})")
        for notice in found.notices:
            click.echo(f"! {notice}")
        click.echo(
            f"{found.sealed_days} sealed days decide, {found.open_days} days are still open, as of {found.as_of}"
        )
        show_report(found.to_dict())
        if found.final and found.final.equal:
            click.echo(f"Final, frozen on {found.final.at[:10]} by {found.final.by}; the counts still say the same.")
        click.echo(f"Durability {found.durability}: {found.may_be_lost}")
    sys.exit(finding(found.to_dict()))
