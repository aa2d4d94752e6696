"""From the ledger's count fields to cells for the statistics, and to sums by channel, locale and times shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import stats
from experiments.model import Version
from experiments.store.rows import bit_name
from experiments.surroundings import iso_date
from stats.result import Live


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


def shares(version: Version) -> dict[int, dict[str, float]]:
    """Assignment probability of each variant, by phase."""
    keys = [v.key for v in version.definition.variants]
    return {phase.number: dict(zip(keys, phase.shares(), strict=True)) for phase in version.phases}


def cells(version: Version, by_day: Mapping[int, Mapping[str, int]]) -> Iterator[stats.Cell]:
    """Cells of all days, in order."""
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
        variant=definition.variants[variant].key, phase=phase, period=iso_date(day),
        surface=definition.surfaces[surface], stratum=definition.strata[stratum - 1] if stratum else "",
        assigned=measures.get("a", 0), exposed=measures.get("e", 0),
        conversions={name: measures.get(f"d{i}", 0) for i, (name, _) in enumerate(version.outcomes)},
    )  # fmt: skip


def summed(by_day: Mapping[int, Mapping[str, int]]) -> dict[str, int]:
    """Count fields, summed over days."""
    total: dict[str, int] = {}
    for fields in by_day.values():
        for name, units in fields.items():
            total[name] = total.get(name, 0) + units
    return total


def channels(version: Version, total: Mapping[str, int]) -> Iterator[ChannelCount]:
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


def one_way(version: Version, total: Mapping[str, int], table: str) -> Iterator[Share]:
    """A table of its own: `l` by locale, `n` by times shown."""
    for name, units in sorted(total.items()):
        kind, _, rest = name.partition(".")
        if kind == table:
            variant, _, value = rest.partition(".")
            yield Share(version.definition.variants[int(variant)].key, value, units)


def provisional(version: Version, by_day: Mapping[int, Mapping[str, int]]) -> Iterator[Live]:
    """The open days of each variant, for the primary outcome: as the report lists them."""
    sums: dict[tuple[int, str], int] = {}
    for fields in by_day.values():
        for name, units in fields.items():
            parts = name.split(".")
            if len(parts) == 5:
                at = (int(parts[1]), parts[4])
                sums[at] = sums.get(at, 0) + units
    for index, variant in enumerate(version.definition.variants):
        yield Live(variant.key, *(sums.get((index, measure), 0) for measure in ("a", "e", "d0")))


def crossed(by_day: Mapping[int, Mapping[str, int]]) -> int:
    """Units whose report contradicted their row."""
    return sum(units for fields in by_day.values() for name, units in fields.items() if name.startswith("x."))


def apart(counted: Mapping[str, int], crossed: int) -> dict[str, int]:
    """Events that entered no arm, with the units whose report contradicted their row."""
    return dict(sorted(counted.items())) | ({"crossed": crossed} if crossed else {})
