"""How long a reader waits: from an answer to the painted warning, from a failure to the page's own painted text.

In a real Chromium, in a page of another origin with a strict policy, with the widget as it is served. The service is
`signpost serve`; what is out of order are servers of tests/browser/hosts.py. `asked` is when the page calls fetch,
`settled` when the answer is there, or fails, or is given up; `painted` is the first moment after the frame in which the
change was drawn. The script is in the browser's cache: of a first visit, its transport comes on top.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import BrowserContext, sync_playwright

from app.integrating.away import closed, silent
from benchmarks import told
from benchmarks.service import SURFACE, Service, Size, runtime, signpost
from experiments import desk
from tests.browser.conftest import FLAGS
from tests.browser.hosts import STRICT, Host, Talking, element, script, served, without_trust

CLOCK = """{
    const ask = fetch, at = window.at = {};
    window.fetch = (...given) => {
        at.asked ??= performance.now();
        return ask(...given).then(
            (answer) => ({ json: () => answer.json().finally(() => { at.settled = performance.now(); }) }),
            (error) => { at.settled = performance.now(); throw error; });
    };
    new MutationObserver(() => {
        const state = document.querySelector("#warning")?.dataset.signpost;
        if (at.state || !["shown", "fallback"].includes(state)) return;
        at.state = state;
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => { at.painted = performance.now(); };
            port2.postMessage(0);
        });
    }).observe(document, { subtree: true, attributeFilter: ["data-signpost"] });
}"""


class Seen(NamedTuple):
    """One page: how it ended, and milliseconds from asking, and from settling, to the painted change."""

    state: str
    asked: float
    settled: float


def key(service: Service, origin: str) -> str:
    """A browser key for the origin, known to every worker."""
    assert service.keyring is not None
    prepared = runtime(service.ledger[0].url, service.ledger[0].url, service.keyring)
    _, text = desk.create_key(
        prepared, kind="browser", partner="benchmark", surfaces=(SURFACE,), origins=(origin,), now=int(time.time())
    )
    url, body = f"{service.base}/v1/assignments?key={text}", f'{{"surface": "{SURFACE}"}}'.encode()
    for _ in range(40):  # more than SIGNPOST_REFRESH_SECONDS, for each of the workers
        time.sleep(0.1)
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, {"Origin": origin})).close()
        except OSError:
            continue
    return text


def look(context: BrowserContext, url: str) -> Seen:
    """Open a page anew and wait until its warning, or its own text, is painted."""
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("() => at.painted && (at.settled || at.state)", timeout=10_000)
    at: dict[str, Any] = page.evaluate("at")
    page.close()
    return Seen(at["state"], at["painted"] - at["asked"], at["painted"] - at["settled"])


def measure(context: BrowserContext, url: str, rounds: int) -> list[Seen]:
    look(context, url)  # the script comes into the cache
    return [look(context, url) for _ in range(rounds)]


def main() -> None:
    options = told.arguments(__doc__, rounds=50)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "there is no Chromium on this machine"
    with ExitStack() as stack:
        service = stack.enter_context(signpost(Size()))
        host = Host()
        host.base = stack.enter_context(served(host)).replace("127.0.0.1", "localhost")
        public = key(service, host.base)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoints = {
            "in order": service.base,
            "dead": stack.enter_context(closed()),
            "garbage": stack.enter_context(served(Talking(b"<!doctype html><h1>502 Bad Gateway</h1>"))),
            "TLS broken": stack.enter_context(without_trust(folder)),
            "hanging": stack.enter_context(silent()),
        }
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context()
        context.add_init_script(CLOCK)
        rows = []
        for name, endpoint in endpoints.items():
            policy = STRICT.replace("connect-src {signpost}", f"connect-src {endpoint}")
            body = element(public, endpoint=endpoint, wait="300")
            url = host.page(body, script(service.base, "widget.1.js"), service.base, policy)
            told.progress(name)
            rows.append(row(name, measure(context, url, options.rounds)))
        version = browser.version
        browser.close()
    tell(rows, options, version)


def row(name: str, seen: list[Seen]) -> dict[str, Any]:
    states = {state: sum(one.state == state for one in seen) for state in ("shown", "fallback")}
    figures = {
        f"{what}_{kind}": round(how([getattr(one, what) for one in seen]), 1)
        for what in ("asked", "settled")
        for kind, how in (("median", statistics.median), ("p95", _p95))
    }
    return {"server": name, **states, **figures}


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def tell(rows: list[dict[str, Any]], options: Any, chromium: str) -> None:
    """Print the table; milliseconds, median and 95th percentile."""
    table = [
        (one["server"], one["shown"], one["fallback"], *(_pair(one, what) for what in ("settled", "asked")))
        for one in rows
    ]
    head = (
        "server",
        "warning shown",
        "own text stands",
        "from reply or failure to paint, ms",
        "from asking to paint, ms",
    )
    versions = told.versions() | {"chromium": chromium}
    told.tell(options, {"rows": rows, "versions": versions}, head, table, "Median (95th percentile).")


def _pair(row: dict[str, Any], what: str) -> str:
    return f"{row[f'{what}_median']:.0f} ({row[f'{what}_p95']:.0f})"


if __name__ == "__main__":
    main()
