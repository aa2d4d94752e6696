"""`signpost tick`: the day's work: closes what is ruled out, deletes what is to be deleted."""

from __future__ import annotations

import sys

import click

from app.commands.common import JSON, echo_json, now, opened
from experiments.retention import Retained, retain
from experiments.tick import tick

ALARM = "srm-alarm"


@click.command()
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@JSON
def command(keys: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Close variants that are ruled out in running experiments with 'allocation: drop-losers', and share anew.

    All of them, or those named KEY. Once for each sealed day; doing it again changes nothing. Without KEY, what the
    ledger's files still hold of sealed days is deleted, too, and counts of versions that are over are folded.
    """
    with opened() as runtime:
        found = tick(runtime, now(), keys, dry_run=dry_run)
        kept = Retained() if keys or dry_run else retain(runtime, now())
    if as_json:
        echo_json([one.to_dict() for one in found])
    else:
        for one in found:
            where = f"{one.experiment}, version {one.version.number}" if one.version else one.experiment
            click.echo(f"{where}: {'would change: ' if one.code == 'would-change' else ''}{one.decision.text}")
        if not found:
            click.echo("nothing to do: no running experiment has 'allocation: drop-losers'")
    _tell(kept)
    sys.exit(1 if kept.failed or any(one.code == ALARM for one in found) else 0)


def _tell(kept: Retained) -> None:
    """On standard error, so that the output for machines stays what it is."""
    for name in kept.rewritten:
        click.echo(f"{name}: append-only file rewritten", err=True)
    for name in kept.failed:
        click.echo(f"{name}: append-only file not rewritten: sealed days are still in it; run this again", err=True)
    for name in kept.folded:
        click.echo(f"{name}: counts folded", err=True)
