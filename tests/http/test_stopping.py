"""A server that is asked to stop stops, however often it is asked, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from app.server import STOP_SECONDS

SIGNALS = {
    "once": [signal.SIGTERM],
    "ctrl-c": [signal.SIGINT],
    "by make and by its group": [signal.SIGTERM] * 2,
    "impatiently": [signal.SIGINT, signal.SIGTERM] * 10,
}


@pytest.fixture
def address(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1], tmp_path / "var"


def start(port: int, var: Path) -> subprocess.Popen:
    environment = {"SIGNPOST_VAR": str(var), "PORT": str(port), "PATH": os.environ["PATH"]}
    log = (var.parent / "log").open("w")
    with log:
        command = [sys.executable, "-m", "app", "serve", "--surfaces", "public"]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


def wait_until(ready) -> None:
    for _ in range(400):
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError("it took more than twenty seconds")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("signals", SIGNALS.values(), ids=SIGNALS)
def test_it_stops_with_its_stores(address, signals):
    port, var = address
    server = start(port, var)
    wait_until(lambda: answers(port))
    runtime = json.loads((var / "runtime.json").read_text())
    for number in signals:
        os.kill(server.pid, number)
    server.wait(30)
    assert server.returncode == 0, (var.parent / "log").read_text()
    assert not Path(runtime["folder"]).exists()
    assert not (var / "runtime.json").exists()
    assert not answers(port)


def test_it_can_be_stopped_while_it_starts(address):
    port, var = address
    server = start(port, var)
    wait_until(lambda: (var / "runtime.json").exists() or server.poll() is not None)
    os.kill(server.pid, signal.SIGTERM)
    server.wait(30)
    assert not (var / "runtime.json").exists()


BODY = b'{"surface": "search-uk", "session": "in-flight"}'
HALF = b"POST /v1/assignments HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)


def connect(port: int, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(sent)
    return connection


def flying(port: int) -> socket.socket:
    """A request that the server has taken, and waits for the body of."""
    connection = connect(port, HALF)
    assert connection.recv(4096).startswith(b"HTTP/1.1 100")
    connection.sendall(BODY[:9])
    return connection


def is_refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_request_in_flight_is_answered_and_idle_connections_do_not_hold_it_up(address):
    port, var = address
    server = start(port, var)
    wait_until(lambda: answers(port))
    idle = connect(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):  # it may come in pieces
        answer += idle.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200")
    taken = flying(port)
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: is_refused(port))
    assert idle.recv(4096) == b"", "closed by the server"
    taken.sendall(BODY[9:])
    assert taken.recv(4096).startswith(b"HTTP/1.1 401"), "it has no key"
    for connection in (idle, taken):
        connection.close()
    assert server.wait(30) == 0
    assert "refused to gracefully stop" not in (var.parent / "log").read_text()


@pytest.mark.slow
def test_a_request_that_never_ends_does_not_keep_it_for_ever(address):
    port, var = address
    server = start(port, var)
    wait_until(lambda: answers(port))
    with flying(port):
        os.kill(server.pid, signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS / 2)
        assert server.wait(STOP_SECONDS + 15) == 0
