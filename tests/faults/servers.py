"""Real processes that can be killed, frozen and cut off from power: redis-server and the service."""

from __future__ import annotations

import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import redis

HERE = Path(__file__).parent
DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""}
FORGETFUL = {"appendonly": "no", "save": ""}
WORKERS = 2
_taken: set[int] = set()


def free_port() -> int:
    """A port that stays free while nobody listens: below those that the system gives to outgoing connections.

    Free together with the one 10 000 above, where a cluster's node talks to the others.
    """
    while True:
        port = random.randrange(11_000, 22_000)
        with ExitStack() as held, suppress(OSError):
            for one in (port, port + 10_000):
                held.enter_context(socket.socket()).bind(("127.0.0.1", one))
            if port not in _taken:
                _taken.add(port)
                return port


def until(is_true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something that happens soon."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(redis.RedisError, OSError, http.client.HTTPException):
            if is_true():
                return
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


class Process:
    """What both kinds have in common: a process of its own session, whose output goes to a file."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, command: list[str], environment: dict[str, str]) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def told(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.is_file() else ""

    def signal(self, number: int) -> None:
        if not self.has_ended():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(20)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)


class Server(Process):
    """A redis-server on a port and folder of its own; `synced` preloads the memory of what is on disk."""

    def __init__(self, folder: Path, options: dict[str, str], *, synced: Path | None = None) -> None:
        folder.mkdir(parents=True)
        super().__init__(folder / "log")
        self.folder, self.options, self.synced = folder, options, synced
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis.from_url(self.url, socket_timeout=20)

    def start(self) -> Server:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("there is no redis-server here; `make system` installs it")
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        for name, value in ({"loglevel": "warning"} | self.options).items():
            command += [f"--{name}", value]
        environment = dict(os.environ)
        if self.synced is not None:
            environment |= {"LD_PRELOAD": str(self.synced), "SYNCED_LENGTHS": str(self.folder / "synced")}
        self.launch(command, environment)
        until(self.client.ping, f"the start of redis-server ({self.told()})", 60)
        return self

    def close(self) -> None:
        self.client.close()
        self.kill()

    def cut_power(self) -> int:
        """Kill it and leave of its files what had been synced. Returns the bytes that are gone."""
        self.kill()
        lengths = dict(struct.iter_unpack("=QQ", (self.folder / "synced").read_bytes()))
        gone = 0
        for file in (self.folder / "appendonlydir").iterdir():
            found = file.stat()
            kept = min(lengths.get(found.st_ino, 0), found.st_size)
            gone += found.st_size - kept
            os.truncate(file, kept)
        return gone


def compiled(folder: Path) -> Path:
    """The preloaded library, made from its source."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler here; `make system` installs one")
    library = folder / "synced.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, HERE / "synced.c", "-ldl"], check=True)
    return library


class Service(Process):
    """`signpost serve` with the public surface in two worker processes."""

    def __init__(self, folder: Path, **environment: str) -> None:
        super().__init__(folder / "service.log")
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"], "PORT": str(self.port), "SIGNPOST_VAR": str(folder),
            "SIGNPOST_WORKERS": str(WORKERS), "SIGNPOST_REFRESH_SECONDS": "1", **environment,
        }  # fmt: skip

    def start(self) -> Service:
        self.launch([sys.executable, "-m", "app", "serve", "--surfaces", "public"], self.environment)
        until(lambda: self.is_up() or self.has_ended(), "the start of the service", 30)
        assert not self.has_ended(), self.told()
        return self

    def is_up(self) -> bool:
        return len(self.workers()) == WORKERS and self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Process ids of the workers that live."""
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in found if b"resource_tracker" not in _command(pid)]

    def kill_worker(self) -> int:
        """Kill the oldest worker: Granian gives up when the one that it has just renewed dies again."""
        pid = self.workers()[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def fill_disk(self) -> None:
        """From now on no file of the workers can grow, as on a full disk."""
        for pid in self.workers():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        for pid in self.workers():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def stop(self) -> None:
        """End it in order."""
        self.signal(signal.SIGTERM)
        assert self.process is not None
        self.process.wait(20)

    def close(self) -> None:
        if self.process is None:
            return
        with suppress(subprocess.TimeoutExpired, AssertionError):
            self.stop()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _command(pid: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
