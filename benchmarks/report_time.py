"""How long a full report takes: `python -m benchmarks.report_time [--rounds 15]`.

One core, design `sequential`, daily tables without strata: 4 variants x 100 days and 12 x 200, with one outcome, and
with one secondary outcome and one guardrail besides; without a winner and with one (which asks for the tipping point);
at 10^4 and at 10^9 units. Side by side in one run, the tables in turn; prints the fastest and the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np

import stats


@dataclass(frozen=True, slots=True)
class Case:
    """A table: `best` times the rate of the others is the last variant's; `units` of the whole table."""

    arms: int
    days: int
    outcomes: int
    best: float
    units: float

    @property
    def name(self) -> str:
        more = "with a winner" if self.best > 1 else "no difference"
        return f"{self.arms} × {self.days} | {self.outcomes} | {self.units:.0e} | {more}"


LIMITS = {(4, 100): 50, (12, 200): 300}  # ms
CASES = [
    Case(arms, days, outcomes, best, units)
    for arms, days in LIMITS
    for outcomes, best, units in (
        (1, 1.0, 1e6),
        (1, 1.6, 1e6),
        (3, 1.0, 1e6),
        (3, 1.6, 1e6),
        (1, 1.0, 1e4),
        (1, 1.0, 1e9),
    )
]
NAMES = ("help", "contact", "repeat")


def table(case: Case) -> tuple[stats.Plan, stats.Counts]:
    rng = np.random.default_rng(1)
    variants = tuple(f"v{k}" for k in range(case.arms))
    per_cell = max(1, round(case.units / case.arms / case.days))
    cells = []
    for day in range(case.days):
        for variant in variants:
            units = int(rng.poisson(per_cell)) if per_cell < 1e6 else per_cell
            rate = 0.01 * (case.best if variant == variants[-1] else 1.0)
            events = {name: int(rng.binomial(units, rate)) for name in NAMES[: case.outcomes]}
            cells.append(stats.Cell(variant, 1, f"{day:04}", "", "", units, units, events))
    outcomes = (
        stats.Outcome("help", "primary"),
        stats.Outcome("contact", "secondary"),
        stats.Outcome("repeat", "guardrail", "lower", margin_ratio=2.0),
    )[: case.outcomes]
    plan = stats.Plan(variants, "v0", outcomes, design="sequential", planned_units=10**12)
    return plan, stats.Counts(tuple(cells), shares={1: dict.fromkeys(variants, 1 / case.arms)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    tables = {case: table(case) for case in CASES}
    times: dict[Case, list[float]] = {case: [] for case in CASES}
    for _ in range(rounds + 1):  # the first round warms up
        for case, (plan, counts) in tables.items():
            began = time.process_time()
            stats.report(plan, counts)
            times[case].append(1000 * (time.process_time() - began))
    print("| variants × days | outcomes | units | truth | fastest, ms | median, ms | asked, ms |")
    print("|---|---|---|---|---|---|---|")
    slow = []
    for case, spent in times.items():
        fastest, limit = min(spent[1:]), LIMITS[case.arms, case.days]
        print(f"| {case.name} | {fastest:.0f} | {statistics.median(spent[1:]):.0f} | {limit} |")
        slow += [case.name] if fastest > limit else []  # what else the machine does makes a round slower, never faster
    print("each fastest round is within what is asked" if not slow else f"slower: {'; '.join(slow)}")
    sys.exit(bool(slow))


if __name__ == "__main__":
    main()
