"""The pages of an experiment's life: list, plan with every act, versions side by side, export, import, copy."""

from __future__ import annotations

import copy
import io
import json
import re
from html import unescape

import pytest

from experiments import desk, spec
from experiments.lifecycle import Actor
from experiments.model import DAY
from experiments.reading import load_json, load_yaml
from experiments.writing import dump_yaml
from tests.http.conftest import DOCUMENT

PLAN = "/experiments/four-lines/plan"


@pytest.fixture
def draft(empty):
    """A service with a draft of ann's, and people: ann (researcher), bob and cid (approvers), zoe (reader)."""
    for name, role in (("ann", "researcher"), ("bob", "approver"), ("cid", "approver"), ("zoe", "reader")):
        empty.person(name, role)
    desk.apply(empty.runtime, DOCUMENT, Actor("ann", int(empty.clock())))
    return empty


def experiment(service, key="four-lines"):
    return service.runtime.store.documents.experiment(key)


def text_of(answer) -> str:
    """The words of the page's main part, as a reader gets them."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def act(service, name: str, by: str, *, path: str = PLAN, revision: int | None = None, **given):
    held = experiment(service, path.split("/")[2]).revision
    sent = {"act": name, "revision": str(held if revision is None else revision), **given}
    return service.call("POST", path, by=by, data=sent)


def done(answer, name: str) -> None:
    assert answer.status_code == 303, text_of(answer)
    assert answer.headers["Location"].endswith(f"/plan?done={name}")


def running(service):
    for name, by, given in (
        ("submit", "ann", {}),
        ("approve", "bob", {"locales": ["en", "de"]}),
        ("start", "ann", {"sure": "yes"}),
    ):
        done(act(service, name, by, **given), name)
    return service


# --------------------------------------------------------------------------------------------- acts


def test_a_whole_life_by_forms(draft):
    service = running(draft)
    done(act(service, "set-traffic", "ann", traffic="12.5", why="fewer at first"), "set-traffic")
    assert experiment(service).latest.phase.traffic == 1250
    done(act(service, "close-arm", "ann", variant="harm", why="complaints", sure="yes"), "close-arm")
    done(act(service, "suspend", "zoe"), "suspend")
    done(act(service, "resume", "bob", why="it was a false alarm"), "resume")
    done(act(service, "stop", "ann", why="planned size reached", sure="yes"), "stop")
    log = service.runtime.store.documents.log("four-lines")
    assert [(entry.act, entry.who, entry.why) for entry in log[1:]] == [
        ("submit", "ann", None), ("approve", "bob", None), ("start", "ann", None),
        ("set-traffic", "ann", "fewer at first"), ("close-arm", "ann", "complaints"), ("suspend", "zoe", None),
        ("resume", "bob", "it was a false alarm"), ("stop", "ann", "planned size reached"),
    ]  # fmt: skip
    told = text_of(service.get(PLAN, by="zoe"))
    for words in ("12.5 %", "complaints", "it was a false alarm", "message: harm"):
        assert words in told
    assert "Done. It runs." in text_of(service.get(f"{PLAN}?done=start"))


def test_weights_in_per_cent_where_the_plan_allows_it(draft):
    document = {**copy.deepcopy(DOCUMENT), "plan": {**DOCUMENT["plan"], "allocation": "drop-losers"}}
    desk.apply(draft.runtime, document, Actor("ann", int(draft.clock())))
    service = running(draft)
    given = {"weight-present": "50", "weight-law": "25.5", "weight-harm": "24,5", "why": "as the board wished"}
    wrong = act(service, "set-weights", "ann", **{**given, "weight-harm": "24"})
    assert wrong.status_code == 422
    assert "sum to 10000" in text_of(wrong)
    assert 'value="25.5"' in wrong.text, "what was entered comes back"
    done(act(service, "set-weights", "ann", **given), "set-weights")
    assert experiment(service).latest.phase.weights == (5000, 2550, 2450)
    again = act(service, "set-weights", "ann", **given)
    assert again.status_code == 409
    assert "at most once a day" in text_of(again)


def test_only_what_is_possible_is_offered_and_the_rest_says_why(draft):
    def offered(by: str) -> set[str]:
        return set(re.findall(r'name="act" value="([a-z-]+)"', draft.get(PLAN, by=by).text))

    assert offered("ann") == {"submit"}
    assert offered("bob") == offered("zoe") == set()
    assert "Only for the role researcher." in text_of(draft.get(PLAN, by="bob"))
    act(draft, "submit", "ann")
    assert offered("ann") == {"reject"}
    assert offered("bob") == {"reject", "approve"}
    for name, by in (("approve", "bob"), ("start", "ann")):
        act(draft, name, by, locales=["en", "de"], sure="yes")
    assert offered("zoe") == {"suspend"}
    assert offered("ann") == {"suspend", "set-traffic", "close-arm", "stop"}
    assert "allocation: equal" in text_of(draft.get(PLAN, by="ann")), "why the shares cannot be set"


def test_where_it_is_and_who_is_waited_for(draft):
    act(draft, "submit", "ann")
    page = draft.get(PLAN, by="bob")
    assert re.search(r'aria-current="step"[^>]*>in review', page.text)
    assert "somebody other than ann" in text_of(page)
    assert "your turn" in text_of(page)
    assert "your turn" not in text_of(draft.get(PLAN, by="ann"))


def test_approval_language_by_language(draft):
    act(draft, "submit", "ann")
    none = act(draft, "approve", "bob")
    assert none.status_code == 422
    assert "at least one locale" in text_of(none)
    done(act(draft, "approve", "bob", locales=["de"]), "approve")
    assert experiment(draft).latest.state == "in_review"
    page = text_of(draft.get(PLAN, by="cid"))
    assert "bob on" in page
    assert "1 person" in page
    assert "present en" in page, "the texts to be approved stand there"
    done(act(draft, "approve", "cid", locales=["en"]), "approve")
    assert experiment(draft).latest.state == "approved"


def test_without_a_warning_two_approvers(draft):
    ethics = {"committee": "C", "reference": "R-1", "expires": "2027-12-31", "control": "no warning", "reason": "so"}
    desk.apply(draft.runtime, {**DOCUMENT, "ethics": ethics}, Actor("ann", int(draft.clock())))
    act(draft, "submit", "ann")
    done(act(draft, "approve", "bob", locales=["en", "de"]), "approve")
    assert "one more approver" in text_of(draft.get(PLAN, by="cid"))
    early = act(draft, "start", "ann", sure="yes")
    assert early.status_code == 409
    assert "need a second person" in text_of(early)
    done(act(draft, "approve", "cid", locales=["en", "de"]), "approve")
    done(act(draft, "start", "ann", sure="yes"), "start")


# ------------------------------------------------------------------------------------------ refusals


def refused(answer, *words: str, status: int = 409) -> None:
    assert answer.status_code == status, text_of(answer)
    assert 'role="alert"' in answer.text
    told = text_of(answer).lower()
    for word in words:
        assert word.lower() in told


def test_ones_own_approval_is_refused_with_the_next_step_and_nothing_is_lost(draft):
    draft.person("eva", "researcher", "approver")
    act(draft, "submit", "eva")
    answer = act(draft, "approve", "eva", locales=["en"], why="I read <them> twice")
    refused(answer, "eva asked for the approval", "Next: ask an approver")
    assert "I read &lt;them&gt; twice" in answer.text
    assert re.search(r'value="en" checked', answer.text)
    assert experiment(draft).latest.state == "in_review"


def test_a_start_without_approval_says_what_is_missing(draft):
    refused(act(draft, "start", "ann", sure="yes"), "it must be approved")
    act(draft, "submit", "ann")
    refused(act(draft, "start", "ann", sure="yes"), "are not approved", "Next:")


def test_an_approval_that_is_too_old(draft):
    act(draft, "submit", "ann")
    act(draft, "approve", "bob", locales=["en", "de"])
    draft.clock.now += 91 * DAY
    refused(act(draft, "start", "ann", sure="yes"), "older than 90 days", "Next:")
    assert "is too old" in text_of(draft.get(PLAN, by="bob"))


def test_ethics_that_have_expired(draft):
    ethics = {"committee": "C", "reference": "R-1", "expires": "2026-11-23"}
    desk.apply(draft.runtime, {**DOCUMENT, "ethics": ethics}, Actor("ann", int(draft.clock())))
    refused(act(draft, "submit", "ann"), "R-1 expired on 2026-11-23", "Next: renew it")


def test_a_surface_that_is_taken(draft):
    draft.run({**DOCUMENT, "key": "first-come", "surfaces": ["search-uk"]})
    act(draft, "submit", "ann")
    act(draft, "approve", "bob", locales=["en", "de"])
    refused(act(draft, "start", "ann", sure="yes"), "already shows experiment 'first-come'", "stop that one first")


def test_an_experiment_that_runs_takes_no_edit_of_its_texts(draft):
    running(draft)
    refused(act(draft, "submit", "ann"), "version 1 is running")


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("set-traffic", {"traffic": "12.5"}, "say why"), ("set-traffic", {"traffic": "120", "why": "x"}, "0 to 100"),
        ("set-traffic", {"traffic": "a few", "why": "x"}, "0 to 100"), ("set-traffic", {"why": "x"}, "0 to 100"),
        ("set-traffic", {"traffic": "12.345", "why": "x"}, "such as 25 or 12.5"),
        ("set-traffic", {"traffic": "nan", "why": "x"}, "0 to 100"),
        ("close-arm", {"variant": "harm", "why": "x"}, "tick the box"),
        ("close-arm", {"variant": "none", "why": "x", "sure": "yes"}, "there is no variant"),
        ("stop", {"why": "x"}, "tick the box"), ("stop", {"sure": "yes"}, "say why"),
        ("stop", {"why": "x" * 2001, "sure": "yes"}, "2000 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_what_was_entered_comes_back(draft, name, given, words):
    before = experiment(running(draft))
    answer = act(draft, name, "ann", **given)
    refused(answer, words, status=422)
    target = re.search(r'<a href="#([^"]+)"', answer.text.partition('id="errors"')[2])[1]
    assert f'id="{target}"' in answer.text, "the summary leads to the field"
    for value in given.values():
        assert value in answer.text
    assert experiment(draft) == before


def test_a_stale_form_does_nothing_and_says_what_changed(draft):
    act(draft, "submit", "ann")
    seen = experiment(draft).revision
    act(draft, "reject", "cid", why="The second text threatens")
    answer = act(draft, "approve", "bob", revision=seen, locales=["en", "de"], why="fine")
    refused(answer, "nothing was done", "cid, Send back", "The second text threatens")
    assert experiment(draft).latest.state == "draft"
    assert experiment(draft).latest.approvals == ()


@pytest.mark.parametrize("revision", ["", "x", "-1", "99999999999"])
def test_a_form_without_its_revision_does_nothing(draft, revision):
    answer = act(draft, "submit", "ann", revision=revision)
    refused(answer, "load the page again", status=422)


def test_a_role_that_one_does_not_have(draft):
    assert act(draft, "submit", "zoe").status_code == 403
    assert act(draft, "approve", "ann", locales=["en"]).status_code == 403
    assert act(draft, "nonsense", "ann").status_code == 404
    assert experiment(draft).latest.state == "draft"


def test_nobody_and_strangers_see_nothing(draft):
    draft.person("far", "researcher", "approver", experiments=["other"])
    for path in (PLAN, f"{PLAN[:-5]}/diff", f"{PLAN[:-5]}/duplicate", f"{PLAN[:-5]}/definition.yml"):
        assert draft.get(path, by="far").status_code == 404
        assert draft.get(path, by=None).status_code in (302, 303)
    assert "four lines" not in draft.get("/", by="far").text


# ---------------------------------------------------------------------------------------------- list


def test_the_empty_list_tells_each_what_to_do(empty):
    empty.person("ann", "researcher")
    empty.person("zoe", "reader")
    assert 'href="/experiments/new"' in empty.get("/", by="ann").text
    told = text_of(empty.get("/", by="zoe"))
    assert "As soon as a researcher has begun one" in told
    assert "Import" not in told


def test_the_list_says_where_each_stands_and_filters_without_scripts(draft):
    draft.run({**DOCUMENT, "key": "runs", "title": "It runs here", "surfaces": ["elsewhere"]})
    draft.clock.now += 3 * DAY
    told = text_of(draft.get("/", by="ann"))
    for words in ("Which line makes people seek help?", "your turn", "a researcher submits it", "search-uk, search-de",
                  "It runs here", "0 of 1,000 planned people", "All (2)", "Running (1)", "Draft (1)"):  # fmt: skip
        assert words in told, told
    only = text_of(draft.get("/?state=running", by="ann"))
    assert "It runs here" in only
    assert "Which line" not in only
    assert "None is in this state" in text_of(draft.get("/?state=archived", by="ann"))
    assert draft.get("/?state=nonsense&version=x").status_code == 200


def test_the_list_names_what_is_suspended_first_and_a_newer_version(draft):
    running(draft)
    act(draft, "suspend", "zoe")
    draft.run({**DOCUMENT, "key": "another", "surfaces": ["elsewhere"]})
    desk.apply(draft.runtime, {**DOCUMENT, "title": "Newer"}, Actor("ann", int(draft.clock())))
    page = draft.get("/", by="zoe").text
    assert page.index('id="four-lines"') < page.index('id="another"')
    assert "Version 2 (draft)" in page


# ---------------------------------------------------------------------------------------------- diff


def test_two_versions_side_by_side(draft):
    running(draft)
    newer = copy.deepcopy(DOCUMENT)
    newer["variants"][1]["messages"]["en"]["body"] = "en one today\n\nen two"
    newer["variants"][1]["weight"], newer["variants"][2]["weight"] = 2500, 2500
    newer["plan"]["alpha"] = 0.01
    desk.apply(draft.runtime, newer, Actor("ann", int(draft.clock())))
    page = draft.get("/experiments/four-lines/diff?from=1&to=2", by="zoe")
    assert re.search(r'<ins><span class="hidden">\[added: </span>.*today.*end\]', page.text, re.DOTALL)
    told = text_of(page)
    for words in ("law en", "variants › law › weight", "3000 2500", "plan › alpha", "0.05 0.01"):
        assert words in told
    assert "harm en" not in told
    back = draft.get("/experiments/four-lines/diff?from=2&to=1", by="zoe").text
    assert "today" in back.partition("<del>")[2]
    assert "They are the same" in text_of(draft.get("/experiments/four-lines/diff?from=2&to=2"))
    assert draft.get("/experiments/four-lines/diff?from=9").status_code == 404
    assert draft.get("/experiments/four-lines/diff?to=x").status_code == 422


# ----------------------------------------------------------------------------------- export and import


@pytest.mark.parametrize(("kind", "read"), [("yml", load_yaml), ("json", load_json)])
def test_an_export_is_the_very_document(draft, kind, read):
    answer = draft.get(f"/experiments/four-lines/definition.{kind}", by="zoe")
    held = experiment(draft).latest.definition
    assert answer.headers["Content-Disposition"] == f'attachment; filename="four-lines-v1.{kind}"'
    assert spec.parse(read(answer.text)) == held
    assert read(answer.text) == held.document()


def imported(service, text: str, by: str = "ann", **given):
    return service.call("POST", "/experiments/import", by=by, data={"text": text, **given})


@pytest.mark.parametrize("write", [dump_yaml, json.dumps])
def test_pasted_or_as_a_file_it_becomes_a_draft(draft, write):
    document = {**DOCUMENT, "key": "taken-in"}
    answer = imported(draft, write(document).replace("\n", "\r\n"))
    assert answer.headers.get("Location") == "/experiments/taken-in/plan", text_of(answer)
    assert experiment(draft, "taken-in").latest.definition == spec.parse(document)
    content = write({**document, "key": "as-a-file"}).encode()
    sent = {"file": (io.BytesIO(b"\xef\xbb\xbf" + content), "trial.yml")}
    answer = draft.call("POST", "/experiments/import", by="ann", data=sent)
    assert answer.headers.get("Location") == "/experiments/as-a-file/plan", text_of(answer)


def test_all_that_is_wrong_is_told_in_words_with_its_place(draft):
    document = copy.deepcopy({**DOCUMENT, "key": "wrong"})
    document["variants"][1]["weight"] = 1
    document["variants"][2]["messages"]["en"]["title"] = ""
    document["colour"] = "<b>red</b>"
    answer = imported(draft, dump_yaml(document))
    assert answer.status_code == 422
    told = text_of(answer)
    for words in ("variant 3 (harm), messages, en, title", "/variants/2/messages/en/title", "colour", "nothing was taken in"):  # fmt: skip
        assert words in told, told
    assert "colour: &lt;b&gt;red&lt;/b&gt;" in answer.text, "the text comes back"
    assert draft.get("/experiments/wrong/plan").status_code == 404


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "choose a file, or paste"), ("a: [", "not valid YAML"), ("a: 1\na: 2\n", "given twice"), ('{"a": 1', "not valid JSON"),
        ("- a\n- b\n", "mapping"), ("key: 5\n", "key"), ("[" * 200, "levels of nesting"),
    ],
)  # fmt: skip
def test_what_is_no_document(draft, text, words):
    answer = imported(draft, text)
    assert answer.status_code == 422
    assert words in text_of(answer)


def test_a_file_that_is_no_text(draft):
    answer = draft.call("POST", "/experiments/import", by="ann", data={"file": (io.BytesIO(b"\xff\xfe\x00"), "x.yml")})
    assert answer.status_code == 422
    assert "UTF-8" in text_of(answer)


def test_an_import_overwrites_nothing_before_it_is_asked(draft):
    newer = dump_yaml({**DOCUMENT, "title": "Newer"})
    asked = imported(draft, newer)
    assert asked.status_code == 409
    assert "it replaces the draft of version 1" in text_of(asked)
    assert experiment(draft).latest.definition.title == DOCUMENT["title"]
    revision = re.search(r'name="revision" value="(\d+)"', asked.text)[1]
    assert imported(draft, newer, revision=revision).status_code == 409, "without the tick nothing happens"
    desk.apply(draft.runtime, {**DOCUMENT, "title": "Somebody else was faster"}, Actor("eva", int(draft.clock())))
    assert imported(draft, newer, revision=revision, onto="yes").status_code == 409
    assert experiment(draft).latest.definition.title == "Somebody else was faster"
    held = str(experiment(draft).revision)
    assert imported(draft, newer, revision=held, onto="yes").status_code == 303
    assert experiment(draft).latest.definition.title == "Newer"


def test_an_import_beside_a_running_version_becomes_the_next_one(draft):
    running(draft)
    asked = imported(draft, dump_yaml({**DOCUMENT, "title": "Second"}))
    assert "draft of version 2" in text_of(asked)
    done_ = imported(
        draft, dump_yaml({**DOCUMENT, "title": "Second"}), revision=str(experiment(draft).revision), onto="yes"
    )
    assert done_.status_code == 303
    assert [v.state for v in experiment(draft).versions] == ["running", "draft"]


def test_an_import_is_for_researchers_and_for_what_they_see(draft):
    assert imported(draft, dump_yaml(DOCUMENT), by="zoe").status_code == 403
    draft.person("far", "researcher", experiments=["other"])
    told = text_of(imported(draft, dump_yaml(DOCUMENT), by="far"))
    assert "your account is not for" in told
    assert DOCUMENT["title"] not in told.partition("Text of the file")[0]


# ----------------------------------------------------------------------------------------- duplicate


def test_a_copy_under_a_new_key(draft):
    path = "/experiments/four-lines/duplicate"
    assert "(copy)" in draft.get(path, by="ann").text
    given = {"version": "1", "key": "five-lines", "title": "Which of five?"}
    assert draft.call("POST", path, by="ann", data=given).headers["Location"] == "/experiments/five-lines/plan"
    made, held = (experiment(draft, key).latest.definition for key in ("five-lines", "four-lines"))
    assert made.model_copy(update={"key": "four-lines", "title": held.title}) == held
    assert experiment(draft, "five-lines").latest.state == "draft"


@pytest.mark.parametrize("key", ["", "Five Lines", "xy", "four-lines"])
def test_a_key_that_cannot_be(draft, key):
    before = experiment(draft)
    given = {"version": "1", "key": key, "title": "Another"}
    answer = draft.call("POST", "/experiments/four-lines/duplicate", by="ann", data=given)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert 'value="Another"' in answer.text
    assert experiment(draft) == before
