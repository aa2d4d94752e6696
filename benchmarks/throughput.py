"""Durable assignments per second, beside a bare Flask route and the obvious implementation of the same call.

`python -m benchmarks.throughput [--rounds 5] [--seconds 4] [--warmup 2] [--workers 2] [--threads 4] [--json]`

A server key, a JSON body with the surface, `expose: true`, and in every request a session that is new. All three run
under the same server with the same workers and threads, take turns in rounds, and get the same requests. Prints the
medians and the ratios, and how much CPU a request takes where, which other work on the machine changes least. Ends with
exit code 1, and its figures are worth nothing, if any answer was not 2xx or if the ledger does not hold every
assignment that was answered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any, NamedTuple

from benchmarks import cpu, load, told
from benchmarks.accounts import recorded, settled
from benchmarks.servers import running
from benchmarks.service import Service, Size, peer, signpost

NAMES = ("bare", "obvious", "signpost")
HEAD = ("what", "requests/s, median", "rounds", "CPU per request: service, µs", "ledger, µs", "failed")


@contextmanager
def all_three(size: Size) -> Iterator[dict[str, Service]]:
    """Signpost, the bare route and the obvious implementation, each with a ledger of its own."""
    with ExitStack() as stack:
        ours = stack.enter_context(signpost(size))
        bare = stack.enter_context(peer("bare", size, ours.key))
        obvious = stack.enter_context(peer("obvious", size, ours.key, stack.enter_context(running())))
        yield dict(zip(NAMES, (bare, obvious, ours), strict=True))


class Round(NamedTuple):
    """A load, and the CPU that the service and its ledger took for it (seconds)."""

    load: load.Load
    service: float
    ledger: float


def measured(services: dict[str, Service], options: argparse.Namespace) -> dict[str, list[Round]]:
    """Rounds of each, in turns; the first one of each only warms up."""
    rounds: dict[str, list[Round]] = {name: [played(services[name], options.warmup)] for name in NAMES}
    for number in range(options.rounds):
        for name in NAMES:
            told.progress(f"round {number + 1}: {name}")
            rounds[name].append(played(services[name], options.seconds))
    return rounds


def played(service: Service, seconds: int) -> Round:
    before = cpu.of_session(service.session), cpu.of(service.ledger)
    found = load.assignments(service, seconds)
    return Round(found, cpu.of_session(service.session) - before[0], cpu.of(service.ledger) - before[1])


def summary(rounds: dict[str, list[Round]]) -> dict[str, Any]:
    """Medians of the rounds, and of the ratios within a round."""
    loads = {name: [one.load for one in rounds[name]] for name in NAMES}
    rates = {name: [one.rate for one in loads[name][1:]] for name in NAMES}
    over = {
        f"over_{name}": median(ours / its for ours, its in zip(rates["signpost"], rates[name], strict=True))
        for name in NAMES[:2]
    }
    return {
        "rates": {name: median(found) for name, found in rates.items()},
        **over,
        "rounds": rates,
        "cpu": {name: [_microseconds(rounds[name], part) for part in ("service", "ledger")] for name in NAMES},
        "failed": {name: sum(one.refused + one.broken for one in loads[name]) for name in NAMES},
        "answered": sum(one.answered for one in loads["signpost"]),
    }


def _microseconds(rounds: Sequence[Round], part: str) -> float:
    """CPU of a part per request."""
    return median(1e6 * getattr(one, part) / max(1, one.load.answered) for one in rounds[1:])


def main() -> None:
    options = told.arguments(__doc__, rounds=5, seconds=4, warmup=2, workers=2, threads=4)
    with all_three(told.size(options)) as services:
        ours = services["signpost"]
        found = summary(measured(services, options))
        found |= {"at_once": recorded(ours), "in_ledger": settled(ours, found["answered"])}
        found["versions"] = told.versions(ours.ledger[0].client())
    rows = [
        (
            name,
            f"{found['rates'][name]:,.0f}",
            told.each(found["rounds"][name]),
            *(f"{n:.0f}" for n in found["cpu"][name]),
            found["failed"][name],
        )
        for name in NAMES
    ]
    end = f"over bare: {found['over_bare']:.2f}; over obvious: {found['over_obvious']:.2f} (medians of the rounds); "
    end += f"{found['answered']:,} assignments answered, {found['at_once']:,} in the ledger at once, "
    end += f"{found['in_ledger']:,} after the spool's replay"
    told.tell(options, found, HEAD, rows, end)
    if any(found["failed"].values()) or found["in_ledger"] < found["answered"]:
        sys.exit("invalid: answers that are not 2xx, or assignments that the ledger does not hold")


if __name__ == "__main__":
    main()
