"""How long an assignment takes: `python -m benchmarks.latency [load] [rewrite] [stalls] [--rounds 5] [--seconds 8] …`.

Requests come at a constant rate, and a latency counts from the moment a request was due (see `arrivals`).

load     99 of 100 assignments, at half of the load that saturates Signpost, beside a bare Flask route at half of its
         own; in turns, under the same server with the same workers and threads
rewrite  assignments at the same half load while the ledger rewrites its log again and again, `rows` rows in it
stalls   assignments at `rate` a second while the ledger stands still for `stall` ms in every second

Prints medians of the rounds. Every answer must be 2xx; receipts are counted, and at the end all that was acknowledged
must be in the ledger.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from statistics import median
from typing import Any

import redis

from benchmarks import load, rows, told
from benchmarks.accounts import settled
from benchmarks.arrivals import Heard, play
from benchmarks.servers import Server
from benchmarks.service import Service, peer, signpost

MODES = ("load", "rewrite", "stalls")
CALM = 0.2  # seconds between two rewrites
CONNECTIONS = 256  # more than there are requests under way while the ledger stands still
HEAD = (
    "what",
    "requests/s",
    "p50, ms",
    "p99, ms",
    "worst, ms",
    "p99 of rounds",
    "sent late, p99 ms",
    "failed",
    "receipts",
)


def requests(service: Service, number: int) -> list[bytes]:
    """Assignments of sessions that are all new."""
    mark = secrets.token_hex(6)
    body = b'{"surface":"search-uk","session":"%s-%09d","expose":true}'
    first = service.request("/v1/assignments", body % (mark.encode(), 0))
    head, _, tail = first.partition(b"-000000000")
    return [b"%s-%09d%s" % (head, n, tail) for n in range(number)]


def measured(service: Service, rate: float, seconds: int) -> Heard:
    return play(service.where, requests(service, max(1, round(rate * seconds))), rate=rate, connections=CONNECTIONS)


def saturated(services: Sequence[Service], seconds: int) -> list[float]:
    """The most requests per second that each answers: medians of three rounds in turns."""
    loads = [[load.assignments(one, seconds).rate for one in services] for _ in range(4)]
    return [median(rates) for rates in zip(*loads[1:], strict=True)]  # the first round warms up


def summary(rate: float, rounds: Sequence[Heard]) -> dict[str, Any]:
    """Medians over the rounds (ms), the worst of all, and what was answered."""
    return {
        "rate": rate,
        "p50": median(one.quantile(0.5) for one in rounds),
        "p99": median(one.quantile(0.99) for one in rounds),
        "worst": max(one.quantile(1) for one in rounds),
        "p99_of_rounds": [one.quantile(0.99) for one in rounds],
        "sent_late": median(one.delay(0.99) for one in rounds),
        "failed": sum(one.failed for one in rounds),
        "receipts": dict(sum((one.receipts for one in rounds), Counter())),
    }


def row(name: str, one: dict[str, Any]) -> tuple[Any, ...]:
    receipts = ", ".join(f"{number:,} {receipt}" for receipt, number in sorted(one["receipts"].items()))
    figures = (f"{one[key]:.1f}" for key in ("p50", "p99", "worst"))
    each = ", ".join(f"{p99:.1f}" for p99 in one["p99_of_rounds"])
    return (name, f"{one['rate']:,.0f}", *figures, each, f"{one['sent_late']:.1f}", one["failed"], receipts or "–")


def at_half_load(bare: Service, ours: Service, rounds: int, seconds: int) -> dict[str, Any]:
    """Latency at half of each one's own saturated load, in turns."""
    rates = [rate / 2 for rate in saturated((bare, ours), 3)]
    heard: tuple[list[Heard], list[Heard]] = ([], [])
    for number in range(rounds):
        for service, rate, into in zip((bare, ours), rates, heard, strict=True):
            told.progress(f"round {number + 1}: {rate:,.0f}/s")
            into.append(measured(service, rate, seconds))
    found = {name: summary(r, h) for name, r, h in zip(("bare", "signpost"), rates, heard, strict=True)}
    return found | {"ratio": found["signpost"]["p99"] / found["bare"]["p99"]}


def disturbed(
    ours: Service, rate: float, rounds: int, seconds: int, act: Callable[[Server, threading.Event], int]
) -> dict[str, Any]:
    """Latency while something happens to the ledger, beside rounds in which nothing does."""
    calm, rough, times = [], [], 0
    for number in range(rounds):
        told.progress(f"round {number + 1}: {rate:,.0f}/s")
        calm.append(measured(ours, rate, seconds))
        with _meanwhile(act, ours.ledger[0]) as count:
            rough.append(measured(ours, rate, seconds))
        times += sum(count)
    return {"calm": summary(rate, calm), "rough": summary(rate, rough), "times": times}


@contextmanager
def _meanwhile(act: Callable[[Server, threading.Event], int], server: Server) -> Iterator[list[int]]:
    done, count = threading.Event(), []
    thread = threading.Thread(target=lambda: count.append(act(server, done)))
    thread.start()
    try:
        yield count
    finally:
        done.set()
        thread.join()


def rewrites(server: Server, done: threading.Event) -> int:
    """Rewrite the log again and again; return how often."""
    times = 0
    with server.client() as client:
        while not done.wait(CALM):
            with suppress(redis.ResponseError):  # one that the server began by itself
                client.bgrewriteaof()
                times += 1
            while client.info("persistence")["aof_rewrite_in_progress"] and not done.is_set():
                time.sleep(0.05)
    return times


def stalls(milliseconds: int) -> Callable[[Server, threading.Event], int]:
    def act(server: Server, done: threading.Event) -> int:
        times = 0
        while not done.wait(1 - milliseconds / 1000):
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(milliseconds / 1000)
            server.process.send_signal(signal.SIGCONT)
            times += 1
        return times

    return act


def main() -> None:
    options = told.arguments(
        __doc__, choices=MODES, rounds=5, seconds=8, rows=1_000_000, rate=300, stall=300, workers=2, threads=4
    )  # fmt: skip
    with ExitStack() as stack:
        ours = stack.enter_context(signpost(told.size(options)))
        found: dict[str, Any] = {"versions": told.versions(stack.enter_context(ours.ledger[0].client()))}
        lines, table = list(_parts(options, ours, stack, found)), list(_rows(found))
    told.tell(options, found, HEAD, table, "; ".join(lines))
    if any(line[7] for line in table) or found.get("missing") or found.get("doubled"):
        sys.exit("invalid: answers that are not 2xx, or a ledger that does not hold what was acknowledged")


def _parts(options: argparse.Namespace, ours: Service, stack: ExitStack, found: dict[str, Any]) -> Iterator[str]:
    """Measure what was asked for into `found`; yield what is to be said about it."""
    half = None
    if "load" in options.what:
        bare = stack.enter_context(peer("bare", told.size(options), ours.key))
        found["load"] = at_half_load(bare, ours, options.rounds, options.seconds)
        half = found["load"]["signpost"]["rate"]
        yield f"p99 over the bare route's: {found['load']['ratio']:.2f}"
    if "rewrite" in options.what:
        half = half or saturated([ours], 3)[0] / 2
        rows.write(ours.ledger[0].client(), options.rows, max(64, options.rows // 100), tag="{preloaded.1.0}")
    before = settled(ours)
    if "rewrite" in options.what:
        found["rewrite"] = disturbed(ours, half or 0, options.rounds, options.seconds, rewrites)
        yield f"{found['rewrite']['times']} rewrites of {options.rows:,} rows and more"
    if "stalls" in options.what:
        found["stalls"] = disturbed(ours, options.rate, options.rounds, options.seconds, stalls(options.stall))
        yield f"{found['stalls']['times']} stalls of {options.stall} ms"
    yield _accounts(ours, before, found)


def _accounts(ours: Service, before: int, found: dict[str, Any]) -> str:
    """Hold the ledger against the receipts. An `uncounted` one may be there or not: its answer came too late."""
    counted: Counter[str] = Counter()
    for part in (found[name][kind] for name in MODES[1:] if name in found for kind in ("calm", "rough")):
        counted.update(part["receipts"])
    acknowledged = counted["recorded"] + counted["spooled"]
    held = settled(ours, before + acknowledged) - before
    found |= {
        "acknowledged": acknowledged, "in_ledger": held, "missing": max(0, acknowledged - held),
        "doubled": max(0, held - acknowledged - counted["uncounted"]),
    }  # fmt: skip
    return f"disturbed: {acknowledged:,} acknowledged, {held:,} in the ledger afterwards"


def _rows(found: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    names = {
        "load": {"bare": "bare, half load", "signpost": "Signpost, half load"},
        "rewrite": {"calm": "half load again", "rough": "while rewriting"},
        "stalls": {"calm": "without stalls", "rough": "with stalls"},
    }
    for part, kinds in names.items():
        for kind, name in kinds.items():
            if part in found:
                yield row(name, found[part][kind])


if __name__ == "__main__":
    main()
