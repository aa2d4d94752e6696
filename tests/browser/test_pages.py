"""What people look at, in a real browser: no script needed, no error, no request elsewhere, fits a phone."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

WIDTHS = {"phone": 390, "wide": 1280}


@dataclass
class Watched:
    """A page and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Browser, demo: str, demo_key: str) -> Iterator[Callable[..., Watched]]:
    contexts = []

    def open_page(path: str, *, width: int = 1280, scripts: bool = True) -> Watched:
        headers = {"Authorization": f"Bearer {demo_key}"} if path.startswith("/v1/warnings") else {}
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts, extra_http_headers=headers
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        page, note = watched.page, watched.problems.append
        page.on("console", lambda m: note(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", lambda r: None if r.url.startswith((demo, "data:")) else note(f"request to {r.url}"))
        page.goto(demo + path)
        return watched

    yield open_page
    for context in contexts:
        context.close()


PAGES = ("/", "/experiments/four-lines-uk", "/v1/warnings/search-uk", "/v1/go/old/stop-it-now-uk/call")


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_loads_nothing_from_elsewhere_and_reports_no_error(
    visit: Callable[..., Watched], path: str, width: int
) -> None:
    watched = visit(path, width=width, scripts=False)
    # Scripts are off for the page; measure through the layout engine instead.
    box = watched.page.locator("body").bounding_box()
    assert box is not None
    assert box["width"] <= width
    assert watched.page.locator("h1").count() == 1
    assert watched.page.locator("script").count() == 0
    assert watched.problems == []


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_needs_no_sideways_scrolling(visit: Callable[..., Watched], path: str) -> None:
    watched = visit(path, width=390)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_result_answers_which_message_first(visit: Callable[..., Watched], demo: str, demo_token: str) -> None:
    page = visit("/experiments/four-lines-uk").page
    asked = urllib.request.Request(
        f"{demo}/v1/experiments/four-lines-uk/results.json", headers={"Authorization": f"Bearer {demo_token}"}
    )
    with urllib.request.urlopen(asked) as answer:
        report = json.load(answer)
    assert page.locator(".status p").first.inner_text().startswith(("Winner", "Could still", "No clear", "Still"))
    assert report["status_arms"][0] in page.locator(".status").inner_text()
    for arm in report["arms"]:
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=arm["variant"])).first
        assert f"{arm['rate_per_10000']:,.1f}" in row.inner_text()


def test_the_warning_can_be_used_by_keyboard_alone(visit: Callable[..., Watched]) -> None:
    page = visit("/v1/warnings/search-uk", width=390).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"
    assert "/v1/go/" in page.evaluate("document.activeElement.href")


def test_following_a_call_link_shows_the_number(visit: Callable[..., Watched]) -> None:
    watched = visit("/v1/warnings/search-uk", width=390)
    watched.page.locator("a[href*='/stop-it-now-uk/call']").click()
    assert "0808 1000 900" in watched.page.locator(".contact").inner_text()
    assert watched.problems == []


def test_the_api_page_shows_every_operation(visit: Callable[..., Watched], demo: str) -> None:
    watched = visit("/docs")
    with urllib.request.urlopen(f"{demo}/openapi.json") as answer:
        described = json.load(answer)
    operations = sum(len(methods) for methods in described["paths"].values())
    assert watched.page.locator(".operation").count() == operations
    assert watched.problems == []
