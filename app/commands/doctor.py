"""`signpost doctor`: is this installation well, and what to do if not."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import asdict

import click

from app.commands.common import JSON, echo_json
from app.settings import Settings
from experiments.doctor import STATES, Diagnosis, Finding, State, examine, gather

WIDTH, MARGIN = 100, 8
MARKS = {"fault": ("FAULT", "red"), "warning": ("warning", "yellow"), "ok": ("ok", "green")}


@click.command()
@JSON
def command(as_json: bool) -> None:
    """Look at servers, settings, disks, clocks, keys and the spool; say what to do. Changes nothing."""
    settings = Settings.read()
    facts = gather(
        urls_of(settings), wanted=settings.durability, var=settings.var, key_file=settings.key_file,
        spool=settings.spool,
    )  # fmt: skip
    diagnosis = examine(facts)
    echo_json(_as_dict(diagnosis)) if as_json else _tell(diagnosis)
    sys.exit(0 if diagnosis.is_well else 1)


def urls_of(settings: Settings) -> tuple[str, str] | None:
    """Addresses of both stores, None where private servers are wanted and not running."""
    if settings.ledger_url:
        return settings.ledger_url, settings.volatile_url
    from experiments.store import embedded  # noqa: PLC0415  (where stores are configured, none is looked for)

    return embedded.running(settings.var)


def _as_dict(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "schema": 1, "well": diagnosis.is_well, "wanted": diagnosis.wanted, "durability": diagnosis.durability,
        "may_be_lost": diagnosis.may_be_lost, "checks": [asdict(one) for one in diagnosis.findings],
        "not_checked": list(diagnosis.skipped),
    }  # fmt: skip


def _tell(diagnosis: Diagnosis) -> None:
    click.secho(_summary(diagnosis), bold=True)
    if diagnosis.durability:
        _paragraph(f"Durability {diagnosis.durability}: {diagnosis.may_be_lost}")
    for state in STATES:
        found = [one for one in diagnosis.findings if one.state == state]
        if found:
            click.echo("")
        for one in found:
            _line(one, state)
    if diagnosis.skipped:
        click.echo("")
        _paragraph(f"Not checked, because a store or the key file cannot be read: {', '.join(diagnosis.skipped)}.")


def _summary(diagnosis: Diagnosis) -> str:
    faults, warnings = diagnosis.count("fault"), diagnosis.count("warning")
    if diagnosis.is_well:
        return f"All is well: {len(diagnosis.findings)} checks."
    told = [f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((faults, "fault"), (warnings, "warning")) if n]
    return f"{' and '.join(told) or 'Something could not be checked'}; {diagnosis.count('ok')} checks are fine."


def _line(one: Finding, state: State) -> None:
    mark, colour = MARKS[state]
    click.secho(f"{mark:{MARGIN}}", fg=colour, bold=state == "fault", nl=False)
    click.echo(_filled(f"{one.check}: {one.found}.", MARGIN, MARGIN)[MARGIN:])
    if one.advice:
        click.echo(_filled(f"→ {one.advice}", MARGIN, MARGIN + 2))


def _paragraph(text: str) -> None:
    click.echo(_filled(text, 0, 0))


def _filled(text: str, first: int, rest: int) -> str:
    """Lines that can be copied from: no word is broken."""
    return textwrap.fill(
        text, WIDTH, initial_indent=" " * first, subsequent_indent=" " * rest, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip
