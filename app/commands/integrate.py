"""`signpost integrate`: try a live integration out, and say what is missing."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from app.commands.common import JSON, echo_json
from app.integrating import Check, Integration

MARKS = {"ok": "✓", "miss": "✗", "skipped": "–"}


@click.command()
@click.option("--url", required=True, metavar="URL", help="Where Signpost is served.")
@click.option("--key", required=True, envvar="SIGNPOST_KEY", help="Your server key (or SIGNPOST_KEY).")
@click.option("--surface", default=None, metavar="NAME", help="Which; not needed when the key is for one alone.")
@click.option("--locale", default="en", show_default=True, metavar="TAG", help="The language to ask for.")
@click.option(
    "--budget", default=300, show_default=True, metavar="MS", help="How long your pages wait before their own copy."
)
@JSON
def command(url: str, key: str, surface: str | None, locale: str, budget: int, as_json: bool) -> None:
    """Walk through a live integration with a forced variant: nothing is counted. Exit 1 if something is missing."""
    tried = Integration(url, key, surface, locale, budget)
    found = []
    for check in tried.checks():
        found.append(check)
        if not as_json:
            _tell(check)
    missing = sum(check.state == "miss" for check in found)
    if as_json:
        echo_json(
            {
                "well": not missing, "surface": tried.surface, "experiment": tried.given.get("experiment"),
                "checks": [asdict(check) for check in found],
            }
        )  # fmt: skip
    else:
        click.echo(
            f"\n{missing} of {len(found)} steps miss something." if missing else f"\nAll {len(found)} steps done."
        )
        click.echo("Nothing was counted.")
    sys.exit(1 if missing else 0)


def _tell(check: Check) -> None:
    click.echo(f"{MARKS[check.state]} {check.check}: {check.found}")
    if check.advice:
        click.echo(f"    {check.advice}")
