"""A real redis-server for a benchmark, durable as the ledger must be, gone afterwards."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


@contextmanager
def ledger(*, program: str = "redis-server", fsync: str = "always") -> Iterator[str]:
    """Yield the URL of a fresh server with the ledger's settings; the second database serves as volatile store."""
    folder = Path(tempfile.mkdtemp(prefix="spb-"))
    socket = folder / "s"
    options = f"--port 0 --appendonly yes --appendfsync {fsync} --maxmemory-policy noeviction"
    command = [program, *options.split(), "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(unix_socket_path=str(socket))
        for _ in range(500):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)
