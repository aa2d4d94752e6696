"""`signpost lint`: hold the wording of an experiment file against the rules."""

from __future__ import annotations

import sys

import click

from app.commands.common import JSON, document_at, echo_json
from app.settings import Settings
from experiments import spec
from experiments.directory import load_help
from experiments.wording import lint


@click.command()
@click.argument("file")
@click.option("--fact", "facts", multiple=True, help="What is true of the partner; see docs/wording.md. Repeatable.")
@JSON
def command(file: str, facts: tuple[str, ...], as_json: bool) -> None:
    """Check the wording of FILE (YAML or JSON, '-' for standard input); exit 1 if something is found."""
    directory = load_help(Settings.read().help_file)
    definition = spec.parse(document_at(file), help_resources=directory.by_key)
    found = lint(definition, directory, facts)
    if as_json:
        echo_json({"key": definition.key, "findings": [one.to_dict() for one in found]})
    else:
        for one in found:
            click.echo(f"{one}\n    {one.source}")
        click.echo(f"{definition.key}: {len(found)} findings" if found else f"{definition.key}: nothing found")
    sys.exit(1 if found else 0)
