"""Alerts over real HTTP and SMTP: signed, once, tried again, never in the way."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.alerts import channels
from app.alerts.channels import SIGNATURE, webhook, within
from app.settings import Settings
from experiments import alerting, desk
from experiments.alerts import BACK_OFF, of_test
from experiments.errors import InvalidInput
from experiments.lifecycle import Actor
from experiments.model import DAY
from tests.http.conftest import DOCUMENT

SECRET = "a-secret-of-the-receiver"


class Receiver:
    """A real HTTP server that keeps what it is sent; `answers` are the statuses it gives, the last one for ever."""

    def __init__(self, *answers: int, slow: float = 0) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        left = list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                time.sleep(slow)
                status = left.pop(0) if len(left) > 1 else left[0]
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    if status == 302:
                        self.send_header("Location", receiver.url + "/elsewhere")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    with contextlib.ExitStack() as stack:

        def make(*answers: int, **options: float) -> Receiver:
            made = Receiver(*(answers or (204,)), **options)
            stack.callback(made.close)
            return made

        yield make


def settings(**environment: str) -> Settings:
    return Settings.read(environment)


def to(receiver: Receiver) -> dict:
    return channels(settings(SIGNPOST_ALERT_WEBHOOK=receiver.url, SIGNPOST_ALERT_SECRET=SECRET))


def test_a_webhook_is_signed_so_that_the_receiver_can_tell(receiver):
    got = receiver()
    assert webhook(got.url, SECRET, "https://signpost.example.org", lambda: 1234.5)(of_test("ann", 7)) == "answered 204"
    ((headers, body),) = got.got
    mac = hmac.new(SECRET.encode(), b"1234." + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"t=1234,v1={mac}"
    told = json.loads(body)
    assert told["kind"] == "test"
    assert "ann" in told["text"]
    assert told["link"] == "https://signpost.example.org"


def test_a_verdict_is_told_once_however_often_anybody_looks(service, receiver):
    got = receiver()
    ways = to(got)

    service.clock.now += 3 * DAY
    service.runtime.refresh(service.clock())
    assert alerting.look(service.runtime, ways, int(service.clock())) == [], "nothing has happened"
    draft = DOCUMENT | {"key": "second", "surfaces": ["elsewhere"], "title": "The second"}
    desk.apply(service.runtime, draft, Actor("ann", int(service.clock())))
    desk.act(service.runtime, "second", "submit", Actor("ann", int(service.clock())))
    for _ in range(2):
        alerting.round_(service.runtime, ways, alerting.Absence(), service.clock)
    assert [json.loads(body)["kind"] for _, body in got.got] == ["approval-asked"]
    (alert,) = alerting.history(service.runtime)
    assert alert.deliveries[0].arrived
    assert "The second: ann asks for approval." in alert.text


def test_a_decision_that_waits_for_a_second_person_is_told_once_for_each_proposal(service, receiver):
    got = receiver()
    service.act("stop")
    for why in ("It is clear.", "It is clear, and I looked again."):
        service.clock.now += 60
        actor = Actor("ann", int(service.clock()), why)
        desk.act(service.runtime, "four-lines", "propose", actor, {"choice": "keep-control"})
        for _ in range(2):
            alerting.round_(service.runtime, to(got), alerting.Absence(), service.clock)
    told = [json.loads(body) for _, body in got.got]
    assert [one["kind"] for one in told] == ["approval-asked"] * 2
    assert "ann has proposed a decision" in told[0]["text"]
    assert "clear" not in str(told), "the reason stays in the house"


def test_a_receiver_that_fails_is_tried_again_later_and_the_log_says_so(service, receiver):
    got = receiver(500, 500, 204)
    ways = to(got)
    alerting.keep(service.runtime, of_test("ann", int(service.clock())).addressed(ways))
    for _ in range(3):
        alerting.deliver(service.runtime, ways, service.clock)
        alerting.deliver(service.runtime, ways, service.clock)  # not due yet
        (alert,) = alerting.history(service.runtime)
        service.clock.now = alert.deliveries[0].due or service.clock.now
    assert len(got.got) == 3
    assert (alert.deliveries[0].tries, alert.deliveries[0].arrived) == (3, True)


def test_a_receiver_that_never_works_is_given_up(service, receiver):
    got = receiver(500)
    ways = to(got)
    alerting.keep(service.runtime, of_test("ann", int(service.clock())).addressed(ways))
    for wait in (0, *BACK_OFF, 100_000):
        service.clock.now += wait
        alerting.deliver(service.runtime, ways, service.clock)
    assert len(got.got) == len(BACK_OFF) + 1
    service.app.extensions["signpost"].runtime.refresh(service.clock())
    page = service.get("/alerts").text
    assert "given up after 5 tries, last: answered 500" in page


def test_nobody_is_sent_elsewhere(receiver):
    got = receiver(302)
    with pytest.raises(alerting.Undelivered, match="answered 302"):
        webhook(got.url, SECRET, None)(of_test("ann", 7))
    assert len(got.got) == 1


@pytest.mark.slow
def test_a_receiver_that_hangs_costs_some_seconds_and_says_so(receiver):
    with pytest.raises(alerting.Undelivered, match="no answer within 5 seconds"):
        webhook(receiver(slow=8).url, SECRET, None)(of_test("ann", 7))


def test_a_receiver_that_trickles_is_left_behind():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def trickle() -> None:
            taken, _ = listening.accept()
            with taken, contextlib.suppress(OSError):
                taken.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(0.05):
                    taken.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        try:
            with pytest.raises(alerting.Undelivered, match="no whole answer within 1 second"):
                within(webhook(url, SECRET, None), 1)(of_test("ann", 7))
            assert time.monotonic() - began < 4
        finally:
            over.set()
            thread.join()


def test_a_fault_of_a_channel_is_raised_to_whoever_asked():
    def broken(_alert) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        within(broken)(of_test("ann", 7))


def test_an_address_where_nobody_listens_is_not_repeated_in_the_log():
    with pytest.raises(alerting.Undelivered) as told:
        webhook("http://user:password@127.0.0.1:1/hook", SECRET, None)(of_test("ann", 7))
    assert "could not be reached" in str(told.value)
    assert "password" not in str(told.value)


# ------------------------------------------------------------------------------------------ e-mail


class Post(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs."""

    def handle(self) -> None:
        self.say("220 here")
        refuse = self.server.refuse  # type: ignore[attr-defined]
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "RCPT" and refuse and refuse in line:
                self.say("550 no such person")
            elif word == "DATA":
                self.say("354 go on")
                text = ""
                while (part := self.rfile.readline().decode()) != ".\r\n":
                    text += part
                self.server.got.append(text)  # type: ignore[attr-defined]
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 well")

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@pytest.fixture
def post() -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post) as server:
        server.daemon_threads = True
        server.got, server.refuse = [], ""  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def by_mail(server: socketserver.ThreadingTCPServer) -> Callable:
    port = server.server_address[1]
    return channels(
        settings(
            SIGNPOST_ALERT_MAIL="team@example.org, lead@example.org", SIGNPOST_ALERT_MAIL_FROM="signpost@example.org",
            SIGNPOST_SMTP_URL=f"smtp://127.0.0.1:{port}", SIGNPOST_PUBLIC_URL="https://signpost.example.org",
        )
    )["mail"]  # fmt: skip


def test_an_alert_goes_by_e_mail(post):
    assert by_mail(post)(of_test("ann", 7)) == "accepted"
    (text,) = post.got
    message = message_from_string(text)
    assert message["Subject"] == "Signpost: A test"
    assert message["To"] == "team@example.org, lead@example.org"
    assert "https://signpost.example.org" in message.get_payload()


def test_an_address_that_is_refused_is_told(post):
    post.refuse = "lead@"
    with pytest.raises(alerting.Undelivered, match="refused for 1 of 2"):
        by_mail(post)(of_test("ann", 7))


def test_a_server_that_is_not_there_is_told(post):
    send = by_mail(post)
    post.shutdown()
    post.server_close()
    with pytest.raises(alerting.Undelivered, match="could not be reached"):
        send(of_test("ann", 7))


# ------------------------------------------------------------------------------------- the store away


def test_an_absence_of_the_store_is_told_from_memory_and_kept_when_it_is_back(service, receiver):
    got = receiver()
    ways, absence = to(got), alerting.Absence()
    assert absence.watch("the ledger does not answer", ways, service.clock) is None
    assert not got.got, "a blink is no news"
    service.clock.now += alerting.AWAY_SECONDS
    for _ in range(3):
        absence.watch("the ledger does not answer", ways, service.clock)
    assert [json.loads(body)["kind"] for _, body in got.got] == ["store-degraded"]
    alerting.round_(service.runtime, ways, absence, service.clock)
    (alert,) = alerting.history(service.runtime)
    assert (alert.kind, alert.deliveries[0].arrived) == ("store-degraded", True)
    assert len(got.got) == 1


def test_one_process_at_a_time_sends(service, receiver):
    got = receiver()
    ways = to(got)
    alerting.keep(service.runtime, of_test("ann", int(service.clock())).addressed(ways))
    assert service.runtime.store.volatile.take_alerts(60)
    alerting.round_(service.runtime, ways, alerting.Absence(), service.clock)
    assert not got.got
    service.runtime.store.volatile.end_alerts()
    alerting.round_(service.runtime, ways, alerting.Absence(), service.clock)
    assert len(got.got) == 1


# -------------------------------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SIGNPOST_ALERT_WEBHOOK": "ftp://example.org", "SIGNPOST_ALERT_SECRET": SECRET}, "SIGNPOST_ALERT_WEBHOOK"),
        ({"SIGNPOST_ALERT_WEBHOOK": "https://example.org", "SIGNPOST_ALERT_SECRET": "short"}, "SIGNPOST_ALERT_SECRET"),
        ({"SIGNPOST_ALERT_MAIL": "team@example.org"}, "SIGNPOST_ALERT_MAIL"),
        ({"SIGNPOST_SMTP_URL": "http://example.org"}, "SIGNPOST_SMTP_URL"),
        (
            {
                "SIGNPOST_ALERT_MAIL": "team", "SIGNPOST_ALERT_MAIL_FROM": "a@example.org",
                "SIGNPOST_SMTP_URL": "smtps://example.org",
            },
            "SIGNPOST_ALERT_MAIL",
        ),
    ],
)  # fmt: skip
def test_half_an_address_is_refused_at_the_start(environment, named):
    with pytest.raises(InvalidInput, match=named):
        settings(**environment)
