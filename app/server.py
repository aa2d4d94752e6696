"""Granian, set up for Signpost, and stopped safely. What each setting does: docs/operations.md, "The server"."""

from __future__ import annotations

import logging
import threading
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.mp import MPServer as Granian

from app.entrance import Entrance, Places
from app.settings import Settings

LOOK_SECONDS = 0.2
CONNECTIONS = 1024  # of each worker; more wait unaccepted
IDLE_MILLISECONDS = 30_000  # for headers, and between requests; the proxy closes its idle connections sooner
STOP_SECONDS = 15  # longer than any answer takes that the proxy waits for


def application() -> Entrance:
    """Make what a worker serves: the application, entered by as many requests at a time as there are threads."""
    from app.wsgi import build  # noqa: PLC0415  (loaded by workers, not by their supervisor)

    places = Places(Settings.read().threads)
    return Entrance(build(places), places)


class Server(Granian):
    """Granian's supervisor of worker processes."""

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Return a server of what `application` makes in each worker."""
        server = cls(
            "app.server:application",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=settings.workers,
            backlog=CONNECTIONS,
            backpressure=CONNECTIONS,
            blocking_threads=CONNECTIONS,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=IDLE_MILLISECONDS),
            websockets=False,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_SECONDS,
            log_access=False,
        )
        server.main_loop_interrupt = _Patient(server)
        logging.getLogger("_granian").addFilter(_is_no_advice)
        return server

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Note that it shall stop. Takes no lock: the signal may have interrupted whoever holds it."""
        self.interrupt_signal = True

    def signal_handler_reload(self, *_: Any, **__: Any) -> None:
        """Note that the workers shall be renewed."""
        self.reload_signal = True


def _is_no_advice(record: logging.LogRecord) -> bool:
    """Granian advises against many threads; ours wait for bodies, and `Places` limits those that run."""
    return "Python threads" not in record.getMessage()


class _Patient(threading.Event):
    """The event that the supervisor waits for, looked at again and again.

    Granian waits for it without an end and sets it in its signal handlers. Python runs these in the main thread
    only, and a signal that the system gave to another thread does not wake that one; two signals at once can
    lock each other out. So the handlers set a flag, and this looks at the flags several times a second.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002  (Granian never gives one)
        while not super().wait(LOOK_SECONDS):
            if self._server.interrupt_signal or self._server.reload_signal:
                break
        return True
