"""A served Signpost with a small simulated past, and a real Chromium."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine, and none could be installed (see .ci/system-packages)")
    return found


COOKIES: list[dict[str, str]] = []  # of the demo's tester, as soon as the demo is there


class SignedIn:
    """A browser whose contexts are signed in with every role, unless they bring a `storage_state` (None: nobody's)."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def __getattr__(self, name: str) -> object:
        return getattr(self._browser, name)

    def new_context(self, **options: object) -> BrowserContext:
        context = self._browser.new_context(**options)
        if COOKIES and "storage_state" not in options:
            context.add_cookies(COOKIES)
        return context


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield SignedIn(browser)  # type: ignore[misc]
        browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `signpost demo` with a past of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    var = tmp_path_factory.getbasetemp() / "demo"
    var.mkdir()
    environment = {"SIGNPOST_VAR": str(var), "PORT": str(port), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    environment["SIGNPOST_STORE_BUDGET_MS"] = "2000"  # a busy machine is no outage
    command = [sys.executable, "-m", "app", "demo"]
    with (var / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        base = _answering(f"http://127.0.0.1:{port}", server, var / "log")
        COOKIES[:] = [{"name": "signpost-session", "value": _tester(environment), "url": base}]
        yield base
    finally:
        server.terminate()
        server.wait(20)


def _tester(environment: dict[str, str]) -> str:
    """A token of somebody with every role, made by the command line."""
    roles = [word for role in ("researcher", "approver", "administrator") for word in ("--role", role)]
    for words in (["create", "demo tester", *roles], ["token", "demo tester"]):
        command = [sys.executable, "-m", "app", "user", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def demo_token(demo: str) -> str:
    """A token of the demo's tester, for programs: `Authorization: Bearer …`."""
    return COOKIES[0]["value"]


@pytest.fixture(scope="session")
def demo_key(demo: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The server key that the demo prints."""
    return str(json.loads((tmp_path_factory.getbasetemp() / "demo" / "demo-key.json").read_text())["key"])


LIVES = {
    "draft": ("a-draft", []),
    "in review": ("in-review", ["submit"]),
    "suspended": ("suspended", ["submit", "approve", "start", "suspend"]),
    "stopped": ("stopped", ["submit", "approve", "start", "stop"]),
}


@pytest.fixture(scope="session")
def lives(demo: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Experiments of the demo in every state that its own two are not in; the example's text on other surfaces."""
    folder = tmp_path_factory.getbasetemp() / "demo"
    environment = {"SIGNPOST_VAR": str(folder), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}

    def signpost(*words: str) -> None:
        command = [sys.executable, "-m", "app", "experiment", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (words, done.stderr)

    example = (Path(__file__).parents[2] / "experiments/library/four-lines.yml").read_text()
    for state, (key, acts) in LIVES.items():
        text = example.replace("key: four-lines-uk\ntitle: Which", f"key: {key}\ntitle: {state.capitalize()}, which")
        (folder / f"{key}.yml").write_text(text.replace("surfaces: [search-uk]", f"surfaces: [{key}]"))
        signpost("apply", str(folder / f"{key}.yml"), "--as", "demo researcher")
        for act in acts:
            signpost(act, key, "--as", "demo approver" if act in ("approve", "start") else "demo researcher")


@pytest.fixture(scope="session")
def signed_in(
    browser: Browser, demo: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], StorageState | None]:
    """What the browser of one of the demo's people keeps once they opened their link; of anybody else, nothing."""
    told = (tmp_path_factory.getbasetemp() / "demo" / "log").read_text()
    links = dict(re.findall(r"demo (\w+) +(http\S+/sign-in/link/\S+)", told))
    kept: dict[str, StorageState] = {}

    def state(who: str) -> StorageState | None:
        if who in links and who not in kept:
            with browser.new_context(storage_state=None) as context:
                page = context.new_page()
                page.goto(links[who])
                page.locator("main form button").click()
                page.wait_for_url(f"{demo}/")
                kept[who] = context.storage_state()
        return kept.get(who)

    return state


def _answering(base: str, server: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=1):
                return base
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the demo did not answer: {log.read_text()[-2000:]}")
