"""`signpost analyse`: the report of a count table, without a server."""

from __future__ import annotations

import sys

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
@JSON
def command(
    file: str,
    design: str,
    alpha: float,
    control: str | None,
    equal: bool,
    planned_units: int | None,
    as_json: bool,
) -> None:
    """Analyse FILE (CSV, '-' for standard input) with the columns variant,units,conversions.

    Optional columns: period, phase, weight, stratum, outcome.
    """
    try:
        report = analyse(
            read_text(file), control=control, equal=equal, planned_units=planned_units, design=design, alpha=alpha
        )
    except ValueError as error:
        raise InvalidInput(f"{file}: {error}") from None
    if as_json:
        echo_json(report)
    else:
        show_report(report)
    sys.exit(finding(report))
