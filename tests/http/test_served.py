"""What only a real server shows: streamed and broken requests, what is logged, how it ends."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from urllib.parse import urlsplit

from tests.http.conftest import Served, check_headers

CANARY = "canary-session-71b2"


def raw(server: Served, request: bytes) -> bytes:
    """Send bytes as they are; return all that comes back."""
    where = urlsplit(server.base)
    with socket.create_connection((where.hostname, where.port), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found


def streamed(server: Served, body: list[bytes]) -> tuple[int, dict]:
    """Send a body in pieces, without saying how long it is."""
    connection = http.client.HTTPConnection(urlsplit(server.base).netloc, timeout=5)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the server may have refused it before the end
        connection.request("POST", "/v1/assignments", iter(body), headers, encode_chunked=True)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_a_real_server(server):
    """One server, one test: it takes a second to start."""
    key = {"Authorization": f"Bearer {server.key}"}
    where = {"surface": "search-uk", "session": CANARY, "expose": True}
    status, headers, body = server.open("/v1/assignments", json.dumps(where).encode(), key)
    given = json.loads(body)
    assert (status, given["receipt"]) == (200, "recorded")
    check_headers("/v1/assignments", headers)

    status, again = streamed(server, [json.dumps(where)[:9].encode(), json.dumps(where)[9:].encode()])
    assert (status, again.get("variant")) == (200, given["variant"]), again
    status, told = streamed(server, [b"x" * 4096] * 4)
    assert (status, told["type"].rpartition("/")[2]) == (413, "body-too-large")
    assert told["message"]["body"]
    status, headers, body = server.open("/v1/assignments", b"x" * 200_000, key)
    assert (status, json.loads(body)["status"]) == (413, 413)
    check_headers("/v1/assignments", headers)

    status, headers, body = server.open(
        "/v1/outcomes",
        json.dumps({"token": given["token"], "outcome": "left"}).encode(),
        {"Content-Type": "text/plain"},
    )
    assert (status, body) == (202, b"{}")
    assert headers["Access-Control-Allow-Origin"] == "*"
    status, headers, body = server.open(
        "/v1/warnings/search-uk", headers={**key, "Signpost-Session": CANARY}, method="HEAD"
    )
    assert (status, body) == (200, b"")
    assert "Date" in headers
    assert server.open("/v1/nothing")[0] == 404
    status, _, body = server.open("/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ok"})

    for nonsense in (
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x00\x00",
        b"GET /v1/warnings/search-uk HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
    ):
        raw(server, nonsense)
    assert server.open("/healthz")[0] == 200, "it outlives nonsense"
    log = server.log.read_text()
    assert not any(text in log for text in (CANARY, given["token"], server.key, "Traceback")), log
