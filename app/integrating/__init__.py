"""A live integration tried out over HTTP, step by step: a list of checks, each with what was found and what to do.

Everything is done with a forced variant, whose token counts nothing. Where Signpost gives no such token, the steps that
need one are left out: no step ever falls back on a real assignment.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from app.integrating.asking import PATIENCE, Answer, ask
from app.integrating.away import closed, garbage, silent
from experiments.errors import InvalidInput, StoreUnavailable

TRIES = 5
SLACK_MS = 100  # of a machine that has other things to do
CLOCK_SKEW = 60  # seconds; more, and an outcome lies in the future
NOBODY = "signpost-integrate"  # a surface that no key is for
CONTROL = "*"
OUTCOMES: tuple[tuple[str, str | None], ...] = (
    ("help_sought", "call"), ("help_sought", "email"), ("help_sought", "click"), ("help_sought", "chat"),
    ("help_sought", "self_help"), ("proceeded", None), ("left", None), ("complaint", None), ("repeat_trigger", None),
)  # fmt: skip
RENDERINGS = {"page": 200, "text": 200, "json": 200, "matrix-error": 403}
LOOPBACK = ("127.0.0.1", "localhost", "::1")

State = Literal["ok", "miss", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """A step: what was found and, where something is missing, what to do about it."""

    check: str
    state: State
    found: str
    advice: str = ""


class Integration:
    """Where, as whom and for which surface; `budget` in milliseconds."""

    def __init__(self, url: str, key: str, surface: str | None, locale: str, budget: int) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidInput("it must be an http:// or https:// address", pointer="--url")
        if not 1 <= budget <= PATIENCE * 1000:
            raise InvalidInput(f"1 to {PATIENCE * 1000:.0f} milliseconds", pointer="--budget")
        self.url, self.key, self.locale, self.budget = url.rstrip("/"), key, locale, budget
        self.surface = surface or self._own_surface()
        self.given: dict[str, Any] = {}

    def _own_surface(self) -> str:
        """The surface of a key that is for one alone, as a refusal names it."""
        try:
            refused = self._assign(NOBODY)
        except (OSError, ValueError) as error:
            raise StoreUnavailable(f"{self.url} does not answer: {error}") from None
        if refused.status == 401:
            raise InvalidInput(f"Signpost says: {refused.told()}", pointer="--key")
        named = re.search(r"it is for ([\w-]+)$", refused.json().get("detail") or "")
        if not named:
            raise InvalidInput("name one; this key is for more than one surface", pointer="--surface")
        return named[1]

    def _assign(self, surface: str, timeout: float = PATIENCE) -> Answer:
        body = {"surface": surface, "locale": self.locale, "override": CONTROL}
        return ask(f"{self.url}/v1/assignments", body, key=self.key, timeout=timeout)

    # ------------------------------------------------------------------------------------------- steps

    def checks(self) -> Iterator[Check]:
        """Every step, in the order of a visit; what cannot be tried is `skipped`."""
        reached = self._reached()
        yield reached
        if reached.state == "ok":
            try:
                yield from self._visit()
            except (OSError, ValueError) as error:
                yield Check(
                    "the rest of the visit", "miss", f"no answer: {error}", "See whether Signpost was restarted."
                )
        yield from self._cut_off()

    def _visit(self) -> Iterator[Check]:
        yield from self._connection()
        yield self._assignment()
        if self.given:
            yield from self._warning()
        if self.given.get("token"):
            yield from self._reports()
        else:
            yield Check("exposure, outcomes, help links", "skipped", "nothing to try them with")

    def _reached(self) -> Check:
        try:
            answer = ask(f"{self.url}/readyz")
        except (OSError, ValueError) as error:
            return Check("address", "miss", f"no answer: {error}", "Check the address, the port and the firewall.")
        status = answer.json().get("status")
        if answer.status != 200:
            return Check(
                "address", "miss", f"{answer.status} {status or ''}", "Ask who runs Signpost: `signpost doctor`."
            )
        return Check("address", "ok", f"{self.url} answers, {status}")

    def _connection(self) -> Iterator[Check]:
        at = urlsplit(self.url)
        if at.scheme == "https" or at.hostname in LOOPBACK or str(at.hostname).endswith(".onion"):
            yield Check("connection", "ok", at.scheme)
        else:
            yield Check("connection", "miss", "http", "Use https: others on the way read key and tokens.")
        date = ask(f"{self.url}/healthz").headers.get("Date")
        if date is None:
            yield Check("clock", "skipped", "Signpost's answer has no time")
            return
        apart = abs(time.time() - parsedate_to_datetime(date).timestamp())
        found = f"{apart:.0f} s apart"
        late = apart > CLOCK_SKEW
        yield Check("clock", "miss" if late else "ok", found, "Set the clock of this machine (NTP)." if late else "")

    def _assignment(self) -> Check:
        answer = self._assign(self.surface)
        given = answer.json()
        if answer.status != 200:
            return Check("assignment", "miss", answer.told(), "Use a server key (sk_…) for this surface.")
        self.given = given
        if given.get("reason") != "override":
            return Check(
                "assignment", "miss", f"surface '{self.surface}' shows its fallback: {given.get('reason')}",
                "Nothing runs there. Check the surface's name, or have the experiment started.",
            )  # fmt: skip
        if not given.get("token"):
            advice = "This Signpost is older and gives no token to try with: update it."
            return Check("assignment", "miss", "no token for a forced variant", advice)
        return Check("assignment", "ok", f"experiment '{given['experiment']}', variant '{given['variant']}', forced")

    def _warning(self) -> Iterator[Check]:
        message, ways = self.given["message"], self.given["help"]
        empty = [name for name in ("title", "body", "action", "dir", "young_people") if not message.get(name)]
        adults = [way for way in ways if not way["young_people"]]
        if empty or not adults:
            found = f"without {', '.join([*empty, *([] if adults else ['help'])])}"
            yield Check("message", "miss", found, "Show title, body, action, help and the line for young people.")
        else:
            yield Check("message", "ok", f"in '{message['locale']}' ({message['dir']}), {len(ways)} ways to help")
        yield self._in_time()
        for name, status in RENDERINGS.items():
            yield self._rendering(name, status)

    def _in_time(self) -> Check:
        took = [self._assign(self.surface).took for _ in range(TRIES)]
        found = f"slowest of {TRIES}: {max(took):.0f} ms of {self.budget}"
        if max(took) <= self.budget:
            return Check("in time", "ok", found)
        return Check("in time", "miss", found, "Keep connections open, or place the two nearer: the fallback is shown.")

    def _rendering(self, name: str, status: int) -> Check:
        answer = ask(
            f"{self.url}/v1/warnings/{quote(self.surface)}?as={name}&override={CONTROL}&locale={quote(self.locale)}",
            key=self.key,
        )
        shown = self.given["message"]["title"] in html.unescape(answer.json().get("error") or answer.text)
        if answer.status == status and (shown or name == "json"):
            return Check(f"rendering {name}", "ok", f"{answer.status}, {len(answer.text)} characters")
        return Check(f"rendering {name}", "miss", answer.told(), "Not needed if you show the reply's fields yourself.")

    def _reports(self) -> Iterator[Check]:
        yield self._report("exposure", "/v1/exposures", {})
        for outcome, channel in OUTCOMES:
            body = {"outcome": outcome} | ({"channel": channel} if channel else {})
            yield self._report(f"outcome {outcome}{f' by {channel}' if channel else ''}", "/v1/outcomes", body)
        yield self._from_a_browser()
        for way in self.given["help"]:
            yield self._link(way)

    def _report(self, name: str, path: str, body: dict[str, Any]) -> Check:
        answer = ask(self.url + path, {"token": self.given["token"], **body}, key=self.key)
        if answer.json().get("receipt") == "uncounted":
            return Check(name, "ok", "taken, and counted nowhere")
        if str(answer.json().get("type")).endswith("/outcome-needs-session"):
            return Check(name, "skipped", "units of this experiment are no sessions")
        return Check(name, "miss", answer.told(), "Send the token as it was given, in the body, with this server key.")

    def _from_a_browser(self) -> Check:
        answer = ask(f"{self.url}/v1/outcomes", {"token": self.given["token"], "outcome": "left"})
        if (answer.status, answer.json()) == (202, {}) and answer.headers.get("Access-Control-Allow-Origin") == "*":
            return Check("report from a browser", "ok", "202 to any origin, without a key")
        return Check("report from a browser", "miss", answer.told(), "A proxy must let /v1/ through with its headers.")

    def _link(self, way: dict[str, Any]) -> Check:
        name = f"help {way['resource']} by {way['channel']}"
        answer = ask(way["href"])
        where = answer.headers.get("Location") or ""
        if answer.status == 302 and where.startswith("https:"):
            return Check(name, "ok", f"leads to {where}")
        if answer.status == 200 and way["display"] in html.unescape(answer.text):
            return Check(name, "ok", f"shows {way['display']}")
        return Check(name, "miss", answer.told()[:120], "Set SIGNPOST_PUBLIC_URL to the address that people reach.")

    # -------------------------------------------------------------------------------- the cut connection

    def _cut_off(self) -> Iterator[Check]:
        """What your pages meet when we are away: the warning is due, and no answer comes."""
        yield self._refused()
        for name, away in (("closed", closed), ("silent", silent), ("garbage", garbage)):
            with away() as base:
                yield self._away(name, base)

    def _refused(self) -> Check:
        """A fault in the request still carries the approved text: the one for your own copy."""
        try:
            answer = ask(f"{self.url}/v1/assignments", {"surface": self.surface, "locale": self.locale})
        except (OSError, ValueError):
            return Check("fallback text", "skipped", "Signpost does not answer")
        message = answer.json().get("message") or {}
        if answer.status == 401 and message.get("title"):
            return Check("fallback text", "ok", f"your own copy begins: {message['title']}")
        return Check("fallback text", "miss", answer.told(), "A proxy replaces our answers: let 4xx and 5xx through.")

    def _away(self, name: str, base: str) -> Check:
        begun, told = time.perf_counter(), ""
        try:
            answer = ask(f"{base}/v1/assignments", {"surface": self.surface}, timeout=self.budget / 1000)
            told = "" if "message" not in answer.json() else "an answer"
        except (OSError, ValueError):
            pass
        took = 1000 * (time.perf_counter() - begun)
        found = f"your own copy's turn after {took:.0f} ms of {self.budget}"
        if told or took > self.budget + SLACK_MS:
            advice = "Something on this machine (a proxy?) answers or holds on: ask without it."
            return Check(f"cut off, {name}", "miss", told or found, advice)
        return Check(f"cut off, {name}", "ok", found)
