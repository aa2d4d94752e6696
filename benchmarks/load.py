"""Load by wrk: as many requests as are answered, over a number of connections."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service import Service

HERE = Path(__file__).parent
THREADS, CONNECTIONS = 2, 64


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: requests answered, in seconds; of these refused (status 400 and above); broken connections."""

    answered: int
    seconds: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Requests per second that were answered well."""
        return (self.answered - self.refused) / self.seconds


def assignments(service: Service, seconds: int) -> Load:
    """Ask for assignments of sessions that are all new."""
    return _wrk(service, seconds, "assign.lua", service.key, secrets.token_hex(6))


def outcomes(service: Service, seconds: int, bodies: Path) -> Load:
    """Report outcomes whose bodies are the lines of a file."""
    return _wrk(service, seconds, "lines.lua", service.key, str(bodies), str(THREADS))


def _wrk(service: Service, seconds: int, script: str, *args: str) -> Load:
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is not installed (Debian: apt install wrk)")
    options = [f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / script), service.base]
    done = subprocess.run([program, *options, "--", *args], capture_output=True, text=True, check=False)
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode or not last.startswith("{"):
        raise SystemExit(f"wrk failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return Load(**json.loads(last))
