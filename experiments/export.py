"""The count table of an experiment: what anybody needs to recompute its report, and nothing about anybody."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from experiments.model import Phase, Version

COLUMNS = ("variant", "phase", "weight", "outcome", "units", "conversions")


def as_csv(table: Iterable[Mapping[str, Any]]) -> str:
    """Return the table as CSV text with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


def count_table(version: Version, cells: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Sum cells (see `stats.Cell`) over days, surfaces and strata: one row per phase, variant and outcome."""
    sums: dict[tuple[int, str], tuple[int, dict[str, int]]] = {}
    for cell in cells:
        units, conversions = sums.get((cell.phase, cell.variant), (0, {}))
        added = {name: conversions.get(name, 0) + n for name, n in cell.conversions.items()}
        sums[cell.phase, cell.variant] = (units + cell.exposed, added)
    weights = {p.number: weights_of(p) for p in version.phases}
    for phase in sorted({at[0] for at in sums}):
        for index, variant in enumerate(version.definition.variants):
            units, conversions = sums.get((phase, variant.key), (0, {name: 0 for name, _ in version.outcomes}))
            for name, number in conversions.items():
                yield {
                    "variant": variant.key, "phase": phase, "weight": weights[phase][index], "outcome": name,
                    "units": units, "conversions": number,
                }  # fmt: skip


def weights_of(phase: Phase) -> list[str]:
    """Return the weights of the open arms: basis points, or, once an arm is closed, decimals that sum to exactly 1."""
    if not phase.closed:
        return [str(weight) for weight in phase.weights]
    total = sum(w for i, w in enumerate(phase.weights) if i not in phase.closed)
    shares = [Decimal(0) if i in phase.closed else Decimal(w) / total for i, w in enumerate(phase.weights)]
    rounded = [share.quantize(Decimal("1e-12")) for share in shares]
    largest = max(range(len(rounded)), key=rounded.__getitem__)
    rounded[largest] += 1 - sum(rounded)
    return [f"{share:f}" if share else "0" for share in rounded]
