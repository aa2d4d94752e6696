"""Clients that send half a request and wait hold up nobody else, and nobody can fill the memory."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.http.conftest import Served

SLOW = 300
NORMAL = 50
PATIENCE = 5  # seconds for a normal answer: generous, it takes milliseconds
BODY = json.dumps({"surface": "search-uk", "session": "one-that-never-ends"}).encode()
MEBIBYTE = 1024 * 1024
HUGE = 100 * MEBIBYTE


def headers(server: Served, more: str = "") -> bytes:
    """The request's beginning; without its empty line, unless `more` brings it."""
    return f"POST /v1/assignments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n{more}".encode()


def sized(server: Served, length: int) -> bytes:
    return headers(server, f"Content-Length: {length}\r\n\r\n")


def chunked(server: Served, length: int) -> bytes:
    return headers(server, f"Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n")


def halves(server: Served) -> dict[str, bytes]:
    """What a client can send and then stop."""
    return {
        "nothing": b"",
        "headers": headers(server),
        "body": sized(server, len(BODY)) + BODY[:20],
        "chunk": chunked(server, len(BODY)) + BODY[:20],
        "batch": headers(server, "Content-Length: 1000000\r\n\r\n").replace(b"assignments", b"events") + BODY[:20],
    }


def connect(server: Served) -> socket.socket:
    where = urlsplit(server.base)
    return socket.create_connection((where.hostname, where.port), timeout=PATIENCE)


@contextmanager
def half_sent(server: Served, count: int, what: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this and stay open."""
    with ExitStack() as stack:
        found = [stack.enter_context(connect(server)) for _ in range(count)]
        for connection in found:
            connection.sendall(what)
        yield found


def ask(server: Served, session: str) -> tuple[int, dict]:
    """An assignment over a connection of its own; raises TimeoutError when it takes longer than PATIENCE."""
    line = http.client.HTTPConnection(urlsplit(server.base).netloc, timeout=PATIENCE)
    with contextlib.closing(line):
        body = json.dumps({"surface": "search-uk", "session": session})
        line.request("POST", "/v1/assignments", body, {"Authorization": f"Bearer {server.key}"})
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.mark.slow
def test_half_sent_requests_hold_up_nobody(server: Served):
    """One server, one test: it takes a second to start."""
    for name, what in halves(server).items():
        with half_sent(server, SLOW, what):
            answers = [ask(server, f"{name}-{number}") for number in range(NORMAL)]
        assert [status for status, _ in answers] == [200] * NORMAL, name

    with half_sent(server, SLOW, halves(server)["body"]) as found:
        for connection in found:
            connection.sendall(BODY[20:])
        lines = {connection.recv(1000).partition(b"\r\n")[0] for connection in found}
    assert lines == {b"HTTP/1.1 200 OK"}, "who comes to an end is answered after all"


def test_a_huge_body_is_refused_before_it_is_read(server: Served):
    with connect(server) as connection:
        connection.sendall(sized(server, HUGE))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 "), "nothing of it was sent yet"

    before = memory(server)
    for beginning in (sized(server, HUGE), chunked(server, HUGE)):
        assert mebibytes_taken(server, beginning) < HUGE // MEBIBYTE
    assert memory(server) < before + 20 * 1024
    assert ask(server, "afterwards")[0] == 200


def mebibytes_taken(server: Served, beginning: bytes) -> int:
    """How much of a huge body can be sent before the server hangs up."""
    piece = b"x" * MEBIBYTE
    with connect(server) as connection:
        connection.sendall(beginning)
        for number in range(HUGE // MEBIBYTE):
            try:
                connection.sendall(piece)
            except OSError:
                return number
    return HUGE // MEBIBYTE


def memory(server: Served) -> int:
    """The most memory that any process of the server ever had, in KiB."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    found = [Path(f"/proc/{pid}/status").read_text() for pid in children]
    return max(int(text.partition("VmHWM:")[2].split()[0]) for text in found)
