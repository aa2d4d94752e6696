"""`signpost simulate`: plays an experiment file many times and tells what its plan can do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from app.commands.common import JSON, document_at, echo_json
from app.settings import Settings
from experiments import spec
from experiments.directory import load_help
from experiments.errors import InvalidInput
from experiments.simulation import MAX_DAYS, PER_DAY, SEED, Options, Simulation, setting_of, simulate
from experiments.simulation.summary import Estimate, Spread, Summary

PARTS = 1_000  # of the progress bar


@click.command()
@click.argument("file")
@click.option("--truth", default="", metavar="LIST", help="True rates: law=0.010,harm=0.013; others: expected_rate.")
@click.option("--runs", type=int, default=1_000, show_default=True)
@click.option("--per-day", type=int, default=PER_DAY, show_default=True, help="Warnings a day.")
@click.option("--max-days", type=int, default=MAX_DAYS, show_default=True, help="Give a run up after so many days.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="The same seed gives the same output.")
@click.option("--drift", type=float, default=1.0, show_default=True, help="All rates rise by this factor on the way.")
@click.option("--delay-hours", type=int, default=None, help="From a day's end until it decides; default: as in FILE.")
@JSON
def command(
    file: str, truth: str, runs: int, per_day: int, max_days: int, seed: int, drift: float,
    delay_hours: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Play the experiment of FILE (YAML or JSON, '-' for standard input) RUNS times, day after day."""
    directory = load_help(Settings.read().help_file)
    definition = spec.parse(document_at(file), help_resources=directory.by_key)
    options = Options(runs, per_day, max_days, seed, drift, delay_hours)
    rates = rates_of(truth)
    setting_of(definition, rates, options)  # refuses what cannot be played, before anything is printed
    with click.progressbar(length=PARTS, label=f"{runs} runs", file=sys.stderr) as bar:
        found = simulate(definition, rates, options, lambda part: bar.update(int(PARTS * part) - bar.pos))
    if as_json:
        echo_json(found.to_dict())
    else:
        show(found)


def rates_of(text: str) -> dict[str, float]:
    """Read `law=0.010,harm=0.013`, or raise InvalidInput."""
    rates: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            rate = float(value)
        except ValueError:
            raise InvalidInput(f"'{part}' must be VARIANT=RATE, as in law=0.010", pointer="truth") from None
        if name in rates:
            raise InvalidInput(f"the variant '{name}' is given twice", pointer="truth")
        rates[name] = rate
    return rates


def show(found: Simulation) -> None:
    """Print a simulation for people: the answer first, then what was played, then every figure."""
    told, summary = found.to_dict(), found.summary
    click.echo(f"\n{told['experiment']}: {_whole(told['runs'])} simulated runs, seed {told['seed']}; no real data\n")
    click.echo(f"{_answer(told, summary)}\n")
    for label, text in _played(told, found):
        click.echo(f"{label:12}  {text}")
    click.echo(f"\n{'variant':20} {'true rate per 10,000':>20} {'named the winner':>18}")
    for name, rate in told["truth"].items():
        share = summary.named[list(told["truth"]).index(name)].value
        click.echo(f"{name:20} {f'{10_000 * rate:.4g}':>20} {100 * share:16.1f} %")
    click.echo("\nhow the runs ended, ± standard error")
    for label, ending in _endings(told, summary):
        click.echo(f"  {label:46} {_percent(ending, told['runs'])}")
    click.echo("\nwhat a run took, and brought")
    for label, text in _costs(told, summary):
        click.echo(f"  {label:46} {text}")


def _answer(told: Mapping[str, Any], summary: Summary) -> str:
    best, half = told["best"], f"Half of the runs ended within {_whole(round(summary.days.median.value))} days."
    if summary.power is None:
        several = "All variants" if len(best) == len(told["truth"]) else ", ".join(best)
        wrong = f"a winner was named, wrongly, in {100 * summary.wrong_winner.value:.1f} % of the runs"
        return f"{several} are equally good, the best there are: {wrong}. {half}"
    power = f"{100 * summary.power.value:.1f} %"
    return f"{best[0]} is truly the best, and was named the winner in {power} of the runs. {half}"


def _played(told: Mapping[str, Any], found: Simulation) -> Iterator[tuple[str, str]]:
    plan = found.definition.plan
    design = f"{told['design']}, alpha {told['alpha']:g}"
    design += f", {told['looks']} looks, {told['spending']} spending" if told["looks"] else ""
    leader = " with leader share" if plan.leader_share else ""
    shares = f"losers are dropped{leader}" if plan.allocation == "drop-losers" else "the shares stay as they are"
    yield "design", f"{design}; {shares}"
    planned = f"planned are {_whole(told['units_per_variant'])} for each variant"
    yield (
        "traffic",
        f"{_whole(told['units_per_day'])} units a day; {planned}, about {_whole(told['expected_days'])} days",
    )
    given = found.options.delay_hours is not None
    hours = (
        "as asked"
        if given
        else f"window {found.definition.window_hours} h, grace {found.definition.report_grace_hours} h"
    )
    yield "sealing", f"a day decides {told['sealed_after_days']} days after its end ({hours})"
    if told["drift"] != 1:
        yield (
            "drift",
            f"all rates change by the factor {told['drift']:g} over these days; the table has those of the middle",
        )


def _endings(told: Mapping[str, Any], summary: Summary) -> Iterator[tuple[str, Estimate]]:
    if summary.power is not None:
        yield "the truly best is named", summary.power
    yield (
        f"{'a wrong one' if summary.power else 'anyone'} is named (promised: at most {100 * told['alpha']:g} %)",
        (summary.wrong_winner),
    )
    yield "planned size reached, no clear winner", summary.no_clear_winner
    if summary.undecided.value:
        yield f"given up undecided after {_whole(told['max_days'])} days", summary.undecided
    yield "the best is ruled out at some time", summary.best_dropped


def _costs(told: Mapping[str, Any], summary: Summary) -> Iterator[tuple[str, str]]:
    outcome, sign, more = told["outcome"].replace("_", " "), 1, "more"
    if told["better"] == "lower":
        sign, more = -1, "fewer"
    yield "days until the verdict", _spread(summary.days)
    yield "units shown a variant", _spread(summary.units_spread)
    yield "  on average", _number(summary.units)
    yield f"{outcome}, in the whole run", f"{_number(summary.events)} on average"
    yield f"  {more} than had all seen {told['control']}", _number(summary.over_control, sign)
    if told["allocation"] == "drop-losers":
        yield f"  {more} than had the shares never changed", _number(summary.over_start, sign)


def _percent(share: Estimate, runs: int) -> str:
    text = f"{100 * share.value:5.1f} % ± {100 * share.se:.1f}"
    none = f"   (none of {_whole(runs)}: below {100 * (1 - 0.05 ** (1 / runs)):.2g} % with 95 % confidence)"
    return text + ("" if share.value else none)


def _whole(number: int) -> str:
    return f"{number:,}"


def _number(found: Estimate, sign: int = 1) -> str:
    digits = 0 if found.se >= 2 or found.se == 0 else 1
    return f"{sign * found.value + 0.0:,.{digits}f} ± {found.se:,.{digits}f}"


def _spread(found: Spread) -> str:
    low, high = (f"{end.value:,.0f}" for end in (found.low, found.high))
    return f"median {_number(found.median)}; 8 of 10 runs: {low} to {high}"
