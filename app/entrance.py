"""Where requests wait: a body that comes slowly, or never, holds up nobody else.

Granian gives a request to a thread as soon as its headers are there, and that thread then waits for the body as long
as the sender likes. So there are as many threads as connections; of those whose body is there, only some may run at a
time, because threads that fight over the interpreter are slower together than one after the other.
"""

from __future__ import annotations

import io
from _thread import LockType, allocate_lock, get_ident
from collections import deque
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SMALL_BODY = 8 * 1024  # bytes; read ahead, so that who runs need not stop to read
PIECE = 64 * 1024  # bytes, of a body that does not say how long it is


class Places:
    """So many may be in at a time; the others wait, first come, first served.

    `outside` is for whoever is in and has to wait for something: others may come in meanwhile.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = allocate_lock()
        self._waiting: deque[LockType] = deque()
        self._inside: set[int] = set()
        self.outside = _Outside(self)

    def enter(self, *, again: bool = False) -> None:
        """Wait for a place. Who was in before and comes `again` is let in before all others."""
        with self._lock:
            turn = None
            if self._free:
                self._free -= 1
            else:
                turn = allocate_lock()
                turn.acquire()
                (self._waiting.appendleft if again else self._waiting.append)(turn)
        if turn is not None:
            turn.acquire()
        self._inside.add(get_ident())

    def leave(self) -> None:
        """Give the place to who waits longest."""
        self._inside.discard(get_ident())
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

    def is_inside(self) -> bool:
        """Whether the thread that asks has a place."""
        return get_ident() in self._inside


class _Outside:
    """Leaves the place for a while; nothing for a thread that has none, as those in the background."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._left: set[int] = set()

    def __enter__(self) -> None:
        if self._places.is_inside():
            self._left.add(get_ident())
            self._places.leave()

    def __exit__(self, *_: object) -> None:
        if get_ident() in self._left:
            self._left.discard(get_ident())
            self._places.enter(again=True)


class Entrance:
    """A WSGI application in front of another one: a request enters when its body is there and a place is free."""

    def __init__(self, application: WSGIApplication, places: Places) -> None:
        self._application = application
        self._places = places

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer the request in its turn."""
        environ["wsgi.input"] = self._body(environ)
        self._places.enter()
        try:
            return self._application(environ, start_response)
        finally:
            self._places.leave()

    def _body(self, environ: WSGIEnvironment) -> io.BytesIO | _Body:
        """A small body as a whole; a large one, or of unknown length, is left to whoever wants it, or refuses it."""
        unknown = "HTTP_TRANSFER_ENCODING" in environ
        length = PIECE if unknown else int(environ.get("CONTENT_LENGTH") or 0)
        if length <= SMALL_BODY:
            return io.BytesIO(environ["wsgi.input"].read(length))
        return _Body(environ["wsgi.input"], length, self._places)


class _Body(io.RawIOBase):
    """A body that is still coming. Who asks for it has accepted its length, and has no place until it is there."""

    def __init__(self, stream: Any, size: int, places: Places) -> None:
        self._stream = stream
        self._size = size
        self._places = places
        self._there = io.BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._there.readinto(buffer) or self._wait().readinto(buffer)

    def _wait(self) -> io.BytesIO:
        self._places.leave()
        try:
            self._there = io.BytesIO(self._stream.read(self._size))
        finally:
            self._places.enter(again=True)
        return self._there
