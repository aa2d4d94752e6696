"""The ways an alert goes: each takes an alert, returns what came back, or raises Undelivered.

A try takes some seconds at most, follows no redirect, and goes nowhere but to the address in the settings.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from email.message import EmailMessage
from threading import Thread
from urllib.parse import SplitResult, unquote, urlsplit

import requests

from app.settings import LOOPBACK, Settings
from experiments.alerting import Channel, Undelivered
from experiments.alerts import KINDS, Alert

SECONDS = 5.0  # for each byte that is waited for
MOST_SECONDS = 15.0  # of a whole try: a server may send its answer drop by drop
LONGEST_ANSWER = 64 * 1024  # bytes; nobody reads them
SIGNATURE = "Signpost-Signature"


def channels(settings: Settings) -> dict[str, Channel]:
    """The channels that are configured, by name."""
    found: dict[str, Channel] = {}
    if settings.alert_webhook and settings.alert_secret:
        found["webhook"] = within(webhook(settings.alert_webhook, settings.alert_secret, settings.public_url))
    if settings.alert_mail and settings.smtp_url:
        way = mail(settings.smtp_url, settings.alert_mail_from, settings.alert_mail, settings.public_url)
        found["mail"] = within(way)
    return found


def within(send: Channel, seconds: float = MOST_SECONDS) -> Channel:
    """The same channel, given up after a time: the thread that waits for a receiver who trickles is left behind."""

    def bounded(alert: Alert) -> str:
        trying: Future[str] = Future()

        def run() -> None:
            try:
                trying.set_result(send(alert))
            except Exception as error:  # noqa: BLE001  (it is raised where it is waited for)
                trying.set_exception(error)

        Thread(target=run, name="alert", daemon=True).start()
        try:
            return trying.result(seconds)
        except TimeoutError:
            raise Undelivered(f"no whole answer within {seconds:.0f} seconds") from None

    return bounded


def signature(secret: str, moment: int, body: bytes) -> str:
    """`t=<unix seconds>,v1=<hex>`: HMAC-SHA-256 of the moment, a dot and the body, so that neither can be changed."""
    mac = hmac.new(secret.encode(), str(moment).encode() + b"." + body, hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


def webhook(url: str, secret: str, base: str | None, clock: Callable[[], float] = time.time) -> Channel:
    """POST as JSON, signed. Any 2xx is an arrival."""

    def send(alert: Alert) -> str:
        told = {**alert.model_dump(exclude={"deliveries"}), "link": _link(alert, base)}
        body = json.dumps(told, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", SIGNATURE: signature(secret, int(clock()), body)}
        try:
            status = _posted(url, body, headers)
        except requests.RequestException as error:
            raise Undelivered(_plainly(error)) from None
        if not 200 <= status < 300:
            raise Undelivered(f"answered {status}")
        return f"answered {status}"

    return send


def _posted(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status. The answer's body is not read."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy and no .netrc of whoever started the process
        with session.post(
            url, data=body, headers=headers, timeout=SECONDS, allow_redirects=False, stream=True
        ) as answer:
            return answer.status_code


def mail(address: str, sender: str, to: tuple[str, ...], base: str | None) -> Channel:
    """Send by SMTP, encrypted unless the server is this machine."""
    where = urlsplit(address)

    def send(alert: Alert) -> str:
        message = EmailMessage()
        message["Subject"] = f"Signpost: {KINDS[alert.kind]}"
        message["From"], message["To"] = sender, ", ".join(to)
        link = _link(alert, base)
        message.set_content(alert.text + (f"\n\n{link}" if link else "") + "\n")
        try:
            with _connected(where) as server:
                if where.username:
                    server.login(unquote(where.username), unquote(where.password or ""))
                refused = server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(_plainly(error)) from None
        if refused:
            raise Undelivered(f"refused for {len(refused)} of {len(to)} addresses")
        return "accepted"

    return send


def _connected(where: SplitResult) -> smtplib.SMTP:
    host, secure = where.hostname or "", where.scheme == "smtps"
    context = ssl.create_default_context()
    if secure:
        return smtplib.SMTP_SSL(host, where.port or 465, timeout=SECONDS, context=context)
    server = smtplib.SMTP(host, where.port or 587, timeout=SECONDS)
    if host not in LOOPBACK:
        try:
            server.starttls(context=context)
        except BaseException:
            with suppress(OSError):
                server.close()
            raise
    return server


def _link(alert: Alert, base: str | None) -> str | None:
    return f"{base}/experiments/{alert.experiment}" if base and alert.experiment else base


def _plainly(error: Exception) -> str:
    """What went wrong without the address, which may hold a password."""
    if isinstance(error, requests.Timeout | TimeoutError):
        return f"no answer within {SECONDS:g} seconds"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"refused: {error.smtp_code}"
    return f"could not be reached ({type(error).__name__})"
