"""Real redis-servers for a benchmark, durable as the ledger must be, gone afterwards."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class Server:
    """A running redis-server: the URL a client uses, and its process."""

    url: str
    process: subprocess.Popen[bytes]

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


@contextmanager
def running(
    *options: str, program: str = "redis-server", fsync: str | None = "always", port: int = 0
) -> Iterator[Server]:
    """A fresh server with the ledger's settings; without `fsync` one that forgets, as a volatile store does.

    It listens on a socket of its own, or on a port of loopback where one is given.
    """
    folder = Path(tempfile.mkdtemp(prefix="spb-", dir="/tmp"))
    where = ["--port", str(port), "--bind", "127.0.0.1"] if port else ["--port", "0", "--unixsocket", f"{folder}/s"]
    kept = ["--appendonly", "yes", "--appendfsync", fsync] if fsync else ["--appendonly", "no"]
    command = [program, *where, *kept, "--maxmemory-policy", "noeviction", "--save", "", "--dir", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    server = Server(f"redis://127.0.0.1:{port}" if port else f"unix://{folder}/s", process)
    try:
        until(lambda: bool(server.client().ping()), f"the start of {program}")
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def ledger(*, program: str = "redis-server", fsync: str = "always") -> Iterator[str]:
    """Yield the URL of a fresh server with the ledger's settings, which may serve as volatile store, too."""
    with running(program=program, fsync=fsync) as server:
        yield server.url


@contextmanager
def cluster(masters: int) -> Iterator[list[Server]]:
    """Masters of a cluster, slots in equal stretches, without replicas."""
    with ExitStack() as stack:
        options = ("--cluster-enabled", "yes", "--protected-mode", "no")
        nodes = [stack.enter_context(running(*options, port=port)) for port in _ports(masters)]
        clients = [node.client() for node in nodes]
        for number, client in enumerate(clients):
            first, end = SLOTS * number // masters, SLOTS * (number + 1) // masters
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, end - 1)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", int(node.url.rpartition(":")[2]))
        until(lambda: all(_ready(client, masters) for client in clients), "the cluster's readiness")
        yield nodes


def until(is_true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for something, at most `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(redis.RedisError, OSError):
            if is_true():
                return
        time.sleep(0.02)
    raise SystemExit(f"{what} did not happen within {seconds:g} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(client: redis.Redis, masters: int) -> bool:
    told = client.execute_command("CLUSTER INFO")
    return (told["cluster_state"], int(told["cluster_known_nodes"])) == ("ok", masters)


def _ports(wanted: int) -> list[int]:
    """Ports below 55 000 that are free: a node takes the one 10 000 above, too."""
    found: set[int] = set()
    while len(found) < wanted:
        port = free_port()
        found.add(port if port < 55_000 else port - 20_000)
    return sorted(found)
