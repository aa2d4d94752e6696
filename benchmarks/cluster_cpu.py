"""CPU per acknowledged write, three masters over one: `python -m benchmarks.cluster_cpu [--rate N] [--rounds 5] …`.

Two services, one with a single durable server as its ledger, one with a cluster of masters and an experiment whose
shards lie on all of them. Both get assignments at the same constant rate over the same number of connections, in
turns: by default half of what saturates the slower one. CPU is what the kernel charged the redis-servers (user and
system, /proc/PID/stat), summed over the nodes, divided by the assignments that were acknowledged. Says so when not
all were recorded at once: the figure is then worth less.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks import cpu, told
from benchmarks.latency import measured, saturated
from benchmarks.servers import cluster
from benchmarks.service import Service, signpost


def microseconds(service: Service, rate: int, seconds: int) -> float:
    """CPU per acknowledged write in a round."""
    before = cpu.of(service.ledger)
    heard = measured(service, rate, seconds)
    if heard.failed or set(heard.receipts) != {"recorded"}:
        print(f"not all recorded: {heard.failed} failed, {dict(heard.receipts)}", file=sys.stderr)
    acknowledged = heard.receipts["recorded"] + heard.receipts["spooled"]
    return 1e6 * (cpu.of(service.ledger) - before) / max(1, acknowledged)


def main() -> None:
    options = told.arguments(
        __doc__, rounds=5, seconds=8, rate=0, masters=3, workers=2, threads=4
    )  # fmt: skip
    with ExitStack() as stack:
        size = told.size(options)
        one = stack.enter_context(signpost(size))
        nodes = stack.enter_context(cluster(options.masters))
        url = nodes[0].url.replace("redis://", "redis+cluster://")
        many = stack.enter_context(signpost(size, nodes, url=url))
        services = {"one server": one, f"{options.masters} masters": many}
        rate = options.rate or round(min(saturated(list(services.values()), 3)) / 2)
        spent: dict[str, list[float]] = {name: [] for name in services}
        for number in range(options.rounds):
            for name, service in services.items():
                told.progress(f"round {number + 1}: {name}")
                spent[name].append(microseconds(service, rate, options.seconds))
        with one.ledger[0].client() as client:
            found: dict[str, Any] = {"versions": told.versions(client)}
    alone, together = (median(values) for values in spent.values())
    found |= {"rate": rate, "microseconds": spent, "ratio": together / alone}
    rows = [(name, f"{median(values):.0f}", told.each(values)) for name, values in spent.items()]
    found["shards"] = len(many.version.tags)
    end = f"{options.masters} masters over one: {found['ratio']:.2f}; {rate:,} assignments a second, "
    end += f"{found['shards']} shards on the masters, 1 on the server"
    told.tell(options, found, ("ledger", "CPU per write, µs, median", "rounds"), rows, end)


if __name__ == "__main__":
    main()
