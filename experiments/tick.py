"""Drop the losers: after a sealed day, close the variants that are ruled out, and give the others their shares.

For running experiments whose plan says `allocation: drop-losers`; `experiments.allocation` decides on the report of
the sealed days. A change is one phase, made by compare-and-set, with its reason in the log. Doing it again, or twice
at once, changes nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from experiments import desk
from experiments.allocation import Decision, decide
from experiments.errors import Refused, Stale
from experiments.lifecycle import Actor
from experiments.model import DAY, Experiment, Version, day_of
from experiments.results import result
from experiments.runtime import Runtime

ACTOR = "signpost tick"
AFTER_SEALING = 300  # seconds that the background waits: clocks of several machines differ
TURN = 600  # seconds until somebody else may try, when whoever had the turn did not finish
TAKEN = 3 * DAY


@dataclass(frozen=True, slots=True)
class Tick:
    """What became of one experiment: `changed`, `would-change` (a dry run), or the code why nothing was done.

    The codes are in `docs/drop-losers.md`. `version` is None when none runs.
    """

    experiment: str
    version: Version | None
    decision: Decision

    @property
    def code(self) -> str:
        return self.decision.code

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values. Without a change `sealed` and `weights` (basis points) are None and `closed` is empty."""
        wanted, version = self.decision.wanted, self.version
        names = [variant.key for variant in version.definition.variants] if version else []
        return {
            "experiment": self.experiment,
            "version": version.number if version else None,
            "code": self.code,
            "text": self.decision.text,
            "sealed": _date(wanted.sealed) if wanted else None,
            "closed": list(self.decision.closed),
            "weights": dict(zip(names, wanted.weights, strict=True)) if wanted else None,
        }


def tick(runtime: Runtime, now: int, keys: Sequence[str] = (), *, dry_run: bool = False) -> list[Tick]:
    """Do the day's work for the experiments named, or for all on a surface that drop losers; `now` in unix seconds.

    Raises NotFound for an unknown key, before anything is changed.
    """
    documents = runtime.store.documents
    found = [documents.experiment(key) for key in dict.fromkeys(keys)] if keys else _dropping(documents.experiments())
    return [tick_one(runtime, experiment, now, dry_run=dry_run) for experiment in found]


def tick_one(runtime: Runtime, experiment: Experiment, now: int, *, dry_run: bool = False) -> Tick:
    """Do the day's work for one experiment, as it was read just now."""
    key, version = experiment.key, experiment.on_surface
    if version is None:
        state = experiment.latest.state.replace("_", " ") if experiment.versions else "missing"
        return Tick(key, None, Decision("not-running", f"no version runs; the latest one is {state}"))
    sealed = _day_to_follow(version, now)
    if isinstance(sealed, Decision):
        return Tick(key, version, sealed)
    report = result(runtime.store, key, now=now, version=version.number).report
    decision = decide(version, report, sealed)
    if decision.wanted is None:
        return Tick(key, version, decision)
    if dry_run:
        return Tick(key, version, Decision("would-change", decision.text, decision.wanted, decision.closed))
    try:
        desk.adapt(runtime, key, decision.wanted, Actor(ACTOR, now, decision.text))
    except Refused as error:
        code = "changed-meanwhile" if isinstance(error, Stale) else error.code
        return Tick(key, version, Decision(code, f"nothing was done: {error.detail}"))
    return Tick(key, version, decision)


def _dropping(experiments: Iterable[Experiment]) -> list[Experiment]:
    return [one for one in experiments if one.on_surface is not None and _drops(one.on_surface)]


def _drops(version: Version) -> bool:
    return version.definition.plan.allocation == "drop-losers"


def _day_to_follow(version: Version, now: int) -> int | Decision:
    """Return the sealed day that the shares can follow now, or why there is none."""
    sealed, done, changed = version.last_sealed(now), version.phase.adapted, version.weights_changed
    if not _drops(version):
        return Decision("equal-shares", "the plan says 'allocation: equal', so the shares stay as they are")
    if version.state == "suspended":
        return Decision("suspended", "suspended: nothing changes until it is resumed")
    if sealed is None:
        first = _time(version.sealed_at(day_of(version.started or now)))
        return Decision("no-sealed-day", f"no day is sealed yet; the first one will be on {first}")
    if done is not None and sealed <= done:
        following = _time(version.sealed_at(sealed + 1))
        return Decision("done", f"the shares follow the days up to {_date(done)}; the next is sealed on {following}")
    if changed is not None and day_of(changed) == day_of(now):
        return Decision("too-soon", "the weights were changed today; they change at most once a day")
    return sealed


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d at %H:%M UTC")


# --------------------------------------------------------------------------------------- in the background


@dataclass(frozen=True, slots=True)
class Turn:
    """A sealed day of a running version that it is our turn to look at."""

    experiment: str
    version: int
    day: int


def due(runtime: Runtime, now: float) -> Iterator[Turn]:
    """Yield what is to be looked at: sealed a while ago, not acted on, and nobody else's turn."""
    for live in {one.version.id: one for one in runtime.catalogue.snapshot.on_surface.values()}.values():
        version = live.version
        sealed = version.last_sealed(now - AFTER_SEALING)
        if version.state != "running" or not _drops(version) or sealed is None:
            continue
        done = version.phase.adapted is not None and sealed <= version.phase.adapted
        if not done and runtime.store.volatile.take_turn(live.experiment, version.number, sealed, TURN):
            yield Turn(live.experiment, version.number, sealed)


def take(runtime: Runtime, turn: Turn, now: float) -> Tick:
    """Do the day's work of a turn. When it fails, the turn comes again after ten minutes."""
    found = tick_one(runtime, runtime.store.documents.experiment(turn.experiment), int(now))
    if found.code != "changed-meanwhile":
        runtime.store.volatile.end_turn(turn.experiment, turn.version, turn.day, TAKEN)
    return found
