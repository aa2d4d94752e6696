"""Plays whole experiments, as an experiment file plans them, through the evidence that decides real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import ceil, isfinite, sqrt
from typing import Any

import numpy as np

from experiments.errors import InvalidInput
from experiments.results import BETTER_LOWER
from experiments.simulation.summary import Summary, summarise
from experiments.simulation.trials import Setting, play
from experiments.spec import Definition
from stats.allocation import Allocation

PER_DAY = 4_000
MAX_DAYS = 3_650
SEED = 1


@dataclass(frozen=True, slots=True)
class Options:
    """How to play: `per_day` warnings, of which the experiment takes its share of traffic.

    A day is sealed `delay_hours` after its end; None: by the file's window and grace. All rates change by the factor
    `drift` over the planned duration. A run that has no verdict after `max_days` stays undecided.
    """

    runs: int = 1_000
    per_day: int = PER_DAY
    max_days: int = MAX_DAYS
    seed: int = SEED
    drift: float = 1.0
    delay_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """A definition, what was played of it, and what came out."""

    definition: Definition
    setting: Setting
    options: Options
    summary: Summary

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; rates and shares as fractions, `se` the Monte-Carlo standard error."""
        plan, setting, names = self.definition.plan, self.setting, [v.key for v in self.definition.variants]
        found = asdict(self.summary)
        return {
            "schema": 1,
            "experiment": self.definition.key,
            "outcome": self.definition.outcomes.primary.outcome,
            "better": setting.better,
            "design": plan.design,
            "alpha": plan.alpha,
            "looks": setting.looks if plan.design == "looks" else None,
            "spending": setting.spending if plan.design == "looks" else None,
            "allocation": plan.allocation,
            "leader_share": plan.leader_share,
            "units_per_variant": plan.units_per_variant,
            "control": self.definition.control,
            "units_per_day": setting.per_day,
            "expected_days": setting.expected + setting.lag,
            "sealed_after_days": setting.lag,
            "max_days": setting.max_days,
            "drift": setting.drift,
            "runs": self.options.runs,
            "seed": self.options.seed,
            "truth": dict(zip(names, map(float, setting.rates), strict=True)),
            "best": [names[arm] for arm in setting.best],
            **found,
            "named": dict(zip(names, found["named"], strict=True)),
        }


def simulate(
    definition: Definition,
    truth: Mapping[str, float],
    options: Options,
    progress: Callable[[float], Any] = lambda _: None,
) -> Simulation:
    """Play the experiment of a definition where its variants have these true rates.

    A variant that `truth` does not name has the plan's expected rate. The same seed gives the same result; `progress`
    is told which part is done, 0 to 1. Raises InvalidInput that names the option.
    """
    setting = setting_of(definition, truth, options)
    return Simulation(
        definition, setting, options, summarise(setting, play(setting, options.runs, options.seed, progress))
    )


def setting_of(definition: Definition, truth: Mapping[str, float], options: Options) -> Setting:
    """Return what is to be played. Raises InvalidInput that names the option."""
    plan, names = definition.plan, [variant.key for variant in definition.variants]
    _check(definition, names, truth, options)
    rates = np.array([truth.get(name, plan.expected_rate) for name in names])
    weights = np.array([variant.weight for variant in definition.variants]) / 10_000
    per_day = round(options.per_day * definition.traffic / 10_000)
    _require("per-day", "too few for the experiment's share of traffic: not one unit a day", holds=per_day > 0)
    drop = plan.allocation == "drop-losers"
    whole = plan.units_per_variant / weights[weights > 0].min()
    hours = options.delay_hours
    hours = definition.window_hours + definition.report_grace_hours if hours is None else hours
    return Setting(
        rates=rates,
        allocation=Allocation(weights, names.index(definition.control), drop=drop, leader=plan.leader_share),
        per_day=per_day,
        planned=plan.units_per_variant,
        design=plan.design,
        looks=plan.looks or 5,
        spending=plan.spending or "obrien-fleming",
        alpha=plan.alpha,
        better="lower" if definition.outcomes.primary.outcome in BETTER_LOWER else "higher",
        lag=ceil(hours / 24),
        max_days=options.max_days,
        drift=options.drift,
        expected=min(ceil(whole / per_day), options.max_days),
    )


def _check(definition: Definition, names: list[str], truth: Mapping[str, float], options: Options) -> None:
    _require(
        "unit", "time blocks cannot be simulated; use 'unit: session' or 'unit: view'", holds=definition.unit != "block"
    )
    for name, rate in truth.items():
        _require("truth", f"there is no variant '{name}'; there are: {', '.join(names)}", holds=name in names)
        _require("truth", f"the rate of '{name}' must lie between 0 and 1, not {rate!r}", holds=0 <= rate < 1)
    for option in ("runs", "per_day", "max_days"):
        value = getattr(options, option)
        _require(option.replace("_", "-"), f"must be at least 1, not {value}", holds=value >= 1)
    _require("seed", f"must be 0 or more, not {options.seed}", holds=options.seed >= 0)
    delay = options.delay_hours
    _require("delay-hours", f"must be 0 or more, not {delay}", holds=delay is None or delay >= 0)
    drift = options.drift
    _require("drift", f"must be a positive number, not {drift!r}", holds=isfinite(drift) and drift > 0)
    highest = max(truth.get(name, definition.plan.expected_rate) for name in names) * sqrt(max(drift, 1 / drift))
    _require("drift", f"the highest rate would reach {highest:.3g}; it must stay below 1", holds=highest < 1)


def _require(where: str, detail: str, *, holds: bool) -> None:
    if not holds:
        raise InvalidInput(detail, pointer=where)
