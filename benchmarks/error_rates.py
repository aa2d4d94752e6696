"""The grid of error rates: `python -m benchmarks.error_rates [--runs 20000] [--processes 2] [--quick]`.

Prints a Markdown table and, in a full run, writes docs/error-rates.json and the picture docs/error-rates.svg. The
cases are in tests/simulation/grid.py. The same seed and runs give the same figures, whatever the number of processes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.picture import Row, dots
from tests.simulation.grid import ALPHA, Case, Tally, chunks, limit, play
from tests.simulation.rivals import RIVALS

DOCS = Path(__file__).parents[1] / "docs"
EVENTS = {2: 2_000, 4: 1_200, 12: 500}
EVENTS_SEPARATED = {2: 1_000, 4: 800, 12: 300}
RATES = (0.0005, 0.005, 0.05)
WATCHED = 1_000  # runs that the rivals judge: enough to see a half
QUICK = 200
JUDGED = ("wrong_winner", "best_eliminated", "ratio_missed")
LABELS = {"z_test": "z-test", "probability_best": "P(best) > 95 %", "relative_interval": "interval of relative change"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A case with what it is there for: `equal`, `separated`, `coverage`, or `plain` (the rivals' easiest case)."""

    kind: str
    case: Case
    runs: int
    watched: int


def cells(runs: int) -> list[Cell]:
    """Return every cell of the grid."""
    watched = min(runs, WATCHED)
    equal = [Case(arms, rate, events) for arms, events in EVENTS.items() for rate in RATES]
    separated = [Case(arms, 0.005, EVENTS_SEPARATED[arms], ratio) for arms in EVENTS for ratio in (1.2, 1.5)]
    coverage = [Case(2, 0.005, EVENTS[2], ratio) for ratio in (0.5, 1.3, 2.0)]
    return [
        *(Cell("equal", case, runs, watched) for case in equal),
        *(Cell("separated", case, runs, 0) for case in separated),
        *(Cell("coverage", case, runs, 0) for case in coverage),
        *(Cell("plain", replace(case, adaptive=False), watched, watched) for case in equal),
    ]


def main() -> None:
    options = arguments()
    began = time.perf_counter()
    made = list(measured(cells(QUICK if options.quick else options.runs), options.seed, options.processes))
    print("\n".join(table(made)))
    seconds = time.perf_counter() - began
    print(f"\n{seconds / 60:.1f} minutes on {options.processes} process(es), seed {options.seed}")
    failing = [row["name"] for row in made if not row["passes"]]
    print("every cell within its limit" if not failing else f"above its limit: {', '.join(failing)}")
    if not options.quick:
        write(made, options.seed)
    sys.exit(bool(failing))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs, nothing is written")
    return parser.parse_args()


def measured(grid: list[Cell], seed: int, processes: int) -> Iterator[dict[str, Any]]:
    """Play the cells one after the other, each on all processes."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for cell, own in zip(grid, np.random.SeedSequence(seed).spawn(len(grid)), strict=True):
            began, total = time.perf_counter(), Tally()
            for piece in pool.imap(piece_of, pieces(cell, own), chunksize=4):
                total += piece
                told(f"{cell.kind:10} {cell.case.name:48} {total.runs:6} of {cell.runs}")
            row = row_of(cell, total)
            shares = ", ".join(f"{name} {percent(row[name]['share'])}" for name in JUDGED)
            told("")
            print(f"{row['name']}: {shares}; {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            yield row


def pieces(cell: Cell, seed: np.random.SeedSequence) -> Iterator[tuple[Case, int, np.random.SeedSequence, bool]]:
    """Yield what one process plays at once."""
    begin = 0
    for number, own in chunks(cell.case, cell.runs, seed):
        yield cell.case, number, own, begin < cell.watched
        begin += number


def piece_of(piece: tuple[Case, int, np.random.SeedSequence, bool]) -> Tally:
    case, runs, seed, watch = piece
    return play(case, runs, seed, watch=watch)


def row_of(cell: Cell, tally: Tally) -> dict[str, Any]:
    """Return a cell's figures: shares of runs, each with the limit that it must keep (null: none)."""
    case, runs = cell.case, tally.runs
    equal = case.ratio == 1
    found = {
        "wrong_winner": (tally.winner / runs, limit(ALPHA, runs)),
        "best_eliminated": (tally.best_eliminated / runs, limit(ALPHA, runs) if equal else 0.005),
        "ratio_missed": (tally.missed / runs, limit(ALPHA, runs)),
    }
    return {
        "name": f"{cell.kind}: {case.name}",
        "kind": cell.kind,
        "arms": case.arms,
        "rate": case.rate,
        "ratio": case.ratio,
        "events": case.events,
        "adaptive": case.adaptive,
        "runs": runs,
        **{name: {"share": share, "se": se(share, runs), "limit": most} for name, (share, most) in found.items()},
        "any_eliminated": tally.any_eliminated / runs,
        "rivals": {name: rival(number, tally.watched) for name, number in tally.wrong.items()} if tally.watched else {},
        "passes": all(share <= most for share, most in found.values()),
    }


def rival(number: int, watched: int) -> dict[str, float]:
    return {"share": number / watched, "se": se(number / watched, watched), "runs": watched}


def se(share: float, runs: int) -> float:
    return sqrt(share * (1 - share) / runs)


def table(made: list[dict[str, Any]]) -> list[str]:
    """Return the Markdown table, in percent of runs."""
    plain = {(row["arms"], row["rate"]): row for row in made if row["kind"] == "plain"}
    lines = [
        "| arms | rate | ratio | events | runs | wrong winner | best eliminated | ratio sequence misses | "
        + " | ".join(f"{LABELS[name]}: hard, plain" for name in RIVALS) + " |",
        "|---|---|---|---|---|---|---|---|" + "---|" * len(RIVALS),
    ]  # fmt: skip
    for row in made:
        if row["kind"] == "plain":
            continue
        own = [percent(row[name]["share"]) for name in JUDGED]
        easy = plain.get((row["arms"], row["rate"])) if row["kind"] == "equal" else None
        others = [f"{tenth(row['rivals'][name])}, {tenth(easy['rivals'][name])}" if easy else "" for name in RIVALS]
        about = [row["arms"], f"{100 * row['rate']:g} %", f"{row['ratio']:g}", f"{row['events']:,}", f"{row['runs']:,}"]
        lines.append(f"| {' | '.join(map(str, [*about, *own, *others]))} |")
    return lines


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def tenth(found: dict[str, float]) -> str:
    return f"{100 * found['share']:.0f} %"


def write(made: list[dict[str, Any]], seed: int) -> None:
    told_ = {
        "schema": 1,
        "command": f"python -m benchmarks.error_rates --runs {max(row['runs'] for row in made)} --seed {seed}",
        "alpha": ALPHA,
        "cells": made,
    }
    (DOCS / "error-rates.json").write_text(json.dumps(told_, indent=1) + "\n", encoding="utf-8")
    (DOCS / "error-rates.svg").write_text(picture(made), encoding="utf-8")


def picture(made: list[dict[str, Any]]) -> str:
    """Draw the cells without a difference: Signpost in the hard case, the rivals in their easiest."""
    plain = {(row["arms"], row["rate"]): row["rivals"] for row in made if row["kind"] == "plain"}
    rows = [
        Row(
            f"{row['arms']} variants, {100 * row['rate']:g} %",
            (row["wrong_winner"]["share"], *(plain[row["arms"], row["rate"]][name]["share"] for name in RIVALS)),
        )
        for row in made
        if row["kind"] == "equal"
    ]
    title = "Share of experiments in which a winner is named although nothing differs, looked at after every event"
    return dots(title, ("Signpost", *(LABELS[name] for name in RIVALS)), rows, ALPHA)


def told(text: str) -> None:
    """Show the progress where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r{text:80}\r{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
