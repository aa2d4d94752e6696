"""What holds for every page there is: accessible, readable, at home on a phone, quiet, and usable by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, render_template_string
from playwright.sync_api import Browser, ConsoleMessage, Page, Response

from app import create_app, language
from app.settings import Settings
from experiments.store import Store
from tests.browser.places import NO_PAGES, PLACES, PREFIXES, Place

ROOT = Path(__file__).parents[2]
WIDE, PHONE = 1440, 390
PEOPLE = ("researcher", "approver")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY = pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])

FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']"
VISIBLE = """element => element.checkVisibility({visibilityProperty: true}) && !element.disabled
    && element.tabIndex >= 0 && element.type !== "hidden\""""
FOCUSED = """focusable => {
    const at = document.activeElement, style = getComputedStyle(at);
    return {
        order: [...document.querySelectorAll(focusable)].indexOf(at), name: at.outerHTML.slice(0, 90),
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        shown: at.getBoundingClientRect().width > 0,
    };
}"""


@dataclass
class Looked:
    """A page that was opened, and what went wrong while it was."""

    page: Page
    answer: Response
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def look(
    browser: Browser, demo: str, demo_key: str, signed_in: Callable[[str], object], lives: None
) -> Iterator[Callable[..., Looked]]:
    contexts = []
    of_server = {"Authorization": f"Bearer {demo_key}", "Signpost-Session": "one and the same"}

    def open_place(place: Place, *, width: int = WIDE, scripts: bool = True, theme: str = "light") -> Looked:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts, color_scheme=theme,
            extra_http_headers=of_server if place.who == "server" else {},
            storage_state=signed_in(place.who),
        )  # fmt: skip
        contexts.append(context)
        page, problems = context.new_page(), []
        page.on("console", lambda m: problems.append(m.text) if is_wrong(m, page) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((demo, "data:")) else problems.append(f"asks {r.url}"))
        answer = page.goto(demo + place.path)
        assert answer is not None
        if place.then:
            place.then(page)
        return Looked(page, answer, problems)

    yield open_place
    for context in contexts:
        context.close()


def is_wrong(message: ConsoleMessage, page: Page) -> bool:
    """Chromium reports a page of an error as one, too; its status is looked at elsewhere."""
    is_status = "the server responded with a status of" in message.text and message.location["url"] == page.url
    return message.type in ("error", "warning") and not is_status


def test_every_page_is_looked_at(tmp_path):
    """Each address that answers GET is in the list, as a page or as what programs read."""
    nowhere = f"unix://{tmp_path}/none"
    app = create_app(Settings.read({"SIGNPOST_VAR": str(tmp_path)}), store=Store.open(nowhere, nowhere))
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    known = {place.rule for place in PLACES} | NO_PAGES
    assert {rule for rule in rules - known if not rule.startswith(PREFIXES)} == set(), "add them to places.py"
    assert known - rules == {""}, "these are gone"


@EVERY
def test_a_page_is_accessible_quiet_and_at_home_on_a_phone_and_on_paper(look, place):
    looked = look(place)
    assert looked.answer.status == place.status
    asks_nobody_else_and_runs_nothing_inline(looked)
    is_a_page(looked.page)
    found = axe(looked.page, WIDE, "light") | axe(looked.page, WIDE, "dark", "color-contrast")
    found |= axe(looked.page, PHONE, "dark") | axe(looked.page, PHONE, "light", "color-contrast")
    assert found == {}
    fits_a_phone(looked.page)
    prints(looked.page)
    assert looked.problems == []


def asks_nobody_else_and_runs_nothing_inline(looked: Looked) -> None:
    policy = looked.answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert looked.page.locator("[style], style, script:not([src])").count() == 0


def is_a_page(page: Page) -> None:
    assert page.locator("h1").count() == 1
    assert page.title()
    assert page.locator("html[lang][dir]").count() == 1


def axe(page: Page, width: int, theme: Literal["light", "dark"], *rules: str) -> dict[str, object]:
    """What axe finds, with these rules or with all; each finding once, however many states show it."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    run = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    found = Axe().run(page, options={"runOnly": run}).response["violations"]
    told = [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]
    return dict.fromkeys(told, (width, theme))


def fits_a_phone(page: Page) -> None:
    """No sideways scrolling, also with everything unfolded."""
    page.set_viewport_size({"width": PHONE, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def prints(page: Page) -> None:
    """Paper has no use for what only a screen needs."""
    page.emulate_media(media="print")
    assert not any(one.is_visible() for one in page.locator("header.site nav, .skip, button").all())
    assert page.locator("h1").is_visible()


@EVERY
def test_everything_is_there_without_scripts(look, place):
    look(place)  # a result tells who looked: from now on somebody did
    within, without = (look(place, scripts=scripts).page.locator("main").inner_text() for scripts in (True, False))
    words = [word for word in within.split() if not any(sign.isdigit() for sign in word)]  # times go on
    assert set(words) - set(without.split()) == set()
    assert len(words) > 5


@EVERY
def test_the_keyboard_reaches_everything_in_its_order_and_shows_where_it_is(look, place):
    page = look(place, width=PHONE).page
    elements = page.locator(FOCUSABLE)
    wanted = [n for n in range(elements.count()) if elements.nth(n).evaluate(VISIBLE)]
    found = list(tabbed(page, len(wanted)))
    if place.then is None and place.who in PEOPLE:
        assert elements.nth(found[0]).get_attribute("class") == "skip"
    assert found == sorted(found)
    left = [n for n in wanted if n > found[0] and n not in found and elements.nth(n).get_attribute("type") != "radio"]
    assert [elements.nth(n).evaluate("one => one.outerHTML.slice(0, 90)") for n in left] == []


def tabbed(page: Page, at_most: int) -> Iterator[int]:
    """Where the tab key leads, as numbers in the order of the document, until it leaves the page."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED, FOCUSABLE)
        if at["order"] < 0:
            return
        assert at["outlined"], f"no outline: {at['name']}"
        assert at["shown"], f"nothing to see: {at['name']}"
        yield at["order"]


def test_the_first_link_skips_the_header(look):
    page = look(next(place for place in PLACES if place.name == "result"), width=PHONE).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_colours_that_the_system_forces_keep_what_colours_said(look):
    """Borders stand where backgrounds are taken away."""
    page = look(next(place for place in PLACES if place.name == "result")).page
    page.emulate_media(forced_colors="active")
    assert page.locator(".status").first.evaluate("one => parseFloat(getComputedStyle(one).borderTopWidth)") > 0
    assert page.locator("button").first.evaluate("one => parseFloat(getComputedStyle(one).borderTopWidth)") > 0
    edge = "one => getComputedStyle(one).borderBottomColor"
    here, elsewhere = page.locator(".tabs [aria-current]"), page.locator(".tabs a:not([aria-current])").first
    assert here.evaluate(edge) != elsewhere.evaluate(edge)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", ["empty", "blocked", "failed", "loading"])
def test_the_states_of_the_house_are_accessible(browser, tmp_path, state, theme):
    """Those, too, that no page of the demo is in."""
    page = browser.new_context(color_scheme=theme, storage_state=None).new_page()
    page.set_content(state_of_the_house(state))
    assert axe(page, PHONE, theme) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    page.context.close()


def state_of_the_house(state: str) -> str:
    app = Flask("app", root_path=str(ROOT / "app"))
    language.register(app)
    app.add_template_global(lambda: {"who": None, "ways": []}, "header")
    style = (ROOT / "app/static/signpost.css").read_text()
    words = """{% extends "staff/base.html" %}{% from "staff/_states.html" import empty, blocked, failed, loading %}
    {% block head %}<style>{{ style | safe }}</style>{% endblock %}{% block main %}<h1>A page</h1>
    {% if state == "loading" %}{{ loading("Counting", 3, 21) }}
    {% else %}{% call {"empty": empty, "blocked": blocked, "failed": failed}[state]("What is the case") %}
    <p>Why, and what to do.</p>{% endcall %}{% endif %}{% endblock %}"""
    with app.test_request_context("/"):
        return render_template_string(words, state=state, style=style)
