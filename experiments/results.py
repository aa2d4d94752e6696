"""From the ledger's counts to one frozen result: what every page, JSON and CSV shows.

Only sealed days decide. What is still open is told apart, rounded to five and hidden below ten, because
a number that moves while somebody watches can tell on a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import stats
from experiments import waiting
from experiments.errors import NotFound
from experiments.export import as_csv, count_table
from experiments.model import DAY, ENDED, Experiment, Version
from experiments.spec import OutcomeDefinition
from experiments.store import Condition, Ledger, Store, folding
from experiments.store.keys import tag
from experiments.store.rows import bit_name
from experiments.tables import read_counts

SMALLEST = 10
STEP = 5
BETTER_LOWER = frozenset({"proceeded", "repeat_trigger", "complaint"})


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """Units of a variant with an outcome, by channel and tier (None where it has none); sealed days."""

    variant: str
    outcome: str
    channel: str | None
    tier: str | None
    units: int


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a variant's units: by locale (of units assigned) or by times shown (of units exposed)."""

    variant: str
    name: str
    units: int


@dataclass(frozen=True, slots=True)
class Result:
    """The report with what surrounds it.

    `sealed_days` and `open_days` count UTC days; `apart` are events that entered no arm (late, outage,
    crossed); `notices` must be shown with every figure, `may_be_lost` is for whoever asks; times are RFC 3339.
    """

    experiment: str
    version: int
    state: str
    title: str
    question: str | None
    simulated: bool
    as_of: str
    started: str | None
    stopped: str | None
    sealed_until: str | None
    sealed_days: int
    open_days: int
    window_hours: int
    surfaces: tuple[str, ...]
    primary_outcome: str
    messages: Mapping[str, Mapping[str, Mapping[str, str]]]
    durability: str
    may_be_lost: str
    report: stats.Report
    channels: tuple[ChannelCount, ...]
    repeat_triggers: tuple[ChannelCount, ...]
    locales: tuple[Share, ...]
    times_shown: tuple[Share, ...]
    apart: Mapping[str, int]
    notices: tuple[str, ...]
    table: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values: the report's fields at the top, and what surrounds it beside them."""
        around: dict[str, Any] = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("report", "table")
        }
        for name in ("channels", "repeat_triggers", "locales", "times_shown"):
            around[name] = [_fields(item) for item in around[name]]
        around |= {"surfaces": list(self.surfaces), "notices": list(self.notices), "apart": dict(self.apart)}
        report = self.report.to_dict()
        report["path"] = list(_told(report["path"], report["arms"]))
        report["provisional"] = [_hidden(row) for row in report["provisional"]]
        return {**report, **around}

    def to_csv(self) -> str:
        """The sealed count table, which `signpost analyse` reads again."""
        return as_csv(self.table)


def result(store: Store, key: str, *, now: float, version: int | None = None) -> Result:
    """Read and analyse one version (the latest started one by default) as of `now` (unix seconds)."""
    experiment = store.documents.experiment(key)
    chosen = _chosen(experiment, version)
    condition = store.condition()
    days = chosen.days(now)
    tags = [tag(experiment.key, chosen.number, suffix) for suffix in chosen.tags]
    read = folding.counts if chosen.state in ENDED else Ledger.counts
    by_day, apart = read(store.ledger, tags, days)
    found = make(experiment.key, chosen, by_day, apart, condition, now)
    return replace(found, notices=(*found.notices, *waiting.notices(store, tags)))


def analyse(text: str, **options: Any) -> dict[str, Any]:
    """Return the report of a count table (CSV text); options are those of `tables.read_counts`.

    Raises ValueError naming the row and column, or the option.
    """
    return stats.report(*read_counts(text, **options)).to_dict()


def _chosen(experiment: Experiment, number: int | None) -> Version:
    started = [v for v in experiment.versions if v.started is not None]
    if number is None:
        return started[-1] if started else experiment.latest
    found = experiment.version(number)
    if found is None:
        raise NotFound(f"experiment '{experiment.key}' has no version {number}", pointer="/version")
    return found


def make(
    key: str, version: Version, by_day: Mapping[int, Mapping[str, int]], apart: Mapping[str, int],
    condition: Condition, now: float,
) -> Result:  # fmt: skip
    """Turn raw count fields by day into a result. Pure."""
    sealed = {day: fields for day, fields in by_day.items() if version.is_sealed(day, now)}
    live = {day: fields for day, fields in by_day.items() if day not in sealed}
    counts = stats.Counts(
        sealed=tuple(_cells(version, sealed)), provisional=tuple(_cells(version, live)), shares=_shares(version)
    )
    report = _with_state(stats.report(plan_of(version), counts), version)
    total = _summed(sealed)
    definition = version.definition
    return Result(
        experiment=key, version=version.number, state=version.state, title=definition.title,
        question=definition.question, simulated=version.simulated, as_of=_time(now),
        started=_maybe(version.started), stopped=_maybe(version.stopped),
        sealed_until=_time((max(sealed) + 1) * DAY) if sealed else None,
        sealed_days=len(sealed), open_days=len(live), window_hours=definition.window_hours,
        surfaces=tuple(definition.surfaces), primary_outcome=definition.outcomes.primary.outcome,
        messages={v.key: {t: m.model_dump() for t, m in v.messages.items()} for v in definition.variants},
        durability=condition.durability, may_be_lost=condition.may_be_lost, report=report,
        channels=tuple(_channels(version, total)),
        repeat_triggers=tuple(c for c in _channels(version, total) if c.outcome == "repeat_trigger"),
        locales=tuple(_one_way(version, total, "l")), times_shown=tuple(_one_way(version, total, "n")),
        apart=_apart(apart, _summed(by_day)), notices=_notices(version, condition, apart),
        table=tuple(count_table(version, counts.sealed)),
    )  # fmt: skip


def plan_of(version: Version) -> stats.Plan:
    """The version's plan as the statistics see it."""
    definition = version.definition
    guardrails = {g.name or g.outcome: g for g in definition.outcomes.guardrails}
    outcomes = []
    for index, (name, item) in enumerate(version.outcomes):
        rail = guardrails.get(name)
        outcomes.append(
            stats.Outcome(
                name=name, role="primary" if index == 0 else "guardrail" if rail is item else "secondary",
                better=rail.better if rail is not None and rail is item else _better(item),
                margin_ratio=rail.margin.ratio if rail is not None and rail is item and rail.margin else None,
                clicks_only=item.channels == ["click"],
                family=_family(item) if index and rail is not item else "",
            )
        )  # fmt: skip
    return stats.Plan(
        variants=tuple(v.key for v in definition.variants), control=definition.control, outcomes=tuple(outcomes),
        design=definition.plan.design, alpha=definition.plan.alpha, planned_units=definition.plan.units_per_variant,
        expected_rate=definition.plan.expected_rate, unit=definition.unit,
        factors={v.key: v.factors for v in definition.variants if v.factors},
        looks=definition.plan.looks or 5, spending=definition.plan.spending or "obrien-fleming",
    )  # fmt: skip


def _family(definition: OutcomeDefinition) -> Any:
    """Outcomes that narrow the channels, or the tiers, are judged together: they ask the same question in parts."""
    return "channels" if definition.channels else "tiers" if definition.tiers else ""


def _better(definition: OutcomeDefinition) -> Any:
    return "lower" if definition.outcome in BETTER_LOWER else "higher"


def _shares(version: Version) -> dict[int, dict[str, float]]:
    keys = [v.key for v in version.definition.variants]
    return {phase.number: dict(zip(keys, phase.shares(), strict=True)) for phase in version.phases}


def _cells(version: Version, by_day: Mapping[int, Mapping[str, int]]) -> Iterator[stats.Cell]:
    for day, fields in sorted(by_day.items()):
        gathered: dict[tuple[int, int, int, int], dict[str, int]] = {}
        for name, units in fields.items():
            parts = name.split(".")
            if len(parts) == 5:
                cell = (int(parts[0]), int(parts[1]), int(parts[2]), int(parts[3]))
                gathered.setdefault(cell, {})[parts[4]] = units
        yield from (_cell(version, day, at, gathered[at]) for at in sorted(gathered))


def _cell(version: Version, day: int, at: tuple[int, int, int, int], measures: Mapping[str, int]) -> stats.Cell:
    phase, variant, surface, stratum = at
    definition = version.definition
    return stats.Cell(
        variant=definition.variants[variant].key, phase=phase, period=_date(day),
        surface=definition.surfaces[surface], stratum=definition.strata[stratum - 1] if stratum else "",
        assigned=measures.get("a", 0), exposed=measures.get("e", 0),
        conversions={name: measures.get(f"d{i}", 0) for i, (name, _) in enumerate(version.outcomes)},
    )  # fmt: skip


def _summed(by_day: Mapping[int, Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for fields in by_day.values():
        for name, units in fields.items():
            total[name] = total.get(name, 0) + units
    return total


def _channels(version: Version, total: Mapping[str, int]) -> Iterator[ChannelCount]:
    """Units per variant and outcome bit, summed over phases, surfaces and strata."""
    sums: dict[tuple[int, int], int] = {}
    for name, units in total.items():
        parts = name.split(".")
        if len(parts) == 5 and parts[4].startswith("o"):
            at = (int(parts[1]), int(parts[4][1:]))
            sums[at] = sums.get(at, 0) + units
    for (variant, bit), units in sorted(sums.items()):
        outcome, channel, tier = bit_name(bit)
        yield ChannelCount(version.definition.variants[variant].key, outcome, channel, tier, units)


def _one_way(version: Version, total: Mapping[str, int], table: str) -> Iterator[Share]:
    for name, units in sorted(total.items()):
        kind, _, rest = name.partition(".")
        if kind == table:
            variant, _, value = rest.partition(".")
            yield Share(version.definition.variants[int(variant)].key, value, units)


def _apart(apart: Mapping[str, int], total: Mapping[str, int]) -> dict[str, int]:
    crossed = sum(units for name, units in total.items() if name.startswith("x."))
    return dict(sorted(apart.items())) | ({"crossed": crossed} if crossed else {})


def _notices(version: Version, condition: Condition, apart: Mapping[str, int]) -> tuple[str, ...]:
    found = [*condition.problems, *condition.lacking, *condition.notices, *version.notices]
    if version.simulated:
        found.insert(0, "These figures are simulated, or replayed from a published table: no person was involved.")
    found += [
        f"The random key of {_date(day)} was lost: sessions of that day that came back may be counted twice."
        for day in sorted(int(name.partition(".")[2]) for name in apart if name.startswith("reset."))
    ]
    outage = sum(n for name, n in apart.items() if name.startswith("outage."))
    if outage:
        found.append(f"{outage} events belong to warnings that could not be counted during an outage.")
    return tuple(found)


def _with_state(report: stats.Report, version: Version) -> stats.Report:
    """A draft has not started and a suspended version decides nothing, whatever the counts say."""
    if version.started is None:
        return replace(report, status="not-started", status_arms=())
    return replace(report, status="suspended", status_arms=()) if version.state == "suspended" else report


def _told(path: list[dict[str, Any]], arms: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The points of the path at which every arm that has more events at all has ten more than at the last one.

    A curve by day would give away a single person's click.
    """
    final = [arm["conversions"] for arm in arms]
    told = [0] * len(arms)
    for point in path:
        events = point["conversions"]
        grown = [now - before for now, before in zip(events, told, strict=True)]
        if events and all(g >= SMALLEST or before == last for g, before, last in zip(grown, told, final, strict=True)):
            told = events
            yield point


def _hidden(row: dict[str, Any]) -> dict[str, Any]:
    """A live row: numbers rounded to five, none below ten."""
    return {name: _coarse(value) if isinstance(value, int) else value for name, value in row.items()}


def _coarse(units: int) -> int | None:
    return None if units < SMALLEST else STEP * round(units / STEP)


def _fields(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__dataclass_fields__}


def _maybe(seconds: float | None) -> str | None:
    return None if seconds is None else _time(seconds)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
