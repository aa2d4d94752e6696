"""The form of an experiment in a real browser: checks while typing, previews, both sides, stale, axe, no scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from experiments.reading import load_yaml

FORM = "/experiments/new?template=four-lines"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LONG = 20_000  # ms; other tests may have the machine to themselves for a while


@pytest.fixture
def opened(
    browser: Browser, demo: str, signed_in: Callable[[str], object]
) -> Iterator[Callable[..., tuple[Page, list[str]]]]:
    contexts = []

    def visit(path: str, *, width: int = 1440, scripts: bool = True) -> tuple[Page, list[str]]:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts,
            storage_state=signed_in("researcher"), base_url=demo,
        )  # fmt: skip
        contexts.append(context)
        page, problems = context.new_page(), []
        page.set_default_timeout(LONG)
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((demo, "data:")) else problems.append(f"asks {r.url}"))
        page.goto(path)
        return page, problems

    yield visit
    for context in contexts:
        context.close()


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).last.click()


def status(page: Page, text: str) -> None:
    expect(page.locator("#status")).to_contain_text(text, timeout=LONG)


def save(page: Page) -> None:
    press(page, "Save draft")
    page.wait_for_url("**/edit?saved=1")


def test_an_error_appears_beside_the_field_while_typing_and_goes_when_it_is_mended(opened):
    page, problems = opened(FORM)
    page.locator("#key").fill("Not A Key")
    page.locator("#question").focus()
    error = page.locator("#key-error")
    expect(error).to_have_text("Use 3 to 64 lower-case letters, digits and hyphens, without spaces.", timeout=LONG)
    assert "key-error" in (page.locator("#key").get_attribute("aria-describedby") or "").split()
    assert page.locator("#key").get_attribute("aria-invalid") == "true"
    assert page.locator(".error").count() == 1, "only of fields that somebody has been in"
    page.locator("#key").fill("a-good-key")
    expect(error).to_have_count(0, timeout=LONG)
    status(page, "Complete and free of contradictions")
    assert page.locator("#key").get_attribute("aria-describedby") == "key-hint"
    assert problems == []


def test_a_message_is_previewed_while_it_is_written_in_its_direction(opened):
    page, problems = opened(FORM)
    page.locator("details.message").nth(2).locator("summary").click()
    title = page.locator("#variants-0-messages-2-title")
    title.fill("عنوان جديد")
    preview = page.locator("#preview-variants-0-messages-2 .seen")
    expect(preview.locator("h4")).to_have_text("عنوان جديد", timeout=LONG)
    assert preview.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert preview.evaluate("one => getComputedStyle(one.querySelector('h4')).textAlign") == "start"
    assert preview.locator("a[href]").count() == 0
    assert title.evaluate("one => document.activeElement === one"), "nobody is disturbed while typing"
    assert problems == []


def test_the_preview_looks_as_the_visitors_page_does(opened, browser, demo, demo_key):
    page, _ = opened(FORM)
    headers = {"Authorization": f"Bearer {demo_key}", "Signpost-Session": "any"}
    with browser.new_context(viewport={"width": 1440, "height": 900}, extra_http_headers=headers) as context:
        met = context.new_page()
        met.goto(f"{demo}/v1/warnings/search-uk?locale=en")
        shown = page.locator("#preview-variants-0-messages-0 .seen")
        names = ("fontSize", "fontWeight", "lineHeight", "color", "backgroundColor", "borderTopColor", "fontFamily")
        for preview, visitor in (
            ("h4", "h1"), ("h5", "h2"), (".help a >> nth=0", ".help a >> nth=0"), (".young", ".young"),
            (".warning p >> nth=0", ".warning p >> nth=0"), (".warning", ".warning"),
        ):  # fmt: skip
            look = "(one, names) => names.map(name => getComputedStyle(one)[name])"
            assert shown.locator(preview).first.evaluate(look, names) == met.locator(visitor).first.evaluate(
                look, names
            )


def test_both_sides_follow_one_another(opened):
    page, problems = opened(FORM)
    page.locator("#title").fill("From the form")
    text = page.locator("#text")
    expect(text).to_have_value(re.compile("^title: From the form$", re.MULTILINE), timeout=LONG)
    document = load_yaml(text.input_value())
    assert document["title"] == "From the form"
    text.fill(text.input_value().replace("From the form", "From the text").replace("  - key: law", "  - key: new-name"))
    expect(page.locator("#title")).to_have_value("From the text", timeout=LONG)
    expect(page.locator("#variants-1-key")).to_have_value("new-name")
    text.fill("title: [")
    expect(page.locator("#text-error")).to_contain_text("not valid YAML", timeout=LONG)
    expect(page.locator("#title")).to_have_value("From the text")
    page.locator("#title").fill("From the form again")
    expect(page.get_by_role("button", name="The form counts: write the text anew")).to_be_visible(timeout=LONG)
    assert text.input_value() == "title: [", "nothing is overwritten unasked"
    press(page, "The form counts: write the text anew")
    expect(page.locator("#summary button")).to_have_count(0, timeout=LONG)
    assert load_yaml(text.input_value())["title"] == "From the form again"
    assert problems == []


def test_rows_come_and_go_in_place_and_the_focus_goes_along(opened):
    page, problems = opened("/experiments/new?template=empty")
    page.locator("#title").fill("Still here")
    press(page, "Add a message")
    expect(page.locator("#variants-2-key")).to_be_focused(timeout=LONG)
    assert page.locator("#title").input_value() == "Still here"
    page.locator("#hypotheses-0").fill("A first expectation.")
    page.locator("#hypotheses-1").fill("A second one.")
    assert page.locator("#hypotheses-2").is_visible(), "there is always a row to write in"
    press(page, "Remove this message")
    expect(page.locator("#variants-2-key")).to_have_count(0, timeout=LONG)
    press(page, "Share visitors equally")
    expect(page.locator("#variants-1-weight")).to_have_value("5000", timeout=LONG)
    assert page.locator("#hypotheses-1").input_value() == "A second one."
    assert page.url.endswith("/experiments/new?template=empty")
    assert problems == []


def test_the_size_follows_the_plan(opened):
    page, problems = opened(FORM)
    verdict = page.locator("#planner .verdict")
    before = verdict.inner_text()
    page.locator("#per_day").fill("40 000")
    expect(verdict).to_contain_text("With 40,000 warnings a day", timeout=LONG)
    assert verdict.inner_text() != before
    assert page.locator("#planner svg").count() > 0
    page.locator("#plan-minimum_effect").fill("1.5")
    expect(page.locator("#planner")).to_contain_text("1.50 times the rate", timeout=LONG)
    page.locator("#planner button").click()
    taken = page.locator("#plan-units_per_variant")
    expect(taken).not_to_have_value("171000", timeout=LONG)
    expect(page.locator("#planner")).to_contain_text(f"{int(taken.input_value()):,} visitors for each of 5 messages")
    assert problems == []


def test_a_stale_form_shows_both_and_lets_one_choose(opened):
    page, _ = opened(FORM)
    page.locator("#key").fill("stale-in-a-browser")
    save(page)
    other, _ = opened("/experiments/stale-in-a-browser/edit")
    other.locator("#title").fill("Saved meanwhile")
    save(other)
    page.locator("#title").fill("My own title")
    press(page, "Save draft")
    stale = page.locator("#stale")
    expect(stale).to_be_focused()
    expect(stale.get_by_role("row")).to_have_count(2)
    expect(stale).to_contain_text("Saved meanwhile")
    assert violations(page) == []
    assert page.locator("#title").input_value() == "My own title"
    press(page, "Save mine instead")
    page.wait_for_url("**/edit?saved=1")
    assert page.locator("#title").input_value() == "My own title"


@pytest.mark.parametrize("width", [390, 1440])
def test_without_scripts_the_buttons_do_it_all(opened, width):
    page, problems = opened("/experiments/new?template=empty", width=width, scripts=False)
    press(page, "Check")
    expect(page.locator("#errors")).to_be_visible()
    links = page.locator("#errors a")
    assert links.count() > 5
    for target in {links.nth(n).get_attribute("href") for n in range(links.count())}:
        assert page.locator(target or "").count() == 1
    page.locator("#key").fill(f"without-scripts-{width}")
    page.locator("#title").fill("Without scripts")
    page.locator("#surfaces").fill(f"somewhere-{width}")
    press(page, "Add a message")
    assert page.locator("#title").input_value() == "Without scripts"
    press(page, "Remove this message")
    page.locator("#variants-1-key").fill("other")
    for number in (0, 1):
        for part in ("title", "body", "action"):
            page.locator(f"#variants-{number}-messages-0-{part}").fill(f"The {part} of message {number}")
    page.locator("#help-0").select_option("stop-it-now-uk")
    page.locator("#plan-expected_rate").fill("0.01")
    page.locator("#plan-minimum_effect").fill("1.3")
    press(page, "Check")
    expect(page.locator("#planner .verdict")).to_contain_text("you would know after about")
    page.locator("#planner button").click()
    assert int(page.locator("#plan-units_per_variant").input_value()) > 1000
    save(page)
    document = load_yaml(page.locator("#text").input_value())
    assert document["variants"][1]["messages"]["en"]["title"] == "The title of message 1"
    box = page.locator("body").bounding_box()
    assert box is not None
    assert box["width"] <= width
    assert [told for told in problems if "status of 422" not in told] == []


@pytest.mark.parametrize(
    ("path", "width"), [(FORM, 1440), ("/experiments/new?template=empty", 390)], ids=["filled", "empty"]
)
def test_axe_finds_nothing_with_and_without_errors_in_either_theme(opened, path, width):
    page, problems = opened(path, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = dict.fromkeys(violations(page))
    page.locator("#title").fill("")
    page.locator("#plan-alpha").fill("much")
    press(page, "Check")
    expect(page.locator("#errors")).to_be_focused(timeout=LONG)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        found |= dict.fromkeys(violations(page))
    assert list(found) == []
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []


def test_the_keyboard_goes_through_the_form_and_enter_only_checks(opened):
    page, problems = opened(FORM)
    page.locator("#title").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "key"
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    status(page, "Complete and free of contradictions")
    assert page.locator(".variant").count() == 5
    page.locator("#variants-4-weight").focus()
    page.wait_for_timeout(1500)  # it scrolls there
    bar = page.locator(".bar").bounding_box()
    field = page.locator("#variants-4-weight").bounding_box()
    assert bar is not None
    assert field is not None
    assert field["y"] + field["height"] <= bar["y"], "what has the focus is not covered"
    assert problems == []
