"""Whether results take longer with more units: `python -m benchmarks.results_time [--days 100] [--rounds 15] [--json]`.

The whole way of `experiments.results.result`: the definition and the counts of all days out of the ledger, and the
report. Two experiments with the same definition and days, with 10^4 and 10^8 units, in turns; counts are written as
the scripts would have left them. First no variant differs from another, then one does.

Like is compared with like: a report that says more takes longer, at any size. So the planned size is small enough to
be reached with 10^4 units, every outcome has events, and the difference is large enough to win with 10^4 units too.
It is checked that both reports have a winner or none, and leave out the same fields. Told is the median of the rounds'
ratios: what else the machine does in a round is much the same for both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import redis

import stats
from benchmarks import told
from benchmarks.servers import running
from benchmarks.service import LIBRARY, runtime, start
from experiments import results
from experiments.identity import Keyring
from experiments.model import DAY, Version, day_of
from experiments.reading import load_yaml
from experiments.runtime import Runtime
from experiments.store import keys

SIZES = (10_000, 100_000_000)
RATE, BETTER = 0.0073, 6.0
PLANNED = 1_000  # units of each variant
NOW = 20_781 * DAY + DAY // 2


@dataclass(frozen=True, slots=True)
class Case:
    """An experiment: `better` times the rate of the others is the last variant's; `units` of all days."""

    better: float
    units: int

    @property
    def key(self) -> str:
        return f"units-{self.units}-{'winner' if self.better > 1 else 'equal'}"


CASES = [Case(better, units) for better in (1.0, BETTER) for units in SIZES]


def fill(client: redis.Redis, version: Version, case: Case, days: int) -> None:
    """Write the counts of every day."""
    rng, variants = np.random.default_rng(1), version.definition.variants
    tag = keys.tag(version.definition.key, version.number, version.tags[0])
    pipe = client.pipeline(transaction=False)
    for day in range(day_of(version.started), day_of(version.started) + days):
        fields: dict[str, int] = {}
        for number in range(len(variants)):
            rate = RATE * (case.better if number == len(variants) - 1 else 1.0)
            fields |= _cell(rng, number, case.units / days / len(variants), rate)
        pipe.hset(keys.counts(tag, day), mapping=fields)
        pipe.hset(keys.days(tag), str(day), 64)
    pipe.execute()


def _cell(rng: np.random.Generator, variant: int, mean: float, rate: float) -> dict[str, int]:
    """Counts of a variant and day; only the help sought differs between variants."""
    units = int(rng.poisson(mean))
    sought = int(rng.binomial(units, rate))
    clicked, again, went_on = (int(rng.binomial(units, share)) for share in (rate / 2, 0.05, 0.02))
    contacts = int(rng.binomial(sought, 1 / 3))
    measures = {
        "a": units, "e": units, "d0": sought, "d1": contacts, "d2": again, "d3": went_on, "o4": clicked,
        "o5": sought - min(sought, clicked), "o16": again, "o10": went_on,
    }  # fmt: skip
    cell = {f"0.{variant}.0.0.{measure}": number for measure, number in measures.items()}
    return cell | {f"l.{variant}.en": units, f"n.{variant}.1": units, f"n.{variant}.2": again}


def main() -> None:
    options = told.arguments(__doc__, days=100, rounds=15)
    with running() as ledger, running(fsync=None) as volatile, ledger.client() as client:
        prepared = runtime(ledger.url, volatile.url, Keyring({1: b"w" * 32}, {1: b"t" * 32}))
        _install(prepared, client, options.days)
        times: dict[Case, list[float]] = {case: [] for case in CASES}
        reports: dict[Case, stats.Report] = {}
        for _ in range(options.rounds + 1):  # the first round warms up
            for case in CASES:
                began = time.perf_counter()
                made = results.result(prepared.store, case.key, now=NOW)
                times[case].append(1000 * (time.perf_counter() - began))
                assert made.sealed_days >= options.days, made.sealed_days
                reports[case] = made.report
        _check_alike(reports)
        _tell(options, told.versions(client), {case: spent[1:] for case, spent in times.items()})


def _check_alike(reports: dict[Case, stats.Report]) -> None:
    """A variant has won at both sizes or at neither; both lack the same fields.

    But for numbers that are too large, and for the first days, on which few units have no event.
    """
    for better in (1.0, BETTER):
        few, many = (reports[Case(better, units)] for units in SIZES)
        assert (few.status == "winner") == (many.status == "winner") == (better > 1), (few.status, many.status)
        reasons = ([one for one in made.reasons if one.code != "unbounded"] for made in (few, many))
        absent = [{(one.field, one.where) for one in found if not one.field.startswith("path")} for found in reasons]
        assert absent[0] == absent[1], absent[0] ^ absent[1]


def _install(prepared: Runtime, client: redis.Redis, days: int) -> None:
    document = load_yaml((LIBRARY / "four-lines.yml").read_text())
    plan = {"plan": document["plan"] | {"units_per_variant": PLANNED}}
    for case in CASES:
        own = plan | {"key": case.key, "surfaces": [case.key]}
        fill(client, start(prepared, document | own, NOW - (days + 3) * DAY), case, days)


def _tell(options: Any, versions: dict[str, str], times: dict[Case, list[float]]) -> None:
    middle = {case: median(spent) for case, spent in times.items()}
    ratios = {
        "winner" if better > 1 else "equal": median(
            many / few for few, many in zip(*(times[Case(better, units)] for units in SIZES), strict=True)
        )
        for better in (1.0, BETTER)
    }
    found = {
        "versions": versions, "days": options.days, "median_ms": {case.key: ms for case, ms in middle.items()},
        "fastest_ms": {case.key: min(spent) for case, spent in times.items()}, "ratio": ratios,
    }  # fmt: skip
    rows = [
        (
            f"{case.units:.0e}",
            "one is better" if case.better > 1 else "no difference",
            f"{ms:.1f}",
            f"{min(times[case]):.1f}",
        )
        for case, ms in middle.items()
    ]
    end = f"10^8 over 10^4 units: {ratios['equal']:.2f} without a difference, {ratios['winner']:.2f} with one"
    told.tell(options, found, ("units", "truth", "median, ms", "fastest, ms"), rows, end)


if __name__ == "__main__":
    main()
