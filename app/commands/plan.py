"""`signpost plan`: how large an experiment must be, how long it takes, and what it could find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from app.commands.common import JSON, document_at, echo_json
from app.settings import Settings
from experiments import spec
from experiments.directory import load_help
from experiments.errors import InvalidInput
from experiments.planning import (
    DESIGNS,
    SHARES,
    SPENDINGS,
    Duration,
    Question,
    SizePlan,
    in_words,
    plan_size,
    question_of,
)
from experiments.results import BETTER_LOWER

PER_DAY = 4_000
NAMES = {"equal": "", "drop-losers": ", losers dropped", "leader": ", losers dropped, leader favoured"}


@click.command()
@click.argument("file", required=False)
@click.option("--rate", type=float, help="Expected rate of the outcome: 0.0005 is 5 in 10,000 warnings.")
@click.option("--ratio", type=float, help="Smallest ratio to find: 1.3 is 30 % more; below 1: fewer are better.")
@click.option("--arms", type=int, help="How many messages.  [2]")
@click.option("--per-day", type=float, default=PER_DAY, show_default=True, help="Warnings a day, all together.")
@click.option("--alpha", type=float, help="Error probability.  [0.05]")
@click.option("--power", type=float, help="Probability to name the best.  [0.8]")
@click.option("--design", type=click.Choice(DESIGNS), help="[sequential]")
@click.option("--shares", type=click.Choice(SHARES), help="Sequential design only.  [equal]")
@click.option("--looks", type=int, help="How many planned looks.  [5]")
@click.option("--spending", type=click.Choice(SPENDINGS), help="[obrien-fleming]")
@click.option("--name", help="What the outcome is called in the answer, as calls.")
@click.option("--compare", multiple=True, metavar="NAME=RATE", help="Another outcome, as clicks=0.007; repeatable.")
@JSON
def command(file: str | None, per_day: float, compare: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Plan the size of an experiment: from options, or as FILE (YAML or JSON) says where an option is not given."""
    options = {name: value for name, value in given.items() if value is not None}
    found = plan_size(replace(_asked(file, per_day, options), others=_others(compare)))
    if as_json:
        echo_json(found.to_dict())
    else:
        show(found)


def _asked(file: str | None, per_day: float, options: dict[str, Any]) -> Question:
    if file is not None:
        definition = spec.parse(document_at(file), help_resources=load_help(Settings.read().help_file).by_key)
        lower = definition.outcomes.primary.outcome in BETTER_LOWER
        base = question_of(definition, per_day, lower=lower)
        return replace(base, **_suited(options))
    for name in ("rate", "ratio"):
        if name not in options:
            raise InvalidInput("must be given where no experiment file is", pointer=name)
    return Question(per_day=per_day, **options)


def _suited(options: dict[str, Any]) -> dict[str, Any]:
    """A design other than the file's takes equal shares, unless they are given too."""
    other = options.get("design", "sequential") != "sequential"
    return {"shares": "equal", **options} if other else options


def _others(compare: tuple[str, ...]) -> dict[str, float]:
    others: dict[str, float] = {}
    for part in compare:
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            rate = float(value)
        except ValueError:
            name = ""
        if not name:
            raise InvalidInput(f"'{part}' must be NAME=RATE, as in clicks=0.007", pointer="compare")
        others[name] = rate
    return others


def show(found: SizePlan) -> None:
    """Print a plan for people: the sentence first, then the designs, then what could be found."""
    asked = found.question
    click.echo(f"\n{found.sentence}\n")
    click.echo(f"Found with {100 * asked.power:g} % probability: {_effect(asked)}; alpha {asked.alpha:g}.")
    if found.harm_days is not None:
        click.echo(f"A message that works as much worse is ruled out after {in_words(found.harm_days)} on average.")
    click.echo(f"\n{'design':46} {'per message':>14} {'warnings':>15}  {'takes':12} on average")
    for design in found.designs:
        mark = "→" if (design.design, design.shares) == (found.chosen.design, found.chosen.shares) else " "
        click.echo(f"{mark} {_row(design)}")
    click.echo(f"\n{'within':12} a message is found whose rate is")
    for span in found.detectable:
        click.echo(f"{span.span:12} {_times(span.ratio)}")
    click.echo("\nThe sequential figures are fitted to simulations, good to 15 %; `signpost simulate` plays a plan.")


def _effect(asked: Question) -> str:
    others = "the other" if asked.arms == 2 else "the others"
    return (
        f"the one of {asked.arms} messages whose rate is {asked.ratio:.4g} times that of {others}, "
        f"{10_000 * asked.rate:.4g} in 10,000"
    )


def _row(found: Duration) -> str:
    name = f"{found.design}{NAMES[found.shares]}"
    size = f"{found.units_per_variant:14,} {found.units:15,}"
    return f"{name:44} {size}  {in_words(found.days):12} {in_words(found.mean_days)}"


def _times(ratio: float | None) -> str:
    return "none: too few warnings" if ratio is None else f"{ratio:.3g} times that of the others"
