"""From the ledger's counts to one frozen result: what every page, JSON and CSV shows.

Only sealed days decide. What is still open is told apart, rounded to five and hidden below ten, because
a number that moves while somebody watches can tell on a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from functools import cached_property, partial
from typing import Any

import stats
from experiments import cells, deviations, final, looking, surroundings, waiting
from experiments.cells import ChannelCount, Share
from experiments.errors import NotFound
from experiments.export import as_csv, count_table
from experiments.kept import Kept
from experiments.model import DAY, ENDED, Experiment, Version
from experiments.spec import OutcomeDefinition
from experiments.store import Condition, Ledger, Store, folding
from experiments.store.keys import tag
from experiments.surroundings import Evidence, Expected, iso, iso_date
from experiments.tables import read_counts

SMALLEST = 10
STEP = 5
BETTER_LOWER = frozenset({"proceeded", "repeat_trigger", "complaint"})


class Body:
    """A report as JSON-ready values, made once: what is still open is coarse in it, and the path has gaps.

    `like` is the body of a report that differs in the open days only.
    """

    def __init__(self, report: stats.Report, like: Body | None = None) -> None:
        self._report, self._like = report, like

    @cached_property
    def values(self) -> dict[str, Any]:
        values = dict(self._like.values) if self._like else self._report.to_dict()
        if not self._like:
            values["path"] = list(_told(values["path"], values["arms"]))
        values["provisional"] = [_hidden(_plain(row)) for row in self._report.provisional]
        return values


@dataclass(frozen=True, slots=True)
class Result:
    """The report with what surrounds it.

    `sealed_days` and `open_days` count UTC days; `apart` are events that entered no arm (late, outage,
    crossed); `notices` must be shown with every figure, `may_be_lost` is for whoever asks; times are RFC 3339.
    `closed` are variants that nobody new is shown; `plan`, `phases` and `outcome_definitions` are what was planned
    and done; `looked` and `deviations` who looked, and what was not as planned; `final` the report as it was frozen.
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
    closed: tuple[str, ...]
    adopted: str | None
    outcome_definitions: Mapping[str, Mapping[str, Any]]
    plan: Mapping[str, Any]
    phases: tuple[Mapping[str, Any], ...]
    evidence: Evidence | None
    expected: Expected | None
    versions: tuple[Mapping[str, Any], ...]
    looked: tuple[Mapping[str, Any], ...]
    deviations: tuple[Mapping[str, Any], ...]
    events_waiting: int
    events_set_aside: int
    table: tuple[Mapping[str, Any], ...]
    body: Body
    final: final.Final | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values: the report's fields at the top, and what surrounds it beside them."""
        inside = ("report", "table", "body")
        around = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__ if name not in inside}
        return {**self.body.values, **around}

    def to_csv(self) -> str:
        """The sealed count table, which `signpost analyse` reads again."""
        return as_csv(self.table)


@dataclass(frozen=True, slots=True)
class Made:
    """What the counts alone say: the report, its values, sums by channel, locale and times shown, and the table."""

    report: stats.Report
    body: Body
    channels: tuple[ChannelCount, ...]
    locales: tuple[Share, ...]
    times_shown: tuple[Share, ...]
    crossed: int
    table: tuple[Mapping[str, Any], ...]


def result(store: Store, key: str, *, now: float, version: int | None = None, kept: Kept[Made] | None = None) -> Result:
    """Read and analyse one version (the latest started one by default) as of `now` (unix seconds).

    `kept` are reports made before: one of the same counts is taken from there. Raises NotFound, StoreUnavailable.
    """
    experiment = store.documents.experiment(key)
    chosen = _chosen(experiment, version)
    condition = store.condition()
    days = chosen.days(now)
    tags = [tag(experiment.key, chosen.number, suffix) for suffix in chosen.tags]
    read = partial(folding.counts if chosen.state in ENDED else Ledger.counts, store.ledger, tags)
    by_day, apart = read(days) if kept is None else kept.counts(chosen, days, read)
    found = make(experiment.key, chosen, by_day, apart, condition, now, kept)
    waits, aside = waiting.held(store, tags)
    early = surroundings.ended_early(found.report, chosen)
    changed = deviations.of(experiment, chosen, store.documents.log(key), early=early)
    frozen = final.standing(store, chosen, found)
    return replace(
        found, final=frozen,
        notices=(*found.notices, *waiting.told(waits, aside), *final.notice(frozen)),
        events_waiting=waits, events_set_aside=aside,
        versions=surroundings.versions(experiment), deviations=surroundings.deviated(changed, now),
        looked=surroundings.looked(looking.history(store, key, chosen.number), now),
    )  # fmt: skip


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
    condition: Condition, now: float, kept: Kept[Made] | None = None,
) -> Result:  # fmt: skip
    """Turn raw count fields by day into a result. Pure, but for what `kept` remembers."""
    sealed = {day: fields for day, fields in by_day.items() if version.is_sealed(day, now)}
    live = {day: fields for day, fields in by_day.items() if day not in sealed}
    if kept is None:
        made = _made(version, sealed, live)
    else:
        made, is_of_now = kept.made(version, sealed, live, lambda: _made(version, sealed, live))
        made = made if is_of_now else _with_open_days(made, version, live)
    last = max(sealed, default=None)
    definition = version.definition
    return Result(
        experiment=key, version=version.number, state=version.state, title=definition.title,
        question=definition.question, simulated=version.simulated, as_of=iso(now),
        started=_maybe(version.started), stopped=_maybe(version.stopped),
        sealed_until=None if last is None else iso((last + 1) * DAY),
        sealed_days=len(sealed), open_days=len(live), window_hours=definition.window_hours,
        surfaces=tuple(definition.surfaces), primary_outcome=definition.outcomes.primary.outcome,
        messages={v.key: {t: m.model_dump() for t, m in v.messages.items()} for v in definition.variants},
        durability=condition.durability, may_be_lost=condition.may_be_lost, report=made.report,
        channels=made.channels, locales=made.locales, times_shown=made.times_shown,
        repeat_triggers=tuple(c for c in made.channels if c.outcome == "repeat_trigger"),
        apart=cells.apart(apart, made.crossed + cells.crossed(live)), notices=_notices(version, condition, apart),
        closed=surroundings.closed(version), adopted=version.adopted,
        outcome_definitions=surroundings.definitions(version), plan=definition.plan.model_dump(mode="json"),
        phases=surroundings.phases(version), evidence=surroundings.evidence(made.report),
        expected=surroundings.expected(made.report, version, last), versions=(), looked=(), deviations=(),
        events_waiting=0, events_set_aside=0, table=made.table, body=made.body,
    )  # fmt: skip


def _made(version: Version, sealed: Mapping[int, Mapping[str, int]], live: Mapping[int, Mapping[str, int]]) -> Made:
    counts = stats.Counts(
        sealed=tuple(cells.cells(version, sealed)), provisional=tuple(cells.cells(version, live)),
        shares=cells.shares(version),
    )  # fmt: skip
    report = _with_state(stats.report(plan_of(version), counts), version)
    total = cells.summed(sealed)
    return Made(
        report=report, body=Body(report), channels=tuple(cells.channels(version, total)),
        locales=tuple(cells.one_way(version, total, "l")), times_shown=tuple(cells.one_way(version, total, "n")),
        crossed=cells.crossed(sealed), table=tuple(count_table(version, counts.sealed)),
    )  # fmt: skip


def _with_open_days(made: Made, version: Version, live: Mapping[int, Mapping[str, int]]) -> Made:
    """The same with the open days as they are now."""
    report = replace(made.report, provisional=tuple(cells.provisional(version, live)))
    return replace(made, report=report, body=Body(report, made.body))


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


def _notices(version: Version, condition: Condition, apart: Mapping[str, int]) -> tuple[str, ...]:
    found = [*condition.problems, *condition.lacking, *condition.notices, *version.notices]
    if version.simulated:
        found.insert(0, "These figures are simulated, or replayed from a published table: no person was involved.")
    found += [
        f"The random key of {iso_date(day)} was lost: sessions of that day that came back may be counted twice."
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


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _maybe(seconds: float | None) -> str | None:
    return None if seconds is None else iso(seconds)
