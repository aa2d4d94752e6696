"""The rows of a count table: from CSV text to values, each held against what its column may say.

What the columns mean together is in `tables`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from typing import TextIO

REQUIRED = ("variant", "units", "conversions")
OPTIONAL = ("period", "phase", "stratum", "weight", "outcome", "assigned")
LARGEST_COUNT = 10**12

Group = tuple[str, int | None]


class TableError(ValueError):
    """A table that cannot be read as it stands; `str()` is one line: where, what is wrong and what would be right.

    row     the line of the file, the header being line 1; None: the file as a whole
    column  the column's name; None: the whole row
    """

    def __init__(self, row: int | None, column: str | None, detail: str) -> None:
        places = (f"row {row}" if row else "", f"column '{column}'" if column else "")
        where = ", ".join(place for place in places if place)
        super().__init__(f"{where}: {detail}" if where else detail)
        self.row = row
        self.column = column
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, its values read; `line` counts from 1, the header."""

    line: int
    variant: str
    units: int
    conversions: int
    period: str
    phase: int | None
    stratum: str
    weight: Decimal | None
    outcome: str
    assigned: int

    @property
    def group(self) -> Group:
        """Where weights are constant at least: the period within its phase."""
        return self.period, self.phase


def rows_of(source: str | TextIO) -> list[Row]:
    """Return the rows of a table, given as text or as an open text file. Raises TableError."""
    file = StringIO(source, newline="") if isinstance(source, str) else source
    reader = csv.reader(_without_mark(file), strict=True)
    try:
        records = [(reader.line_num, [value.strip() for value in record]) for record in reader if record]
    except csv.Error as error:
        raise TableError(reader.line_num, None, f"is not CSV ({error}); quotes must be closed") from error
    if not records:
        raise TableError(None, None, f"the file is empty; its first row must name {listed(REQUIRED)}")
    (first, header), *body = records
    _check_header(first, header)
    if not body:
        raise TableError(None, None, "the file has a header and no rows; give each variant one")
    rows = [_row(line, header, values) for line, values in body]
    _check_duplicates(rows)
    return rows


def _without_mark(lines: Iterable[str]) -> Iterator[str]:  # spreadsheets put a byte-order mark before the first
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def _check_header(line: int, header: list[str]) -> None:
    for name in header:
        if name not in REQUIRED + OPTIONAL:
            known = listed(REQUIRED + OPTIONAL)
            raise TableError(line, show(name)[1:-1], f"is not a column of count tables; these are {known}")
        if header.count(name) > 1:
            raise TableError(line, name, "is there twice; each column must be there once")
    for name in REQUIRED:
        if name not in header:
            raise TableError(line, name, f"is missing; a table needs {listed(REQUIRED)}")


def _row(line: int, header: list[str], values: list[str]) -> Row:
    if len(values) != len(header):
        raise TableError(line, None, f"has {len(values)} values; the header has {len(header)} columns")
    found = dict(zip(header, values, strict=True))
    for name in ("variant", "outcome", "period"):
        if found.get(name) == "":
            raise TableError(line, name, f"is empty; every row must name its {name}")
    units, conversions = (_count(line, name, found[name]) for name in ("units", "conversions"))
    if conversions > units:
        raise TableError(line, "conversions", f"{conversions} of {units} units; there can be at most {units}")
    assigned = _count(line, "assigned", found["assigned"]) if "assigned" in found else units
    if assigned < units:
        raise TableError(line, "assigned", f"{assigned} assigned, but {units} units; there must be at least {units}")
    return Row(
        line=line,
        variant=found["variant"],
        units=units,
        conversions=conversions,
        period=found.get("period", ""),
        phase=_phase(line, found["phase"]) if "phase" in found else None,
        stratum=found.get("stratum", ""),
        weight=_weight(line, found["weight"]) if "weight" in found else None,
        outcome=found.get("outcome", "primary"),
        assigned=assigned,
    )


def _count(line: int, name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,13}", text) or int(text) > LARGEST_COUNT:
        raise TableError(line, name, f"{show(text)} is not a whole number from 0 to {LARGEST_COUNT}")
    return int(text)


def _phase(line: int, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise TableError(line, "phase", f"{show(text)} is not the number of a phase, such as 1")
    return int(text)


def _weight(line: int, text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,12})?", text):
        raise TableError(line, "weight", f"{show(text)} is not a weight, such as 2500 (of 10000) or 0.25")
    return Decimal(text)


def _check_duplicates(rows: list[Row]) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for row in rows:
        key = row.variant, row.group, row.stratum, row.outcome
        if key in seen:
            detail = f"{show(row.variant)} has the same counts on row {seen[key]}; {_KEY} must differ"
            raise TableError(row.line, "variant", detail)
        seen[key] = row.line


_KEY = "variant, period, phase, stratum and outcome together"


def listed(names: Iterable[str]) -> str:
    """Names within a sentence."""
    return ", ".join(names)


def show(text: str) -> str:
    """What a table says, quoted and not longer than a line bears."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")
