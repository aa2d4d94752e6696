"""One private server: a process with a folder of its own, launched, asked whether it answers, ended in order.

The process inherits a locked file in its folder and keeps the lock as long as it lives, whatever becomes of
the one who launched it: two servers never write the same files.
"""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from experiments.errors import StoreUnavailable, UnsafeStore
from experiments.store.connection import connect
from experiments.store.program import Program

START_SECONDS = 10.0
STOP_SECONDS = 10.0
CALM_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Server:
    """The server of a folder, listening at a socket; `alive` and `pid` are about the process launched last."""

    def __init__(self, folder: Path, socket: Path) -> None:
        self.folder = folder
        self.socket = socket
        self.log = folder.with_name(f"{folder.name}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._launched = -CALM_SECONDS
        self._pause = FIRST_PAUSE

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def due(self) -> bool:
        """Whether a dead server may be launched again: one that dies again and again waits longer and longer."""
        return not self.alive and time.monotonic() - self._launched >= self._pause

    def launch(self, program: Program, options: dict[str, str]) -> None:
        """Start the process; it answers a little later. Raises UnsafeStore if another has the folder."""
        calm = time.monotonic() - self._launched > CALM_SECONDS
        self._pause = FIRST_PAUSE if calm else min(2 * self._pause, LONGEST_PAUSE)
        self._launched = time.monotonic()
        command = [program.path]
        for name, value in (options | {"dir": str(self.folder), "unixsocket": str(self.socket)}).items():
            command += [f"--{name}", value]
        with _claimed(self.folder) as claim, self.log.open("ab") as log:
            if claim is None:
                raise UnsafeStore(f"another server still has the data in {self.folder}")
            # A session of its own: Ctrl-C in the terminal reaches the supervisor, which stops it in order.
            self._process = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=(claim,)
            )
        _dump_no_core(self._process.pid)

    def wait(self) -> None:
        """Return as soon as it answers. Raises StoreUnavailable if it ends, or is silent for START_SECONDS."""
        until = time.monotonic() + START_SECONDS
        with connect(f"unix://{self.socket}", timeout=2) as client:
            while self.alive and time.monotonic() < until:
                try:
                    client.ping()
                except redis.BusyLoadingError:  # reading its files, however many
                    until = time.monotonic() + START_SECONDS
                except (redis.RedisError, OSError):
                    pass
                else:
                    return
                time.sleep(0.01)
        raise StoreUnavailable(f"the private {self.folder.name} server did not start; see {self.log}")

    def terminate(self) -> None:
        """Ask for an orderly end, without waiting for it."""
        if self._process is not None:
            self._process.terminate()

    def end(self) -> None:
        """Let it finish its files after `terminate`, at most STOP_SECONDS."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def answers(url: str) -> bool:
    """Tell whether a server answers there."""
    with suppress(redis.RedisError, OSError), connect(url, timeout=2) as client:
        return bool(client.ping())
    return False


def end_left(folder: Path, socket: Path | None, pid: object) -> None:
    """End a server that outlived who launched it. `pid` is only told: by now it may be another's number."""
    until = time.monotonic() + STOP_SECONDS
    while not ((socket is None or _shut_down(socket)) and is_free(folder)):
        if time.monotonic() > until:
            raise UnsafeStore(f"an old private server (process {pid}) still has {folder}; end it by hand")
        time.sleep(0.02)


def is_free(folder: Path) -> bool:
    """Tell whether no server has the folder."""
    if not folder.exists():
        return True
    with _claimed(folder) as claim:
        return claim is not None


def _shut_down(socket: Path) -> bool:
    """Ask for an orderly end; True if nobody is there to be asked."""
    if not socket.exists():
        return True
    with connect(f"unix://{socket}", timeout=2) as client:
        try:
            client.execute_command("SHUTDOWN")
        except (redis.ConnectionError, OSError):  # it went, or nobody listened
            return True
        except redis.RedisError:
            return False
    return False


@contextmanager
def _claimed(folder: Path) -> Iterator[int | None]:
    """Lock the folder and yield the file's descriptor, or None if a server has it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    claim = os.open(folder / "in-use.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield claim
    finally:
        os.close(claim)


def _dump_no_core(pid: int) -> None:
    """Keep day keys and rows out of core dumps."""
    if sys.platform == "linux":
        with suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
