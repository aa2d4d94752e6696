"""`signpost experiment`: definitions and their life."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from app.commands.common import AS, JSON, WHY, document_at, echo_json, now, opened
from app.research.summary import summary
from app.settings import Settings
from experiments import approval, decision, desk, spec
from experiments.directory import load_help
from experiments.errors import InvalidInput
from experiments.lifecycle import Actor
from experiments.model import Version
from experiments.wording import require_kept_promises


@click.group()
def command() -> None:
    """Validate, apply, show experiments; move them through their life."""


@command.command()
@click.argument("file")
@JSON
def validate(file: str, as_json: bool) -> None:
    """Check FILE (YAML or JSON, '-' for standard input); every violation is one line."""
    directory = load_help(Settings.read().help_file)
    definition = spec.parse(document_at(file), help_resources=directory.by_key)
    require_kept_promises(definition, directory)
    if as_json:
        echo_json({"valid": True, "key": definition.key, "hash": spec.content_hash(definition)})
        return
    served = ", ".join(definition.served_locales())
    click.echo(f"{definition.key}: valid; {len(definition.variants)} variants, served in {served}")
    for tag, review in definition.locales.items():
        if not review.reviewed:
            click.echo(f"  not served until reviewed: {tag}")


@command.command()
def schema() -> None:
    """Print the JSON Schema of the experiment file, for editors."""
    echo_json(spec.json_schema())


@command.command()
@click.argument("file")
@AS
@WHY
def apply(file: str, name: str, why: str | None) -> None:
    """Take FILE in as a draft."""
    with opened() as runtime:
        found = desk.apply(runtime, document_at(file), Actor(name, now(), why))
        click.echo(f"{found.key}: version {found.latest.number} is a draft")


@command.command("list")
@JSON
def list_(as_json: bool) -> None:
    """List all experiments with their state."""
    with opened() as runtime:
        found = runtime.store.documents.experiments()
        if as_json:
            echo_json([summary(e) for e in found])
            return
        for experiment in found:
            click.echo(f"{experiment.key:32} version {experiment.latest.number}  {experiment.latest.state}")
        if not found:
            click.echo("no experiments yet; `signpost experiment apply FILE --as NAME` takes one in")


@command.command()
@click.argument("key")
@JSON
def show(key: str, as_json: bool) -> None:
    """Show an experiment: versions, phases, content hashes, log."""
    with opened() as runtime:
        experiment = runtime.store.documents.experiment(key)
        log = runtime.store.documents.log(key)
        if as_json:
            echo_json({**summary(experiment), "log": [entry.model_dump(mode="json") for entry in log]})
            return
        for version in experiment.versions:
            _show(version)
        for entry in log:
            click.echo(f"  {entry.at}  {entry.act:12} by {entry.who}" + (f": {entry.why}" if entry.why else ""))


def _show(version: Version) -> None:
    click.echo(f"version {version.number}: {version.state}, definition {version.definition_hash[:12]}")
    for variant in version.definition.variants:
        hashes = ", ".join(f"{tag} {spec.content_hash(m)[:12]}" for tag, m in variant.messages.items())
        click.echo(f"  {variant.key:24} weight {variant.weight:5}  {hashes}")


@command.command()
@click.argument("key")
@click.option("--version", type=int, default=None, help="The latest started version by default.")
@click.option("--markdown", "as_markdown", is_flag=True, help="For a registry or a repository (the default).")
@JSON
def protocol(key: str, version: int | None, as_markdown: bool, as_json: bool) -> None:
    """Print what was planned; exit 1 if it was altered after the start."""
    from experiments import protocol as protocols  # noqa: PLC0415  (with the statistics, which the other acts do without)
    from experiments.protocol_markdown import markdown  # noqa: PLC0415

    if as_markdown and as_json:
        raise InvalidInput("give one of --markdown and --json")
    with opened() as runtime:
        found = protocols.of(runtime.store, key, version)
    if as_json:
        echo_json(found.to_dict())
    else:
        click.echo(markdown(found), nl=False)
    sys.exit(1 if found.standing == "altered" else 0)


def _act(key: str, act: str, name: str, why: str | None, **options: Any) -> None:
    with opened() as runtime:
        found = desk.act(
            runtime, key, act, Actor(name, now(), why), {k: v for k, v in options.items() if v is not None}
        )
        latest = found.latest
        click.echo(f"{found.key}: {act} done; version {latest.number} is {latest.state.replace('_', ' ')}")
        if latest.state == "in_review" and (lacking := approval.missing(latest, now())):
            click.echo(f"  {lacking}")


def _transition(act: str, help_: str, *options: Callable[..., Any]) -> None:
    def run(key: str, name: str, why: str | None, **given: Any) -> None:
        lists = {option: list(value) or None for option, value in given.items() if isinstance(value, tuple)}
        _act(key, act, name, why, **{**given, **lists})

    run.__doc__ = help_
    decorated: Any = run
    for option in (*options, click.argument("key"), AS, WHY):
        decorated = option(decorated)
    command.command(act)(decorated)


_transition("submit", "Ask for approval of a draft.")
_transition(
    "approve",
    "Approve the texts of a version that somebody else wrote and submitted.",
    click.option("--locale", "locales", multiple=True, metavar="TAG", help="only this locale; may be repeated"),
)
_transition("reject", "Send a version back to its author.")
_transition(
    "start",
    "Start the approved version; an older running version is stopped.",
    click.option("--simulated", is_flag=True, default=None, help="every report says that no person was involved"),
)
_transition(
    "set-traffic", "Change the share of units that take part, in basis points.", click.option("--traffic", type=int)
)
_transition(
    "set-weights",
    "Change the weights (basis points, in file order), where the plan allows it.",
    click.option("--weight", "weights", type=int, multiple=True, required=True, help="one per variant, in file order"),
)
_transition("close-arm", "Close a variant for good; never the control.", click.option("--variant", required=True))
_transition("suspend", "Show everybody the fallback at once.")
_transition("resume", "Go on after a suspension.")
_transition("stop", "End the exposures; outcomes are still taken.")
_transition(
    "conclude",
    "Close the books after the last day is sealed.",
    click.option("--adopt", default=None, metavar="VARIANT", help="make this text the surface's fallback"),
)
_transition("archive", "Put a concluded experiment away.")
_transition(
    "propose",
    "Propose a decision about a stopped version; --why says what convinced you.",
    click.option("--decision", "choice", type=click.Choice(decision.CHOICES), required=True),
    click.option("--variant", default=None, help="whose text to adopt"),
)
_transition("withdraw", "Take a proposed decision back.")
_transition("confirm", "Confirm the decision that somebody else proposed, and conclude by it.")
_transition("unadopt", "Take an adopted text back; its surfaces show again what they showed before.")
