"""`signpost analyse`: the report of a count table, without a server."""

from __future__ import annotations

import sys
from typing import Any

import click

from app.commands.common import JSON, echo_json, read_text
from app.commands.text import finding, show_report
from experiments.errors import InvalidInput
from experiments.results import analyse


@click.command()
@click.argument("file")
@click.option("--design", type=click.Choice(["sequential", "fixed", "looks"]), default="fixed", show_default=True)
@click.option("--alpha", type=float, default=0.05, show_default=True)
@click.option("--control", default=None, help="The control; by default the variant called so, else the first.")
@click.option("--equal", is_flag=True, help="Equal shares were planned: check the split against them.")
@click.option("--planned-units", type=int, default=None, help="Per variant; without it the table is final.")
@click.option("--expected-rate", type=float, default=None, help="Rate of the primary outcome that the plan assumed.")
@click.option("--unit", type=click.Choice(["session", "view", "block"]), default="session", show_default=True)
@click.option("--looks", type=int, default=5, show_default=True, help="Design looks: how many, at equal parts.")
@click.option("--spending", type=click.Choice(["obrien-fleming", "pocock"]), default="obrien-fleming")
@JSON
def command(file: str, as_json: bool, **options: Any) -> None:
    """Analyse FILE (CSV, '-' for standard input) with the columns variant,units,conversions.

    Optional columns: period, phase, weight, stratum, outcome. With --unit block a period is a block, and has a row
    for the one variant that everybody saw in it.
    """
    try:
        report = analyse(read_text(file), **options)
    except ValueError as error:
        raise InvalidInput(f"{file}: {error}") from None
    if as_json:
        echo_json(report)
    else:
        show_report(report)
    sys.exit(finding(report))
