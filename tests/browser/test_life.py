"""An experiment's life and its decision, by two people in a real browser: without scripts, by keyboard, on a phone."""

from __future__ import annotations

import copy
import json
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from app.commands.common import opened
from experiments import desk
from experiments.directory import LIBRARY
from experiments.lifecycle import Actor
from experiments.model import DAY
from experiments.reading import load_yaml
from experiments.writing import dump_yaml

RESEARCHER, APPROVER = "demo researcher", "demo approver"
WIDE, PHONE = 1440, 390
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]} {node['failureSummary']}" for one in found for node in one["nodes"]]


def document(key: str) -> dict:
    found = load_yaml((LIBRARY / "four-lines.yml").read_text(encoding="utf-8"))
    return {**found, "key": key, "title": f"Trial {key}", "surfaces": [f"surface-{key}"]}


@pytest.fixture
def visit(browser: Browser, demo: str, signed_in: Callable) -> Iterator[Callable[..., Page]]:
    """Open a page as one of the demo's people; everything that goes wrong on it fails the test."""
    contexts, problems = [], []

    def open_page(who: str, path: str, *, scripts: bool = False, width: int = WIDE) -> Page:
        context = browser.new_context(
            storage_state=signed_in(who), java_script_enabled=scripts, viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((demo, "data:")) else problems.append(r.url))
        page.goto(demo + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [told for told in problems if "status of 4" not in told] == []


@pytest.fixture
def runtime(demo: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """The demo's own stores."""
    monkeypatch.setenv("SIGNPOST_VAR", str(tmp_path_factory.getbasetemp() / "demo"))
    with opened() as found:
        yield found


def play(runtime, key: str, *acts: tuple[str, str, dict], days_ago: int = 0) -> None:
    now = int(time.time()) - days_ago * DAY
    desk.apply(runtime, document(key), Actor(RESEARCHER, now))
    for name, who, options in acts:
        desk.act(runtime, key, name, Actor(who, now, "for the test"), options)


STARTED = (("submit", RESEARCHER, {}), ("approve", APPROVER, {}), ("start", RESEARCHER, {}))


def title_shown(demo: str, key: str, surface: str) -> str:
    asked = urllib.request.Request(
        f"{demo}/v1/assignments",
        json.dumps({"surface": surface, "session": "s"}).encode(),
        {"Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return json.load(answer)["message"]["title"]


def until(look: Callable[[], str], wanted: str) -> None:
    end = time.monotonic() + 15
    while (found := look()) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.3)


def test_from_a_file_to_the_end_without_scripts(visit, demo, demo_key):
    page = visit("researcher", "/experiments/import")
    wrong = document("from-a-file")
    wrong["variants"][0]["weight"] = 1
    page.get_by_label("Text of the file").fill(dump_yaml(wrong))
    page.get_by_role("button", name="take it in").click()
    assert "sum" in page.get_by_role("alert").inner_text()
    page.get_by_label("Text of the file").fill(dump_yaml(document("from-a-file")))
    page.get_by_role("button", name="take it in").click()
    assert page.url == f"{demo}/experiments/from-a-file/plan"
    page.get_by_role("button", name="Submit for approval").click()
    assert "It waits for approval now" in page.get_by_role("status").inner_text()

    bob = visit("approver", "/")
    assert "your turn" in bob.locator("article", has_text="Trial from-a-file").inner_text()
    bob.locator("article", has_text="Trial from-a-file").get_by_role("link", name="Plan and log").click()
    bob.get_by_role("button", name="Approve the ticked languages").click()
    assert "Name at least one locale" in bob.get_by_role("alert").inner_text()
    bob.get_by_label("en", exact=True).check()
    bob.get_by_role("button", name="Approve the ticked languages").click()
    assert "Your approval is noted" in bob.get_by_role("status").inner_text()

    page.reload()
    page.get_by_role("button", name="Start the experiment").click()
    assert "Tick the box" in page.get_by_role("alert").inner_text()
    page.get_by_label("Yes, lock the plan").check()
    page.get_by_role("button", name="Start the experiment").click()
    texts = {variant["messages"]["en"]["title"] for variant in document("x")["variants"]}
    assert title_shown(demo, demo_key, "surface-from-a-file") in texts

    bob.goto(f"{demo}/experiments/from-a-file/plan")
    bob.get_by_role("button", name="Stop showing these messages now").click()
    assert "everybody gets the default message" in bob.get_by_role("status").inner_text()
    page.reload()
    page.locator("summary", has_text="End the experiment").click()
    page.locator("#act-stop").get_by_label("Why?").fill("Enough was seen")
    page.locator("#act-stop").get_by_label("Yes, end it for good").check()
    page.get_by_role("button", name="End it").click()
    assert page.locator(".steps [aria-current]").inner_text() == "stopped"
    page.get_by_role("link", name="See the evidence, and decide").click()
    assert "The last day is closed on" in page.locator("main").inner_text()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    called = "(document.activeElement.labels?.[0] ?? document.activeElement).innerText ?? ''"
    for _ in range(80):
        page.keyboard.press("Tab")
        if name in page.evaluate(called):
            return
    raise AssertionError(f"no way to {name}")


def test_an_act_by_keyboard_alone(visit, runtime):
    play(runtime, "by-keyboard", *STARTED)
    page = visit("researcher", "/experiments/by-keyboard/plan", scripts=True)
    tab_to(page, "Close one message")
    page.keyboard.press("Enter")
    tab_to(page, "Message")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Why?")
    page.keyboard.type("Complaints about this one")
    tab_to(page, "Close this message for good")
    page.keyboard.press("Enter")
    page.wait_for_selector("#errors")
    assert "Tick the box" in page.locator("#errors").inner_text()
    assert page.evaluate("document.activeElement.id") == "errors", "the errors are read out first"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "sure-close-arm", "the summary leads to the field"
    page.keyboard.press("Space")
    tab_to(page, "Close this message for good")
    page.keyboard.press("Enter")
    page.wait_for_url("**/plan?done=close-arm")
    assert runtime.store.documents.experiment("by-keyboard").latest.phase.closed == {2}


def test_two_people_decide_everybody_gets_the_text_and_it_is_taken_back(visit, runtime, demo, demo_key):
    play(runtime, "decided", *STARTED, ("stop", RESEARCHER, {}), days_ago=9)
    held = title_shown(demo, demo_key, "surface-decided")
    page = visit("researcher", "/experiments/decided/decide")
    page.get_by_label("Adopt a message: “help”").check()
    page.get_by_label("Why?").fill("More people sought help")
    page.get_by_role("button", name="Propose this decision").click()
    assert "Your proposal waits for an approver" in page.get_by_role("status").inner_text()
    assert page.get_by_role("button", name="Confirm and conclude").count() == 0

    bob = visit("approver", "/experiments/decided/decide", width=PHONE)
    assert "More people sought help" in bob.locator("main").inner_text()
    bob.get_by_label("Yes, I have read the evidence").check()
    bob.get_by_role("button", name="Confirm and conclude").click()
    adopted = document("x")["variants"][4]["messages"]["en"]["title"]
    assert adopted != held
    until(lambda: title_shown(demo, demo_key, "surface-decided"), adopted)

    bob.get_by_label("Why?").fill("Callers were frightened")
    bob.get_by_role("button", name="Take the adopted text back").click()
    assert "demo approver took the text back" in bob.locator("main").inner_text()
    until(lambda: title_shown(demo, demo_key, "surface-decided"), held)


def states(runtime) -> dict[str, tuple[str, Callable[[Page], None] | None]]:
    """Pages in states that no other test of every page reaches: the path, and what is done there."""
    names = {one.key for one in runtime.store.documents.experiments()}
    if "looked-at" not in names:
        play(runtime, "looked-at", *STARTED, ("stop", RESEARCHER, {}), days_ago=9)
        desk.act(
            runtime, "looked-at", "propose", Actor(RESEARCHER, int(time.time()), "It helped"),
            {"choice": "adopt", "variant": "help"},
        )  # fmt: skip
        changed = copy.deepcopy(document("looked-at"))
        changed["variants"][1]["messages"]["en"]["body"] += "\n\nThere is help, and it is near."
        changed["plan"]["alpha"] = 0.01
        desk.apply(runtime, changed, Actor(RESEARCHER, int(time.time())))
        desk.act(runtime, "looked-at", "submit", Actor(RESEARCHER, int(time.time())))
    return {
        "review": ("/experiments/looked-at/plan", None),
        "refused": ("/experiments/looked-at/plan", lambda page: page.get_by_role("button", name="Approve the").click()),
        "diff": ("/experiments/looked-at/diff", None),
        "proposed": ("/experiments/looked-at/decide", None),
        "not-ticked": (
            "/experiments/looked-at/decide",
            lambda page: page.get_by_role("button", name="Confirm").click(),
        ),
        "running": ("/experiments/four-lines-uk/plan", None),
        "evidence": ("/experiments/four-lines-uk/decide", None),
        "none": ("/?state=archived", None),
    }


@pytest.mark.parametrize("name", ["review", "refused", "diff", "proposed", "not-ticked", "running", "evidence", "none"])
def test_axe_finds_nothing_and_a_phone_needs_no_sideways_scrolling(visit, runtime, name):
    path, then = states(runtime)[name]
    page = visit("approver", path, scripts=True)
    if then:
        then(page)
        page.wait_for_selector("#errors")
    for width in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert violations(page) == [], (width, theme)
