"""The decision: evidence, proposal, a second pair of eyes, the adopted text as people get it, and the way back."""

from __future__ import annotations

import json
import re
import time
from html import unescape

import pytest

from experiments import desk
from experiments.directory import LIBRARY
from experiments.lifecycle import Actor
from experiments.model import DAY
from tests.http.conftest import DOCUMENT
from tests.result_states import play

PAGE = "/experiments/four-lines/decide"


@pytest.fixture
def people(service):
    """The running experiment, with ann (researcher), bob and cid (approvers), zoe (reader)."""
    for name, role in (("ann", "researcher"), ("bob", "approver"), ("cid", "approver"), ("zoe", "reader")):
        service.person(name, role)
    for number in range(40):
        service.shown(f"session-{number}")
    return service


def held(service):
    return service.runtime.store.documents.experiment("four-lines")


def text_of(answer) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def act(service, name: str, by: str, *, revision: int | None = None, path: str = PAGE, **given):
    seen = held(service).revision if revision is None else revision
    return service.call("POST", path, by=by, data={"act": name, "revision": str(seen), **given})


def done(answer) -> None:
    assert answer.status_code == 303, text_of(answer)


@pytest.fixture
def stopped(people):
    """Stopped from the page, its last day sealed."""
    done(act(people, "stop", "ann", why="enough", sure="yes"))
    people.clock.now += 3 * DAY
    people.runtime.refresh(people.clock())
    return people


def offered(service, by: str) -> set[str]:
    return set(re.findall(r'name="act" value="([a-z-]+)"', service.get(PAGE, by=by).text))


def fallback(service, surface: str = "search-uk") -> tuple[str, str]:
    found = service.ask(surface=surface)
    return found["reason"], found["message"]["title"]


def test_two_people_adopt_a_text_everybody_gets_it_and_one_act_takes_it_back(stopped):
    assert fallback(stopped) == ("not-running", "Fallback UK en")
    done(act(stopped, "propose", "ann", choice="adopt:law", why="It helped most"))
    assert fallback(stopped) == ("not-running", "Fallback UK en"), "a proposal changes nothing"
    page = text_of(stopped.get(PAGE, by="bob"))
    for words in ("Proposed: Adopt a message: “law”", "It helped most", "By ann on", "law en"):
        assert words in page
    done(act(stopped, "confirm", "bob", sure="yes"))
    version = held(stopped).latest
    assert (version.state, version.adopted, version.key) == ("concluded", "law", None)
    assert fallback(stopped) == fallback(stopped, "search-de") == ("adopted", "law en")
    page = text_of(stopped.get(PAGE, by="zoe"))
    for words in ("Decided: Adopt a message: “law”", "Proposed by ann", "Confirmed by bob", "an adopted text"):
        assert words in page
    assert offered(stopped, "zoe") == offered(stopped, "ann") == set()
    done(act(stopped, "unadopt", "cid", why="Callers were frightened"))
    assert fallback(stopped) == ("not-running", "Fallback UK en")
    assert fallback(stopped, "search-de") == ("not-running", "Default en")
    page = text_of(stopped.get(PAGE, by="zoe"))
    assert "cid took the text back" in page
    assert "Callers were frightened" in page
    log = [(entry.act, entry.who) for entry in stopped.runtime.store.documents.log("four-lines")]
    assert log[-4:] == [("stop", "ann"), ("propose", "ann"), ("conclude", "bob"), ("unadopt", "cid")]


def test_undoing_brings_back_what_was_adopted_before(stopped):
    for variant in ("law", "harm"):
        done(act(stopped, "propose", "ann", choice=f"adopt:{variant}", why="It helped most"))
        done(act(stopped, "confirm", "bob", sure="yes"))
        if variant == "law":
            now = int(stopped.clock())
            desk.apply(stopped.runtime, DOCUMENT, Actor("ann", now))
            for name, who in (("submit", "ann"), ("approve", "bob"), ("start", "ann"), ("stop", "ann")):
                desk.act(stopped.runtime, "four-lines", name, Actor(who, now, "x"))
            stopped.clock.now += 3 * DAY
    assert fallback(stopped) == ("adopted", "harm en")
    done(act(stopped, "unadopt", "bob", why="x"))
    assert fallback(stopped) == ("adopted", "law en")
    done(act(stopped, "unadopt", "bob", why="x"))
    assert fallback(stopped) == ("not-running", "Fallback UK en")


def test_the_latest_decision_holds_even_about_a_version_that_was_stopped_earlier(stopped):
    """Another experiment on the surface was stopped later but decided first."""
    other = {**DOCUMENT, "key": "other", "surfaces": ["search-uk"]}
    stopped.run(other)
    stopped.act("stop", "other")
    stopped.clock.now += 3 * DAY
    stopped.act("conclude", "other", adopt="harm")
    assert fallback(stopped) == ("adopted", "harm en")
    stopped.clock.now += DAY
    done(act(stopped, "propose", "ann", choice="adopt:law", why="x"))
    done(act(stopped, "confirm", "bob", sure="yes"))
    assert fallback(stopped) == ("adopted", "law en")


@pytest.mark.parametrize(("choice", "told"), [
    ("keep-control", "Keep the present message"), ("inconclusive", "Inconclusive"), ("stopped-for-harm", "Stopped for harm"),
])  # fmt: skip
def test_the_other_decisions(stopped, choice, told):
    done(act(stopped, "propose", "bob", choice=choice, why="Because"))
    done(act(stopped, "confirm", "cid", sure="yes"))
    assert held(stopped).latest.decision.choice == choice
    assert f"Decided: {told}" in text_of(stopped.get(PAGE, by="zoe"))
    assert fallback(stopped) == ("not-running", "Fallback UK en")


def test_who_is_offered_what(people):
    assert offered(people, "zoe") == set()
    assert offered(people, "ann") == offered(people, "bob") == {"stop"}
    done(act(people, "stop", "ann", why="enough", sure="yes"))
    assert offered(people, "ann") == offered(people, "bob") == {"propose"}
    done(act(people, "propose", "bob", choice="inconclusive", why="x"))
    assert offered(people, "cid") == {"withdraw"}, "before the last day is closed nothing can be confirmed"
    people.clock.now += 3 * DAY
    assert offered(people, "bob") == {"withdraw"}, "not one's own"
    assert offered(people, "cid") == {"confirm", "withdraw"}
    assert offered(people, "ann") == {"withdraw"}
    done(act(people, "withdraw", "ann"))
    assert offered(people, "ann") == {"propose"}


def refused(service, answer, *words: str, status: int = 409) -> None:
    assert answer.status_code == status, text_of(answer)
    assert 'role="alert"' in answer.text
    for word in words:
        assert word.lower() in text_of(answer).lower()
    assert held(service).latest.state == "stopped"


def test_before_the_last_day_is_closed_it_says_when(people):
    done(act(people, "stop", "ann", why="enough", sure="yes"))
    done(act(people, "propose", "ann", choice="inconclusive", why="x"))
    assert "26 Nov 2026, 06:00 UTC" in text_of(people.get(PAGE, by="bob", headers={"Accept-Language": "en-GB"}))
    refused(people, act(people, "confirm", "bob", sure="yes"), "not sealed yet; conclude in 42 hours")
    people.clock.now += 42 * 3600
    done(act(people, "confirm", "bob", sure="yes"))


def test_ones_own_proposal(stopped):
    done(act(stopped, "propose", "bob", choice="adopt:law", why="x"))
    assert "somebody else must confirm it" in text_of(stopped.get(PAGE, by="bob"))
    refused(stopped, act(stopped, "confirm", "bob", sure="yes"), "bob proposed this", "Next: ask another approver")


def test_a_proposal_that_was_exchanged_meanwhile_is_not_confirmed(stopped):
    """Bob has read a proposal to adopt “law”; what he sends must not adopt “harm”."""
    done(act(stopped, "propose", "ann", choice="adopt:law", why="x"))
    seen = held(stopped).revision
    done(act(stopped, "propose", "ann", choice="adopt:harm", why="I meant this one"))
    answer = act(stopped, "confirm", "bob", revision=seen, sure="yes")
    refused(stopped, answer, "was changed meanwhile", "I meant this one")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"why": "x"}, "choose what to decide"), ({"choice": "adopt:law"}, "say why"),
        ({"choice": "adopt:none", "why": "x"}, "name the variant"), ({"choice": "win", "why": "x"}, "there is no decision"),
        ({"choice": "inconclusive:law", "why": "x"}, "only 'adopt' names a variant"),
    ],
)  # fmt: skip
def test_a_proposal_that_is_wrong_comes_back(stopped, given, words):
    answer = act(stopped, "propose", "ann", **given)
    refused(stopped, answer, words, status=422)
    if given.get("choice") == "adopt:law":
        assert re.search(r'value="adopt:law" checked', answer.text)
    assert held(stopped).latest.decision is None


def test_a_confirmation_is_ticked(stopped):
    done(act(stopped, "propose", "ann", choice="inconclusive", why="x"))
    refused(stopped, act(stopped, "confirm", "bob"), "tick the box", status=422)


def test_roles(stopped):
    assert act(stopped, "propose", "zoe", choice="inconclusive", why="x").status_code == 403
    done(act(stopped, "propose", "bob", choice="inconclusive", why="x"))
    assert act(stopped, "confirm", "ann", sure="yes").status_code == 403
    assert act(stopped, "archive", "ann").status_code == 404
    assert held(stopped).latest.state == "stopped"


def test_a_draft_has_nothing_to_decide(empty):
    empty.person("ann", "researcher")
    desk.apply(empty.runtime, DOCUMENT, Actor("ann", int(empty.clock())))
    page = text_of(empty.get(PAGE, by="ann"))
    assert "There is nothing to decide yet" in page
    assert "submits it for approval" in page


def test_looking_at_a_running_one_is_written_down(people):
    people.get(PAGE, by="zoe")
    assert [look["who"] for look in people.get("/v1/experiments/four-lines/results.json").json["looked"]] == ["zoe"]


SIDES = {
    "winner": {"adopt:help": "for", "adopt:law": "against", "keep-control": "against", "inconclusive": "against", "stopped-for-harm": "open"},
    "winner-on-clicks": {"adopt:help": "open", "adopt:law": "against", "keep-control": "against"},
    "no-clear-winner": {"adopt:help": "open", "keep-control": "open", "inconclusive": "open"},
    "blocked": {"adopt:help": "against", "adopt:law": "against", "keep-control": "open"},
    "stopped-for-safety": {"adopt:help": "against", "stopped-for-harm": "for"},
    "practically-equal": {"adopt:help": "for", "keep-control": "for"},
}  # fmt: skip
WORDS = {"for": "the evidence is for it", "against": "the evidence is against it", "open": "does not settle it"}


@pytest.mark.parametrize("state", SIDES)
def test_beside_each_choice_stands_what_the_evidence_says(make_service, state):
    help_, fallback_ = (str(LIBRARY / name) for name in ("help.yml", "fallback.yml"))
    empty = make_service(SIGNPOST_HELP_FILE=help_, SIGNPOST_FALLBACK_FILE=fallback_)
    key = play(empty.runtime, state, int(empty.clock()))
    desk.act(empty.runtime, key, "stop", Actor("cid", int(empty.clock()), "x"))
    page = empty.get(f"/experiments/{key}/decide").text
    for choice, side in SIDES[state].items():
        beside = page.partition(f'value="{choice}"')[2].partition('<div class="choice">')[0]
        assert WORDS[side] in beside, (choice, unescape(re.sub(r"<[^>]+>", " ", beside)))


# ------------------------------------------------------------------------------------- as resources


def test_over_http_as_resources(stopped):
    def send(name: str, by: str, **body):
        return stopped.post(f"/v1/experiments/four-lines/{name}", body, key=None, by=by)

    told = send("conclude", "ann", adopt="law")
    assert (told.status_code, told.json["type"].rpartition("/")[2]) == (409, "own-decision")
    assert send("propose", "ann", choice="adopt", variant="law").json["pointer"] == "/why"
    assert send("propose", "ann", why="x").json["pointer"] == "/choice"
    assert send("propose", "ann", why="x", choice="adopt", variant=["law"]).json["pointer"] == "/variant"
    assert send("confirm", "bob").json["type"].rpartition("/")[2] == "transition-refused"
    assert send("propose", "bob", choice="adopt", variant="law", why="x").status_code == 200
    assert send("confirm", "bob").json["type"].rpartition("/")[2] == "own-decision"
    assert send("confirm", "ann").status_code == 403
    assert send("confirm", "cid").json["versions"][0]["adopted"] == "law"
    assert send("unadopt", "cid", why="x").json["versions"][0]["adopted"] is None


def test_another_process_shows_and_drops_the_adopted_text_within_its_refresh(server, service):
    """Over real HTTP: the server learns of both from the ledger alone."""

    def shown() -> tuple[str, str]:
        body = json.dumps({"surface": "search-uk", "session": "s"}).encode()
        status, _, answer = server.open("/v1/assignments", body, {"Authorization": f"Bearer {server.key}"})
        assert status == 200, answer
        told = json.loads(answer)
        return told["reason"], told["message"]["title"]

    def until(wanted: tuple[str, str]) -> float:
        begin = time.monotonic()
        while shown() != wanted:
            assert time.monotonic() < begin + 10, shown()
            time.sleep(0.1)
        return time.monotonic() - begin

    now = int(service.clock())
    desk.act(service.runtime, "four-lines", "stop", Actor("ann", now - 9 * DAY, "x"))
    desk.act(service.runtime, "four-lines", "propose", Actor("ann", now, "x"), {"choice": "adopt", "variant": "law"})
    until(("not-running", "Fallback UK en"))
    desk.act(service.runtime, "four-lines", "confirm", Actor("bob", now))
    until(("adopted", "law en"))
    desk.act(service.runtime, "four-lines", "unadopt", Actor("bob", now, "x"))
    assert until(("not-running", "Fallback UK en")) < 5
