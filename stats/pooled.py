"""Point estimates that compare two arms, each table by itself, by the method of Mantel and Haenszel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Table(NamedTuple):
    """Two arms of one phase: x1 events of n1 units against x2 events of n2 units."""

    x1: int
    n1: int
    x2: int
    n2: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """Ratio of rates, odds ratio (None where undefined or infinite) and difference of rates.

    `unbounded` names those that are infinite, `empty` those that are 0/0.
    """

    ratio: float | None
    odds_ratio: float | None
    difference: float
    unbounded: tuple[str, ...]
    empty: tuple[str, ...]


def estimates(tables: Sequence[Table]) -> Estimates:
    """Return what the tables say in common; with one table these are the plain estimates.

    Tables without units in one arm say nothing; at least one must have them in both.

    Sums over tables of N = n1 + n2 units: ratio sum(x1 n2/N) / sum(x2 n1/N); odds ratio sum(x1 (n2-x2)/N) /
    sum(x2 (n1-x1)/N); difference sum((x1 n2 - x2 n1)/N) / sum(n1 n2/N). Source: Mantel & Haenszel (1959), JNCI
    22:719-748 for the odds ratio; Greenland & Robins (1985), Biometrics 41:55-68 for difference and ratio.
    """
    tables = [table for table in tables if table.n1 and table.n2]
    quotients = {"ratio": _ratio(tables), "odds_ratio": _odds_ratio(tables)}
    values = {name: top / bottom if bottom else None for name, (top, bottom) in quotients.items()}
    return Estimates(
        ratio=values["ratio"],
        odds_ratio=values["odds_ratio"],
        difference=_difference(tables),
        unbounded=tuple(name for name, (top, bottom) in quotients.items() if top and not bottom),
        empty=tuple(name for name, (top, bottom) in quotients.items() if not top and not bottom),
    )


def _ratio(tables: Sequence[Table]) -> tuple[float, float]:
    top = sum(t.x1 * t.n2 / (t.n1 + t.n2) for t in tables)
    return top, sum(t.x2 * t.n1 / (t.n1 + t.n2) for t in tables)


def _odds_ratio(tables: Sequence[Table]) -> tuple[float, float]:
    top = sum(t.x1 * (t.n2 - t.x2) / (t.n1 + t.n2) for t in tables)
    return top, sum(t.x2 * (t.n1 - t.x1) / (t.n1 + t.n2) for t in tables)


def _difference(tables: Sequence[Table]) -> float:
    top = sum((t.x1 * t.n2 - t.x2 * t.n1) / (t.n1 + t.n2) for t in tables)
    return top / sum(t.n1 * t.n2 / (t.n1 + t.n2) for t in tables)
