"""How large an experiment must be, how long it takes, and what it could find: the arithmetic before the first warning.

The formulas are those of `stats.sample_size`; here they meet traffic, days and words. `plan_size` is all that a page
or a command needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from math import ceil
from typing import Any, get_args

from experiments.errors import InvalidInput
from experiments.spec import Definition
from stats.plan import Design, Spending
from stats.sample_size import Aim, Rule, Shares, Size, fixed, harmful, looks, sequential, smallest_ratio

DESIGNS: tuple[str, ...] = get_args(Design)
SHARES: tuple[str, ...] = get_args(Shares)
SPENDINGS: tuple[str, ...] = get_args(Spending)
MONTH, YEAR = 365.25 / 12, 365.25  # days
SPANS = {"1 month": MONTH, "3 months": 3 * MONTH, "6 months": 6 * MONTH, "1 year": YEAR, "2 years": 2 * YEAR}
MOST_ARMS = 12
LOWEST_RATE = 1e-7


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be planned.

    rate, ratio  expected rate of the outcome (0 to 1), and the smallest ratio to it that should be found; below 1
                 where fewer outcomes are better
    arms         variants;   alpha, power  error probability, and probability to name the best
    per_day      warnings a day, all variants together
    delay_days   from the end of a day until it counts
    design       sequential, fixed or looks (`looks` of them, by `spending`); shares of the sequential design
    name         what the outcome is called in sentences, such as `calls`; may be empty
    others       name -> rate of other outcomes, to compare the duration with

    Raises InvalidInput that names the field.
    """

    rate: float
    ratio: float
    arms: int = 2
    per_day: float = 4_000
    alpha: float = 0.05
    power: float = 0.8
    design: Design = "sequential"
    shares: Shares = "equal"
    looks: int = 5
    spending: Spending = "obrien-fleming"
    delay_days: int = 2
    name: str = ""
    others: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require("arms", f"must be 2 to {MOST_ARMS}, not {self.arms}", holds=2 <= self.arms <= MOST_ARMS)
        _require("per-day", f"must be more than 0, not {self.per_day:g}", holds=0 < self.per_day <= 1e12)
        _require("looks", f"must be 2 to 20, not {self.looks}", holds=2 <= self.looks <= 20)
        _require("delay-days", f"must be 0 to 30, not {self.delay_days}", holds=0 <= self.delay_days <= 30)
        _require("design", f"must be one of {', '.join(DESIGNS)}", holds=self.design in DESIGNS)
        _require("spending", f"must be one of {', '.join(SPENDINGS)}", holds=self.spending in SPENDINGS)
        _require("shares", f"must be one of {', '.join(SHARES)}", holds=self.shares in SHARES)
        only = self.shares == "equal" or self.design == "sequential"
        _require("shares", "only the sequential design may change them", holds=only)
        _require("ratio", f"must differ from 1 by 0.1 % or more, not {self.ratio:g}", holds=abs(self.ratio - 1) >= 1e-3)
        for place, rate in {
            "rate": self.rate,
            **{f"compare {name}": rate for name, rate in self.others.items()},
        }.items():
            _require(place, f"must lie between {LOWEST_RATE:g} and 1, not {rate:g}", holds=LOWEST_RATE <= rate < 1)
            self.aim(rate, place)

    def aim(self, rate: float | None = None, place: str = "") -> Aim:
        """Return what `stats` is to find, for this outcome or one with another rate."""
        try:
            return Aim(self.arms, self.rate if rate is None else rate, self.ratio, self.alpha, self.power)
        except ValueError as error:
            pointer, detail = str(error).split(": ", 1)
            raise InvalidInput(detail, pointer=place if place.startswith("compare") else pointer) from None

    def rule(self, design: Design | None = None, shares: Shares | None = None) -> Rule:
        """Return the function that gives the size of a design."""
        design = design or self.design
        if design == "fixed":
            return fixed
        if design == "looks":
            return partial(looks, number=self.looks, spending=self.spending)
        return partial(sequential, shares=shares or self.shares)


@dataclass(frozen=True, slots=True)
class Duration:
    """A design's size. units, mean_units: of all variants together; days, mean_days: with the days to wait."""

    design: Design
    shares: Shares
    units_per_variant: int
    units: int
    mean_units: int
    days: int
    mean_days: int


@dataclass(frozen=True, slots=True)
class Detectable:
    """The ratio nearest to 1 that is found within so many days with the planned power; None: none."""

    span: str
    days: int
    ratio: float | None


@dataclass(frozen=True, slots=True)
class SizePlan:
    """The answer.

    chosen       the design asked for;   designs  all of them, for comparison
    detectable   what the chosen design finds within some spans
    others       outcome -> the chosen design with that outcome's rate
    harm_days    days until a variant that is worse by the ratio is ruled out, on average; sequential design only
    """

    question: Question
    chosen: Duration
    designs: tuple[Duration, ...]
    detectable: tuple[Detectable, ...]
    others: Mapping[str, Duration]
    harm_days: int | None

    @property
    def sentence(self) -> str:
        """How long it takes, in words."""
        traffic = f"At {_number(self.question.per_day)} warnings a day this takes {in_words(self.chosen.days)}"
        of = f" of {self.question.name}" if self.question.name else ""
        others = [f"by {name} instead{of}, {in_words(found.days)}" for name, found in self.others.items()]
        return "; ".join([traffic, *others]) + "."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values; `days` from the first warning to the verdict."""
        return {
            "schema": 1,
            "sentence": self.sentence,
            "question": {**asdict(self.question), "others": dict(self.question.others)},
            "chosen": asdict(self.chosen),
            "designs": [asdict(design) for design in self.designs],
            "detectable": [asdict(found) for found in self.detectable],
            "others": {name: asdict(found) for name, found in self.others.items()},
            "harm_days": self.harm_days,
        }


def plan_size(question: Question) -> SizePlan:
    """Answer how large and long an experiment must be."""
    rest: list[tuple[Design, Shares]] = [("sequential", shares) for shares in get_args(Shares)]
    sequential_ways = rest if question.arms > 2 else rest[:1]  # with two variants there is no loser to drop on the way
    ways: list[tuple[Design, Shares]] = [*sequential_ways, ("looks", "equal"), ("fixed", "equal")]
    rule = question.rule()
    return SizePlan(
        question=question,
        chosen=_duration(question, question.design, question.shares, rule(question.aim())),
        designs=tuple(_duration(question, *way, question.rule(*way)(question.aim())) for way in ways),
        detectable=tuple(_detectable(question, rule, span, days) for span, days in SPANS.items()),
        others={
            name: _duration(question, question.design, question.shares, rule(question.aim(rate)))
            for name, rate in question.others.items()
        },
        harm_days=_days(question, harmful(question.aim())) if question.design == "sequential" else None,
    )


def question_of(definition: Definition, per_day: float, *, lower: bool = False) -> Question:
    """Return the question that an experiment file asks; `lower` where fewer of its primary outcome are better.

    Only the variants that take part count, and only the file's share of traffic.
    """
    plan = definition.plan
    shares: Shares = "leader" if plan.leader_share else "drop-losers" if plan.allocation == "drop-losers" else "equal"
    return Question(
        rate=plan.expected_rate,
        ratio=1 / plan.minimum_effect.ratio if lower else plan.minimum_effect.ratio,
        arms=sum(variant.weight > 0 for variant in definition.variants),
        per_day=per_day * definition.traffic / 10_000,
        alpha=plan.alpha,
        power=plan.power,
        design=plan.design,
        shares=shares if plan.design == "sequential" else "equal",
        looks=plan.looks or 5,
        spending=plan.spending or "obrien-fleming",
        delay_days=ceil((definition.window_hours + definition.report_grace_hours) / 24),
    )


def at_size(question: Question, units_per_variant: int) -> Detectable:
    """Return how long a size takes, and the ratio nearest to 1 that it finds with the planned power."""
    units = units_per_variant * question.arms
    return Detectable("", _days(question, units), smallest_ratio(question.aim(), units, question.rule()))


def in_words(days: float) -> str:
    """Return a duration as people say it: `12 days`, `5 weeks`, `17 months`, `6 years`."""
    if days < 21:
        return _counted(ceil(days), "day")
    if days < 2.5 * MONTH:
        return _counted(round(days / 7), "week")
    if days < 2.5 * YEAR:
        return _counted(round(days / MONTH), "month")
    return f"{_number(round(days / YEAR))} years"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def _duration(question: Question, design: Design, shares: Shares, size: Size) -> Duration:
    each = -(-size.units // question.arms)
    mean = _days(question, size.mean_units)
    return Duration(design, shares, each, size.units, size.mean_units, _days(question, size.units), mean)


def _days(question: Question, units: float) -> int:
    return ceil(units / question.per_day) + question.delay_days


def _detectable(question: Question, rule: Rule, span: str, days: float) -> Detectable:
    counted = max(days - question.delay_days, 0) * question.per_day
    ratio = smallest_ratio(question.aim(), counted, rule) if counted >= question.arms else None
    return Detectable(span, ceil(days), ratio)


def _require(pointer: str, detail: str, *, holds: bool) -> None:
    if not holds:
        raise InvalidInput(detail, pointer=pointer)
