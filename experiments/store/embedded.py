"""Private servers for a machine that has none: one durable ledger, one forgetful volatile store.

One supervisor per folder holds its lock, starts both servers, starts them again if they die, and stops
them. Other processes (the command line) join the running ones. Sockets lie in a short folder of their own,
because a socket's path has room for about a hundred bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import redis
from filelock import FileLock, Timeout

from experiments.errors import Refused, StoreUnavailable, UnsafeStore
from experiments.store.program import Program, find_program

START_SECONDS = 10.0
STOP_SECONDS = 10.0
NAMES = ("ledger", "volatile")


class Urls(NamedTuple):
    """Addresses of both stores."""

    ledger: str
    volatile: str


class Embedded:
    """Both servers of a folder, supervised by this process. Use `start`, then `stop`."""

    def __init__(self, var: Path, program: Program, lock: FileLock) -> None:
        self.var = var
        self.program = program
        self.runtime = Path(tempfile.mkdtemp(prefix="signpost-", dir=_short_folder()))
        self.urls = Urls(*(f"unix://{self.runtime / name}" for name in NAMES))
        self._lock = lock
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="signpost-stores", daemon=True)

    @classmethod
    def start(cls, var: Path, *, preferred: str | None = None) -> Embedded:
        """Start both servers in `var`. Raises Refused if somebody else has them, UnsafeStore if files are too new."""
        var.mkdir(parents=True, exist_ok=True)
        lock = FileLock(var / "supervisor.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Refused(f"another Signpost has its stores in {var}; stop it, or use another SIGNPOST_VAR") from None
        try:
            program = find_program(preferred)
            _end_stale(var)
            _require_not_older(var / "ledger", program)
            found = cls(var, program, lock)
        except BaseException:
            lock.release()
            raise
        try:
            found._begin()
        except BaseException:
            found.stop()
            raise
        return found

    def _begin(self) -> None:
        for name in NAMES:
            self._launch(name)
        for name in NAMES:
            self._wait_for(name)
        record = {"kind": self.program.kind, "version": list(self.program.version)}
        _write(self.var / "ledger" / "server.json", record)
        self._announce()
        self._watcher.start()

    def _launch(self, name: str) -> None:
        folder = self.var / name
        folder.mkdir(exist_ok=True)
        own = ledger_options(self.program) if name == "ledger" else VOLATILE
        options = {**COMMON, **own, "dir": str(folder), "unixsocket": str(self.runtime / name)}
        command = [self.program.path]
        for option, value in options.items():
            command += [f"--{option}", value]
        with (self.var / f"{name}.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches the supervisor, which stops it in order.
            self._servers[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603

    def _wait_for(self, name: str) -> None:
        client = redis.Redis(unix_socket_path=str(self.runtime / name), socket_timeout=2)
        until = time.monotonic() + START_SECONDS
        with client:
            while time.monotonic() < until and self._servers[name].poll() is None:
                with suppress(redis.RedisError, OSError):
                    client.ping()
                    return
                time.sleep(0.01)
        raise StoreUnavailable(f"the private {name} server did not start; see {self.var / name}.log")

    def _announce(self) -> None:
        pids = {name: server.pid for name, server in self._servers.items()}
        _write(self.var / "runtime.json", {"urls": self.urls._asdict(), "pids": pids, "folder": str(self.runtime)})

    def _watch(self) -> None:
        """Start a server again that died; the ledger comes back from its files."""
        while not self._stopping.wait(0.2):
            for name in NAMES:
                if self._servers[name].poll() is not None and not self._stopping.is_set():
                    with suppress(StoreUnavailable):
                        self._launch(name)
                        self._wait_for(name)
                        self._announce()

    def stop(self) -> None:
        """Stop both servers in order, and leave the folder to others."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join(START_SECONDS + 1)
        for server in self._servers.values():
            _end(server)
        shutil.rmtree(self.runtime, ignore_errors=True)
        (self.var / "runtime.json").unlink(missing_ok=True)
        self._lock.release()


COMMON = {
    "port": "0", "unixsocketperm": "700", "save": "", "maxmemory-policy": "noeviction", "daemonize": "no",
    "slowlog-log-slower-than": "-1", "crash-log-enabled": "no",
}  # fmt: skip
VOLATILE = {"appendonly": "no"}


def ledger_options(program: Program) -> dict[str, str]:
    """Settings of the ledger; what an older server does not know is left out."""
    options = {"appendonly": "yes", "appendfsync": "always"}
    if program.kind == "valkey" or program.version >= (7, 0):
        options["aof-timestamp-enabled"] = "no"
    if program.kind == "valkey" or program.version >= (7, 4):
        options["hide-user-data-from-log"] = "yes"
    return options


def running(var: Path) -> Urls | None:
    """Addresses of another process's servers in the folder, if they answer."""
    try:
        urls = Urls(**json.loads((var / "runtime.json").read_text())["urls"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for url in urls:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            try:
                client.ping()
            except (redis.RedisError, OSError):
                return None
    return urls


@contextmanager
def joined(var: Path, *, preferred: str | None = None) -> Iterator[Urls]:
    """Yield the running servers' addresses, or start servers for the time of the block."""
    found = running(var)
    if found is not None:
        yield found
        return
    own = Embedded.start(var, preferred=preferred)
    try:
        yield own.urls
    finally:
        own.stop()


def _short_folder() -> str:
    wanted = os.environ.get("XDG_RUNTIME_DIR")
    return wanted if wanted and len(wanted) < 60 and os.access(wanted, os.W_OK) else "/tmp"  # noqa: S108


def _require_not_older(folder: Path, program: Program) -> None:
    """An older server on newer files starts empty without an error, so it must not start at all."""
    try:
        record = json.loads((folder / "server.json").read_text())
    except OSError:
        return
    wrote = Program("", record["kind"], tuple(record["version"]))
    if wrote.kind != program.kind or wrote.version[:2] > program.version[:2]:
        raise UnsafeStore(
            f"the data in {folder} were written by {wrote}; {program} may not read them. "
            f"Install {wrote} or newer, or use another SIGNPOST_VAR"
        )


def _end_stale(var: Path) -> None:
    """Stop servers whose supervisor was killed: two servers must never share files."""
    try:
        record = json.loads((var / "runtime.json").read_text())
    except (OSError, ValueError):
        return
    for name, pid in record["pids"].items():
        if _is_ours(pid, record["folder"]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            _await_gone(name, pid, record["folder"])
    shutil.rmtree(record["folder"], ignore_errors=True)
    (var / "runtime.json").unlink(missing_ok=True)


def _is_ours(pid: int, folder: str) -> bool:
    """Tell whether the process is the server that was recorded, and not another that got its number."""
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return folder in listed.stdout


def _await_gone(name: str, pid: int, folder: str) -> None:
    until = time.monotonic() + STOP_SECONDS
    while _is_ours(pid, folder):
        if time.monotonic() > until:
            raise UnsafeStore(f"an old private {name} server (process {pid}) does not stop; end it by hand")
        time.sleep(0.05)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _write(path: Path, value: object) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)
