"""A trial from its first form to its publication, in a real browser, over HTTP, by two people; and by keyboard alone.

The clock is moved by hand, as days have to be sealed before anything can be decided.
"""

from __future__ import annotations

import io
import json
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from app import create_app
from app.settings import Settings
from experiments import accounts, desk
from experiments.lifecycle import Actor
from experiments.model import DAY, HOUR
from experiments.store import Store
from tests.conftest import NOON

SURFACE, KEY = "search-uk", "four-lines-uk"


@dataclass
class House:
    """A served application whose clock stands where it was put."""

    base: str
    app: Flask
    clock: list[float] = field(default_factory=lambda: [float(NOON)])

    @property
    def runtime(self):
        return self.app.extensions["signpost"].runtime

    @property
    def now(self) -> int:
        return int(self.clock[0])

    def later(self, seconds: float) -> None:
        self.clock[0] += seconds
        self.runtime.refresh(self.clock[0])

    def link(self, name: str, *roles: str) -> str:
        """A one-time link for somebody, who is invited if need be."""
        store, actor = self.runtime.store, Actor("tests", self.now)
        known = {one.name: one for one in accounts.everyone(store)}
        account = known.get(name) or accounts.create(store, name, roles, actor)
        return f"{self.base}/sign-in/link/{accounts.new_link(store, account, actor)}"

    def post(self, path: str, key: str, **body: object) -> dict:
        asked = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"Authorization": f"Bearer {key}"}, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.loads(answer.read())


@pytest.fixture
def house(store: Store, tmp_path: Path) -> Iterator[House]:
    clock = [float(NOON)]
    settings = Settings.read({"SIGNPOST_VAR": str(tmp_path)})
    app = create_app(settings, store=store, clock=lambda: clock[0])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield House(f"http://127.0.0.1:{server.server_port}", app, clock)
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Hand:
    """How somebody uses a page: with the mouse, or by keyboard alone."""

    page: Page
    house: House
    by_keyboard: bool = False
    seen: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.house.base + path)

    def press(self, name: str, role: str = "button") -> None:
        """Press a button, or follow a link."""
        found = self.page.get_by_role(role, name=name, exact=False).first  # type: ignore[arg-type]
        if not self.by_keyboard:
            found.click()
            return
        self._enter(found)

    def open(self, act: str) -> None:
        """Open the form of an act, unless it is open."""
        form = self.page.locator(f"#act-{act}")
        if form.evaluate("one => one.tagName === 'DETAILS' && !one.open"):
            summary = form.locator("summary").first
            if self.by_keyboard:
                self._reach(summary)
                self.page.keyboard.press("Enter")
            else:
                summary.click()

    def tick(self, selector: str) -> None:
        found = self.page.locator(selector).first
        if not self.by_keyboard:
            found.check()
        elif found.get_attribute("type") == "radio":
            self._choose(found)
        else:
            self._reach(found)
            self.page.keyboard.press("Space")
        expect(found).to_be_checked()

    def write(self, selector: str, text: str) -> None:
        found = self.page.locator(selector).first
        if self.by_keyboard:
            self._reach(found)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)
        else:
            found.fill(text)

    def act(self, act: str, *, why: str = "", sure: bool = False, ticks: tuple[str, ...] = ()) -> None:
        """Do one of the acts of an experiment's life, on the page that is open."""
        self.open(act)
        for one in ticks:
            self.tick(one)
        if why:
            self.write(f"#why-{act}", why)
        if sure:
            self.tick(f"#sure-{act}")
        button = self.page.locator(f"#act-{act} form button, form#act-{act} button").last
        if self.by_keyboard:
            self._enter(button)
        else:
            button.click()
            self.page.wait_for_load_state()

    def _choose(self, found) -> None:
        """Tab leads to a group of radio buttons, arrow keys lead through it."""
        self._reach(self.page.locator(f"input[name={found.get_attribute('name')}]").first)
        self.page.keyboard.press("Space")
        while not found.is_checked():
            self.page.keyboard.press("ArrowDown")

    def _enter(self, found) -> None:
        """Press Enter on what leads to another page."""
        self._reach(found)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def _reach(self, found) -> None:
        """Move on with the Tab key until it has the focus, as somebody without a mouse does."""
        found.wait_for(state="visible")
        for _ in range(400):
            if found.evaluate("one => document.activeElement === one"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not lead to {found}")


@pytest.fixture
def hand(browser: Browser, house: House) -> Iterator[Callable[..., Hand]]:
    """A factory of people at their browsers: signed in by a link of their own."""
    contexts = []

    def make(name: str, *roles: str, by_keyboard: bool = False, **options: object) -> Hand:
        context = browser.new_context(storage_state=None, **options)  # type: ignore[arg-type]
        contexts.append(context)
        found = Hand(context.new_page(), house, by_keyboard)
        found.page.on("console", lambda told: found.seen.append(told.text) if told.type == "error" else None)
        found.page.on("pageerror", lambda error: found.seen.append(str(error)))
        context.on(
            "request",
            lambda asked: None if asked.url.startswith((house.base, "data:")) else found.seen.append(asked.url),
        )
        sign_in(found, name, *roles)
        return found

    yield make
    for context in contexts:
        context.close()


def sign_in(found: Hand, name: str, *roles: str) -> None:
    found.page.goto(found.house.link(name, *roles))
    found.press(f"Sign in as {name}")
    expect(found.page.locator("header")).to_contain_text(name)


def traffic(house: House) -> None:
    """People are shown the messages and some seek help, over HTTP."""
    at = house.now
    _, key = desk.create_key(
        house.runtime, kind="server", partner="ours", surfaces=(SURFACE,), origins=(), now=at
    )  # fmt: skip
    house.runtime.refresh(at)
    numbers: dict[str, int] = {}
    for number in range(700):
        told = house.post("/v1/assignments", key, surface=SURFACE, session=f"s{number}", expose=True)
        assert told["receipt"] == "recorded", told
        numbers[told["variant"]] = numbers.get(told["variant"], 0) + 1
        if numbers[told["variant"]] % (4 if told["variant"] == "help" else 9) == 0:
            house.post("/v1/outcomes", key, token=told["token"], outcome="help_sought", channel="call")
    assert len(numbers) == 5, numbers


def live(house: House, hand: Callable[..., Hand], **options: object) -> tuple[Hand, Hand]:
    """The whole life; returns the two people."""
    ann = hand("Ann", "researcher", **options)
    # ---- create and submit
    ann.go("/experiments/new")
    ann.press("Begin with this example", role="link")
    ann.write("#title", "Which of the four lines helps most?")
    ann.write("#key", KEY)
    ann.press("Save draft")
    expect(ann.page.locator("main")).to_contain_text("Saved as a draft of version 1")
    ann.go(f"/experiments/{KEY}/plan")
    ann.act("submit")
    expect(ann.page.locator("main")).to_contain_text("It waits for approval now")
    assert ann.page.locator("#act-approve").count() == 0, "whoever asked cannot approve"
    # ---- approve by another, and start
    bob = hand("Bob", "approver", **options)
    bob.go(f"/experiments/{KEY}/plan")
    bob.open("approve")
    boxes = bob.page.locator("input[name=locales]")
    for index in range(boxes.count()):
        bob.tick(f"#{boxes.nth(index).get_attribute('id')}")
    bob.press("Approve the ticked languages")
    expect(bob.page.locator("main")).to_contain_text("Your approval is noted")
    bob.act("start", sure=True)
    expect(bob.page.locator("main")).to_contain_text("It runs")
    bob.go(f"/experiments/{KEY}/protocol")
    expect(bob.page.locator("main")).to_contain_text("Which of the four lines helps most?")
    # ---- traffic over HTTP, and the result
    house.later(60)
    traffic(house)
    ann.go(f"/experiments/{KEY}")
    expect(ann.page.locator("h1")).to_contain_text("Which of the four lines helps most?")
    house.later(3 * DAY)
    sign_in(ann, "Ann")
    ann.go(f"/experiments/{KEY}")
    expect(ann.page.locator("main")).to_contain_text("Present message", ignore_case=True)
    assert ann.page.locator("main svg").count() > 0, "there are pictures"
    # ---- stop, propose, confirm by another
    ann.go(f"/experiments/{KEY}/decide")
    ann.act("stop", why="The planned time is over.", sure=True)
    house.later(4 * DAY)
    sign_in(ann, "Ann")
    ann.go(f"/experiments/{KEY}/decide")
    ann.tick("input[name=choice][value='adopt:help']")
    ann.act("propose", why="It helped most, and nothing got worse.")
    expect(ann.page.locator("main")).to_contain_text("waits for a second pair of eyes")
    sign_in(bob, "Bob")
    bob.go(f"/experiments/{KEY}/decide")
    bob.act("confirm", sure=True)
    expect(bob.page.locator("main")).to_contain_text("Decided")
    return ann, bob


def adopted(house: House) -> str:
    """The reason that a request for a warning is told."""
    house.later(HOUR)
    _, key = desk.create_key(
        house.runtime, kind="server", partner="ours", surfaces=(SURFACE,), origins=(), now=house.now
    )  # fmt: skip
    house.runtime.refresh(house.now)
    return str(house.post("/v1/assignments", key, surface=SURFACE, session="later", expose=True)["reason"])


@pytest.mark.slow
def test_a_trial_from_its_form_to_its_publication(house, hand):
    ann, bob = live(house, hand)
    assert adopted(house) == "adopted"
    # ---- publish
    sign_in(ann, "Ann")
    ann.go(f"/experiments/{KEY}/publication")
    with ann.page.expect_download() as download:
        ann.press("Download the publication pack")
    pack = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    names = {Path(name).name for name in pack.namelist()}
    assert {"report.html", "counts.csv", "recompute.py", "protocol.md", "deviations.csv"} <= names
    # ---- undo
    sign_in(bob, "Bob")
    bob.go(f"/experiments/{KEY}/decide")
    bob.act("unadopt", why="A better one is coming.")
    assert adopted(house) != "adopted"
    assert (ann.seen, bob.seen) == ([], []), "errors on the console, or requests to other hosts"


@pytest.mark.slow
def test_the_same_by_keyboard_alone(house, hand):
    ann, bob = live(house, hand, by_keyboard=True)
    assert (ann.seen, bob.seen) == ([], [])
    assert adopted(house) == "adopted"


@pytest.mark.slow
def test_the_same_on_a_phone_without_scripts(house, hand):
    options = {"java_script_enabled": False, "viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
    ann, bob = live(house, hand, **options)
    assert (ann.seen, bob.seen) == ([], [])
    assert adopted(house) == "adopted"
