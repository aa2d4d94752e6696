"""Every page, by the rule of its address. A new page without an entry here fails the tests.

One list serves the checks of every page, the screenshots, and docs/pages.md.
"""

from __future__ import annotations

from typing import NamedTuple

FOUR, REPLAY = "/experiments/four-lines-uk", "/experiments/prichard-2021"


class Place(NamedTuple):
    """A page in one of its states: the rule of its address, an address, a name, and who looks ("": nobody signed in)."""

    rule: str
    path: str
    name: str
    who: str = "researcher"
    status: int = 200


PLACES = (
    # what anybody may meet
    Place("/v1/warnings/<surface>", "/v1/warnings/search-uk", "warning", "server"),
    Place("/v1/go/<token>/<resource>/<channel>", "/v1/go/old/stop-it-now-uk/call", "help-after-an-old-link", ""),
    Place("/docs", "/docs", "the-api", ""),
    Place("", "/no-such-page", "no-such-page", status=404),
    # staff
    Place("/", "/", "experiments"),
    Place("/experiments/<key>", FOUR, "result"),
    Place("/experiments/<key>", REPLAY, "result-before-the-first-day"),
    Place("/alerts", "/alerts", "alerts"),
)
NO_PAGES = {
    # what programs read
    "/healthz", "/readyz", "/metrics", "/openapi.json", "/problems", "/problems/<code>", "/static/<path:filename>",
    "/v1/go/<token>/<path:rest>",
}  # fmt: skip
PREFIXES = ("/v1/experiments",)  # resources, for programs
