"""The result's page in its states, in a real browser: the first sentence and the three answers before anything else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from app import create_app
from app.settings import Settings
from tests import result_states
from tests.http.conftest import token

STATES = ("not-started", "collecting", "narrowed", "winner", "stopped-for-safety", "blocked", "fixed", "two-versions")
LOOKS = {
    "phone": (390, "light"),
    "phone at night": (390, "dark"),
    "wide": (1440, "light"),
    "wide at night": (1440, "dark"),
}


@pytest.fixture
def visit(browser: Browser, store, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the result of an experiment in a state, signed in; what goes wrong on a page is an error."""
    now = int(time.time())
    app = create_app(Settings.read({"SIGNPOST_VAR": str(tmp_path)}), store=store, surfaces=("research", "review"))
    runtime = app.extensions["signpost"].runtime
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.port}"
    cookie = {"name": "signpost-session", "value": token(app, "Ann Reader", ("reader",)), "url": base}
    contexts, problems = [], []

    def open_page(name: str, width: int = 1440, scheme: str = "light", *, scripts: bool = True) -> Page:
        key = f"state-{name}"
        if key not in {one.key for one in store.documents.experiments()}:
            result_states.play(runtime, name, now)
            runtime.refresh(now)
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
            java_script_enabled=scripts,
            storage_state=None,
        )
        context.add_cookies([cookie])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("request", lambda r: None if r.url.startswith((base, "data:")) else problems.append(r.url))
        assert page.goto(f"{base}/experiments/{key}", timeout=120_000).status == 200
        return page

    yield open_page
    for context in contexts:
        context.close()
    server.shutdown()
    assert problems == []


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_accessible_and_fits(visit: Callable[..., Page], name: str) -> None:
    for width, scheme in LOOKS.values():
        page = visit(name, width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{width} {scheme}: {found.generate_report()}"


@pytest.mark.parametrize("name", STATES)
def test_five_seconds(visit: Callable[..., Page], name: str) -> None:
    """The status is the largest text after the title, and stands with its answers before tables and pictures."""
    page = visit(name, 1440)
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    first = page.locator(".status p").first
    others = page.locator("main :is(p, dd, td, th, li, h2, h3)").all()
    assert first.evaluate(size) >= max(other.evaluate(size) for other in others[:60])
    for question in ("Which message?", "How sure?", "May I act?"):
        assert page.get_by_text(question, exact=True).bounding_box()["y"] < 844, "on the first screen"
    assert page.locator("main table, main figure").first.bounding_box()["y"] > first.bounding_box()["y"]
    phone = visit(name, 390)
    answer = phone.locator(".answers dd").last.bounding_box()
    assert answer["y"] + answer["height"] < 2 * 844, "on the first two screens of a phone"


def test_without_scripts_and_by_keyboard_a_message_can_be_read_whole(visit: Callable[..., Page]) -> None:
    page = visit("collecting", 390, scripts=False)
    assert page.locator("script").count() == 0
    summary = page.locator(".messages summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator(".messages .as-seen[lang=ar]").first.is_visible()
    assert page.locator(".messages .as-seen[lang=ar]").first.evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_on_paper_everything_is_open(visit: Callable[..., Page]) -> None:
    page = visit("winner")
    page.emulate_media(media="print")
    assert page.locator(".messages .as-seen").first.is_visible()
    assert not page.locator("nav.tabs").is_visible()
