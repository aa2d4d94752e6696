"""The one disclosure function: which counts may leave the house, and how they are merged until they may.

A count of one to nine people could tell on one of them, so none is published. Weeks that follow one another are merged
until every count of every variant is 0, or ten and more. "Every count" includes those that anybody can work out by
subtraction (people who were shown a message and did *not* seek help, say): see `watched` of `Table`. What never
reaches ten is left out, and the reason is kept; the reason never says how many there were.

All of it is decided by the counts alone, so the same counts always give the same table. A version is published once
all of its days are sealed (see `experiments.publication.release`): there are no two releases to subtract from one
another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SMALLEST = 10

Measures = Mapping[str, int]
Combination = Mapping[str, int]  # measure -> how many times it is added


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts of one variant in a phase, a week (ISO, 2026-W45) and a stratum ("" where there is none)."""

    phase: int
    week: str
    variant: str
    stratum: str
    measures: Measures


@dataclass(frozen=True, slots=True)
class Table:
    """Exact counts, before anything is merged.

    required   measures without which a variant cannot be published: units shown, the primary outcome
    optional   the other measures, the most important first; each is published as a whole or not at all
    watched    sums and differences of measures that count people too; each counts once all of its measures are in
    stretches  phases with the same assignment probabilities, in order of time: only these may be merged
    """

    cells: tuple[Cell, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    watched: tuple[Combination, ...]
    stretches: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not published and why. `what` is `counts` (a variant's, in some phases), `measure` or `strata`."""

    what: str
    name: str
    phases: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Row:
    """One published cell: weeks `first` to `last`, in phases of which `phase` is the earliest."""

    phase: int
    first: str
    last: str
    variant: str
    stratum: str
    measures: Measures


@dataclass(frozen=True, slots=True)
class Published:
    """What may be published, in order of time; `absent` are the (phase, variant) that are left out."""

    rows: tuple[Row, ...]
    measures: tuple[str, ...]
    absent: frozenset[tuple[int, str]]
    left_out: tuple[LeftOut, ...]


TOO_FEW = "a count of one to nine people, however many weeks are merged"


def disclose(table: Table) -> Published:
    """Return what may be published of these counts."""
    kept, absent, left = _with_required(table)
    measures, more = _with_optional(table, kept)
    left += more
    watched = _known(table.watched, measures)
    if any(cell.stratum for cell in kept) and not _safe(_by_stratum(table, kept), watched, measures):
        left.append(LeftOut("strata", "", (), f"in some stratum there is {TOO_FEW}"))
        kept = [Cell(c.phase, c.week, c.variant, "", c.measures) for c in kept]
    rows = [row for stretch in table.stretches for row in _merged(kept, stretch, watched, measures)]
    return Published(tuple(rows), measures, frozenset(absent), tuple(left))


def safe(measures: Measures, watched: Iterable[Combination]) -> bool:
    """Tell whether none of these counts, and none that follows from them, is of one to nine people."""
    return not any(_small(value) for value in (*measures.values(), *(_value(measures, one) for one in watched)))


# ------------------------------------------------------------------------------------- what may be in at all


def _with_required(table: Table) -> tuple[list[Cell], set[tuple[int, str]], list[LeftOut]]:
    """Leave out each variant that is too small in a stretch as a whole."""
    watched = _known(table.watched, table.required)
    kept, left = list(table.cells), []
    absent: set[tuple[int, str]] = set()
    for stretch in table.stretches:
        for variant, measures in _by_variant(kept, stretch).items():
            if not safe(_only(measures, table.required), watched):
                absent |= {(phase, variant) for phase in stretch}
                left.append(LeftOut("counts", variant, stretch, TOO_FEW))
    return [cell for cell in kept if (cell.phase, cell.variant) not in absent], absent, left


def _with_optional(table: Table, kept: Sequence[Cell]) -> tuple[tuple[str, ...], list[LeftOut]]:
    """Take in one optional measure after the other, unless some variant's count of it is too small in a stretch."""
    measures, left = table.required, []
    for name in table.optional:
        wider = (*measures, name)
        watched = _known(table.watched, wider)
        small = [
            phase
            for stretch in table.stretches
            for sums in _by_variant(kept, stretch).values()
            if not safe(_only(sums, wider), watched)
            for phase in stretch
        ]
        if small:
            left.append(LeftOut("measure", name, tuple(sorted(set(small))), f"for some variant there is {TOO_FEW}"))
        else:
            measures = wider
    return measures, left


def _by_variant(cells: Iterable[Cell], stretch: Sequence[int]) -> dict[str, dict[str, int]]:
    return _sums((cell for cell in cells if cell.phase in stretch), lambda cell: cell.variant)


def _by_stratum(table: Table, cells: Sequence[Cell]) -> list[dict[str, int]]:
    return [
        sums
        for stretch in table.stretches
        for sums in _sums((c for c in cells if c.phase in stretch), lambda c: f"{c.variant}\n{c.stratum}").values()
    ]


def _safe(sums: Iterable[Measures], watched: Sequence[Combination], names: Sequence[str]) -> bool:
    return all(safe(_only(one, names), watched) for one in sums)


# ------------------------------------------------------------------------------------------- merging weeks


@dataclass(frozen=True, slots=True)
class _Span:
    """Some weeks of some phases: (variant, stratum) -> sums."""

    phase: int
    first: str
    last: str
    sums: Mapping[tuple[str, str], Measures]

    def __add__(self, other: _Span) -> _Span:
        both = {at: _added(self.sums.get(at, {}), other.sums.get(at, {})) for at in {**self.sums, **other.sums}}
        return _Span(self.phase, self.first, other.last, both)


def _merged(
    cells: Sequence[Cell], stretch: Sequence[int], watched: Sequence[Combination], names: Sequence[str]
) -> Iterator[Row]:
    """Merge the weeks of each phase, then, where a phase is too small as a whole, phases of the stretch."""

    def enough(span: _Span) -> bool:
        return _safe(span.sums.values(), watched, names)

    phases = [list(_weeks(cells, phase)) for phase in stretch]
    spans = [span for weeks in phases for span in merge(weeks, enough)]
    for span in merge(spans, enough):
        for (variant, stratum), sums in span.sums.items():
            yield Row(span.phase, span.first, span.last, variant, stratum, _only(sums, names))


def merge(spans: Sequence[_Span], enough: Callable[[_Span], bool]) -> list[_Span]:
    """Merge neighbours until each is enough; the last ones, if they are not, with those before them."""
    found: list[_Span] = []
    waiting: _Span | None = None
    for span in spans:
        waiting = span if waiting is None else waiting + span
        if enough(waiting):
            found, waiting = [*found, waiting], None
    while waiting is not None and found and not enough(waiting):
        waiting = found.pop() + waiting
    return found if waiting is None else [*found, waiting]


def _weeks(cells: Iterable[Cell], phase: int) -> Iterator[_Span]:
    mine = [cell for cell in cells if cell.phase == phase]
    for week in sorted({cell.week for cell in mine}):
        sums: dict[tuple[str, str], Measures] = {}
        for cell in (one for one in mine if one.week == week):
            at = cell.variant, cell.stratum
            sums[at] = _added(sums.get(at, {}), cell.measures)
        yield _Span(phase, week, week, sums)


# -------------------------------------------------------------------------------------------------- counts


def stretches(shares: Mapping[int, Sequence[float]]) -> tuple[tuple[int, ...], ...]:
    """Return runs of phases with the same assignment probabilities; phase -> probabilities, in order."""
    phases = sorted(shares)
    starts = [0, *(at for at, (a, b) in enumerate(pairwise(phases), 1) if tuple(shares[a]) != tuple(shares[b]))]
    return tuple(tuple(phases[a:b]) for a, b in pairwise([*starts, len(phases)])) if phases else ()


def _sums(cells: Iterable[Cell], key: Callable[[Cell], str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for cell in cells:
        found[key(cell)] = _added(found.get(key(cell), {}), cell.measures)
    return found


def _added(one: Measures, other: Measures) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _only(measures: Measures, names: Sequence[str]) -> dict[str, int]:
    return {name: measures.get(name, 0) for name in names}


def _known(watched: Iterable[Combination], names: Sequence[str]) -> tuple[Combination, ...]:
    return tuple(one for one in watched if set(one) <= set(names))


def _value(measures: Measures, combination: Combination) -> int:
    return sum(times * measures.get(name, 0) for name, times in combination.items())


def _small(value: int) -> bool:
    return value != 0 and value < SMALLEST  # a negative difference contradicts itself: not for publication either
