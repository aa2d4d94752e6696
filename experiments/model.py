"""An experiment as it lives: versions with a state, phases with constant probabilities, a log.

All frozen. `lifecycle` makes the next value, `store` keeps it; nothing here reads a clock.
Times are unix seconds, days are counted from 1970-01-01 (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.spec import Definition, OutcomeDefinition

DAY = 86_400
HOUR = 3_600
EXPOSURE_SECONDS = 3_600  # a token may confirm an exposure this long after the assignment

State = Literal["draft", "in_review", "approved", "running", "suspended", "stopped", "concluded", "archived"]
LIVE: frozenset[State] = frozenset({"running", "suspended", "stopped"})  # outcomes are taken
ON_SURFACE: frozenset[State] = frozenset({"running", "suspended"})  # holds its surfaces
ENDED: frozenset[State] = frozenset({"concluded", "archived"})  # nothing changes its counts any more


def day_of(now: float) -> int:
    """Return the UTC day of a time in unix seconds, counted from 1970-01-01."""
    return int(now) // DAY


class Record(BaseModel):
    """A stored value. Unknown fields of a newer release are an error, not silently dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Phase(Record):
    """A stretch with constant assignment probabilities: `weights` and `traffic` in basis points.

    `adapted` is the last sealed day on which the machine has changed the shares by then, None while it has not.
    """

    number: int
    started: int
    weights: tuple[int, ...]
    traffic: int
    closed: frozenset[int] = frozenset()
    adapted: int | None = None

    def shares(self) -> tuple[float, ...]:
        """Assignment probability of each variant, in file order: its weight over the open weights' sum."""
        total = sum(w for i, w in enumerate(self.weights) if i not in self.closed)
        return tuple(0.0 if i in self.closed else w / total for i, w in enumerate(self.weights))


class Approval(Record):
    """A person's approval of the texts in one locale; `texts` is their content hash (see `approval.texts_hash`)."""

    who: str
    at: int
    locale: str
    texts: str


Choice = Literal["adopt", "keep-control", "inconclusive", "stopped-for-harm"]


class Decision(Record):
    """What people decided about a version: one person proposes it, another one confirms it.

    `variant` is the one whose text is adopted. `undone_…` say who took an adopted text back, when and why.
    """

    choice: Choice
    variant: str | None = None
    why: str
    proposed_by: str
    proposed_at: int
    confirmed_by: str | None = None
    confirmed_at: int | None = None
    undone_by: str | None = None
    undone_at: int | None = None
    undone_why: str | None = None


class Version(Record):
    """A frozen definition with its own key, counters and life.

    `id` is unique in the installation, `key` is K wrapped by the key file, `tags` are the shards'
    suffixes in Redis keys, `definition_hash` the content hash of the whole document. `changed_by` wrote it last,
    `texts_by` its texts; `protocol_hash` is the SHA-256 of the protocol that was locked at its start. `adopted` is the
    variant whose text its surfaces show now, by the `decision`.
    """

    id: int
    number: int
    state: State
    definition: Definition
    definition_hash: str
    changed_by: str | None = None
    texts_by: str | None = None
    submitted_by: str | None = None
    approvals: tuple[Approval, ...] = ()
    protocol_hash: str | None = None
    key: str | None = None
    tags: tuple[str, ...] = ("0",)
    phases: tuple[Phase, ...] = ()
    started: int | None = None
    stopped: int | None = None
    decision: Decision | None = None
    adopted: str | None = None
    simulated: bool = False
    notices: tuple[str, ...] = ()

    @property
    def phase(self) -> Phase:
        return self.phases[-1]

    @property
    def weights_asked(self) -> tuple[int, ...]:
        """The weights that people set last: what the machine has made of them since is left out."""
        by_people = [
            after.weights
            for before, after in pairwise(self.phases)
            if after.weights != before.weights and after.adapted == before.adapted
        ]
        return by_people[-1] if by_people else self.phases[0].weights

    @property
    def weights_changed(self) -> int | None:
        """When the weights last changed, in unix seconds; None while they are those of the start."""
        changed = [after.started for before, after in pairwise(self.phases) if after.weights != before.weights]
        return changed[-1] if changed else None

    @property
    def shards(self) -> int:
        return len(self.tags)

    @property
    def window(self) -> int:
        """Seconds in which an outcome counts after the first exposure."""
        return self.definition.window_hours * HOUR

    def sealed_at(self, day: int) -> int:
        """When a day's counts can never change again: its end, plus the window, plus the grace."""
        return (day + 1) * DAY + self.window + self.definition.report_grace_hours * HOUR

    def is_sealed(self, day: int, now: float) -> bool:
        return now >= self.sealed_at(day)

    def last_sealed(self, now: float) -> int | None:
        """Return the last day of the version that is sealed; None while none is."""
        return max((day for day in self.days(now) if self.is_sealed(day, now)), default=None)

    def open_days(self, now: float) -> tuple[int, ...]:
        """Days whose rows may still change, newest first: today and those not yet sealed."""
        today = day_of(now)
        back = 0
        while not self.is_sealed(today - back - 1, now):
            back += 1
        first = day_of(self.started) if self.started is not None else today
        return tuple(range(today, max(today - back, min(first, today)) - 1, -1))

    def days(self, now: float) -> tuple[int, ...]:
        """All days from the start to now (or to the stop), oldest first."""
        if self.started is None:
            return ()
        last = day_of(now if self.stopped is None else min(now, self.stopped))
        return tuple(range(day_of(self.started), last + 1))

    @cached_property
    def outcomes(self) -> tuple[tuple[str, OutcomeDefinition], ...]:
        """Name and definition of every outcome of the plan: primary, secondary, guardrails, in that order."""
        o = self.definition.outcomes
        primary = (o.primary.name or "primary", o.primary)
        rest = tuple((d.name or d.outcome, d) for d in (*o.secondary, *o.guardrails))
        return (primary, *rest)


class Experiment(Record):
    """All versions of an experiment; `revision` counts its changes, for compare-and-set."""

    format: Literal[1] = Field(default=1, alias="schema")
    key: str
    revision: int = 0
    versions: tuple[Version, ...] = ()

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    @property
    def on_surface(self) -> Version | None:
        """The version that is running or suspended, if any."""
        return next((v for v in self.versions if v.state in ON_SURFACE), None)

    def version(self, number: int) -> Version | None:
        return next((v for v in self.versions if v.number == number), None)


class LogEntry(Record):
    """Who did what, when and why."""

    at: int
    who: str
    act: str
    version: int
    why: str | None = None
    details: Mapping[str, str | int] = Field(default_factory=dict)
