"""Count tables: the CSV that `signpost analyse` reads. One row is one cell of counts.

Columns, in any order: `variant`, `units`, `conversions`; and where needed `period`, `phase`, `stratum`, `weight`,
`outcome` and `assigned`. Nothing is silently repaired: what is missing, contradictory or impossible is a `TableError`.

- `units` are both assigned and exposed, unless `assigned` says how many were assigned. White space around a value and
  empty lines are not data.
- `weight` is the variant's share of units in the row's phase: whole numbers that sum to 10000, or decimals that
  sum to 1. Without it the split is only observed, and cannot be checked, unless the caller says it was equal.
- Without a `phase` column a phase is a run of periods, in file order, with the same weights.
- Each variant has a row for every period, phase, stratum and outcome, unless its weight in the phase is 0, or it has
  no row in the whole phase and the others have all of the weight. Where the unit is a block, a period is a block and
  has a row for its one variant only.
- The primary outcome is the one called `primary`, or else the first in the file; the others are secondary.
- The control is the variant named, or else the one called `control`, or else the first in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TextIO

from experiments.table_rows import Group, Row, TableError, listed, rows_of, show
from stats import Cell, Counts, Outcome, Plan
from stats.plan import Design, Unit

FULL_WEIGHTS = (Decimal(10_000), Decimal(1))

Weights = dict[str, Decimal]


def read_counts(
    source: str | TextIO,
    *,
    control: str | None = None,
    equal: bool = False,
    planned_units: int | None = None,
    design: Design = "fixed",
    alpha: float = 0.05,
    unit: Unit = "session",
    **plan: Any,
) -> tuple[Plan, Counts]:
    """Return plan and counts of a table, given as text or as an open text file.

    equal          the split was meant to be equal; contradicts a `weight` column
    planned_units  units per variant that were planned; None: the table is final
    plan           further fields of `stats.Plan`: expected_rate, looks, spending

    Raises TableError for the table, and ValueError that begins with the field's name for the other arguments.
    """
    rows = rows_of(source)
    variants = tuple(dict.fromkeys(row.variant for row in rows))
    if len(variants) == 1:
        raise TableError(None, "variant", f"{show(variants[0])} is the only variant; a comparison needs two")
    blocks = unit == "block"
    places = [replace(row, period="") for row in rows] if blocks else rows  # blocks of a phase share its weights
    weights = _weights(places, variants, equal=equal)
    if not blocks:
        _check_complete(rows, variants, weights)
    _check_sums(places, weights)
    found, shares = _phases(places, weights)
    phases = {row.group: found[place.group] for row, place in zip(rows, places, strict=True)}
    made = Plan(
        variants=variants,
        control=_control(control, variants),
        outcomes=_outcomes(rows),
        design=design,
        alpha=alpha,
        planned_units=planned_units,
        rho="logged" if shares else "observed",
        unit=unit,
        **plan,
    )
    return made, Counts(tuple(_cells(rows, phases)), shares=shares)


def _weights(rows: list[Row], variants: tuple[str, ...], *, equal: bool) -> dict[Group, Weights]:
    """Return group -> variant -> weight; empty when the table has no weights and was not meant equal."""
    if rows[0].weight is None:
        return {row.group: dict.fromkeys(variants, Decimal(1)) for row in rows} if equal else {}
    if equal:
        raise TableError(1, "weight", "contradicts an equal split; leave out one of the two")
    found: dict[object, Weights] = {}
    for row in rows:
        _note_weight(found.setdefault(_weight_key(row), {}), row)
    return {row.group: found[_weight_key(row)] for row in rows}


def _weight_key(row: Row) -> object:
    return row.period if row.phase is None else row.phase


def _note_weight(known: Weights, row: Row) -> None:
    weight = Decimal(0) if row.weight is None else row.weight
    if known.setdefault(row.variant, weight) != weight:
        detail = f"{weight} for {show(row.variant)}, but {known[row.variant]} before; it must stay the same"
        raise TableError(row.line, "weight", f"{detail} within a {_place(row)[0]}")
    if weight == 0 and row.units:
        raise TableError(row.line, "units", f"{row.units} units with weight 0; a closed variant must have 0")


def _check_sums(rows: list[Row], weights: Mapping[Group, Weights]) -> None:
    for row in rows:
        total = sum(weights.get(row.group, {}).values())
        if row.weight is not None and total not in FULL_WEIGHTS:
            kind, name = _place(row)
            where = f"of {kind} {show(name)} " if name else ""
            detail = f"the weights {where}sum to {total}; they must sum to 10000, or to 1"
            raise TableError(row.line, "weight", detail)


def _place(row: Row) -> tuple[str, str]:
    if row.phase is not None:
        return "phase", str(row.phase)
    return ("period", row.period) if row.period else ("table", "")


def _check_complete(rows: list[Row], variants: tuple[str, ...], weights: Mapping[Group, Weights]) -> None:
    """Refuse a missing row: nobody can tell whether it means 0 units or a lost count."""
    outcomes = tuple(dict.fromkeys(row.outcome for row in rows))
    units = {(row.group, row.stratum, row.variant, row.outcome): (row.units, row.assigned) for row in rows}
    for row in rows:
        for variant in variants:
            found = {name: units.get((row.group, row.stratum, variant, name)) for name in outcomes}
            closed = _is_closed(weights.get(row.group, {}), variant)
            if closed and set(found.values()) == {None}:
                continue
            _check_outcomes(row, variant, found)


def _is_closed(weights: Weights, variant: str) -> bool:
    """Whether a variant got nobody by plan: weight 0, or no weight where the others have all of it."""
    weight = weights.get(variant)
    return weight == 0 or (weight is None and sum(weights.values()) in FULL_WEIGHTS)


def _check_outcomes(row: Row, variant: str, units: Mapping[str, tuple[int, int] | None]) -> None:
    names = {"period": row.period, "phase": "" if row.phase is None else str(row.phase), "stratum": row.stratum}
    where = "".join(f" in {kind} {show(name)}" for kind, name in names.items() if name)
    for outcome, found in units.items():
        if found is None:
            what = f" for outcome {show(outcome)}" if len(units) > 1 else ""
            fix = "give it one: 0 units if there were none, weight 0 if it was closed"
            raise TableError(row.line, "variant", f"{show(variant)} has no row{what}{where}; {fix}")
    if len(set(units.values())) > 1:
        detail = f"{show(variant)} has different units for its outcomes{where}; they must be the same"
        raise TableError(row.line, "units", detail)


def _phases(rows: list[Row], weights: Mapping[Group, Weights]) -> tuple[dict[Group, int], dict[int, dict[str, float]]]:
    """Return group -> phase, and phase -> variant -> probability (empty when unknown)."""
    phases: dict[Group, int] = {}
    number, before = 1, weights.get(rows[0].group)
    for group in dict.fromkeys(row.group for row in rows):
        if weights.get(group) != before:
            number, before = number + 1, weights.get(group)
        phases[group] = number if group[1] is None else group[1]
    return phases, {phases[group]: _shares(found) for group, found in weights.items()}


def _shares(weights: Weights) -> dict[str, float]:
    total = sum(weights.values())
    return {variant: float(weight / total) for variant, weight in weights.items()}


def _control(name: str | None, variants: tuple[str, ...]) -> str:
    if name is None:
        return "control" if "control" in variants else variants[0]
    if name not in variants:
        detail = f"there is no variant {show(name)} to be the control; it must be one of {listed(variants)}"
        raise TableError(None, "variant", detail)
    return name


def _outcomes(rows: list[Row]) -> tuple[Outcome, ...]:
    names = list(dict.fromkeys(row.outcome for row in rows))
    primary = "primary" if "primary" in names else names[0]
    secondary = (Outcome(name, "secondary") for name in names if name != primary)
    return Outcome(primary, "primary"), *secondary


def _cells(rows: list[Row], phases: Mapping[Group, int]) -> Iterator[Cell]:
    merged: dict[tuple[str, Group, str], list[Row]] = {}
    for row in rows:
        merged.setdefault((row.variant, row.group, row.stratum), []).append(row)
    for (variant, group, stratum), members in merged.items():
        units, assigned = members[0].units, members[0].assigned
        conversions = {row.outcome: row.conversions for row in members}
        yield Cell(variant, phases[group], group[0], "", stratum, assigned, units, conversions)
