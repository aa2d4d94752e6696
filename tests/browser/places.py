"""Every page, by the rule of its address. A new page without an entry here fails the tests.

One list serves the checks of every page, the screenshots, and docs/pages.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from playwright.sync_api import Page

FOUR, REPLAY = "/experiments/four-lines-uk", "/experiments/prichard-2021"


Role = Literal["link", "button"]


def wrong_password(page: Page) -> None:
    """Sign in as nobody."""
    page.get_by_label("Your name here").fill("nobody")
    page.get_by_label("Password").fill("not the password")
    click("button", "Sign in")(page)


def a_name_twice(page: Page) -> None:
    """Invite somebody who is there already."""
    page.get_by_label("Name").fill("demo researcher")
    click("button", "Make the account")(page)


def wrong_file(page: Page) -> None:
    """Take in a file that is no experiment's."""
    page.get_by_label("Text of the file").fill("schema: 1\nkey: Wrong Key\n")
    click("button", "Check it")(page)


def wrong_form(page: Page) -> None:
    """Save the example with a title too short to be one, and without weights."""
    page.locator("#title").fill("")
    click("button", "Save")(page)


def click(role: Role, name: str) -> Callable[[Page], None]:
    """Click on something of the page, and wait for what comes."""

    def then(page: Page) -> None:
        page.locator("main").get_by_role(role, name=name).first.click()
        page.wait_for_load_state()

    return then


class Place(NamedTuple):
    """A page in one of its states: the rule of its address, an address, a name, and who looks.

    who     researcher or approver: one of the demo's people; server: by a key of its own; empty: nobody signed in
    then    what is done on the page at the address to get to the state
    """

    rule: str
    path: str
    name: str
    who: str = "researcher"
    status: int = 200
    then: Callable[[Page], None] | None = None


PLACES = (
    # what anybody may meet
    Place("/v1/warnings/<surface>", "/v1/warnings/search-uk", "warning", "server"),
    Place("/v1/go/<token>/<resource>/<channel>", "/v1/go/old/stop-it-now-uk/call", "help-after-an-old-link", ""),
    Place("/docs", "/docs", "the-api", ""),
    # signing in
    Place("/sign-in", "/sign-in", "sign-in", ""),
    Place("/sign-in", "/sign-in", "sign-in-refused", "", then=wrong_password),
    Place("/sign-in/link/<token>", "/sign-in/link/used", "sign-in-by-a-used-link", "", 403),
    Place("/account", "/account", "account"),
    Place("/people", "/people", "people", "approver"),
    Place("/people/new", "/people/new", "people-new", "approver"),
    Place("/people/new", "/people/new", "people-new-with-an-error", "approver", then=a_name_twice),
    Place("/people/<account_id>", "/people", "person", "approver", then=click("link", "demo researcher")),
    # everybody of staff
    Place("/", "/", "experiments"),
    Place("/", "/?state=archived", "experiments-none-of-a-state"),
    Place("/experiments/<key>", FOUR, "result"),
    Place("/experiments/<key>", REPLAY, "result-before-the-first-day"),
    Place("/experiments/<key>/technical", f"{FOUR}/technical", "result-for-researchers"),
    Place("/experiments/<key>/plan", f"{FOUR}/plan", "plan"),
    Place("/experiments/<key>/plan", f"{FOUR}/plan", "plan-of-an-approver", "approver"),
    Place("/experiments/<key>/diff", f"{FOUR}/diff", "diff"),
    Place("/experiments/<key>/decide", f"{FOUR}/decide", "decide"),
    Place("/experiments/<key>/protocol", f"{FOUR}/protocol", "protocol"),
    Place("/experiments/<key>/publication", f"{FOUR}/publication", "publication"),
    Place("/audit", "/audit", "audit-log", "approver"),
    Place("/alerts", "/alerts", "alerts", "approver"),
    # at other moments of a life
    Place("/experiments/<key>/plan", "/experiments/a-draft/plan", "plan-of-a-draft"),
    Place("/experiments/<key>/edit", "/experiments/a-draft/edit", "experiment-edit"),
    Place("/experiments/<key>", "/experiments/a-draft", "result-of-a-draft"),
    Place("/experiments/<key>/plan", "/experiments/in-review/plan", "plan-in-review", "approver"),
    Place("/experiments/<key>", "/experiments/suspended", "result-while-suspended"),
    Place("/experiments/<key>/plan", "/experiments/suspended/plan", "plan-while-suspended", "approver"),
    Place("/experiments/<key>/decide", "/experiments/stopped/decide", "decide-when-stopped"),
    # researchers
    Place("/experiments/new", "/experiments/new", "experiment-new"),
    Place("/experiments/new", "/experiments/new?template=four-lines", "experiment-form"),
    Place("/experiments/new", "/experiments/new?template=empty", "experiment-form-with-errors", then=wrong_form),
    Place("/experiments/import", "/experiments/import", "experiment-import"),
    Place("/experiments/import", "/experiments/import", "experiment-import-refused", then=wrong_file),
    Place("/experiments/<key>/edit", f"{FOUR}/edit", "experiment-edit-blocked"),
    Place("/experiments/<key>/duplicate", f"{FOUR}/duplicate", "experiment-duplicate"),
    # what did not work
    Place("", "/no-such-page", "no-such-page", status=404),
    Place("", "/people", "not-open-to-you", status=403),
)
NO_PAGES = {
    # what programs read
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/problems", "/problems/<code>", "/static/<path:filename>",
    "/v1/go/<path:rest>", "/widget.js", "/widget.<int:number>.js", "/experiments/<key>/definition.json", "/experiments/<key>/definition.yml", "/experiments/<key>/protocol.json", "/experiments/<key>/protocol.md",
    # on the way to the organisation's provider and back
    "/sign-in/oidc", "/sign-in/oidc/return",
}  # fmt: skip
PREFIXES = ("/v1/experiments",)  # resources, for programs
