"""Start time and memory of the public surface: a fresh process until its first answered assignment."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks import servers

ROUNDS = 7
CHILD = """
import os, resource, sys, time
began = time.perf_counter()
from app import create_app
from app.settings import Settings
from experiments.store import Store
settings = Settings.read()
store = Store.open(settings.ledger_url, settings.volatile_url, budget=1)
app = create_app(settings, store=store, surfaces=("public",))
client = app.test_client()
answer = client.post("/v1/assignments", json={"surface": "search-uk", "session": "s"})
assert answer.json["message"]["title"], answer.json
took = time.perf_counter() - began
heavy = sorted({m.split(".")[0] for m in sys.modules} & {"stats", "scipy", "statsmodels", "numpy", "pandas"})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
print(took, peak, ",".join(heavy) or "none")
"""


def main() -> None:
    with servers.ledger() as url:
        runs = [run(url) for _ in range(ROUNDS)]
    print(f"start to first answer: median {statistics.median(t for t, _, _ in runs):.2f} s of {ROUNDS} starts")
    print(f"peak memory: median {statistics.median(m for _, m, _ in runs):.1f} MiB")
    print(f"statistics loaded: {runs[0][2]}")


def run(url: str) -> tuple[float, float, str]:
    environment = {"SIGNPOST_LEDGER_URL": url, "SIGNPOST_VOLATILE_URL": url, "SIGNPOST_VAR": "/tmp/signpost-bench"}
    done = subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True)
    took, peak, heavy = done.stdout.split()
    return float(took), float(peak), heavy


if __name__ == "__main__":
    main()
