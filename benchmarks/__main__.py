"""Run every benchmark, one after the other, each in a process of its own; one that fails holds up no other."""

from __future__ import annotations

import subprocess
import sys

RUNS = (
    "throughput", "latency --rounds 3", "events --rounds 3", "cluster_cpu --rounds 3", "memory", "file_bytes",
    "anatomy", "results_time", "result_page", "public_surface", "validation", "report_time", "efficiency", "demo",
    "widget",
)  # fmt: skip

failed = []
for run in RUNS:
    print(f"== {run}", flush=True)
    name, *options = run.split()
    if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode:
        failed.append(name)
if failed:
    sys.exit(f"failed, or a limit missed: {', '.join(failed)}")
