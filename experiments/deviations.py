"""What differs from the locked plan, derived from phases and log: nobody has to remember to write it down.

What the plan itself does (`allocation: drop-losers` closes variants by sealed counts) is no deviation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from experiments.model import DAY, Experiment, LogEntry, Phase, Version

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that was not as planned: when (unix seconds), by whom, a sentence about it, why if that was said."""

    at: int
    who: str
    what: str
    why: str | None


def of(
    experiment: Experiment, version: Version, log: Sequence[LogEntry], *, early: bool = False, now: float | None = None
) -> tuple[Deviation, ...]:
    """Return the deviations of a version of an experiment, oldest first; none before it has started.

    `log` is the whole experiment's; `early` says that it was stopped with neither a verdict nor its planned size, which
    only the counts can tell; `now` (unix seconds) is what a running version is held against its ethics approval at.
    """
    if version.started is None or version not in experiment.versions:
        return ()
    own = [entry for entry in log if entry.version == version.number and entry.at >= version.started]
    found = [*_of_phases(version, own), *_of_acts(own), *_of_end(version, log, early=early), *_of_ethics(version, now)]
    return tuple(sorted(found, key=lambda deviation: deviation.at))


def _of_phases(version: Version, log: Sequence[LogEntry]) -> Iterator[Deviation]:
    """Shares and open arms that people changed."""
    told = {entry.details.get("phase"): entry for entry in log}
    for before, after in pairwise(version.phases):
        if after.adapted != before.adapted:
            continue  # the plan's own rule
        entry = told.get(after.number)
        who, why = (entry.who, entry.why) if entry else (UNKNOWN, None)
        for what in _changes(version, before, after):
            yield Deviation(after.started, who, what, why)


def _changes(version: Version, before: Phase, after: Phase) -> Iterator[str]:
    keys = [variant.key for variant in version.definition.variants]
    if after.traffic != before.traffic:
        yield f"Traffic was changed from {_percent(before.traffic)} to {_percent(after.traffic)}."
    if after.weights != before.weights:
        shares = ", ".join(f"{key} {_percent(weight)}" for key, weight in zip(keys, after.weights, strict=True))
        yield f"The shares were changed to {shares}."
    for index in sorted(after.closed - before.closed):
        yield f"The variant '{keys[index]}' was closed by hand."


SENTENCES = {
    "suspend": "The experiment was suspended: everybody was shown the fallback message.",
    "resume": "The experiment was resumed.",
    "correct-help": "Help data were corrected, for all variants alike.",
}


def _of_acts(log: Sequence[LogEntry]) -> Iterator[Deviation]:
    for entry in log:
        if entry.act in SENTENCES:
            yield Deviation(entry.at, entry.who, SENTENCES[entry.act], entry.why)


def _of_end(version: Version, log: Sequence[LogEntry], *, early: bool) -> Iterator[Deviation]:
    if version.stopped is None:
        return
    ended = [e for e in log if e.at == version.stopped and _ends(e, version)]
    who, why = (ended[-1].who, ended[-1].why) if ended else (UNKNOWN, None)
    if ended and ended[-1].act == "start":
        yield Deviation(version.stopped, who, f"It was stopped by the start of version {ended[-1].version}.", why)
    if early:
        size = f"{version.definition.plan.units_per_variant:,}"
        what = f"It was stopped before its planned size of {size} units per variant, and without a verdict."
        yield Deviation(version.stopped, who, what, why)


def _of_ethics(version: Version, now: float | None) -> Iterator[Deviation]:
    ethics, ran_until = version.definition.ethics, version.stopped or now
    if ethics is None or ran_until is None:
        return
    over = (ethics.expires - dt.date(1970, 1, 1)).days * DAY + DAY
    if ran_until >= over:
        what = f"The ethics approval {ethics.reference} expired on {ethics.expires} while the experiment ran."
        yield Deviation(over, "nobody", what, None)


def _ends(entry: LogEntry, version: Version) -> bool:
    return (entry.act == "stop" and entry.version == version.number) or (
        entry.act == "start" and entry.version > version.number
    )


def _percent(basis_points: int) -> str:
    return f"{basis_points / 100:g} %"
