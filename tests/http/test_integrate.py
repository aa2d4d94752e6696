"""`signpost integrate` against a real server: what it finds, and that nothing of it is ever counted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis

from app.integrating import OUTCOMES, RENDERINGS, Integration

PATIENT = ["--budget", "5000"]  # a busy machine is no outage


def integrate(url: str, key: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "integrate", "--url", url, "--key", key, *PATIENT, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def found(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


def everything(client: redis.Redis) -> dict[bytes, object]:
    """All that the ledger holds, but for how many pages a day has, which the clock makes."""
    kinds: dict[bytes, Callable[[bytes], object]] = {
        b"hash": client.hgetall, b"string": client.get, b"set": client.smembers,
        b"list": lambda name: client.lrange(name, 0, -1), b"stream": client.xlen,
        b"zset": lambda name: client.zrange(name, 0, -1, withscores=True),
    }  # fmt: skip
    return {name: kinds[client.type(name)](name) for name in client.scan_iter() if not name.endswith(b":days")}


def test_a_whole_walk_misses_nothing_and_counts_nothing(server, service):
    before = everything(service.ledger)
    done = integrate(server.base, server.key, "--surface", "search-uk", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["well"], told["surface"], told["experiment"]) == (True, "search-uk", "four-lines")
    checks = found(done)
    assert {one["state"] for one in checks.values()} == {"ok"}
    wanted = {"address", "connection", "clock", "assignment", "message", "in time", "exposure", "fallback text"}
    wanted |= {f"outcome {outcome}{f' by {channel}' if channel else ''}" for outcome, channel in OUTCOMES}
    wanted |= {f"rendering {name}" for name in RENDERINGS} | {"report from a browser"}
    wanted |= {f"help helpline by {way}" for way in ("call", "email", "click")}
    wanted |= {f"help young-line by {way}" for way in ("click", "call")}
    wanted |= {f"cut off, {name}" for name in ("closed", "silent", "garbage")}
    assert checks.keys() == wanted
    assert "Fallback UK en" in checks["fallback text"]["found"]
    assert everything(service.ledger) == before


def test_it_reads_as_a_list_for_people(server):
    done = integrate(server.base, server.key, "--surface", "search-uk")
    assert server.key not in done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    assert "✓ assignment: experiment 'four-lines', variant 'present', forced" in done.stdout
    assert done.stdout.endswith("steps done.\nNothing was counted.\n")
    assert "✗" not in done.stdout


def test_the_surface_of_a_key_that_has_one_need_not_be_named(server, service):
    service.key("alone", surfaces=("search-de",))
    time.sleep(1.5)  # until the server has noticed
    done = integrate(server.base, service.keys["alone"], "--json")
    assert (done.returncode, json.loads(done.stdout)["surface"]) == (0, "search-de")
    several = integrate(server.base, server.key)
    assert (several.returncode, several.stdout) == (2, "")
    assert several.stderr == "signpost: --surface: name one; this key is for more than one surface\n"


def test_a_wrong_key_is_told_with_what_to_do(server):
    done = integrate(server.base, "sk_nobody_x", "--surface", "search-uk", "--json")
    checks = found(done)
    assert (done.returncode, checks["assignment"]["state"]) == (1, "miss")
    assert checks["assignment"]["advice"] == "Use a server key (sk_…) for this surface."
    assert checks["exposure, outcomes, help links"]["state"] == "skipped"
    assert checks["cut off, closed"]["state"] == "ok"
    unnamed = integrate(server.base, "sk_nobody_x")
    assert (unnamed.returncode, unnamed.stderr.partition(": Signpost")[0]) == (2, "signpost: --key")


def test_where_nothing_runs_nothing_is_reported(server, service):
    service.act("stop")
    time.sleep(1.5)
    before = everything(service.ledger)
    done = integrate(server.base, server.key, "--surface", "search-uk", "--json")
    checks = found(done)
    assert done.returncode == 1
    assert "shows its fallback: not-running" in checks["assignment"]["found"]
    assert checks["exposure, outcomes, help links"]["state"] == "skipped"
    assert checks["message"]["state"] == "ok"
    assert everything(service.ledger) == before


def test_nobody_there():
    done = integrate("http://127.0.0.1:9", "sk_a_b", "--surface", "search-uk", "--json")
    checks = found(done)
    assert done.returncode == 1
    assert (checks["address"]["state"], checks["fallback text"]["state"]) == ("miss", "skipped")
    assert {name for name, one in checks.items() if one["state"] == "ok"} == {
        "cut off, closed", "cut off, silent", "cut off, garbage",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--url", "ftp://x"], "--url: it must be an http:// or https:// address"),
        (["--url", "nowhere"], "--url: it must be an http:// or https:// address"),
        (["--budget", "0"], "--budget: 1 to 10000 milliseconds"),
    ],
)
def test_bad_input_is_one_line(options, told):
    given = ["--url", "http://127.0.0.1:9", "--key", "k", "--surface", "s", *options]
    done = subprocess.run(
        [sys.executable, "-m", "app", "integrate", *given], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"signpost: {told}\n")


# ------------------------------------------------------------------------------ a Signpost that lacks something


class _Odd(BaseHTTPRequestHandler):
    """Answers as the test says: path → status, body; what is asked with a POST is kept."""

    answers: dict[str, tuple[int, object]]
    asked: list[str]
    base: str
    delay = 0.0

    def _answer(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.delay)
        status, body = self.answers.get(self.path.partition("?")[0], (404, {}))
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer  # noqa: N815  (http.server's names)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def odd() -> Iterator[type[_Odd]]:
    answers = {"/readyz": (200, {"status": "ok"}), "/healthz": (200, {})}
    handler: type[_Odd] = type("Handler", (_Odd,), {"answers": answers, "asked": [], "base": ""})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    handler.base = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def walk(odd, **options) -> dict[str, str]:
    tried = Integration(odd.base, "sk_a_b", "search-uk", "en", options.pop("budget", 5000))
    return {one.check: one.state for one in tried.checks()}


GIVEN = {
    "experiment": "e", "variant": "v", "reason": "override", "token": "T",
    "message": {"title": "Stop", "body": "b", "action": "a", "locale": "en", "dir": "ltr", "young_people": "y"},
    "help": [{"resource": "r", "channel": "click", "href": "", "display": "d", "young_people": False}],
}  # fmt: skip


def test_a_signpost_without_tokens_to_try_with_is_sent_no_report(odd):
    odd.answers["/v1/assignments"] = (200, GIVEN | {"token": None})
    states = walk(odd)
    assert states["assignment"] == "miss"
    assert {line for line in odd.asked if line.startswith("POST")} == {"POST /v1/assignments"}


def test_a_report_that_was_counted_is_a_miss(odd):
    given = {**GIVEN, "help": [{**GIVEN["help"][0], "href": f"{odd.base}/lost"}]}
    odd.answers |= {
        "/v1/assignments": (200, given), "/v1/exposures": (201, {"receipt": "recorded"}),
        "/v1/outcomes": (422, {"type": "x/problems/outcome-needs-session"}),
    }  # fmt: skip
    states = walk(odd)
    assert states["exposure"] == "miss"
    assert states["outcome repeat_trigger"] == "skipped"
    assert states["help r by click"] == "miss"
    assert states["report from a browser"] == "miss"
    assert states["rendering page"] == "miss"


def test_a_message_without_help_or_texts_is_a_miss(odd):
    odd.answers["/v1/assignments"] = (200, GIVEN | {"help": [], "token": None})
    assert walk(odd)["message"] == "miss"


def test_slow_answers_are_a_miss(odd):
    odd.answers["/v1/assignments"] = (200, GIVEN | {"token": None})
    odd.delay = 0.05
    assert walk(odd, budget=20)["in time"] == "miss"


def test_answers_that_are_not_ours_are_told(odd):
    odd.answers["/v1/assignments"] = (200, [])
    states = walk(odd)
    assert states["assignment"] == "miss"
    del odd.answers["/v1/assignments"]
    assert walk(odd)["fallback text"] == "miss"
