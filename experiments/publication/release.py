"""A version's publication: read once, held together, and only where it may leave the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments import cells, deviations, looking, protocol, results, surroundings
from experiments.deviations import Deviation
from experiments.errors import InvalidInput, NotFound, Refused
from experiments.model import ENDED, Experiment, Version, day_of
from experiments.protocol import Protocol
from experiments.publication.figures import (
    Difference,
    Figures,
    differences,
    figures,
    plan_document,
    plan_for,
    report_of,
)
from experiments.publication.table import CountTable, count_table
from experiments.results import Result
from experiments.store import Ledger, Store, folding
from experiments.store.keys import tag


@dataclass(frozen=True, slots=True)
class Release:
    """All that a pack is made of.

    internal     the result as staff see it
    table        the published counts;   report, figures: made of the table alone
    differences  figures that are not those of the internal report
    looks        when somebody looked, and whether that was planned: no names
    """

    experiment: str
    version: Version
    internal: Result
    table: CountTable
    plan: Mapping[str, Any]
    report: Mapping[str, Any]
    figures: Figures
    differences: tuple[Difference, ...]
    protocol: Protocol
    deviations: tuple[Deviation, ...]
    looks: tuple[Mapping[str, Any], ...]


def release(store: Store, key: str, *, now: float, number: int | None = None, as_of: float | None = None) -> Release:
    """Return what may be published of a version (the latest started one by default) as of `now` (unix seconds).

    `as_of`, for simulated versions only, is another moment. Raises NotFound, InvalidInput, and Refused while the
    version goes on or where too few people were counted.
    """
    experiment = store.documents.experiment(key)
    version = chosen(experiment, number)
    if as_of is not None and not version.simulated:
        raise InvalidInput("another moment is for simulated versions only", pointer="/as_of")
    now = now if as_of is None else as_of
    require_over(version, now)
    internal = results.result(store, key, now=now, version=version.number)
    table = count_table(version, cells.cells(version, _sealed(store, key, version, now)))
    plan = plan_for(version, table)
    report = report_of(plan, table)
    early = surroundings.ended_early(internal.report, version)
    return Release(
        experiment=key, version=version, internal=internal, table=table, plan=plan_document(plan), report=report,
        figures=figures(report, table), differences=differences(internal.report.to_dict(), report, table),
        protocol=protocol.of(store, key, version.number),
        deviations=deviations.of(experiment, version, store.documents.log(key), early=early),
        looks=tuple({"at": look.at, "planned": look.planned} for look in looking.history(store, key, version.number)),
    )  # fmt: skip


def differences_in_house(found: Release) -> tuple[Difference, ...]:
    """Return the differences with the internal figures as they are, for staff."""
    return differences(found.internal.report.to_dict(), found.report, found.table, in_house=True)


def chosen(experiment: Experiment, number: int | None) -> Version:
    """Return the version that is meant. Raises NotFound."""
    started = [version for version in experiment.versions if version.started is not None]
    found = experiment.version(number) if number is not None else started[-1] if started else experiment.latest
    if found is None:
        raise NotFound(f"experiment '{experiment.key}' has no version {number}", pointer="/version")
    return found


def require_over(version: Version, now: float) -> None:
    """Refuse while counts can still change.

    Two releases of counts that grow could be subtracted from one another, and what is left could be a single person.
    A version is published once, when all of its days are sealed: then every release of it is the same. Simulated
    counts are nobody's; they may be published at any time, and say what they are.
    """
    name = f"version {version.number}"
    if version.started is None:
        raise Refused(f"{name} has not started, so there is nothing to publish", code="not-sealed")
    if version.simulated:
        if version.last_sealed(now) is None:
            raise Refused(f"no day of {name} is sealed yet; come back tomorrow", code="not-sealed")
        return
    if version.stopped is None:
        raise Refused(
            f"{name} is {version.state}; it is published once, when it is over: stop it, and wait until its last day "
            "is sealed. Two releases of counts that still grow could give a single person away",
            code="not-sealed",
        )
    last = day_of(version.stopped)
    if not version.is_sealed(last, now):
        hours = -(-(version.sealed_at(last) - int(now)) // 3600)
        raise Refused(f"the last day of {name} is not sealed yet; publish it in {hours} hours", code="not-sealed")


def _sealed(store: Store, key: str, version: Version, now: float) -> dict[int, Mapping[str, int]]:
    """Count fields of the sealed days."""
    tags = [tag(key, version.number, suffix) for suffix in version.tags]
    read = folding.counts if version.state in ENDED else Ledger.counts
    by_day, _ = read(store.ledger, tags, version.days(now))
    return {day: fields for day, fields in by_day.items() if version.is_sealed(day, now)}
