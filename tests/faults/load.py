"""Load on the service from several connections, and a book of everything that it acknowledged.

A unit's bits say what was asked to be counted (`sent`) and what was acknowledged (`kept`): assigned, shown, help.
A reply that never came acknowledges nothing, whatever became of the request.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

ASSIGNED, SHOWN, HELP = 1, 2, 4
KEPT = {"recorded", "already", "spooled"}
SURFACE = "search-uk"
VARIANTS = ("present", "law", "harm")


@dataclass
class Notes:
    """What was sent and what was acknowledged, by unit (16 bytes); every kind of answer with its number."""

    sent: dict[bytes, int] = field(default_factory=dict)
    kept: dict[bytes, int] = field(default_factory=dict)
    variant: dict[bytes, str] = field(default_factory=dict)
    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    uncounted: list[str] = field(default_factory=list)  # tokens
    moved: list[str] = field(default_factory=list)  # sessions that were shown another variant than before
    reached: int = 0  # events acknowledged, as a running number

    def send(self, unit: bytes, bits: int) -> None:
        self.sent[unit] = self.sent.get(unit, 0) | bits

    def keep(self, unit: bytes, bits: int) -> None:
        self.kept[unit] = self.kept.get(unit, 0) | bits
        self.reached += 1

    def add(self, other: Notes) -> None:
        for unit, bits in other.sent.items():
            self.send(unit, bits)
        for unit, bits in other.kept.items():
            self.kept[unit] = self.kept.get(unit, 0) | bits
        self.reached += other.reached
        self.variant |= other.variant
        self.answers += other.answers
        self.uncounted += other.uncounted
        self.moved += other.moved

    def of(self, what: str) -> Counter[tuple[int, str]]:
        """Answers to assignments, outcomes or events: status and receipt."""
        return Counter({(status, receipt): n for (kind, status, receipt), n in self.answers.items() if kind == what})


class Caller:
    """One connection with a partner's key, opened again whenever it breaks."""

    def __init__(self, port: int, key: str, seconds: float = 20) -> None:
        self._open = lambda: http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        self._connection = self._open()
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: object) -> tuple[int, dict]:
        """Status and JSON; status 0 if there was no reply."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._connection.request("POST", path, data, self._headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException):
            self.close()
            self._connection = self._open()
            time.sleep(0.01)
            return 0, {}

    def close(self) -> None:
        self._connection.close()


class Visitor:
    """Asks for warnings and reports outcomes one by one, as an integrator's server does."""

    def __init__(self, caller: Caller, notes: Notes, version_key: bytes) -> None:
        self.caller, self.notes, self._version_key = caller, notes, version_key

    def unit(self, session: str) -> bytes:
        return hmac.digest(self._version_key, session.encode(), hashlib.sha256)[8:24]

    def assign(self, session: str) -> str | None:
        """Ask for a warning that is shown at once; the token, or None without one."""
        unit = self.unit(session)
        self.notes.send(unit, ASSIGNED | SHOWN)
        status, told = self.caller.post("/v1/assignments", {"surface": SURFACE, "session": session, "expose": True})
        receipt, token = str(told.get("receipt")), told.get("token")
        self.notes.answers["assignment", status, receipt if token else "no token"] += 1
        if status != 200 or token is None:
            return None
        if self.notes.variant.setdefault(unit, told["variant"]) != told["variant"]:
            self.notes.moved.append(session)
        if receipt in KEPT:
            self.notes.keep(unit, ASSIGNED | SHOWN)
        elif receipt == "uncounted":
            self.notes.uncounted.append(token)
        return token

    def outcome(self, session: str, token: str) -> str:
        """Report that help was sought; the receipt, or '' without one."""
        unit = self.unit(session)
        self.notes.send(unit, HELP)
        status, told = self.caller.post(
            "/v1/outcomes", {"token": token, "outcome": "help_sought", "channel": "click"}
        )  # fmt: skip
        receipt = str(told.get("receipt", ""))
        self.notes.answers["outcome", status, receipt] += 1
        if status in (200, 201, 202) and receipt in KEPT:
            self.notes.keep(unit, ASSIGNED | SHOWN | HELP)
        return receipt

    def visits(self) -> Iterator[None]:
        """New sessions one after the other, half of which seek help; now and then an earlier one comes back."""
        earlier: list[str] = []
        while True:
            comes_back = earlier and random.random() < 0.1
            session = random.choice(earlier[-500:]) if comes_back else secrets.token_hex(8)
            token = self.assign(session)
            if token is not None:
                earlier.append(session)
                if random.random() < 0.5:
                    self.outcome(session, token)
            yield


@dataclass(frozen=True, slots=True)
class Event:
    """An item for POST /v1/events: a showing, or a click on help of a unit that was shown the message."""

    unit: bytes
    bits: int
    at: int

    def text(self) -> str:
        head = f'{{"experiment":"four-lines","version":1,"unit":"{self.unit.hex()}","occurred_at":{self.at},'
        if self.bits == HELP:
            return head + '"event":"outcome","outcome":"help_sought","channel":"click"}'
        return head + f'"event":"exposure","variant":"{variant_of(self.unit)}","phase":0,"surface":"{SURFACE}"}}'


def variant_of(unit: bytes) -> str:
    """The variant that a locally assigning client chose."""
    return VARIANTS[unit[0] % 3]


def events(units: int, share: float = 0.25) -> list[Event]:
    """Showings of new units, and a click of some of them right after."""
    found, now = [], int(time.time())
    for _ in range(units):
        unit = os.urandom(16)
        found.append(Event(unit, ASSIGNED | SHOWN, now))
        if random.random() < share:
            found.append(Event(unit, HELP, now))
    return found


class Batcher:
    """Sends batches of events, as a locally assigning client does. `shown` are units whose showing was acknowledged."""

    def __init__(self, caller: Caller, notes: Notes, size: int = 400, shown: set[bytes] | None = None) -> None:
        self.caller, self.notes, self.size = caller, notes, size
        self.shown: set[bytes] = set() if shown is None else shown

    def send(self, batch: Sequence[Event]) -> list[Event]:
        """Send a batch; returns the items that nobody acknowledged."""
        for event in batch:
            self.notes.send(event.unit, event.bits)
            self.notes.variant[event.unit] = variant_of(event.unit)
        known = {event.unit for event in batch if event.unit in self.shown}  # by others later: may be counted later
        body = ("[" + ",".join(event.text() for event in batch) + "]").encode()
        status, told = self.caller.post("/v1/events", body)
        receipts = told.get("receipts", []) if status == 200 else []
        if len(receipts) != len(batch):
            self.notes.answers["event", status, "none"] += len(batch)
            return list(batch)
        left = []
        for event, item in zip(batch, receipts, strict=True):
            self.notes.answers["event", status, item["receipt"]] += 1
            # Of a unit that nobody knows to have been shown the message, an outcome counts nowhere.
            if item["receipt"] in KEPT and (event.bits & SHOWN or event.unit in known):
                known.add(event.unit)
                self.shown.add(event.unit)
                self.notes.keep(event.unit, event.bits)
            else:
                left.append(event)
        return left

    def batches(self) -> Iterator[None]:
        while True:
            self.send(events(self.size))
            yield


class Load:
    """Threads that work until told to stop. `pause` is the time between two acts of one of them, in seconds."""

    def __init__(self, works: Sequence[tuple[Iterator[None], Notes, Caller]], pause: float = 0.0) -> None:
        self._works, self._stopped = works, threading.Event()
        self._pause, self._failed = pause, []
        self._threads = [threading.Thread(target=self._work, args=(work,), daemon=True) for work, _, _ in works]

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def reach(self, wanted: int, seconds: float = 60) -> Load:
        """Wait until so many events have been acknowledged."""
        return self._wait(lambda notes: notes.reached, wanted, seconds)

    def reach_uncounted(self, wanted: int, seconds: float = 60) -> Load:
        """Wait until so many warnings could not be counted."""
        return self._wait(lambda notes: len(notes.uncounted), wanted, seconds)

    def _wait(self, count: Callable[[Notes], int], wanted: int, seconds: float) -> Load:
        end = time.monotonic() + seconds
        while (reached := sum(count(notes) for _, notes, _ in self._works)) < wanted and not self._failed:
            assert time.monotonic() < end, f"{reached} of {wanted} within {seconds} s"
            time.sleep(0.01)
        return self

    def stop(self, into: Notes) -> None:
        """End it and add what was noted."""
        self.close()
        assert not self._failed, self._failed
        assert not any(thread.is_alive() for thread in self._threads), "a request hangs"
        for _, notes, _ in self._works:
            into.add(notes)

    def close(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60)
        for _, _, caller in self._works:
            caller.close()

    def _work(self, work: Iterator[None]) -> None:
        try:
            while not self._stopped.is_set():
                next(work)
                self._stopped.wait(self._pause)
        except Exception as error:  # noqa: BLE001  (told by `stop`)
            self._failed.append(repr(error))
