"""The published count table of a version: what the disclosure function lets through, as CSV and as cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, product
from typing import Any

from experiments.export import weights_of
from experiments.model import Phase, Version
from experiments.publication import disclosure
from experiments.publication.disclosure import Cell, LeftOut, Published, Row
from experiments.store.rows import mask

UNITS, ASSIGNED = "units", "assigned"


@dataclass(frozen=True, slots=True)
class CountTable:
    """The published counts with their weights: stretch (first phase) -> variant -> weight, as text that sums to 1."""

    variants: tuple[str, ...]
    outcomes: tuple[str, ...]
    rows: tuple[Row, ...]
    weights: Mapping[int, Mapping[str, str]]
    left_out: tuple[LeftOut, ...]
    has_assigned: bool
    has_strata: bool

    @property
    def periods(self) -> tuple[str, ...]:
        """The published periods, in order."""
        return tuple(dict.fromkeys(period(row) for row in self.rows))

    def to_csv(self) -> str:
        """Return the table as `signpost analyse` reads it: one row per period, phase, stratum, variant and outcome."""
        strata, assigned = ["stratum"] * self.has_strata, ["assigned"] * self.has_assigned
        header = ["period", "phase", *strata, "variant", "weight", *assigned, "units", "outcome", "conversions"]
        return _csv(header, (record for row in self.rows for record in self._records(row)))

    def left_out_csv(self) -> str:
        """Return what was left out: the kind, its name, the phases, the reason. Never how many."""
        records = ({**vars_of(one), "phases": " ".join(map(str, one.phases))} for one in self.left_out)
        return _csv(["what", "name", "phases", "why"], records)

    def _records(self, row: Row) -> Iterator[dict[str, Any]]:
        for name in self.outcomes:
            yield {
                "period": period(row), "phase": row.phase, "stratum": row.stratum, "variant": row.variant,
                "weight": self.weights[row.phase][row.variant], "assigned": row.measures.get(ASSIGNED),
                "units": row.measures[UNITS], "outcome": name, "conversions": row.measures[_key(name)],
            }  # fmt: skip

    def conversions(self, row: Row) -> dict[str, int]:
        """Outcome -> units with it."""
        return {name: row.measures[_key(name)] for name in self.outcomes}


def count_table(version: Version, cells: Iterable[Any]) -> CountTable:
    """Return what may be published of sealed cells (see `stats.Cell`)."""
    found = disclosure.disclose(exact(version, cells))
    names = tuple(name for name, _ in version.outcomes if _key(name) in found.measures)
    variants = tuple(v.key for v in version.definition.variants)
    present = {row.variant for row in found.rows}
    rows = tuple(sorted(found.rows, key=lambda row: _order(version, row)))
    return CountTable(
        variants=tuple(v for v in variants if v in present), outcomes=names, rows=rows,
        weights=dict(_weights(version, found)),
        left_out=found.left_out, has_assigned=ASSIGNED in found.measures, has_strata=any(r.stratum for r in rows),
    )  # fmt: skip


def exact(version: Version, cells: Iterable[Any]) -> disclosure.Table:
    """Return the counts as they are, and what is to be watched."""
    primary, *others = (name for name, _ in version.outcomes)
    shares = {phase.number: phase.shares() for phase in version.phases}
    counted = tuple(_cells(version, cells))
    seen = {cell.phase for cell in counted}
    return disclosure.Table(
        cells=counted,
        required=(UNITS, _key(primary)),
        optional=(*map(_key, others), ASSIGNED),
        watched=tuple(_watched(version)),
        stretches=disclosure.stretches({phase: share for phase, share in shares.items() if phase in seen}),
    )


def _cells(version: Version, cells: Iterable[Any]) -> Iterator[Cell]:
    """Sum days into ISO weeks and surfaces into one; every variant has a cell wherever one has."""
    sums: dict[tuple[int, str, str, str], dict[str, int]] = {}
    for cell in cells:
        at = cell.phase, week_of(cell.period), cell.variant, cell.stratum
        own = sums.setdefault(at, {})
        counted = {UNITS: cell.exposed, ASSIGNED: cell.assigned, **{_key(k): n for k, n in cell.conversions.items()}}
        for name, units in counted.items():
            own[name] = own.get(name, 0) + units
    strata = sorted({stratum for _, _, _, stratum in sums})
    variants = [v.key for v in version.definition.variants]
    for (phase, week), variant, stratum in product(sorted({at[:2] for at in sums}), variants, strata):
        yield Cell(phase, week, variant, stratum, sums.get((phase, week, variant, stratum), {}))


def _watched(version: Version) -> Iterator[disclosure.Combination]:
    """Groups of people that follow by subtraction from the counts of the table.

    Assigned and never shown; shown and without an outcome; with a wider outcome and not with one that it includes;
    with both of two outcomes that make up a third.
    """
    yield {ASSIGNED: 1, UNITS: -1}
    masks = {_key(name): mask(definition) for name, definition in version.outcomes}
    yield from ({UNITS: 1, name: -1} for name in masks)
    for (one, first), (other, second) in combinations(masks.items(), 2):
        if first | second in (first, second):
            yield {one: 1, other: -1}
        else:
            yield from (
                {one: 1, other: 1, union: -1} for union, third in masks.items() if third == first | second
            )  # fmt: skip


def _weights(version: Version, found: Published) -> Iterator[tuple[int, dict[str, str]]]:
    """Weights of the published variants in each published phase; one that is left out counts as closed."""
    variants = [v.key for v in version.definition.variants]
    phases = {phase.number: phase for phase in version.phases}
    for number in sorted({row.phase for row in found.rows}):
        gone = {at for at, key in enumerate(variants) if (number, key) in found.absent}
        phase: Phase = phases[number].model_copy(update={"closed": phases[number].closed | gone})
        yield number, dict(zip(variants, weights_of(phase), strict=True))


def _order(version: Version, row: Row) -> tuple[int, str, str, int]:
    return row.phase, row.first, row.stratum, version.definition.index_of(row.variant) or 0


def week_of(day: str) -> str:
    """ISO week of a date: 2026-W45."""
    year, week, _ = date.fromisoformat(day).isocalendar()
    return f"{year}-W{week:02}"


def period(row: Row) -> str:
    """What a row's weeks are called."""
    return row.first if row.first == row.last else f"{row.first} to {row.last}"


def vars_of(one: LeftOut) -> dict[str, Any]:
    """Fields of what is left out, an outcome by its own name."""
    return {"what": one.what, "name": one.name.removeprefix("o:"), "phases": one.phases, "why": one.why}


def _key(outcome: str) -> str:
    return f"o:{outcome}"


def _csv(header: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()
