"""Durable assignments per second, beside a bare Flask route and the obvious implementation of the same call.

`python -m benchmarks.throughput [--rounds 5] [--seconds 4] [--warmup 2] [--workers 2] [--threads 8] [--json]`

A server key, a JSON body with the surface, `expose: true`, and in every request a session that is new. All three run
under the same server with the same workers and threads, take turns in rounds, and get the same requests. Prints the
medians and their ratios. Ends with exit code 1, and its figures are worth nothing, if any answer was not 2xx or if the
ledger does not hold every assignment that was answered.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from benchmarks import load, told
from benchmarks.servers import running
from benchmarks.service import Service, Size, peer, signpost

NAMES = ("bare", "obvious", "signpost")


@contextmanager
def all_three(size: Size) -> Iterator[dict[str, Service]]:
    """Signpost, the bare route and the obvious implementation, each with a ledger of its own."""
    with ExitStack() as stack:
        ours = stack.enter_context(signpost(size))
        bare = stack.enter_context(peer("bare", size, ours.key))
        obvious = stack.enter_context(peer("obvious", size, ours.key, stack.enter_context(running())))
        yield dict(zip(NAMES, (bare, obvious, ours), strict=True))


def recorded(service: Service) -> int:
    """Units assigned, by the counts in the ledger."""
    total = 0
    for server in service.ledger:
        with server.client() as client:
            names = list(client.scan_iter("sp:*:c:*", count=10_000))
            total += sum(int(n) for name in names for field, n in client.hgetall(name).items() if field.endswith(b".a"))
    return total


def main() -> None:
    options = told.arguments(__doc__, rounds=5, seconds=4, warmup=2, workers=2, threads=8)
    with all_three(told.size(options)) as services:
        loads: dict[str, list[load.Load]] = {name: [] for name in NAMES}
        for name in NAMES:
            loads[name].append(load.assignments(services[name], options.warmup))
        for number in range(options.rounds):
            for name in NAMES:
                told.progress(f"round {number + 1}: {name}")
                loads[name].append(load.assignments(services[name], options.seconds))
        counted = recorded(services["signpost"])
        versions = told.versions(services["signpost"].ledger[0].client())
    rates = {name: median(one.rate for one in loads[name][1:]) for name in NAMES}
    failed = {name: sum(one.refused + one.broken for one in loads[name]) for name in NAMES}
    answered = sum(one.answered for one in loads["signpost"])
    found = {
        "versions": versions, "rates": rates, "failed": failed, "answered": answered, "recorded": counted,
        "over_bare": rates["signpost"] / rates["bare"], "over_obvious": rates["signpost"] / rates["obvious"],
        "rounds": {name: [one.rate for one in loads[name][1:]] for name in NAMES},
    }  # fmt: skip
    rows = [
        (name, f"{rates[name]:,.0f}", ", ".join(f"{r:,.0f}" for r in found["rounds"][name]), failed[name])
        for name in NAMES
    ]
    end = f"over bare: {found['over_bare']:.2f}; over obvious: {found['over_obvious']:.2f}; "
    end += f"{answered:,} assignments answered, {counted:,} in the ledger"
    told.tell(options, found, ("what", "requests/s, median", "rounds", "failed"), rows, end)
    if any(failed.values()) or counted < answered:
        sys.exit("invalid: answers that are not 2xx, or assignments that the ledger does not hold")


if __name__ == "__main__":
    main()
