"""Pictures in a real browser, under the policy of every page: nothing cut off, nothing over another, in both themes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, Route

from app.charts import NAMES, picture
from app.headers import POLICY
from experiments.planning import Question, plan_size
from tests.pictured import FROM_THE_RIGHT, KEYS, result

APP = Path(__file__).parents[2] / "app"
BASE = "http://pictures.test"
WIDTHS = {"phone": 390, "wide": 1440}
CASES: dict[str, dict[str, Any]] = {
    "five": result(),
    "twelve": result(KEYS, 60),
    "from the right": result(FROM_THE_RIGHT),
    "much": result(KEYS[:4], 9, per_day=900_000, rate=0.4),
}
PLAN = plan_size(Question(rate=0.01, ratio=1.3, arms=4)).to_dict()
OVER = """() => {
  const found = [];
  for (const root of document.querySelectorAll("svg.chart")) {
    const page = root.getBoundingClientRect();
    if (!page.width) continue;
    const texts = [...root.querySelectorAll("text")].filter(text => text.textContent.trim());
    const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
    for (const [at, [text, box]] of boxes.entries()) {
      if (box.left < page.left - 1 || box.right > page.right + 1 || box.top < page.top - 1 || box.bottom > page.bottom + 1)
        found.push(`cut off: ${text}`);
      for (const [other, beside] of boxes.slice(at + 1)) {
        const across = Math.min(box.right, beside.right) - Math.max(box.left, beside.left);
        const down = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
        if (across > 1 && down > 4) found.push(`${text} over ${other}`);
      }
    }
  }
  return found;
}"""


def document(case: str, direction: str) -> str:
    """A page with every picture, as the macro puts it."""
    app = Flask("app", template_folder=str(APP / "templates"))
    app.jinja_env.globals["_"] = str
    source = '{% from "staff/_chart.html" import figure %}{% for one in pictures %}{{ figure(one) }}{% endfor %}'
    drawn = [picture(name, PLAN if name == "tradeoff" else CASES[case]) for name in NAMES]
    with app.app_context():
        body = app.jinja_env.from_string(source).render(pictures=drawn)
    sheets = "".join(f'<link rel="stylesheet" href="/{name}.css">' for name in ("signpost", "charts"))
    head = f"<meta name=viewport content='width=device-width, initial-scale=1'><title>{escape(case)}</title>{sheets}"
    return f"<!doctype html><html lang=en dir={direction}><head>{head}</head><body class=wide><main><h1>x</h1>{body}</main>"


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    """Show a case; returns the page and what the browser complained of."""
    contexts = []

    def open_page(
        case: str, width: int = 1440, scheme: str = "light", direction: str = "ltr"
    ) -> tuple[Page, list[str]]:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page, problems = context.new_page(), []

        def serve(route: Route) -> None:
            path = route.request.url.removeprefix(BASE)
            if path.endswith(".css"):
                route.fulfill(body=(APP / "static" / path[1:]).read_text(), content_type="text/css")
            elif path == "/":
                policy = {"Content-Security-Policy": POLICY.format(frames="'none'")}
                route.fulfill(body=document(case, direction), content_type="text/html; charset=utf-8", headers=policy)
            else:
                problems.append(f"request for {route.request.url}")
                route.abort()

        page.on("console", lambda message: problems.append(message.text))
        page.route("**/*", serve)
        page.goto(BASE + "/")
        return page, problems

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("case", CASES)
def test_every_text_can_be_read(show: Callable[..., tuple[Page, list[str]]], case: str, width: int) -> None:
    page, problems = show(case, width)
    seen = page.evaluate("[...document.querySelectorAll('svg.chart')].filter(e => e.checkVisibility()).length")
    assert seen == len(NAMES)
    assert page.evaluate(OVER) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []
    size = "[...document.querySelectorAll('svg.chart text')].filter(e => e.checkVisibility()).map(e => e.getBBox().height * e.getScreenCTM().a)"
    assert min(page.evaluate(size)) >= 13  # a line of letters of 12 pixels


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show: Callable[..., tuple[Page, list[str]]], scheme: str) -> None:
    page, _ = show("twelve", 1440, scheme)
    # The test's page fills no policy's `script-src`; axe comes in through the debugger, as it does for every page.
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_colours_follow_the_theme(show: Callable[..., tuple[Page, list[str]]]) -> None:
    colour = "getComputedStyle(document.querySelector('svg.chart-wide .fill-c-1')).fill"
    light, dark = (show("five", scheme=scheme)[0].evaluate(colour) for scheme in ("light", "dark"))
    assert (light, dark) == ("rgb(11, 93, 138)", "rgb(124, 192, 234)")
    page, _ = show("five", 390, "dark")
    page.emulate_media(media="print")
    assert page.evaluate(colour) == "rgb(0, 0, 0)"
    shown = page.evaluate(
        "[...document.querySelectorAll('svg.chart')].filter(e => e.checkVisibility()).map(e => e.classList[1])"
    )
    assert set(shown) == {"chart-wide"}


def test_a_page_that_reads_from_the_right_moves_no_label(show: Callable[..., tuple[Page, list[str]]]) -> None:
    page, _ = show("from the right", 1440, direction="rtl")
    assert page.evaluate(OVER) == []


def test_the_figures_are_a_table_beneath(show: Callable[..., tuple[Page, list[str]]]) -> None:
    page, _ = show("five", 390)
    assert page.locator("figure table").first.is_visible() is False
    page.locator("figure summary").first.focus()
    page.keyboard.press("Enter")
    table = page.locator("figure table").first
    assert table.is_visible()
    assert re.search(r"present \(present message\)", table.inner_text())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
