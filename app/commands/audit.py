"""`signpost audit`: who did what, and whether the log of it is whole."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime

import click

from app.commands.common import JSON, echo_json, opened
from experiments import audit
from experiments.audit import Entry
from experiments.errors import InvalidInput


@click.group()
def command() -> None:
    """Show the audit log; find what was edited, deleted or moved in it."""


@command.command()
@click.option("--head", default=None, metavar="HEX", help="A head that `signpost audit head` printed earlier.")
@JSON
def verify(head: str | None, as_json: bool) -> None:
    """Hold the log against itself, against the experiments, and against a noted head; exit 1 if something is wrong."""
    if head is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", head):
        raise InvalidInput(
            "must be 64 characters 0 to 9 and a to f, as `signpost audit head` prints them", pointer="head"
        )
    with opened() as runtime:
        found = audit.check(runtime.store, head)
    if as_json:
        faults = [{"entry": fault.number, "what": fault.what} for fault in found.faults]
        echo_json({"whole": not faults, "entries": len(found.entries), "head": found.head, "faults": faults})
    else:
        for fault in found.faults:
            click.echo(f"entry {fault.number}: {fault.what}" if fault.number else fault.what)
        if not found.faults:
            click.echo(f"The audit log is whole: {len(found.entries)} entries, head {found.head or 'none'}")
            if head is None:
                click.echo("  Entries cut off at the end are found with --head only.")
    sys.exit(1 if found.faults else 0)


@command.command()
@click.option(
    "--about", default="", metavar="TEXT", help="Only what was done to things named so, such as an experiment."
)
@click.option("--last", type=click.IntRange(1), default=None, metavar="N", help="Only the last N entries.")
@JSON
def show(about: str, last: int | None, as_json: bool) -> None:
    """Print the entries, oldest first."""
    with opened() as runtime:
        entries = [e for e in audit.decoded(runtime.store.audit.entries()) if about in e.about]
    entries = entries[-last:] if last else entries
    if as_json:
        echo_json([entry.model_dump(mode="json") for entry in entries])
        return
    for entry in entries:
        click.echo(_line(entry))
    if not entries:
        click.echo("no entries")


@command.command()
def head() -> None:
    """Print the hash of the last entry, to be noted elsewhere: on paper, in a mail, in another system."""
    with opened() as runtime:
        entries = audit.decoded([runtime.store.audit.last()])
    if not entries:
        raise InvalidInput("the audit log has no entry yet, or its last one cannot be read (`signpost audit verify`)")
    click.echo(entries[-1].hash)
    click.echo(f"entry {entries[-1].number}, of {_time(entries[-1].at)}", err=True)


def _line(entry: Entry) -> str:
    details = {name: value for name, value in entry.details.items() if name not in ("document", "protocol")}
    told = "; ".join(f"{name} {value}" for name, value in details.items())
    return f"{entry.number:6}  {_time(entry.at)}  {entry.who}: {entry.act} {entry.about}" + (
        f" ({told})" if told else ""
    )


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
