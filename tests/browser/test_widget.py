"""The widget in a real Chromium, in the page of another origin with a strict policy, against a real service."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from app.integrating.away import closed, silent
from app.public.widget import FOLDER
from tests.browser.hosts import (
    STRICT,
    Host,
    Slow,
    Talking,
    element,
    script,
    served,
    without_trust,
)
from tests.browser.test_every_page import axe
from tests.http.conftest import (  # noqa: F401  (fixtures)
    AR,
    DOCUMENT,
    Service,
    empty,
    files,
    make_service,
    service,
)

UNHANDLED = """{
    const note = Element.prototype.setAttribute;
    addEventListener("unhandledrejection", ({reason}) => note.call(document.documentElement, "data-wrong", `${reason}`));
}"""


@dataclass
class Visit:
    """A page of the other site, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)

    @property
    def state(self) -> str | None:
        return self.page.locator("#warning").get_attribute("data-signpost")

    def until(self, state: str) -> Visit:
        self.page.wait_for_function(
            "state => document.querySelector('#warning').dataset.signpost === state", arg=state, timeout=15_000
        )
        return self

    def seen(self) -> Visit:
        return self.until("seen")

    def wrong(self) -> list[str]:
        """What reached the page's console, its error handler, or nobody."""
        told = self.page.locator("html").get_attribute("data-wrong")  # prototypes do not matter there
        return self.problems + ([told] if told else [])


@dataclass
class Bench:
    """A service with its browser key, another site, and a browser between them."""

    service: Service
    base: str
    host: Host
    browser: Browser
    stack: ExitStack
    contexts: list[BrowserContext] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.service.keys["host"]

    def element(self, **given: Any) -> str:
        return element(self.key, **given)

    def url(self, body: str | None = None, head: str | None = None, policy: str = STRICT, **given: Any) -> str:
        return self.host.page(
            self.element(**given) if body is None else body,
            script(self.base) if head is None else head,
            self.base,
            policy,
        )

    def visit(self, url: str, *, width: int = 1000, init: str = "", wait_until: str = "load", **options: Any) -> Visit:
        context = self.browser.new_context(viewport={"width": width, "height": 700}, storage_state=None, **options)
        self.contexts.append(context)
        visit = Visit(context.new_page())
        page, note = visit.page, visit.problems.append
        page.on("console", lambda m: (note if m.type in ("error", "warning") else visit.infos.append)(m.text))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", lambda r: visit.sent.append(f"{r.method} {r.url.removeprefix(self.base)}"))
        page.add_init_script(UNHANDLED)
        if init:
            page.add_init_script(init)
        page.goto(url, wait_until=wait_until)  # type: ignore[arg-type]
        return visit

    def show(self, *, options: dict[str, Any] | None = None, **given: Any) -> Visit:
        return self.visit(self.url(**given), **(options or {}))

    def counts(self, *measures: str) -> Any:
        """Units in the ledger: a assigned, e exposed, d0 the primary outcome, o… as in experiments/store/rows.py."""
        found = tuple(self.service.total(measure) for measure in measures)
        return found if len(found) > 1 else found[0]

    def soon(self, is_true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 10
        while not is_true():
            assert time.monotonic() < end, what
            time.sleep(0.05)


@pytest.fixture
def bench(service: Service, browser: Browser) -> Iterator[Bench]:  # noqa: F811
    with ExitStack() as stack:
        host = Host()
        host.base = stack.enter_context(served(host)).replace("127.0.0.1", "localhost")
        service.key("host", kind="browser", origins=(host.base,), surfaces=("*",))
        base = stack.enter_context(served(service.app))
        made = Bench(service, base, host, browser, stack)
        yield made
        for context in made.contexts:
            context.close()


# ------------------------------------------------------------------------------------------- what is shown


def test_a_warning_is_shown_whole_under_a_strict_policy(bench: Bench):
    visit = bench.show(session="a").seen()
    warning = visit.page.locator("#warning")
    told = warning.locator(".box").inner_text().split("\n")
    assert told[0] == "Leave this page now"
    title, *rest = [line for line in told[1:] if line]
    assert title in ("present en", "law en", "harm en")
    assert rest == [
        "en one", "en two", "Help",
        "helpline by call", "Tue 09:00–17:00 (Europe/London)", "helpline by email", "helpline by click",
        "Are you under 18?", "young-line by click", "young-line by call", "Tue 09:00–17:00 (Europe/London)",
    ]  # fmt: skip
    assert warning.evaluate("one => getComputedStyle(one.shadowRoot.querySelector('p')).textTransform") == "none"
    assert warning.evaluate("one => getComputedStyle(one.shadowRoot.querySelector('li a')).borderTopWidth") == "2px"
    assert not visit.page.get_by_text("Stop for a moment").is_visible()
    bench.soon(lambda: bench.counts("e") == 1, "the exposure")
    assert visit.wrong() == []


def test_markup_in_a_text_is_shown_as_text(bench: Bench, empty: Service):  # noqa: F811
    nasty = "<img src=x onerror=alert(1)><script>alert(2)</script>&amp;<b>bold"
    document = copy.deepcopy(DOCUMENT) | {"key": "nasty", "surfaces": ["elsewhere"]}
    for variant in document["variants"]:
        variant["messages"] = {"en": dict.fromkeys(("title", "body", "action"), nasty)}
    empty.run(document)
    visit = bench.show(surface="elsewhere").seen()
    assert visit.page.locator("#warning .box").inner_text().count(nasty) == 3
    assert visit.page.locator("#warning :is(img, script, b)").count() == 0
    assert visit.wrong() == []


def test_arabic_runs_from_right_to_left(bench: Bench, empty: Service):  # noqa: F811
    document = copy.deepcopy(DOCUMENT) | {"key": "arabic", "surfaces": ["elsewhere"]}
    for variant in document["variants"]:
        variant["messages"] = {"en": variant["messages"]["en"], "ar": AR}
    empty.run(document)
    page = bench.show(surface="elsewhere", locale="ar-EG").seen().page
    sides = page.locator("#warning").evaluate(
        """one => ['.box', '.exit', '.young'].map(what => {
            const style = getComputedStyle(one.shadowRoot.querySelector(what)), box = one.shadowRoot.querySelector('.box');
            const [own, whole] = [one.shadowRoot.querySelector(what), box].map(it => it.getBoundingClientRect());
            return [style.direction, own.left - whole.left < 40, style.borderRightWidth];
        })"""
    )
    assert sides == [["rtl", True, "2px"], ["rtl", True, "0px"], ["rtl", True, "4px"]]
    assert page.get_by_text("غادر هذه الصفحة الآن").is_visible()


def test_the_pages_language_is_that_of_the_message(bench: Bench):
    page = bench.visit(bench.url(body=f"<div lang=de-AT>{bench.element()}</div>")).seen().page
    assert page.get_by_text("de one").is_visible()
    assert page.get_by_text("Leave this page now").get_attribute("lang") == "en"  # its words are not in German


def test_what_the_service_falls_back_to_is_shown_and_not_counted(bench: Bench):
    bench.service.act("suspend")
    visit = bench.show().until("shown")
    assert visit.page.get_by_text("Fallback UK en").is_visible()
    visit.page.locator("#warning .exit").click()
    visit.page.wait_for_url("about:blank")
    assert {"POST /v1/exposures", "POST /v1/outcomes"} & set(visit.sent) == set()
    assert bench.counts("e") == 0


def test_two_places_on_a_page_show_the_same(bench: Bench):
    first = bench.element(tag="section")
    visit = bench.visit(bench.url(body=first + first.replace("id=warning", "id=other"))).seen()
    visit.page.wait_for_function("() => /shown|seen/.test(document.querySelector('#other').dataset.signpost)")
    titles = [visit.page.locator(f"{where} h2").last.inner_text() for where in ("#warning", "#other")]
    assert titles[0] == titles[1]
    assert titles[0].removesuffix(" en") in ("present", "law", "harm")
    assert bench.counts("a") == 1


# ------------------------------------------------------------------------------------------ what is counted


def stays_uncounted(bench: Bench, visit: Visit) -> None:
    visit.until("shown").page.wait_for_timeout(700)
    assert visit.state == "shown"
    assert bench.counts("e") == 0


def test_an_exposure_counts_when_it_is_scrolled_to(bench: Bench):
    visit = bench.visit(bench.url(body=f"<p class=far>Much else</p>{bench.element()}"))
    stays_uncounted(bench, visit)
    visit.page.evaluate("document.querySelector('#warning').scrollIntoView({block: 'start'})")
    visit.seen()
    bench.soon(lambda: bench.counts("e") == 1, "the exposure")
    visit.page.evaluate("scrollTo(0, 0)")
    visit.page.evaluate("document.querySelector('#warning').scrollIntoView()")
    visit.page.wait_for_timeout(300)
    assert visit.sent.count("POST /v1/exposures") == 1


def test_an_edge_of_it_is_not_enough(bench: Bench):
    visit = bench.visit(bench.url(body=f"<p class=far>Much else</p>{bench.element()}"))
    visit.until("shown").page.evaluate(
        "scrollTo(0, document.querySelector('#warning').getBoundingClientRect().top - innerHeight + 150)"
    )
    stays_uncounted(bench, visit)


def test_an_exposure_counts_only_when_it_can_be_seen(bench: Bench):
    visit = bench.visit(bench.url(body=f"<div class=hidden id=around>{bench.element()}</div>"))
    stays_uncounted(bench, visit)
    visit.page.evaluate("document.querySelector('#around').className = ''")
    visit.seen()
    bench.soon(lambda: bench.counts("e") == 1, "the exposure")


def test_an_exposure_counts_only_when_the_tab_is_looked_at(bench: Bench):
    away = "window.tab = 'hidden'; Object.defineProperty(document, 'visibilityState', {get: () => tab})"
    visit = bench.visit(bench.url(), init=away)
    stays_uncounted(bench, visit)
    visit.page.evaluate("tab = 'visible'")
    visit.seen()
    bench.soon(lambda: bench.counts("e") == 1, "the exposure")


def test_what_is_watched_is_the_same_for_every_wording(bench: Bench, empty: Service):  # noqa: F811
    document = copy.deepcopy(DOCUMENT) | {"key": "lengths", "surfaces": ["elsewhere"]}
    for variant, length in zip(document["variants"], (1, 20, 60), strict=True):
        variant["messages"] = {"en": {"title": variant["key"], "body": "Some more words. " * length, "action": "Help"}}
    empty.run(document)
    found: dict[str, Any] = {}
    for number in range(30):
        page = bench.show(surface="elsewhere", session=f"s{number}", options={"width": 390}).until("seen").page
        rectangle = "one => JSON.stringify(one.shadowRoot.querySelector('{}').getBoundingClientRect())"
        eye, box = (page.locator("#warning").evaluate(rectangle.format(what)) for what in (".eye", ".box"))
        found[page.locator("#warning h2").inner_text()] = (eye, box)
        page.context.close()
        if len(found) == 3:
            break
    assert len(found) == 3
    assert len({eye for eye, _ in found.values()}) == 1
    assert len({box for _, box in found.values()}) == 3, "the test compares wordings of different length"


def test_a_click_on_help_counts_once(bench: Bench):
    visit = bench.show(session="the same").seen()
    address = visit.page.url
    for _ in range(2):
        visit.page.get_by_role("link", name="helpline by call").click()
        visit.page.wait_for_url("**/v1/go/**")
        visit.page.goto(address)
        visit.seen()
    bench.soon(lambda: bench.counts("d0") == 1, "help sought")
    assert "POST /v1/outcomes" not in visit.sent, "the link has counted it"
    assert bench.counts("d0", "o0") == (1, 1)
    assert bench.counts("e") == 1


def test_a_click_on_help_for_young_people_counts_apart(bench: Bench):
    visit = bench.show().seen()
    visit.page.get_by_role("link", name="young-line by call").click()
    visit.page.wait_for_url("**/v1/go/**")
    bench.soon(lambda: bench.counts("o17") == 1, "help for young people")
    assert bench.counts("d0", "o0") == (0, 0)


def test_the_page_itself_says_what_was_done(bench: Bench):
    body = "<p>{}<button data-signpost-outcome=proceeded><b>Go on</b></button></p>"
    visit = bench.visit(bench.url(body=body.format("") + bench.element()))
    visit.seen()
    for _ in range(3):
        visit.page.get_by_text("Go on").click()
    bench.soon(lambda: bench.counts("o10") == 1, "going on")
    visit.page.wait_for_timeout(200)
    assert visit.sent.count("POST /v1/outcomes") == 1


def test_what_was_done_before_it_was_seen_does_not_count(bench: Bench):
    body = "<p><button data-signpost-outcome=proceeded>Go on</button></p><p class=far>Much else</p>"
    visit = bench.visit(bench.url(body=body + bench.element())).until("shown")
    visit.page.get_by_text("Go on").click()
    visit.page.wait_for_timeout(300)
    assert "POST /v1/outcomes" not in visit.sent
    assert bench.counts("e") == 0


@pytest.mark.parametrize("mode", ["inline", "dialog"])
def test_the_quick_exit(bench: Bench, mode: str):
    elsewhere = bench.host.page("<p>The weather", "", bench.base)
    before = bench.host.page("<p>Before", "", bench.base)
    visit = bench.visit(before)
    visit.page.goto(bench.url(mode=mode, exit=elsewhere))
    visit.seen().page.get_by_role("link", name="Leave this page now").click()
    visit.page.wait_for_url(elsewhere)
    bench.soon(lambda: bench.counts("o12") == 1, "leaving")
    visit.page.go_back()
    assert visit.page.url == before, "the warning is not what 'back' leads to"
    assert visit.sent.count("POST /v1/outcomes") == 1


def test_leaving_before_it_was_seen_does_not_count(bench: Bench):
    away = "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})"
    visit = bench.visit(bench.url(), init=away).until("shown")
    visit.page.locator("#warning .exit").click()
    visit.page.wait_for_url("about:blank")
    assert "POST /v1/outcomes" not in visit.sent
    assert bench.counts("e") == 0


# ------------------------------------------------------------------------------------------------ as a dialog

FOCUSED = """() => {
    const at = document.activeElement, inner = at.shadowRoot && at.shadowRoot.activeElement;
    return inner ? inner.className || inner.textContent : at === document.body ? "" : "page: " + at.outerHTML;
}"""


def test_a_dialog_keeps_the_focus_and_gives_it_back(bench: Bench):
    body = "<p><input id=query autofocus value=words> <a href=/0>Another page</a></p>"
    visit = bench.visit(bench.url(body=body + bench.element(mode="dialog", close="proceeded"))).seen()
    page = visit.page
    dialog = page.get_by_role("alertdialog")
    told = page.locator("#warning").evaluate(
        """one => ['labelledby', 'describedby'].map(
            what => one.shadowRoot.getElementById(one.shadowRoot.querySelector('dialog').getAttribute('aria-' + what)).textContent
        )"""
    )
    assert told[0] in ("present en", "law en", "harm en")
    assert told[1] == "en oneen two"
    assert page.evaluate(FOCUSED) == "box", "a key pressed by chance follows no link"
    reached = []
    for _ in range(18):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    assert reached[0] == "exit"
    assert "Close" in reached
    assert [what for what in reached if what.startswith("page")] == []
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert page.evaluate("document.activeElement.id") == "query"
    bench.soon(lambda: bench.counts("o10") == 1, "going on")
    assert visit.sent.count("POST /v1/outcomes") == 1
    assert visit.wrong() == []


def test_closing_a_dialog_reports_nothing_unless_the_page_says_what_it_means(bench: Bench):
    visit = bench.show(mode="dialog").seen()
    visit.page.get_by_role("button", name="Close").click()
    visit.page.wait_for_timeout(300)
    assert visit.page.get_by_role("alertdialog").count() == 0
    assert "POST /v1/outcomes" not in visit.sent
    assert bench.counts("e") == 1


def test_words_of_the_page_are_used(bench: Bench):
    given = {"exit_label": "Zum Wetter", "close_label": "Zurück zur Suche", "locale": "de"}
    page = bench.show(mode="dialog", **given).seen().page
    assert page.get_by_role("link", name="Zum Wetter").is_visible()
    assert page.get_by_role("button", name="Zurück zur Suche").count() == 1


# --------------------------------------------------------------------------------- everybody, on every device


@pytest.mark.parametrize("mode", ["inline", "dialog"])
def test_it_is_accessible_and_fits(bench: Bench, mode: str):
    # Trusted types keep out what checks accessibility, too.
    policy = STRICT.partition("; require-trusted-types")[0]
    for width, theme in ((1280, "light"), (390, "dark")):
        visit = bench.visit(bench.url(policy=policy, mode=mode, locale="en"), width=width, color_scheme=theme)  # type: ignore[arg-type]
        page = visit.seen().page
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box = page.locator("#warning .box").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        dark = page.locator("#warning").evaluate("one => getComputedStyle(one.shadowRoot.querySelector('.box')).color")
        assert (dark == "rgb(255, 255, 255)") == (theme == "dark"), "colours follow the page"
        heights = page.locator("#warning :is(li a, .exit, button)").evaluate_all(
            "all => all.map(one => one.offsetHeight)"
        )
        assert min(heights) >= 40
        assert axe(page, width, theme) == {}  # type: ignore[arg-type]


def test_nothing_is_kept_on_the_device(bench: Bench):
    visit = bench.show().seen()
    visit.page.get_by_role("link", name="helpline by call").click()
    visit.page.wait_for_url("**/v1/go/**")
    visit.page.goto(bench.url())
    visit.seen()
    kept = visit.page.evaluate(
        """async () => [document.cookie, localStorage.length, sessionStorage.length,
            (await indexedDB.databases()).length, (await navigator.serviceWorker?.getRegistrations() ?? []).length]"""
    )
    assert kept == ["", 0, 0, 0, 0]
    assert visit.page.context.cookies() == []
    state = visit.page.context.storage_state()
    assert state["origins"] == []


# ---------------------------------------------------------------------------- the page of somebody else, unbroken

HOSTILE = {
    "arrays": "for (const name of ['every', 'map', 'filter', 'forEach', 'pop', 'split']) Array.prototype[name] = () => { throw 1 }",
    "array results": "for (const name of ['every', 'map', 'filter', 'pop']) Array.prototype[name] = () => 7",
    "iterators": "Array.prototype[Symbol.iterator] = function* () { yield 'x' }",
    "toJSON": "Object.prototype.toJSON = () => ({a: 1}); Array.prototype.toJSON = () => 'x'",
    "enumerable": "Object.prototype.extra = () => { throw 2 }; Array.prototype.extra = 3",
    "fetch throws": "window.fetch = () => { throw new Error('no') }",
    "fetch is gone": "window.fetch = undefined",
    "fetch is odd": "window.fetch = () => ({json: () => ({message: {locale: 'en'}, help: []})})",
    "no shadow": "Element.prototype.attachShadow = () => { throw new Error('no') }",
    "no sheets": "window.CSSStyleSheet = undefined",
    "no observer": "window.IntersectionObserver = undefined",
    "no beacon": "navigator.sendBeacon = () => { throw new Error('no') }",
    "no dialog": "HTMLDialogElement.prototype.showModal = () => { throw new Error('no') }",
    "no console": "console.info = () => { throw new Error('no') }; window.fetch = undefined",
    "no clock": "performance.getEntriesByName = () => { throw new Error('no') }",
    "promises": "Promise.prototype.then = () => { throw new Error('no') }",
    "attributes": "Element.prototype.setAttribute = () => { throw new Error('no') }",
    "random": "crypto.getRandomValues = () => { throw new Error('no') }",
}


@pytest.mark.parametrize(
    ("what", "mode"), [*((what, "inline") for what in HOSTILE), ("no dialog", "dialog"), ("arrays", "dialog")]
)
def test_a_hostile_page_is_not_broken_and_has_a_warning(bench: Bench, what: str, mode: str):
    visit = bench.visit(bench.url(mode=mode), init=HOSTILE[what])
    page = visit.page
    own, ours = page.get_by_text("Stop for a moment"), page.locator("#warning h2")
    for _ in range(100):
        if visit.state not in ("", "waiting") and (own.is_visible() or ours.is_visible()):
            break
        time.sleep(0.05)
    assert own.is_visible() or ours.is_visible()
    assert [told for told in visit.wrong() if "422" not in told] == [], "a request that the page has changed"


MISSING = {
    "no surface": {"surface": ""},
    "no key": {"key": ""},
    "a wrong key": {"key": "pk_nobody"},
    "key with signs": {"key": "a&amp;b#c d"},
    "a wrong surface": {"surface": "nowhere"},
    "a wrong locale": {"locale": "not a tag !"},
    "an odd wait": {"wait": "soon"},
    "no address": {"endpoint": "::"},
    "an unknown mode": {"mode": "loud"},
}


@pytest.mark.parametrize("what", MISSING)
def test_wrong_attributes_leave_a_warning(bench: Bench, what: str):
    visit = bench.visit(bench.url(**MISSING[what]))
    page = visit.page
    page.wait_for_function("() => !['', 'waiting'].includes(document.querySelector('#warning').dataset.signpost)")
    assert page.get_by_text("Stop for a moment").is_visible() or page.locator("#warning h2").is_visible()
    assert bench.counts("e") in (0, 1)
    assert [
        told
        for told in visit.wrong()
        if not told.startswith(("Access to fetch", "Fetch API", "Failed to load", "Connecting to"))
    ] == []


def test_other_elements_and_a_form_that_hides_what_it_is(bench: Bench):
    form = "<form data-signpost id=warning data-surface=search-uk><input name=dataset><p>Own text</p></form>"
    visit = bench.visit(
        bench.url(body=form + "<svg data-signpost></svg><img data-signpost alt=''><input data-signpost aria-label=a>")
    )
    visit.page.wait_for_timeout(500)
    assert visit.page.get_by_text("Own text").is_visible()
    assert visit.wrong() == []


def test_the_script_may_stand_there_twice(bench: Bench):
    twice = script(bench.base) + script(bench.base, "widget.js?again") + script(bench.base, "widget.1.js")
    visit = bench.visit(
        bench.url(head=twice, body="<p><b data-signpost-outcome=complaint>It is wrong</b></p>" + bench.element())
    )
    visit.seen().page.get_by_text("It is wrong").click()
    bench.soon(lambda: bench.counts("o14") == 1, "the complaint")
    assert visit.page.locator("#warning h2").count() == 1
    assert [one for one in visit.sent if "POST" in one and "?" not in one] == [
        "POST /v1/exposures",
        "POST /v1/outcomes",
    ]
    assert visit.wrong() + visit.infos == []


def test_it_can_be_put_into_a_page_later(bench: Bench):
    visit = bench.visit(bench.url(body="<p>A page of one script</p>", head="", policy=STRICT.partition("; require")[0]))
    visit.page.wait_for_timeout(400)
    visit.page.evaluate(
        """([data, src]) => {
            const one = document.createElement("div");
            one.id = "warning";
            Object.assign(one.dataset, data);
            document.querySelector("main").append(one);
            document.head.append(Object.assign(document.createElement("script"), {src}));
        }""",
        [{"signpost": "", "surface": "search-uk", "key": bench.key, "wait": "10000"}, f"{bench.base}/widget.js"],
    )
    visit.seen()


# --------------------------------------------------------------------------------------------- its integrity


@pytest.mark.parametrize("good", [True, False])
def test_a_numbered_copy_is_held_against_its_hash(bench: Bench, good: bool):
    known = json.loads((FOLDER / "integrity.json").read_text())["1"]
    given = known if good else known[:-6] + "AAAAAA"
    visit = bench.visit(bench.url(head=script(bench.base, "widget.1.js", f'integrity="{given}"')))
    if good:
        visit.seen()
    else:
        assert visit.page.get_by_text("Stop for a moment").is_visible()
        assert visit.state == ""
        assert any("integrity" in told for told in visit.problems)


# ------------------------------------------------------------------------------------ when nothing is in order

GARBAGE = {
    "a page": b"<!doctype html><h1>502 Bad Gateway</h1>",
    "nothing": b"",
    "half of it": b'{"message": {"title": "X", "bo',
    "null": b"null",
    "a list": b"[]",
    "no message": b'{"token": "x", "help": []}',
    "objects": b'{"token": null, "help": [], "message": {"title": {}, "body": "b", "action": "a", "young_people": "y", "locale": "en", "dir": "ltr"}}',
    "no help": b'{"token": null, "message": {"title": "X", "body": "b", "action": "a", "young_people": "y", "locale": "en", "dir": "ltr"}}',
    "a script for help": b'{"token": null, "help": [{"label": "l", "href": "javascript:alert(1)", "young_people": false}], "message": {"title": "X", "body": "b", "action": "a", "young_people": "y", "locale": "en", "dir": "ltr"}}',
    "bytes": bytes(range(256)) * 40,
}


def own_text_stands(bench: Bench, visit: Visit, within: float = 3) -> None:
    """At once, and still when an answer may have come."""
    page = visit.page
    for _ in range(int(within / 0.02)):
        if visit.state == "fallback" and page.get_by_text("Stop for a moment").is_visible():
            break
        time.sleep(0.02)
    assert visit.state == "fallback"
    page.wait_for_timeout(700)
    assert page.get_by_text("Stop for a moment").is_visible()
    assert page.get_by_role("link", name="There is help").is_visible()
    assert page.locator("#warning h2").count() == 0
    assert [one for one in visit.sent if one.endswith(("/v1/exposures", "/v1/outcomes"))] == []
    assert bench.counts("e") == 0
    assert page.locator("html").get_attribute("data-wrong") is None
    assert [told for told in visit.problems if "ERR_" not in told and "Failed to load" not in told] == []


def fallback(bench: Bench, endpoint: str, mode: str = "inline", **options: Any) -> Visit:
    """A page whose script comes from a service in order, and whose answers come from one that is not."""
    policy = STRICT.replace("connect-src {signpost}", f"connect-src {endpoint}")
    return bench.visit(bench.url(policy=policy, endpoint=endpoint, mode=mode, wait="300"), **options)


@pytest.mark.parametrize("mode", ["inline", "dialog"])
def test_the_pages_own_text_stands_when_the_server_is_dead(bench: Bench, mode: str):
    with closed() as nobody:
        own_text_stands(bench, fallback(bench, nobody, mode))


def test_the_pages_own_text_stands_when_the_server_hangs(bench: Bench):
    with silent() as never:
        own_text_stands(bench, fallback(bench, never))


@pytest.mark.parametrize("what", GARBAGE)
def test_the_pages_own_text_stands_when_the_server_answers_garbage(bench: Bench, what: str):
    with served(Talking(GARBAGE[what])) as wild:
        own_text_stands(bench, fallback(bench, wild))


def test_the_pages_own_text_stands_when_the_server_is_broken(bench: Bench):
    with served(Talking(b"Internal Server Error", "text/plain", "500 Internal Server Error")) as broken:
        own_text_stands(bench, fallback(bench, broken))


def test_the_pages_own_text_stands_when_tls_is_broken(bench: Bench, tmp_path: Path):
    with without_trust(tmp_path) as unsigned:
        own_text_stands(bench, fallback(bench, unsigned))


def test_a_late_answer_is_neither_shown_nor_counted(bench: Bench):
    late = Slow(bench.service.app, 1)
    with served(late) as slow:
        visit = fallback(bench, slow)
        own_text_stands(bench, visit)
        visit.page.wait_for_timeout(1500)
        bench.soon(lambda: late.answered == 1, "the answer")
        own_text_stands(bench, visit)
    assert bench.counts("a", "e") == (1, 0), "assigned, and not shown"


def test_a_late_answer_is_late_also_where_fetch_cannot_be_given_up(bench: Bench):
    deaf = "const ask = fetch; window.fetch = (url, {signal, ...given}) => ask(url, given)"
    late = Slow(bench.service.app, 1)
    with served(late) as slow:
        visit = fallback(bench, slow, init=deaf)
        visit.page.wait_for_timeout(600)
        assert visit.page.get_by_text("Stop for a moment").is_visible()
        bench.soon(lambda: late.answered == 1, "the answer")
        own_text_stands(bench, visit)


def test_an_answer_that_a_busy_page_could_not_hear_in_time_is_late(bench: Bench):
    busy = """const ask = fetch; window.fetch = (...given) => {
        const asked = ask(...given), end = performance.now() + 900;
        while (performance.now() < end);
        return asked;
    }"""
    own_text_stands(bench, bench.visit(bench.url(wait="300"), init=busy))


def test_a_fetch_that_never_ends_leaves_the_pages_own_text(bench: Bench):
    visit = bench.visit(bench.url(wait="300"), init="window.fetch = () => new Promise(() => {})")
    visit.page.wait_for_timeout(800)
    assert visit.page.get_by_text("Stop for a moment").is_visible(), "it comes back without the script"
    assert visit.wrong() == []


@pytest.mark.parametrize("kind", ["dead", "hanging", "garbage", "tls"])
def test_the_pages_own_text_stands_when_the_script_does_not_come(bench: Bench, kind: str, tmp_path: Path):
    with ExitStack() as stack:
        base = {
            "dead": lambda: stack.enter_context(closed()),
            "hanging": lambda: stack.enter_context(silent()),
            "garbage": lambda: stack.enter_context(served(Talking(GARBAGE["a page"], "text/html"))),
            "tls": lambda: stack.enter_context(without_trust(tmp_path)),
        }[kind]()
        url = bench.host.page(bench.element(), script(base), base)
        visit = bench.visit(url, wait_until="commit")
        visit.page.get_by_text("Stop for a moment").wait_for(state="visible", timeout=2000)
        visit.page.wait_for_timeout(400)
        assert visit.state == ""
        assert visit.page.locator("html").get_attribute("data-wrong") is None


def test_a_text_that_is_being_read_is_not_exchanged(bench: Bench):
    late = Slow(bench.service.app, 1, "/widget.js")
    with served(late) as slow:
        policy = STRICT.replace("script-src {signpost}", f"script-src {slow}")
        visit = bench.visit(bench.url(head=script(slow), policy=policy, wait="300", endpoint=bench.base))
        own_text_stands(bench, visit)
    assert not any("/v1/" in one for one in visit.sent), "nobody was asked"
    assert bench.counts("a") == 0
