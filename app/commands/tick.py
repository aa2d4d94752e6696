"""`signpost tick`: closes what is ruled out, where the plan drops losers."""

from __future__ import annotations

import sys

import click

from app.commands.common import JSON, echo_json, now, opened
from experiments.tick import tick

ALARM = "srm-alarm"


@click.command()
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@JSON
def command(keys: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Close variants that are ruled out in running experiments with 'allocation: drop-losers', and share anew.

    All of them, or those named KEY. Once for each sealed day; doing it again changes nothing.
    """
    with opened() as runtime:
        found = tick(runtime, now(), keys, dry_run=dry_run)
    if as_json:
        echo_json([one.to_dict() for one in found])
    else:
        for one in found:
            where = f"{one.experiment}, version {one.version.number}" if one.version else one.experiment
            click.echo(f"{where}: {'would change: ' if one.code == 'would-change' else ''}{one.decision.text}")
        if not found:
            click.echo("nothing to do: no running experiment has 'allocation: drop-losers'")
    sys.exit(1 if any(one.code == ALARM for one in found) else 0)
