"""Server time of the result's page: `python -m benchmarks.result_page [--days 200] [--rounds 25] [--json]`.

GET /experiments/<key> of a running experiment with 12 variants, signed in, the whole application called as its server
calls it, in this process: without sockets. `warm`: nothing has changed since somebody looked. `new counts`: a minute
has passed and units were counted today, so the report is made anew, and the pictures are not. `first look`: neither
report nor pictures are known, as once in a process after a day was sealed. A page of two lines by a bare Flask takes
turns with them, for what a request costs at all. CPU time is told too: it is nearly the same on a busy machine.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import redis
from flask import Flask
from flask.testing import FlaskClient

from app import charts, create_app
from app.charts import drawing
from app.review.results import KEPT
from app.settings import Settings
from benchmarks import told
from benchmarks.results_time import NOW, Case, fill
from benchmarks.servers import running
from benchmarks.service import LIBRARY, runtime, start
from experiments import accounts, signing_in
from experiments.identity import Keyring
from experiments.kept import FRESH_SECONDS
from experiments.lifecycle import Actor
from experiments.model import DAY, Version, day_of
from experiments.reading import load_yaml
from experiments.runtime import Runtime
from experiments.store import keys

VARIANTS, UNITS, BETTER = 12, 1_000_000, 1.4
LIMIT = 150  # ms, warm


class Clock:
    """A clock that is moved on."""

    now = float(NOW)

    def __call__(self) -> float:
        return self.now


def document() -> dict[str, Any]:
    """The library's experiment with variants added to it."""
    found: dict[str, Any] = load_yaml((LIBRARY / "four-lines.yml").read_text())
    first = found["variants"]
    for number in range(len(first), VARIANTS):
        found["variants"].append(
            {**copy.deepcopy(first[1 + number % (len(first) - 1)]), "key": f"message-{number + 1}"}
        )
    for number, variant in enumerate(found["variants"]):
        variant["weight"] = 10_000 // VARIANTS + (number < 10_000 % VARIANTS)
    return found


def signed_in(app: Flask, prepared: Runtime) -> FlaskClient:
    """A client with the session of somebody who may do everything."""
    account = accounts.create(prepared.store, "benchmark", accounts.ROLES, Actor("benchmark", NOW))
    secret = signing_in.open_session(prepared.store, account, "link", NOW, signing_in.Limits())
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def bare() -> FlaskClient:
    """The least that a page can be."""
    app = Flask("bare")
    app.add_url_rule("/", view_func=lambda: "<!doctype html><title>page</title>")
    return app.test_client()


def count_more(client: redis.Redis, version: Version) -> None:
    """Five more units of today, shown the first variant."""
    tag = keys.tag(version.definition.key, version.number, version.tags[0])
    for measure in "ae":
        client.hincrby(keys.counts(tag, day_of(NOW)), f"0.0.0.0.{measure}", 5)


class Spent(NamedTuple):
    """Milliseconds by the clock on the wall and of the processor, and bytes of the page."""

    wall: float
    cpu: float
    size: int


def timed(get: Callable[[], Any]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    page = get()
    spent = 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)
    assert page.status_code == 200, page.status
    return Spent(*spent, len(page.data))


def main() -> None:
    options = told.arguments(__doc__, days=200, rounds=25)
    with (
        running() as ledger, running(fsync=None) as volatile, ledger.client() as client,
        tempfile.TemporaryDirectory(prefix="spb-", dir="/tmp") as folder,
    ):  # fmt: skip
        ring = Keyring.at(Path(folder) / "keys.json")
        prepared = runtime(ledger.url, volatile.url, ring)
        version = start(prepared, document(), NOW - (options.days + 3) * DAY)
        fill(client, version, Case(BETTER, UNITS), options.days)
        clock = Clock()
        app = create_app(
            Settings.read({"SIGNPOST_VAR": folder}), store=prepared.store, surfaces=("review",), clock=clock
        )
        staff, nothing = signed_in(app, prepared), bare()
        _measure(options, app, client, clock, version, staff, nothing)


def _measure(
    options: Any, app: Flask, client: redis.Redis, clock: Clock, version: Version, staff: FlaskClient,
    nothing: FlaskClient,
) -> None:  # fmt: skip
    def page() -> Any:
        return staff.get(f"/experiments/{version.definition.key}")

    charts.warm()
    times: dict[str, list[Spent]] = {"bare Flask page": [], "warm": [], "new counts": [], "first look": []}
    for number in range(options.rounds + 1):  # the first round warms up
        times["bare Flask page"].append(timed(lambda: nothing.get("/")))
        if number < 4:
            app.extensions.pop(KEPT, None)
            drawing.drawn.cache_clear()
            times["first look"].append(timed(page))
        drawn_before = drawing.drawn.cache_info().misses
        count_more(client, version)
        clock.now += FRESH_SECONDS + 1
        times["new counts"].append(timed(page))
        times["warm"].append(timed(page))
        assert drawing.drawn.cache_info().misses == drawn_before, "a picture was drawn anew"
    walls = {name: [one.wall for one in spent[1:]] for name, spent in times.items()}
    cpus = {name: median(one.cpu for one in spent[1:]) for name, spent in times.items()}
    middle, size = {name: median(spent) for name, spent in walls.items()}, times["warm"][-1].size
    found = {
        "versions": told.versions(client), "variants": VARIANTS, "days": options.days, "page_bytes": size,
        "median_ms": middle, "fastest_ms": {name: min(spent) for name, spent in walls.items()}, "cpu_ms": cpus,
        "limit_ms": LIMIT,
    }  # fmt: skip
    rows = [(name, f"{ms:.1f}", f"{min(walls[name]):.1f}", f"{cpus[name]:.1f}") for name, ms in middle.items()]
    is_fast = middle["warm"] < LIMIT
    end = f"{VARIANTS} variants × {options.days} days, {size / 1000:,.0f} kB of page; warm, {LIMIT} ms are asked: "
    told.tell(
        options,
        found,
        ("page", "median, ms", "fastest, ms", "processor, median, ms"),
        rows,
        end + ("within" if is_fast else "missed"),
    )


if __name__ == "__main__":
    main()
