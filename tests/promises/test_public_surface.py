"""The integrators' surface alone loads no statistics, and stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from app import create_app
from app.settings import Settings
from experiments.store import Store

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")

HEAVY = {"stats", "scipy", "statsmodels", "numpy", "pandas"}
LARGEST_MIB = 70

BEGIN = """
import json, sys, time
from app import create_app
from app.settings import Settings
from experiments.store import Store

ledger, volatile, var = sys.argv[1:]
settings = Settings.read({"SIGNPOST_VAR": var, "SIGNPOST_SURFACES": "public"})
app = create_app(settings, store=Store.open(ledger, volatile, budget=2.0))
from experiments import desk
from experiments.directory import LIBRARY
from experiments.lifecycle import Actor
from experiments.reading import load_yaml

runtime, now = app.extensions["signpost"].runtime, int(time.time())
document = load_yaml((LIBRARY / "four-lines.yml").read_text(encoding="utf-8"))
desk.apply(runtime, document, Actor("ann", now))
for act, who in (("submit", "ann"), ("approve", "bob"), ("start", "bob")):
    desk.act(runtime, document["key"], act, Actor(who, now))
_, key = desk.create_key(runtime, kind="server", partner="p", surfaces=("*",), origins=(), now=now)
_, public = desk.create_key(runtime, kind="browser", partner="p", surfaces=("*",), origins=("https://a",), now=now)
print(json.dumps({"surface": document["surfaces"][0], "key": key, "public": public}))
"""

PROGRAM = """
import json, re, sys, time
from pathlib import Path
start = time.perf_counter()
from app import create_app
from app.settings import Settings
from experiments.store import Store

ledger, volatile, var, begun = sys.argv[1:]
settings = Settings.read({"SIGNPOST_VAR": var, "SIGNPOST_SURFACES": "public"})
app = create_app(settings, store=Store.open(ledger, volatile, budget=2.0))
seconds = time.perf_counter() - start

begun = json.loads(begun)
key, public = begun["key"], begun["public"]

client, mine, statuses = app.test_client(), {"Authorization": f"Bearer {key}"}, {}


def ask(method, path, headers=None, body=None):
    answer = client.open(path, method=method, headers=headers or {}, json=body, buffered=True)
    statuses[f"{method} {path.partition('?')[0]}".replace(token, "TOKEN") if token else f"{method} {path}"] = answer.status_code
    return answer


token = ""
where = {"surface": begun["surface"], "session": "s"}
given = ask("POST", "/v1/assignments", mine, where).json
link = given["help"][0]["href"].removeprefix("http://localhost")
token = link.split("/")[3]
ask("POST", "/v1/exposures", mine, {"token": given["token"]})
ask("POST", "/v1/outcomes", None, {"token": given["token"], "outcome": "left"})
ask("POST", f"/v1/assignments?key={public}", {"Origin": "https://a"}, where)
ask("GET", link)
for kind in ("text/html", "text/plain", "application/json"):
    ask("GET", f"/v1/warnings/{where['surface']}", {**mine, "Accept": kind})
for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems", "/problems/late", "/static/signpost.css", "/no"):
    ask("GET", path)

rss = int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
tops = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"seconds": seconds, "rss": rss, "statuses": statuses, "modules": tops, "given": given["variant"]}))
"""


@pytest.fixture(scope="module")
def measured(ledger_server, volatile_server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process of its own says of itself after one request of each kind."""
    for server in (ledger_server, volatile_server):
        with server.client() as client:
            client.flushall()
    where = (ledger_server.url, volatile_server.url, str(tmp_path_factory.mktemp("var")))
    begun = _run(BEGIN, *where)  # staff start experiments, in a process with the statistics
    return json.loads(_run(PROGRAM, *where, begun))


def _run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_answers_one_request_of_each_kind(measured):
    assert measured["given"], "the session is in the experiment"
    statuses = measured["statuses"]
    assert statuses.pop("GET /no") == 404
    assert len(statuses) >= 13
    assert set(statuses.values()) <= {200, 201, 202, 302}, statuses


def test_it_loads_no_statistics(measured):
    assert HEAVY & set(measured["modules"]) == set()
    assert {"app", "experiments", "flask", "redis"} <= set(measured["modules"])


def test_it_stays_small(measured, capsys):
    with capsys.disabled():
        sys.stdout.write(
            f"\npublic surface: starts in {measured['seconds']:.2f} s, {measured['rss']:.1f} MiB resident\n"
        )
    assert measured["rss"] <= LARGEST_MIB


def test_the_statistics_are_found_where_they_are_used():
    """The check above could not fail if these names were wrong."""
    code = "import sys, experiments.results; print(*{n.partition('.')[0] for n in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert {"stats", "scipy", "numpy"} <= set(found.stdout.split())


def test_it_needs_no_store_to_start(tmp_path):
    """Serving begins with the fallback; the store may come later."""
    settings = Settings.read({"SIGNPOST_VAR": str(tmp_path), "SIGNPOST_SURFACES": "public"})
    app = create_app(settings, store=Store.open(f"unix://{tmp_path}/none", f"unix://{tmp_path}/none"))
    answer = app.test_client().get("/v1/warnings/anywhere")
    assert answer.status_code == 401
    assert "<h1" in answer.text
