"""What holds for every page there is: accessible, readable, at home on a phone, quiet, and usable by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response

from app import create_app
from app.settings import Settings
from experiments.store import Store
from tests.browser.places import NO_PAGES, PLACES, PREFIXES, Place

WIDE, PHONE = 1440, 390
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERY = pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])

FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex='0']"
VISIBLE = """element => element.checkVisibility({visibilityProperty: true}) && !element.disabled
    && element.type !== "hidden\""""
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
    browser: Browser, demo: str, demo_key: str, signed_in: Callable[[str], object]
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
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((demo, "data:")) else problems.append(f"asks {r.url}"))
        answer = page.goto(demo + place.path)
        assert answer is not None
        return Looked(page, answer, [told for told in problems if place.status == 200 or "status of" not in told])

    yield open_place
    for context in contexts:
        context.close()


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]


def test_every_page_is_looked_at(tmp_path):
    """Each address that answers GET is in the list, as a page or as what programs read."""
    nowhere = f"unix://{tmp_path}/none"
    app = create_app(Settings.read({"SIGNPOST_VAR": str(tmp_path)}), store=Store.open(nowhere, nowhere))
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    known = {place.rule for place in PLACES} | NO_PAGES
    assert {rule for rule in rules - known if not rule.startswith(PREFIXES)} == set(), "add them to places.py"
    assert known - rules == {""}, "these are gone"


@EVERY
def test_it_answers_keeps_quiet_and_asks_nobody_else(look, place):
    looked = look(place)
    page = looked.page
    assert looked.answer.status == place.status
    assert looked.problems == []
    policy = looked.answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.locator("[style], style, script:not([src])").count() == 0
    assert page.locator("h1").count() == 1
    assert page.title()
    assert page.locator("html[lang][dir]").count() == 1


@EVERY
def test_axe_finds_nothing_in_either_theme_at_either_width(look, place):
    page = look(place).page
    found = {}
    for width in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            found |= dict.fromkeys(violations(page), (width, theme))
    assert found == {}


@EVERY
def test_a_phone_needs_no_sideways_scrolling(look, place):
    page = look(place, width=PHONE).page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


@EVERY
def test_everything_is_there_without_scripts(look, place):
    without, within = (look(place, scripts=scripts).page.locator("main").inner_text() for scripts in (False, True))
    words = [word for word in within.split() if not any(sign.isdigit() for sign in word)]  # times go on
    assert set(words) - set(without.split()) == set()
    assert len(words) > 5


@EVERY
def test_the_keyboard_reaches_everything_in_its_order_and_shows_where_it_is(look, place):
    page = look(place).page
    elements = page.locator(FOCUSABLE)
    wanted = [n for n in range(elements.count()) if elements.nth(n).evaluate(VISIBLE)]
    radios = "document.activeElement.type === 'radio'"
    found: list[int] = []
    for _ in wanted:
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED, FOCUSABLE)
        if at["order"] < 0:
            break
        assert at["outlined"], f"no outline: {at['name']}"
        assert at["shown"], f"nothing to see: {at['name']}"
        found.append(at["order"])
        if page.evaluate(radios) and elements.nth(at["order"]).get_attribute("name") is None:
            break
    assert found == sorted(found)
    left = [n for n in set(wanted) - set(found) if elements.nth(n).get_attribute("type") != "radio"]
    assert left == [], [elements.nth(n).evaluate("e => e.outerHTML.slice(0, 90)") for n in left]


@pytest.mark.parametrize("place", [place for place in PLACES if place.who not in ("", "server")], ids=lambda p: p.name)
def test_the_first_key_skips_the_header(look, place):
    page = look(place, width=PHONE).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@EVERY
def test_print_leaves_out_what_only_a_screen_needs(look, place):
    page = look(place).page
    page.emulate_media(media="print")
    assert not any(one.is_visible() for one in page.locator("header.site nav, .skip, button").all())
    assert page.locator("h1").is_visible()
