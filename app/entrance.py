"""Where requests wait: a body that comes slowly, or never, holds up nobody else.

Granian gives a request to a thread as soon as its headers are there, and that thread then waits for the body as long
as the sender likes. So there are as many threads as connections; of those whose body is there, only some may run at a
time, because threads that fight over the interpreter are slower together than one after the other.
"""

from __future__ import annotations

import io
from _thread import LockType, allocate_lock, get_ident
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from experiments.store.waits import Waits

WHOLE_BODY = "signpost.body"  # in the environment: a small body that came as a whole
SMALL_BODY = 8 * 1024  # bytes; read ahead, so that who runs need not stop to read
GO_FIRST = 32  # arriving requests, at most, that a write lets go first: some milliseconds of its time
PIECE = 64 * 1024  # bytes, of a body that does not say how long it is


class Places(Waits):
    """So many may be in at a time; the others wait, first come, first served.

    Who is in and waits for a bell gives up the place. It rings when there is a place again: whoever rings many bells
    wakes no more threads than may run.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = allocate_lock()
        self._arriving: deque[LockType] = deque()
        self._returning: deque[LockType] = deque()  # before those who arrive
        self._expected: set[LockType] = set()  # bells of those who gave up their place for them
        self._inside: set[int] = set()

    def enter(self, *, again: bool = False) -> None:
        """Wait for a place. Who was in before and comes `again` is let in before those who were not."""
        turn = None
        with self._lock:
            if self._free:
                self._free -= 1
            else:
                turn = allocate_lock()
                turn.acquire()
                (self._returning if again else self._arriving).append(turn)
        if turn is not None:
            turn.acquire()
        self._inside.add(get_ident())

    def leave(self) -> None:
        """Give the place to who waits longest."""
        self._inside.discard(get_ident())
        with self._lock:
            self._pass_on()

    def wait(self, bell: LockType, seconds: float) -> bool:
        me = get_ident()
        if me not in self._inside:  # a thread in the background
            return super().wait(bell, seconds)
        with self._lock:
            if bell.acquire(blocking=False):
                return True
            self._expected.add(bell)
            self._inside.discard(me)
            self._pass_on()
        if not bell.acquire(timeout=seconds):
            return self._come_back(bell)
        self._inside.add(me)
        return True

    def ring(self, bells: Sequence[LockType]) -> None:
        with self._lock:
            for bell in bells:
                if bell not in self._expected:
                    bell.release()
                    continue
                self._expected.discard(bell)
                self._returning.append(bell)
                if self._free:
                    self._free -= 1
                    self._pass_on()

    def linger(self) -> None:
        me = get_ident()
        if me not in self._inside:
            return
        with self._lock:
            if not self._arriving:
                return
            turn = allocate_lock()
            turn.acquire()
            self._arriving.insert(GO_FIRST, turn)
            self._inside.discard(me)
            self._pass_on()
        turn.acquire()
        self._inside.add(me)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Without a place for a while, for a thread that has one."""
        is_inside = get_ident() in self._inside
        if is_inside:
            self.leave()
        try:
            yield
        finally:
            if is_inside:
                self.enter(again=True)

    def _pass_on(self) -> None:
        queue = self._returning or self._arriving
        if queue:
            queue.popleft().release()
        else:
            self._free += 1

    def _come_back(self, bell: LockType) -> bool:
        """The time is over: whether it rang all the same, and in any case a place again."""
        with self._lock:
            if bell.acquire(blocking=False):  # this very moment, and with a place
                self._inside.add(get_ident())
                return True
            has_rung = bell in self._returning
            if has_rung:
                self._returning.remove(bell)
            self._expected.discard(bell)
        self.enter(again=True)
        return has_rung


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
            body = environ["wsgi.input"].read(length)
            if len(body) == length:
                environ[WHOLE_BODY] = body
            return io.BytesIO(body)
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
