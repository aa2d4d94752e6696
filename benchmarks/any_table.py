"""Any table gives numbers or reasons: `python -m benchmarks.any_table [--tables 100000] [--processes 2] [--seed 1]`.

Draws tables of `tests/simulation/any_table.py`, reports each with every warning as an error, and looks through the
report with `tests/soundness.py`. Prints how many there were by design and status. The first table that fails ends it
with exit code 1 and is named: `--seed S --only N` plays it again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import statsmodels.tools.sm_exceptions  # noqa: F401  (its warnings are let through again when it is first loaded)

from stats import report
from tests.simulation.any_table import draw
from tests.soundness import problems

PART = 250
SLOW = 5.0  # seconds: no report takes so long, whatever the counts


class Part(NamedTuple):
    """What a stretch of tables gave: (design, unit, status) -> tables, the slowest one, and the first that failed."""

    seen: Counter[tuple[str, str, str]]
    slowest: tuple[float, int]
    failed: tuple[int, str] | None


def play(seed: int, number: int) -> tuple[tuple[str, str, str], float, str]:
    """Report one table; return what it was, the seconds it took, and what is wrong (empty: nothing)."""
    begin = time.perf_counter()
    try:
        plan, counts = draw(seed, number)
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made = report(plan, counts)
        took = time.perf_counter() - begin
        wrong = problems(made) + ([f"took {took:.1f} s"] if took > SLOW else [])
        return (plan.design, "block" if plan.unit == "block" else "session", made.status), took, "\n".join(wrong)
    except Exception:  # noqa: BLE001  (whatever is raised is what is looked for)
        return ("", "", "error"), time.perf_counter() - begin, traceback.format_exc()


def part(job: tuple[int, int, int]) -> Part:
    """Play a stretch of tables, up to the first that fails."""
    seed, begin, end = job
    seen: Counter[tuple[str, str, str]] = Counter()
    slowest = 0.0, begin
    for number in range(begin, end):
        kind, took, wrong = play(seed, number)
        seen[kind] += 1
        slowest = max(slowest, (took, number))
        if wrong:
            return Part(seen, slowest, (number, wrong))
    return Part(seen, slowest, None)


def parts(seed: int, tables: int, processes: int) -> Iterator[Part]:
    """Play all tables in stretches; the same ones whatever the number of processes."""
    jobs = [(seed, begin, min(begin + PART, tables)) for begin in range(0, tables, PART)]
    if processes < 2:
        yield from map(part, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(part, jobs)


def main() -> None:
    options = arguments()
    if options.only is not None:
        kind, took, wrong = play(options.seed, options.only)
        print(*draw(options.seed, options.only), sep="\n")
        print(*kind, f"{took:.2f} s", wrong or "sound", sep=" | ")
        sys.exit(bool(wrong))
    begin = time.perf_counter()
    seen: Counter[tuple[str, str, str]] = Counter()
    slowest = 0.0, 0
    for found in parts(options.seed, options.tables, options.processes):
        seen += found.seen
        slowest = max(slowest, found.slowest)
        if sys.stderr.isatty():
            print(f"\r{seen.total():,} tables", end="", file=sys.stderr, flush=True)
        if found.failed:
            number, wrong = found.failed
            print(f"table {number} fails (again: --seed {options.seed} --only {number})\n{wrong}")
            sys.exit(1)
    print("| design | unit | status | tables |\n|---|---|---|---:|")
    for kind, number in sorted(seen.items()):
        print("|", *(f"{name} |" for name in kind), f"{number:,} |")
    took = time.perf_counter() - begin
    print(
        f"\n{seen.total():,} tables, no exception, no NaN, no warning, every null with its reason; {took:.0f} s;",
        end=" ",
    )
    print(f"the slowest took {slowest[0]:.2f} s (--seed {options.seed} --only {slowest[1]})")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="play one table again and show it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
