"""Private servers for a machine that has none: one durable ledger, one forgetful volatile store.

One supervisor per folder holds its lock, starts both servers, starts them again if they die, and stops
them. Other processes (the command line) join the running ones. Sockets lie in a short folder of their own,
because a socket's path has room for about a hundred bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from filelock import FileLock, Timeout

from experiments.errors import Refused, SignpostError, StoreUnavailable, UnsafeStore
from experiments.store.program import Program, find_program
from experiments.store.server import START_SECONDS, Server, answers, end_left

NAMES = ("ledger", "volatile")
PREFIX = "signpost-"
WATCH_SECONDS = 0.1

COMMON = {
    "port": "0", "unixsocketperm": "700", "save": "", "maxmemory-policy": "noeviction", "daemonize": "no",
    "slowlog-log-slower-than": "-1", "crash-log-enabled": "no",
    "repl-diskless-sync": "yes", "repl-diskless-sync-delay": "0",  # a backup leaves no file here
}  # fmt: skip
VOLATILE = {"appendonly": "no"}


def ledger_options(program: Program) -> dict[str, str]:
    """Settings of the ledger; what an older server does not know is left out."""
    options = {"appendonly": "yes", "appendfsync": "always"}
    if program.kind == "valkey" or program.version >= (7, 0):
        options["aof-timestamp-enabled"] = "no"
    return options | _discreet(program)


def _discreet(program: Program) -> dict[str, str]:
    known = program.version >= ((8, 0) if program.kind == "valkey" else (7, 4))
    return {"hide-user-data-from-log": "yes"} if known else {}


class Urls(NamedTuple):
    """Addresses of both stores."""

    ledger: str
    volatile: str


class Embedded:
    """Both servers of a folder, supervised by this process from `start` to `stop` (or for a `with` block)."""

    def __init__(self, var: Path, program: Program) -> None:
        self.var = var
        self.program = program
        self.runtime = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_short_folder()))
        self.urls = Urls(*(f"unix://{self.runtime / name}" for name in NAMES))
        self._servers = {name: Server(var / name, self.runtime / name) for name in NAMES}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="signpost-stores", daemon=True)
        self._undo = ExitStack()

    @property
    def ledger_url(self) -> str:
        return self.urls.ledger

    @property
    def volatile_url(self) -> str:
        return self.urls.volatile

    @classmethod
    def start(cls, var: Path, *, preferred: str | None = None) -> Self:
        """Start both servers in `var`.

        Raises Refused if somebody else has them, UnsafeStore if the program may not read the files, and
        StoreUnavailable if there is no program, or the folder or a server cannot be used.
        """
        with ExitStack() as undo:
            try:
                undo.callback(_locked(var).release)
                program = find_program(preferred)
                _end_left(var)
                stores = cls(var, program)
                undo.callback(stores._clear)
                stores._begin()
            except OSError as error:
                raise StoreUnavailable(f"{var} cannot hold private stores: {error.strerror or error}") from error
            stores._undo = undo.pop_all()
        return stores

    def stop(self) -> None:
        """Stop both servers in order, and leave the folder to others."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _begin(self) -> None:
        self._adopt(self.program)
        for name in NAMES:
            self._launch(name)
        for server in self._servers.values():
            server.wait()
        self._watcher.start()

    def _adopt(self, program: Program) -> None:
        """Note who may write the ledger, before it does."""
        folder = self.var / "ledger"
        folder.mkdir(mode=0o700, exist_ok=True)
        _require_readable(folder, program)
        _write(folder / "server.json", {"kind": program.kind, "version": list(program.version)})
        self.program = program

    def _launch(self, name: str) -> None:
        own = ledger_options(self.program) if name == "ledger" else VOLATILE | _discreet(self.program)
        self._announce()  # where its socket will be, should this process be killed meanwhile
        self._servers[name].launch(self.program, COMMON | own)
        self._announce()

    def _announce(self) -> None:
        pids = {name: server.pid for name, server in self._servers.items()}
        _write(self.var / "runtime.json", {"urls": self.urls._asdict(), "pids": pids, "folder": str(self.runtime)})

    def _watch(self) -> None:
        """Start a server again that died; the ledger comes back from its files."""
        while not self._stopping.wait(WATCH_SECONDS):
            for name, server in self._servers.items():
                if server.due:
                    with suppress(SignpostError, OSError):  # until the next try
                        self._adopt(find_program(self.program.path))  # it may have been upgraded
                        self._launch(name)

    def _clear(self) -> None:
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for server in self._servers.values():
            server.terminate()
        for server in self._servers.values():
            server.end()
        shutil.rmtree(self.runtime, ignore_errors=True)
        (self.var / "runtime.json").unlink(missing_ok=True)


def running(var: Path) -> Urls | None:
    """Addresses of a running supervisor's servers in the folder, if both answer."""
    record = _recorded(var)
    if record is None:
        return None
    urls = Urls(**record["urls"])
    return urls if all(map(answers, urls)) and _is_supervised(var) else None


@contextmanager
def joined(var: Path, *, preferred: str | None = None) -> Iterator[Urls]:
    """Yield the running servers' addresses, or start servers for the time of the block."""
    with _found_or_started(var, preferred) as found:
        yield found.urls if isinstance(found, Embedded) else found


def _found_or_started(var: Path, preferred: str | None) -> nullcontext[Urls] | Embedded:
    until = time.monotonic() + START_SECONDS
    while True:
        found = running(var)
        if found is not None:
            return nullcontext(found)
        try:
            return Embedded.start(var, preferred=preferred)
        except Refused:  # another is about to start or to stop
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


def _locked(var: Path) -> FileLock:
    var.mkdir(parents=True, exist_ok=True)
    lock = _lock(var)
    try:
        lock.acquire(timeout=0.1, poll_interval=0.01)  # longer than `_is_supervised` has it
    except Timeout:
        raise Refused(f"another Signpost has its stores in {var}; stop it, or use another SIGNPOST_VAR") from None
    return lock


def _is_supervised(var: Path) -> bool:
    """Tell whether anybody has the lock: servers can outlive a supervisor that was killed."""
    lock = _lock(var)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _lock(var: Path) -> FileLock:
    return FileLock(var / "supervisor.lock", thread_local=False)  # whichever thread stops, it lets go


def _short_folder() -> str:
    wanted = os.environ.get("XDG_RUNTIME_DIR", "")
    return wanted if 0 < len(os.fsencode(wanted)) < 60 and os.access(wanted, os.W_OK) else "/tmp"  # noqa: S108


def _require_readable(folder: Path, program: Program) -> None:
    """An older server on newer files starts empty without an error, so it must not start at all."""
    wrote = _writer(folder)
    if wrote is not None and not _reads(program, wrote):
        raise UnsafeStore(
            f"the data in {folder} were written by {wrote}; {program} may not read them. "
            f"Install {wrote} or newer, or use another SIGNPOST_VAR"
        )


def _writer(folder: Path) -> Program | None:
    """Who wrote the files: as recorded, else as their layout tells, or None if there are none."""
    file = folder / "server.json"
    try:
        record = json.loads(file.read_text())
        return Program("", str(record["kind"]), tuple(map(int, record["version"])))
    except FileNotFoundError:
        return Program("", "redis", (7, 0)) if (folder / "appendonlydir").exists() else None
    except (ValueError, KeyError, TypeError):
        raise UnsafeStore(
            f'{file} is damaged: write the server that wrote the data into it, like {{"kind": "redis", '
            '"version": [7, 0, 15]}'
        ) from None


def _reads(program: Program, wrote: Program) -> bool:
    """Tell whether it reads those files: newer ones read older ones, Valkey also those of Redis up to 7.2."""
    if program.kind == wrote.kind:
        return program.version[:2] >= wrote.version[:2]
    return program.kind == "valkey" and wrote.version[:2] <= (7, 2)


def _recorded(var: Path) -> dict[str, Any] | None:
    """What the last supervisor announced, if it did not take it back."""
    try:
        record: dict[str, Any] = json.loads((var / "runtime.json").read_text())
        Urls(**record["urls"])
        Path(record["folder"])
        dict(record["pids"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record


def _end_left(var: Path) -> None:
    """End servers whose supervisor was killed."""
    record = _recorded(var) or {"folder": None, "pids": {}}
    runtime = record["folder"] and Path(record["folder"])
    for name in NAMES:
        end_left(var / name, runtime and runtime / name, record["pids"].get(name, "unknown"))
    if runtime and runtime.name.startswith(PREFIX):
        shutil.rmtree(runtime, ignore_errors=True)
    (var / "runtime.json").unlink(missing_ok=True)


def _write(path: Path, value: object) -> None:
    """Replace a file as a whole, also if the power fails."""
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
