"""Many events at once, of a partner's server that assigns by itself or keeps its reports for a while.

Each item stands alone: what is wrong with one is told for that one. Acts go to their shards in order, some hundred in
one call of the script. Sending everything again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments import assignment
from experiments.access import ApiKey
from experiments.catalogue import Live
from experiments.directory import match
from experiments.errors import AccessError, InvalidInput, OutcomeRefused, SignpostError, StoreUnavailable
from experiments.model import day_of
from experiments.outcomes import (
    CLOCK_SKEW,
    Event,
    Receipt,
    Report,
    exposure_report,
    outcome_report,
    require_possible,
)
from experiments.runtime import Runtime
from experiments.store import acts
from experiments.store.acts import Told
from experiments.store.lane import MOST, Spoiled
from experiments.store.rows import Row
from experiments.units import slot_of

CROSSED = -3


@dataclass(frozen=True, slots=True)
class Assigned:
    """A partner's server assigned a unit itself and showed the message at `at` (unix seconds).

    `unit` are bytes 8 to 24 of the session's hash (see `assignment`).
    """

    experiment: str
    version: int | None
    unit: bytes
    variant: str
    phase: int
    surface: str | None
    stratum: str | None
    locale: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Happened:
    """What such a unit did."""

    experiment: str
    version: int | None
    unit: bytes
    event: Event


@dataclass(frozen=True, slots=True)
class ByToken:
    """An exposure (`event` None) or an outcome by the token of a remote assignment."""

    token: str
    event: Event | None


Item = Assigned | Happened | ByToken
Answer = Receipt | SignpostError
_Wanted = tuple[int, Report, acts.Act]  # place in the request, what is answered, what is written


class Bulk:
    """One request: who asks, when (unix seconds), and what was looked up for its items so far."""

    def __init__(self, runtime: Runtime, key: ApiKey, now: int) -> None:
        self._runtime = runtime
        self._key = key
        self._now = now
        self._lives: dict[tuple[str, int | None], Live] = {}
        self._open: dict[tuple[int, int, int], list[tuple[acts.Slot, bytes]]] = {}
        self._sealed: dict[tuple[int, int], bool] = {}
        self._words: dict[tuple[int, str, int, str | None, str | None], int] = {}

    def record(self, items: Sequence[Item | SignpostError]) -> list[Answer]:
        """Count what can be counted; a receipt, or what is wrong, for each item."""
        answers: dict[int, Answer] = {}
        by_shard: dict[str, list[_Wanted]] = {}
        for index, item in enumerate(items):
            try:
                report = self._report(item)
            except SignpostError as error:
                answers[index] = error
                continue
            if report.act is None:  # of a forced variant
                answers[index] = report.answered(None)
            else:
                by_shard.setdefault(report.act.tag, []).append((index, report, report.act))
        for reports in by_shard.values():
            for begin in range(0, len(reports), MOST):
                answers.update(self._write(reports[begin : begin + MOST]))
        return [answers[index] for index in range(len(items))]

    def _write(self, wanted: list[_Wanted]) -> dict[int, Answer]:
        told = self._runtime.write_all([act for _, _, act in wanted], self._now)
        return {index: _answer(report, act, one) for (index, report, act), one in zip(wanted, told, strict=True)}

    def _report(self, item: Item | SignpostError) -> Report:
        if isinstance(item, Assigned):
            return self._assigned(item)
        if isinstance(item, Happened):
            return self._happened(item)
        if isinstance(item, ByToken):
            partner = self._key.partner_number
            if item.event is None:
                return exposure_report(self._runtime, item.token, partner, self._now)
            return outcome_report(self._runtime, item.token, item.event, partner, self._now)
        raise item

    def _assigned(self, item: Assigned) -> Report:
        live = self._live(item.experiment, item.version)
        version, day = live.version, day_of(item.at)
        if item.at > self._now + CLOCK_SKEW:
            raise _in_the_future()
        if version.started is None or item.at < version.started - CLOCK_SKEW:
            raise InvalidInput("the version had not started then", pointer="/occurred_at")
        if version.stopped is not None and item.at > version.stopped + CLOCK_SKEW:
            raise InvalidInput("the version had been stopped by then", code="not-running", pointer="/occurred_at")
        word = self._word(live, item)
        if self._is_sealed(live, day):
            return Report(acts.apart(self._tag(live, item.unit), "late.exposed"), "late")
        return Report(
            acts.assign(
                self._slots(live, item.unit, day), live.terms, now=item.at, word=word, shown=True, by_partner=True,
                locale=_locale(live, item), claimed=True,
            )
        )  # fmt: skip

    def _happened(self, item: Happened) -> Report:
        live, event = self._live(item.experiment, item.version), item.event
        if event.at > self._now + CLOCK_SKEW:
            raise _in_the_future()
        require_possible(live, event, self._now)
        bit, day = event.bit(), day_of(event.at)
        if self._is_sealed(live, day):
            return Report(acts.apart(self._tag(live, item.unit), f"late.{event.outcome}"), "late")
        slots = self._slots(live, item.unit, day)
        return Report(acts.outcome(slots, live.terms, at=event.at, bit=bit, what=event.outcome, by_partner=True))

    def _slots(self, live: Live, unit: bytes, newest: int) -> list[acts.Slot]:
        experiment, version = live.experiment, live.version.number
        return [
            acts.Slot(
                slot.tag, slot.day, slot.seconds, slot.pages, assignment.pseudonym(key, experiment, version, unit)
            )
            for slot, key in self._places(live, assignment.shard(unit, len(live.tags)), newest)
        ]

    def _places(self, live: Live, shard: int, newest: int) -> list[tuple[acts.Slot, bytes]]:
        """Where a shard's units may be up to a day, without the unit's name, and what that is made with."""
        at = (live.version.id, shard, newest)
        found = self._open.get(at)
        if found is None:
            open_days = live.version.open_days(self._now)
            # What is dated before the version's first day, by a clock that is a little late, belongs to that day.
            days = [day for day in open_days if day <= newest] or open_days[-1:]
            found = self._open[at] = [
                (slot_of(self._runtime, live, shard, day, b"", self._now), self._runtime.day_key(day, self._now))
                for day in days
            ]
        return found

    def _is_sealed(self, live: Live, day: int) -> bool:
        at = (live.version.id, day)
        found = self._sealed.get(at)
        if found is None:
            found = self._sealed[at] = live.version.is_sealed(day, self._now)
        return found

    def _tag(self, live: Live, unit: bytes) -> str:
        return live.tags[assignment.shard(unit, len(live.tags))]

    def _live(self, experiment: str, number: int | None) -> Live:
        live = self._lives.get((experiment, number))
        if live is None:
            live = self._lives[experiment, number] = self._found(experiment, number)
        return live

    def _found(self, experiment: str, number: int | None) -> Live:
        versions = self._runtime.catalogue.snapshot.versions(experiment)
        live = next((one for one in versions if number in (None, one.version.number)), None)
        if live is None:
            pointer = "/version" if versions else "/experiment"
            raise InvalidInput("no such experiment or version takes events", code="unknown-experiment", pointer=pointer)
        if live.version.definition.unit != "session":
            raise InvalidInput("units of this experiment are no sessions", pointer="/unit")
        if "*" not in self._key.surfaces and not set(self._key.surfaces) & set(live.version.definition.surfaces):
            raise AccessError("this key is for none of the experiment's surfaces", code="scope-missing")
        return live

    def _word(self, live: Live, item: Assigned) -> int:
        """Word A of the row that the item asks for."""
        at = (live.version.id, item.variant, item.phase, item.surface, item.stratum)
        word = self._words.get(at)
        if word is None:
            word = self._words[at] = self._checked(live, item).word()
        return word

    def _checked(self, live: Live, item: Assigned) -> Row:
        definition = live.version.definition
        surface = item.surface or definition.surfaces[0]
        self._key.require_surface(surface)
        variant = definition.index_of(item.variant)
        phase = next((one for one in live.version.phases if one.number == item.phase), None)
        if variant is None:
            raise InvalidInput("there is no such variant", code="unknown-variant", pointer="/variant")
        if phase is None:
            raise InvalidInput(f"the phases of the version are 0 to {live.version.phase.number}", pointer="/phase")
        if variant in phase.closed or not phase.weights[variant]:
            raise InvalidInput("nobody was assigned this variant in this phase", pointer="/variant")
        return Row(
            variant, phase.number, _position(definition.surfaces, surface, "surface"),
            _position(definition.strata, item.stratum, "stratum") + 1 if item.stratum is not None else 0,
        )  # fmt: skip


def _locale(live: Live, item: Assigned) -> str:
    """One of the experiment's own: what a partner writes there goes no further."""
    locale = match(item.locale, live.locales)
    if locale is None:
        told = f"the experiment has {', '.join(live.locales)}"
        raise InvalidInput(f"unknown locale; {told}", code="unknown-locale", pointer="/locale")
    return locale


def _position(declared: Sequence[str], name: str, field: str) -> int:
    if name not in declared:
        told = f"declared are: {', '.join(declared)}" if declared else "the experiment declares none"
        raise InvalidInput(f"unknown {field}; {told}", code=f"unknown-{field}", pointer=f"/{field}")
    return list(declared).index(name)


def _answer(report: Report, act: acts.Act, told: Told | Spoiled | StoreUnavailable | None) -> Answer:
    if isinstance(told, SignpostError):
        return told
    if act.kind == "assign" and report.receipt is None and told is not None:
        return "crossed" if told.code == CROSSED else "recorded" if told.code in (1, 3) else "already"
    try:
        return report.answered(told)
    except OutcomeRefused as error:
        return error


def _in_the_future() -> InvalidInput:
    return InvalidInput("it lies in the future by more than a minute", code="in-future", pointer="/occurred_at")
