"""What is deleted, and when: rows with their day, the counts of versions that are over into a smaller form.

Rows expire by themselves when their day is sealed, and K is taken out of a version's document when it is concluded.
What Redis does not do by itself is done here: the last rows are deleted, and the append-only files rewritten, in which
all that would live on. It is done once for each moment at which a day was sealed or a version concluded, remembered
for each server, and tried again where it failed.

Days of versions that still take outcomes are never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from experiments.errors import StoreUnavailable
from experiments.model import DAY, ENDED, Experiment, LogEntry, Version, day_of
from experiments.runtime import Runtime
from experiments.store.folding import fold, is_folded
from experiments.store.keys import tag
from experiments.store.upkeep import Upkeep, reached, rewrite

log = logging.getLogger("signpost")

AFTER_SEALING = 300  # seconds that a sealed day is left alone: clocks of several machines differ
FOLD_AFTER = 56 * DAY  # until then the release before this one can still read everything
LONGEST_AWAY = 8 * DAY  # what was sealed earlier has expired long ago
TURN = 3600  # seconds until somebody else may look, when whoever had the turn did not finish
PAUSE, PAUSE_AFTER_FAILURE = 600, 3600  # seconds until the next look


@dataclass(frozen=True, slots=True)
class Retained:
    """What was done: `rewritten` and `failed` name servers, `folded` versions ("four-lines, version 1")."""

    rewritten: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()


def look(runtime: Runtime, now: float) -> Retained | None:
    """Do what is due if it is our turn, in the background; None: it is not."""
    volatile = runtime.store.volatile
    if not volatile.take_look(TURN):
        return None
    found = retain(runtime, int(now))
    volatile.end_look(PAUSE_AFTER_FAILURE if found.failed else PAUSE)
    return found


def retain(runtime: Runtime, now: int) -> Retained:
    """Do what is due; doing it again does nothing more. `now` in unix seconds. Takes as long as the files are big."""
    documents = runtime.store.documents
    experiments = documents.experiments()
    upkeep = Upkeep(documents.client)
    over = [experiment.key for experiment in experiments if any(v.state in ENDED for v in experiment.versions)]
    concluded = last_conclusion(entry for key in over for entry in documents.log(key))
    rewritten, failed = _forget(upkeep, experiments, concluded, now)
    folded = [_named(experiment, version) for experiment, version in _fold(upkeep, experiments, now)]
    return Retained(tuple(rewritten), tuple(failed), tuple(folded))


# ---------------------------------------------------------------------------------------------- decisions


def last_sealing(experiments: Iterable[Experiment], now: float) -> int:
    """When a day of any version was sealed last, in unix seconds; 0: never."""
    versions = [version for experiment in experiments for version in experiment.versions]
    sealed = [(version, day) for version in versions if (day := version.last_sealed(now)) is not None]
    return max((version.sealed_at(day) for version, day in sealed), default=0)


def last_conclusion(log: Iterable[LogEntry]) -> int:
    """When a version was concluded last, in unix seconds; 0: never."""
    return max((entry.at for entry in log if entry.act == "conclude"), default=0)


def sealed_between(version: Version, since: float, until: float) -> list[int]:
    """Days that were sealed after `since`, and by `until`."""
    return [day for day in version.days(until) if since < version.sealed_at(day) <= until]


def may_fold(version: Version, now: float) -> bool:
    """Tell whether a version has been over for long enough."""
    if version.state not in ENDED or version.stopped is None:
        return False
    return now >= version.sealed_at(day_of(version.stopped)) + FOLD_AFTER


# --------------------------------------------------------------------------------------------------- acts


def _forget(upkeep: Upkeep, experiments: list[Experiment], concluded: int, now: int) -> tuple[list[str], list[str]]:
    """Delete rows of sealed days here and, with old keys, in every file; returns who did that, and who did not."""
    settled = now - AFTER_SEALING
    wanted = max(last_sealing(experiments, settled), concluded and concluded + 1)
    done = upkeep.rewritten()
    with upkeep.servers() as servers:
        due = {name: server for name, server in servers.items() if done.get(name, 0) < wanted}
        if due:
            _drop_rows(upkeep, experiments, min(done.get(name, 0) for name in due), settled)
        deleted = reached(servers.values())
        results = {name: _rewrite(upkeep, name, server, done.get(name), now, deleted) for name, server in due.items()}
    return [name for name, ok in results.items() if ok], [name for name, ok in results.items() if not ok]


def _drop_rows(upkeep: Upkeep, experiments: list[Experiment], since: float, until: float) -> None:
    for experiment in experiments:
        for version in experiment.versions:
            days = sealed_between(version, max(since, until - LONGEST_AWAY), until)
            for shard_tag in _tags(experiment, version):
                try:
                    upkeep.drop_rows(shard_tag, days)
                except StoreUnavailable as error:  # its rows expire by themselves; the other shards go on
                    log.warning("rows of a shard of %s not deleted: %s", _named(experiment, version), error.detail)


def _rewrite(
    upkeep: Upkeep, name: str, server: object, before: int | None, now: int, deleted: Mapping[str, int]
) -> bool:
    """One server's failure keeps no other one waiting."""
    last = _time(before) if before else "never"
    try:
        rewrite(server, deleted)
        upkeep.note_rewritten(name, now)
    except StoreUnavailable as error:
        log.warning("append-only file of %s not rewritten (last time: %s): %s", name, last, error.detail)
        return False
    log.info("append-only file of %s rewritten at %s (last time: %s)", name, _time(now), last)
    return True


def _fold(upkeep: Upkeep, experiments: list[Experiment], now: int) -> Iterator[tuple[Experiment, Version]]:
    """Fold what may be folded and is not; yields the versions that became folded."""
    for experiment in experiments:
        for version in experiment.versions:
            tags = _tags(experiment, version)
            if not may_fold(version, now) or is_folded(upkeep.client, tags):
                continue
            if all(fold(upkeep.client, shard_tag, version.days(now)) for shard_tag in tags):
                log.info("counts of %s folded", _named(experiment, version))
                yield experiment, version


def _tags(experiment: Experiment, version: Version) -> list[str]:
    return [tag(experiment.key, version.number, suffix) for suffix in version.tags]


def _named(experiment: Experiment, version: Version) -> str:
    return f"{experiment.key}, version {version.number}"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
