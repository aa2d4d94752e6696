"""Granian, set up for Signpost, and stopped safely."""

from __future__ import annotations

import threading
from typing import Any

from granian.constants import Interfaces
from granian.server.mp import MPServer as Granian

from app.settings import Settings

LOOK_SECONDS = 0.2


class Server(Granian):
    """Granian's supervisor of worker processes."""

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Return a server of the application that `app.wsgi.build` makes in each worker."""
        server = cls(
            "app.wsgi:build",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=settings.workers,
            blocking_threads=settings.threads,
            respawn_failed_workers=True,
            workers_kill_timeout=5,
            log_access=False,
        )
        server.main_loop_interrupt = _Patient(server)
        return server

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Note that it shall stop. Takes no lock: the signal may have interrupted whoever holds it."""
        self.interrupt_signal = True

    def signal_handler_reload(self, *_: Any, **__: Any) -> None:
        """Note that the workers shall be renewed."""
        self.reload_signal = True


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
