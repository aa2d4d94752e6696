"""`signpost tick`, and the same in the background of a staff service: acts once, survives failures, stops at once."""

from __future__ import annotations

import copy
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from app import wsgi
from app.settings import Settings
from experiments import tick
from experiments.errors import StoreUnavailable
from experiments.model import DAY, day_of
from experiments.store import keys
from experiments.store.upkeep import Upkeep
from tests.http.conftest import DOCUMENT, Service

COMMAND = "import sys; from app import cli; cli.COMMANDS['tick'] = ''; cli.main(['tick', *sys.argv[1:]])"


def dropping(**changes) -> dict:
    document = copy.deepcopy(DOCUMENT)
    for variant, weight in zip(document["variants"], (3334, 3333, 3333), strict=True):
        variant["weight"] = weight
    document["plan"] |= {"allocation": "drop-losers", "units_per_variant": 10**6}
    return document | changes


def add(service: Service, day: int, events=(60, 60, 12), units=(3000, 3000, 3000), key: str = "four-lines") -> None:
    cells = {"a": units, "e": units, "d0": events}
    fields = {f"0.{k}.0.0.{name}": n for name, ns in cells.items() for k, n in enumerate(ns)}
    service.ledger.hset(keys.counts(f"{{{key}.1.0}}", day), mapping=fields)


@pytest.fixture
def overdue(empty: Service) -> Service:
    """Four days ago an experiment was started that has a loser since its first day; the clock says now."""
    now = time.time()
    empty.clock.now = now - 4 * DAY
    empty.run(dropping())
    add(empty, day_of(now - 4 * DAY))
    empty.clock.now = now
    empty.runtime.refresh(now)
    return empty


def phases(service: Service, key: str = "four-lines"):
    return service.runtime.store.documents.experiment(key).latest.phases


def acts(service: Service) -> list[str]:
    return [entry.act for entry in service.runtime.store.documents.log("four-lines")]


def until(is_true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"it did not happen within {seconds} s"
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------- the command


@pytest.fixture
def environment(ledger, volatile_server, files) -> dict[str, str]:
    return {
        **files, "SIGNPOST_LEDGER_URL": ledger.url, "SIGNPOST_VOLATILE_URL": volatile_server.url,
        "SIGNPOST_REFRESH_SECONDS": "1", "PATH": os.environ["PATH"],
    }  # fmt: skip


@pytest.fixture
def command(environment):
    """Start `signpost tick` in a process of its own."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        called = [sys.executable, "-c", COMMAND, *arguments]
        return subprocess.Popen(
            called, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_the_command_tells_and_acts_once(overdue, command):
    code, out, _ = ended(command("--dry-run"))
    assert (code, len(phases(overdue))) == (0, 1)
    assert out.startswith("four-lines, version 1: would change: “harm” is closed, ruled out as the best")

    both = [command("--json"), command("--json", "four-lines")]  # two processes at once
    told = [json.loads(out)[0] for _, out, _ in map(ended, both)]
    codes = Counter(one["code"] for one in told)
    assert codes["changed"] == 1
    assert set(codes) <= {"changed", "changed-meanwhile", "done"}
    (done,) = [one for one in told if one["code"] == "changed"]
    assert (done["closed"], done["weights"]) == (["harm"], {"present": 5001, "law": 4999, "harm": 0})
    assert [phase.closed for phase in phases(overdue)] == [frozenset(), {2}]
    assert acts(overdue).count("adapt") == 1

    code, out, _ = ended(command())
    assert code == 0
    assert "four-lines, version 1: the shares follow the days up to " in out


def test_the_command_says_what_is_wrong(overdue, command):
    add(overdue, day_of(overdue.clock.now - 4 * DAY), units=(3000, 3000, 2400))
    code, out, _ = ended(command())
    assert (code, len(phases(overdue))) == (1, 1)
    assert "blocked: the traffic split is broken: variant harm got fewer units than planned" in out
    code, out, err = ended(command("nothing"))
    assert (code, out) == (2, "")
    assert "there is no experiment 'nothing'" in err


def test_the_command_deletes_what_is_to_be_deleted(overdue, command):
    upkeep = Upkeep(overdue.runtime.store.documents.client)
    for arguments in (["--dry-run"], ["four-lines"]):
        assert ended(command(*arguments))[2] == ""
    assert upkeep.rewritten() == {}
    code, out, err = ended(command("--json"))
    assert (code, err) == (0, "ledger: append-only file rewritten\n")
    assert json.loads(out)[0]["experiment"] == "four-lines"
    assert list(upkeep.rewritten()) == ["ledger"]
    assert ended(command())[2] == "", "done once"


def test_the_command_without_work(empty, command):
    code, out, _ = ended(command())
    assert (code, out) == (0, "nothing to do: no running experiment has 'allocation: drop-losers'\n")


# ----------------------------------------------------------------------------------------- in the background


@contextmanager
def ticking(service: Service, settings: Settings) -> Iterator[threading.Event]:
    """The job of a staff service, looking again and again without much delay."""
    done = wsgi.keep_ticking(service.runtime, service.clock, replace(settings, refresh=0.02))
    try:
        yield done
    finally:
        done.set()


@pytest.fixture
def quick(monkeypatch, files) -> Settings:
    monkeypatch.setattr(wsgi, "LOOK_SECONDS", 0.02)
    return Settings.read(files)


def test_it_acts_after_each_sealed_day(overdue, quick):
    with ticking(overdue, quick):
        until(lambda: len(phases(overdue)) == 2)
        overdue.runtime.refresh(overdue.clock.now)
        add(overdue, day_of(overdue.clock.now - 3 * DAY), (60, 60, 60))
        overdue.clock.now += DAY
        looked = [keys.turn("four-lines", 1, day_of(overdue.clock.now) - days) for days in (2, 3, 4)]
        until(lambda: overdue.runtime.store.volatile.client.exists(*looked) == 2)
        time.sleep(0.1)
    assert acts(overdue).count("adapt") == 1, "the next day says nothing new"


def test_a_failure_is_logged_and_tried_again(overdue, quick, monkeypatch, caplog):
    """The turn ends by itself, as for a process that died. Another experiment does not wait for it."""
    overdue.clock.now -= 4 * DAY
    overdue.run(dropping(key="other-one", surfaces=["search-fr"]))
    add(overdue, day_of(overdue.clock.now), (60, 12, 60), key="other-one")
    overdue.clock.now += 4 * DAY
    take, failures = tick.take, iter([RuntimeError("secret words"), StoreUnavailable("away")])

    def failing(runtime, turn, now):
        if turn.experiment == "four-lines":
            for error in failures:
                raise error
        return take(runtime, turn, now)

    monkeypatch.setattr(tick, "take", failing)
    monkeypatch.setattr(tick, "TURN", 1)
    with caplog.at_level(logging.INFO, "signpost"), ticking(overdue, quick):
        until(lambda: len(phases(overdue)) == 2)
    assert len(phases(overdue, "other-one")) == 2
    told = [record.getMessage() for record in caplog.records if "four-lines" in record.getMessage()]
    assert told == [
        "tick of four-lines failed: RuntimeError", "tick of four-lines failed: StoreUnavailable",
        "tick of four-lines: changed",
    ]  # fmt: skip


def test_it_outlives_a_store_that_is_away(overdue, quick, monkeypatch, caplog):
    due, away = tick.due, iter([StoreUnavailable("away")] * 3)

    def failing(runtime, now):
        for error in away:
            raise error
        return due(runtime, now)

    monkeypatch.setattr(tick, "due", failing)
    with caplog.at_level(logging.ERROR, "signpost"), ticking(overdue, quick):
        until(lambda: len(phases(overdue)) == 2)
    assert [record.getMessage() for record in caplog.records] == ["tick failed: StoreUnavailable"] * 3


def test_it_waits_while_the_store_is_not_safe(overdue, quick):
    overdue.runtime.trouble = "the ledger is not safe"
    with ticking(overdue, quick):
        time.sleep(0.2)
        assert len(phases(overdue)) == 1
        overdue.runtime.trouble = None
        until(lambda: len(phases(overdue)) == 2)


def test_it_stops_at_once(overdue, files):
    """While it waits for its next look, an hour away."""
    before = set(threading.enumerate())
    done = wsgi.keep_ticking(overdue.runtime, overdue.clock, replace(Settings.read(files), refresh=3600))
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    done.set()
    thread.join(2)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("surfaces", "switch", "starts"),
    [
        ("public", "1", False), ("public,research,review", "1", True), ("research", "", True), ("review", "1", True),
        ("research,review", "0", False),
    ],
)  # fmt: skip
def test_only_staff_services_have_it(environment, monkeypatch, surfaces, switch, starts):
    for name, value in {**environment, "SIGNPOST_SURFACES": surfaces, "SIGNPOST_TICK": switch}.items():
        monkeypatch.setenv(name, value)
    started = []
    monkeypatch.setattr(wsgi, "keep_fresh", lambda *_: None)
    monkeypatch.setattr(wsgi, "keep_ticking", lambda *_: started.append("tick"))
    wsgi.build()
    assert bool(started) is starts


def test_served_by_two_workers_it_acts_once_and_ends(overdue, environment, tmp_path):
    """The real server, started with work overdue, then stopped politely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment |= {"PORT": str(port), "SIGNPOST_WORKERS": "2"}
    with (tmp_path / "log").open("wb") as out:
        command = [sys.executable, "-m", "app", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
    try:
        until(lambda: len(phases(overdue)) == 2, 60)
        time.sleep(1.5)  # the other worker's first look
    finally:
        process.terminate()
        began = time.monotonic()
        process.wait(20)
    assert process.returncode == 0, (tmp_path / "log").read_text()
    assert time.monotonic() - began < 10
    assert acts(overdue).count("adapt") == 1
    assert "failed" not in (tmp_path / "log").read_text()
