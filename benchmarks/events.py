"""Events per second by `POST /v1/events`: `python -m benchmarks.events [--rounds 5] [--seconds 4] [--batch 1000] …`.

Batches (NDJSON) of exposures and outcomes of a client that assigns by itself, each unit new, over single calls of
`POST /v1/outcomes` by token, each of a new unit, too; in turns, on the same service. Prints medians and their ratio.
Ends with exit code 1 if any answer was not 2xx, any event was neither `recorded` nor `spooled`, or the ledger does not
hold them all in the end. Only what was `recorded` enters the rate.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import load, told
from benchmarks.accounts import settled
from benchmarks.arrivals import Heard, play
from benchmarks.service import SURFACE, Service, signpost
from experiments.model import day_of
from experiments.tokens import Grant

MOST = {"single": 12_000, "batch": 80_000}  # events per second that nothing here can pass: so many are made beforehand
CONNECTIONS = 4  # of a partner's servers that send batches


def batches(service: Service, events: int, size: int) -> list[bytes]:
    """Requests with `size` events each: every second one is the outcome of the unit just exposed."""
    return [
        service.request("/v1/events", _batch(service, size), "application/x-ndjson")
        for _ in range(max(CONNECTIONS, events // size))
    ]


def _batch(service: Service, size: int) -> bytes:
    live, now = service.version, int(time.time())
    head = {"experiment": live.definition.key, "version": live.number}
    keys = [variant.key for variant in live.definition.variants]
    lines = []
    for number in range(size // 2):
        unit = os.urandom(16).hex()
        shown = {"variant": keys[number % len(keys)], "phase": 0, "surface": SURFACE, "occurred_at": now}
        sought = {"outcome": "help_sought", "channel": "click", "occurred_at": now}
        lines += [
            {"event": "exposure", **head, "unit": unit, **shown},
            {"event": "outcome", **head, "unit": unit, **sought},
        ]
    return "\n".join(json.dumps(line, separators=(",", ":")) for line in lines).encode()


def outcomes(service: Service, number: int, path: Path) -> None:
    """Write bodies of outcomes by token, one a line. A token proves its assignment, so none is made before."""
    live, now = service.version, int(time.time())
    with path.open("w") as file:
        for n in range(number):
            variant, name = n % len(live.definition.variants), os.urandom(8)
            grant = Grant(live.id, service.partner, 0, day_of(now), name, variant, 0, 0, 0, now)
            token = service.keyring.sealer.seal(grant, "unit")
            file.write(f'{{"token":"{token}","outcome":"help_sought","channel":"click"}}\n')


def single_calls(service: Service, seconds: int) -> load.Load:
    with tempfile.TemporaryDirectory(prefix="spb-") as folder:
        path = Path(folder) / "bodies"
        outcomes(service, MOST["single"] * seconds, path)
        return load.outcomes(service, seconds, path)


def in_batches(service: Service, events: int, size: int) -> Heard:
    return play(service.where, batches(service, events, size), connections=CONNECTIONS)


def measured(options: argparse.Namespace, service: Service) -> dict[str, Any]:
    single_calls(service, 1)
    warm = in_batches(service, 20_000, options.batch)
    if not warm.receipts:
        sys.exit(f"POST /v1/events gives no receipts: {warm.failed} answers are not 2xx")
    events = round(sum(warm.receipts.values()) / warm.seconds * options.seconds)
    singles, batched = [], []
    for number in range(options.rounds):
        told.progress(f"round {number + 1}")
        singles.append(single_calls(service, options.seconds))
        batched.append(in_batches(service, min(events, MOST["batch"] * options.seconds), options.batch))
    receipts = sum((one.receipts for one in batched[1:]), batched[0].receipts)
    rates = [one.rate for one in singles], [one.receipts["recorded"] / one.seconds for one in batched]
    return {
        "single": median(rates[0]), "batched": median(rates[1]), "batch": options.batch,
        "ratio": median(many / one for one, many in zip(*rates, strict=True)),
        "rounds": {"single": rates[0], "batched": rates[1]}, "receipts": dict(receipts),
        "failed": sum(one.refused + one.broken for one in singles) + sum(one.failed for one in batched),
        "units": sum(one.answered for one in singles) + (receipts["recorded"] + receipts["spooled"]) // 2,
    }  # fmt: skip


def main() -> None:
    options = told.arguments(__doc__, rounds=5, seconds=4, batch=1_000, workers=2, threads=4)
    with signpost(told.size(options)) as service, service.ledger[0].client() as client:
        found = {"versions": told.versions(client)} | measured(options, service)
        found["in_ledger"] = settled(service, found["units"])
    rows = [
        (name, f"{found[key]:,.0f}", told.each(found["rounds"][key]))
        for name, key in (("single outcomes", "single"), (f"batches of {options.batch:,}", "batched"))
    ]
    receipts = ", ".join(f"{number:,} {receipt}" for receipt, number in sorted(found["receipts"].items()))
    end = f"ratio: {found['ratio']:.1f}; receipts of batches: {receipts}; failed: {found['failed']}; "
    end += f"{found['units']:,} units acknowledged and more to warm up, {found['in_ledger']:,} in the ledger"
    told.tell(options, found, ("what", "events/s, median", "rounds"), rows, end)
    if found["failed"] or set(found["receipts"]) - {"recorded", "spooled"} or found["in_ledger"] < found["units"]:
        sys.exit("invalid: answers that are not 2xx, or events that are not in the ledger")


if __name__ == "__main__":
    main()
