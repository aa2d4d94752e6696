"""Requests at a constant rate, whatever the answers do: `python -m benchmarks.arrivals` shows what it can do itself.

A generator that waits for answers before it goes on asks less of a service that stalls, and hides the stall. Here
request n is due at n / rate, and its latency counts from then, also while it waits for a free connection. One process
and one loop over blocking sockets, bytes made beforehand, no library in between.
"""

from __future__ import annotations

import gc
import re
import select
import socket
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

RECEIPT = re.compile(rb'"receipt": ?"(\w+)"')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
GIVE_UP = 20.0  # seconds without a single answer
PIECE = 1 << 18


@dataclass
class Heard:
    """What was heard: latencies from the due time (seconds), how late requests were sent, receipts, failures."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    receipts: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    def quantile(self, share: float) -> float:
        """Latency in ms that a share of the requests stays below; a failed one counts as one that was given up."""
        return 1000 * _quantile([*self.latencies, *[GIVE_UP] * self.failed], share)

    def delay(self, share: float) -> float:
        """The same of the time between a request's due time and its sending."""
        return 1000 * _quantile(self.delays, share)


class Link:
    """A connection with at most one request under way."""

    def __init__(self, where: tuple[str, int]) -> None:
        self.where, self.due, self.busy = where, 0.0, False
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(self.where, timeout=GIVE_UP)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held, self.wanted = b"", 0

    def renew(self) -> None:
        self.socket.close()
        self._connect()

    def receive(self) -> bytes | None:
        """Take what has come; the answer when it is whole, empty when the connection is broken, else None."""
        try:
            piece = self.socket.recv(PIECE)
        except OSError:
            return b""
        if not piece:
            return b""
        self.held = self.held + piece if self.held else piece
        if not self.wanted:
            self.wanted = _length(self.held)
        if not self.wanted or len(self.held) < self.wanted:
            return None
        answer, self.held, self.wanted = self.held, b"", 0
        return answer


def play(
    where: tuple[str, int], requests: Sequence[bytes], *, rate: float | None = None, connections: int = 64
) -> Heard:
    """Send all requests at `rate` per second; without one, each as soon as a connection is free."""
    gc.collect()
    gc.disable()
    try:
        with select.epoll() as poll:
            return _Play(poll, requests, rate, [Link(where) for _ in range(connections)]).run()
    finally:
        gc.enable()


class _Play:
    """One run: requests go out when they are due, answers are noted when they are whole."""

    def __init__(self, poll: select.epoll, requests: Sequence[bytes], rate: float | None, links: list[Link]) -> None:
        self.poll, self.requests, self.rate = poll, requests, rate
        self.free = deque(links)
        self.links: dict[int, Link] = {}
        self.heard = Heard()
        self.sent = self.done = 0
        self.began = self.last = perf_counter()
        for link in links:
            self._watch(link)

    def run(self) -> Heard:
        total = len(self.requests)
        while self.done < total and perf_counter() < self.last + GIVE_UP:
            self._send(total)
            select.select([self.poll], [], [], self._wait(total))  # finer than epoll's own milliseconds
            for number, _ in self.poll.poll(0):
                self._hear(self.links[number])
        self.heard.failed += total - self.done
        self.heard.seconds = perf_counter() - self.began
        for link in self.links.values():
            link.socket.close()
        return self.heard

    def _due(self, number: int) -> float:
        return perf_counter() if self.rate is None else self.began + number / self.rate

    def _wait(self, total: int) -> float:
        """Seconds until the next request is due, if a connection is free for it."""
        return max(0.0, self._due(self.sent) - perf_counter()) if self.free and self.sent < total else 1.0

    def _send(self, total: int) -> None:
        while self.free and self.sent < total and (due := self._due(self.sent)) <= (now := perf_counter()):
            link = self.free.popleft()
            link.due, link.busy = due, True
            self.heard.delays.append(now - due)
            self.sent += 1
            try:
                link.socket.sendall(self.requests[self.sent - 1])
            except OSError:
                self._broken(link)

    def _hear(self, link: Link) -> None:
        answer = link.receive()
        if answer is None:
            return
        if not answer:
            self._broken(link)
            return
        self.last = perf_counter()
        _note(self.heard, answer, self.last - link.due)
        self._freed(link)

    def _freed(self, link: Link) -> None:
        self.done += 1
        link.busy = False
        self.free.append(link)

    def _broken(self, link: Link) -> None:
        """Make the connection anew; a request that was under way has failed."""
        self.poll.unregister(link.socket)
        del self.links[link.socket.fileno()]
        link.renew()
        self._watch(link)
        if link.busy:
            self.heard.failed += 1
            self._freed(link)

    def _watch(self, link: Link) -> None:
        self.links[link.socket.fileno()] = link
        self.poll.register(link.socket, select.EPOLLIN)


def _note(heard: Heard, answer: bytes, latency: float) -> None:
    if answer[9:10] != b"2":
        heard.failed += 1
        return
    heard.latencies.append(latency)
    for receipt in RECEIPT.findall(answer):
        heard.receipts[receipt.decode()] += 1


def _length(held: bytes) -> int:
    """Bytes of the whole answer, 0 while its head is not complete."""
    end = held.find(b"\r\n\r\n")
    if end < 0:
        return 0
    found = LENGTH.search(held, 0, end)
    if found is None:
        raise SystemExit(f"an answer without a length: {held[:200]!r}")
    return end + 4 + int(found[1])


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    from benchmarks import latency, load  # noqa: PLC0415  (it uses this module)
    from benchmarks.service import Size, peer  # noqa: PLC0415

    with peer("bare", Size(), "none") as bare:
        by_wrk = load.assignments(bare, 4).rate
        heard = play(bare.where, latency.requests(bare, round(by_wrk * 4)))
        print(
            f"bare route, 64 connections: {by_wrk:,.0f}/s by wrk, {len(heard.latencies) / heard.seconds:,.0f}/s by this"
        )


if __name__ == "__main__":
    main()
