"""The form that writes the experiment's document: edit either side, see both, lose nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from app.commands.plan import command
from experiments import spec
from experiments.directory import LIBRARY
from experiments.reading import load_yaml
from tests.http.conftest import DOCUMENT

BROWSER = {"Accept": "text/html"}


class Page(HTMLParser):
    """What a browser would send from the form, what the page says, and the ids that are there."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.values: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.described: dict[str, str] = {}
        self.acts: list[str] = []
        self._select = self._area = None
        self._chosen: str | None = None
        self.html = html
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        own = dict(attributes)
        if "id" in own:
            self.ids.append(own["id"])
        if tag == "a":
            self.links.append(own.get("href") or "")
        if tag == "button" and own.get("name") == "do":
            self.acts.append(own["value"])
        if own.get("aria-describedby") and "name" in own:
            self.described[own["name"]] = own["aria-describedby"]
        if tag == "input" and own.get("name"):
            is_box = own.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in own:
                self.values.append((own["name"], own.get("value") or ""))
        elif tag == "textarea":
            self._area = (own["name"], [])
        elif tag == "select":
            self._select, self._chosen = own["name"], None
        elif tag == "option" and self._select and (self._chosen is None or "selected" in own):
            self._chosen = own["value"]

    def handle_data(self, data):
        if self._area:
            self._area[1].append(data)

    def handle_endtag(self, tag):
        if tag == "textarea":
            text = "".join(self._area[1])
            self.values.append((self._area[0], text.removeprefix("\n").replace("\n", "\r\n")))
            self._area = None
        elif tag == "select":
            self.values.append((self._select, self._chosen or ""))
            self._select = None

    def sent(self, do: str, **changed: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.values:
            found.setdefault(name, []).append(value)
        return found | {name: [value] for name, value in changed.items()} | {"do": [do]}

    def value(self, name: str) -> str:
        return dict(self.values)[name].replace("\r\n", "\n")

    def error(self, name: str) -> str:
        """The text that is beside a field, tied to it."""
        assert f"{name}-error" in self.described.get(name, "").split(), (name, self.described.get(name))
        return self.html.split(f'id="{name}-error">')[1].split("</p>")[0].split("</span>")[-1]


@pytest.fixture
def get(empty):
    def ask(path: str, **options) -> Page:
        answer = empty.get(path, headers=BROWSER, **options)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    return ask


@pytest.fixture
def post(empty):
    def send(path: str, sent: dict[str, list[str]], status: int = 200, **options) -> Page:
        answer = empty.call("POST", path, data=sent, headers=BROWSER, **options)
        assert answer.status_code == status, answer.text
        return Page(answer.text) if status != 303 else answer.headers["Location"]

    return send


@pytest.fixture
def whole(get):
    """The form of a new experiment with everything filled in."""
    return get("/experiments/new?template=empty"), {"text": text_of(DOCUMENT)}


def text_of(document: dict) -> str:
    return json.dumps(document)


def stored(service, key: str = "four-lines") -> spec.Definition:
    return service.runtime.store.documents.experiment(key).latest.definition


def saved(empty, get, post) -> str:
    page = get("/experiments/new?template=empty")
    return post("/experiments/new", page.sent("save", text=text_of(DOCUMENT)), 303)


# ------------------------------------------------------------------------------------- how it begins


def test_a_new_experiment_begins_with_an_example_empty_or_as_a_copy(empty, get):
    links = get("/experiments/new").links
    assert "/experiments/new?template=four-lines" in links
    assert "/experiments/new?template=empty" in links
    page = get("/experiments/new?template=four-lines")
    library = spec.parse(load_yaml((LIBRARY / "four-lines.yml").read_text("utf-8")))
    assert page.value("title") == library.title
    assert page.value("key") == ""
    assert page.value("variants-4-messages-2-body") == library.variants[4].messages["ar"].body


def test_a_copy_has_all_but_the_key(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/new?from=four-lines")
    assert "/experiments/new?from=four-lines" in get("/experiments/new").links
    assert (
        post("/experiments/new", page.sent("save", key="four-lines-b"), 303) == "/experiments/four-lines-b/edit?saved=1"
    )
    one, other = stored(empty), stored(empty, "four-lines-b")
    assert one.document() | {"key": "x"} == other.document() | {"key": "x"}


# ------------------------------------------------------------------------------ the very same document


def test_what_is_saved_from_the_form_is_the_document_of_the_file(empty, get, post):
    assert saved(empty, get, post) == "/experiments/four-lines/edit?saved=1"
    assert stored(empty) == spec.parse(DOCUMENT)
    page = get("/experiments/four-lines/edit?saved=1")
    assert "Saved as a draft of version 1" in page.html
    assert load_yaml(page.value("text")) == spec.parse(DOCUMENT).document()
    post("/experiments/four-lines/edit", page.sent("save", title="Another title"), 303)
    assert stored(empty) == spec.parse(DOCUMENT | {"title": "Another title"})


def test_saving_what_is_there_changes_nothing(empty, get, post):
    saved(empty, get, post)
    before = empty.runtime.store.documents.experiment("four-lines").revision
    page = get("/experiments/four-lines/edit")
    post("/experiments/four-lines/edit", page.sent("save"), 303)
    assert empty.runtime.store.documents.experiment("four-lines").revision == before


def test_editing_the_text_fills_the_form_and_the_other_way_round(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    text = "# a comment\n" + page.value("text").replace(DOCUMENT["title"], "From the text")
    by_text = post("/experiments/four-lines/edit", page.sent("check", text=text))
    assert by_text.value("title") == "From the text"
    assert by_text.value("text") == text, "comments stay while nothing else is changed"
    again = post("/experiments/four-lines/edit", by_text.sent("check"))
    assert again.value("text") == text
    by_form = post("/experiments/four-lines/edit", again.sent("check", title="From the form"))
    assert load_yaml(by_form.value("text"))["title"] == "From the form"
    assert "a comment" not in by_form.value("text")


def test_when_both_were_edited_nothing_is_overwritten_until_somebody_chooses(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    text = page.value("text").replace(DOCUMENT["title"], "From the text")
    torn = post("/experiments/four-lines/edit", page.sent("save", title="From the form", text=text), 422)
    assert (torn.value("title"), torn.value("text")) == ("From the form", text)
    assert {"use-form", "use-text"} <= set(torn.acts)
    assert stored(empty).title == DOCUMENT["title"]
    form = post("/experiments/four-lines/edit", torn.sent("use-form"))
    assert load_yaml(form.value("text"))["title"] == "From the form"
    other = post("/experiments/four-lines/edit", torn.sent("use-text"))
    assert other.value("title") == "From the text"


def test_a_text_that_the_form_cannot_say_is_never_written_over_unasked(empty, get, post):
    page = get("/experiments/new?template=empty")
    text = "titel: A typing mistake\nschema: 1\n"
    wrong = post("/experiments/new", page.sent("check", text=text), 422)
    assert "/titel: There is no field" in wrong.html
    torn = post("/experiments/new", wrong.sent("check", question="And this?"), 422)
    assert torn.value("text") == text
    assert torn.value("question") == "And this?"
    assert "use-form" in torn.acts


def test_a_text_that_cannot_be_read_comes_back_with_its_line(empty, get, post):
    page = get("/experiments/new?template=four-lines")
    wrong = post("/experiments/new", page.sent("check", text="a: [1\nb: 2"), 422)
    assert wrong.value("text") == "a: [1\nb: 2"
    assert "line 2" in wrong.error("text")
    assert wrong.value("title") == page.value("title"), "the form stays as it was"


# ------------------------------------------------------------------------------------------- bad input


def test_every_error_is_on_top_and_beside_its_field_and_nothing_is_lost(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    wrong = {
        "title": "", "variants-0-weight": "many", "plan-alpha": "0,05", "variants-1-messages-0-body": "x" * 1201,
        "surfaces": "", "ethics-reference": "R-1", "outcomes-primary-outcome": "proceeded",
    }  # fmt: skip
    back = post("/experiments/four-lines/edit", page.sent("save", **wrong), 422)
    for name in ("title", "variants-0-weight", "plan-alpha", "variants-1-messages-0-body", "surfaces"):
        assert back.error(name)
        assert f"#{name}" in back.links
        assert back.value(name) == wrong[name]
    assert {link.removeprefix("#") for link in back.links if link.startswith("#")} <= set(back.ids)
    assert stored(empty) == spec.parse(DOCUMENT)


def test_a_form_that_nobody_has_touched_tells_no_errors(get):
    assert 'class="error"' not in get("/experiments/new?template=empty").html


def test_a_key_that_is_taken_is_refused_and_the_other_experiment_untouched(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/new?template=empty")
    text = text_of(DOCUMENT | {"title": "An intruder"})
    back = post("/experiments/new", page.sent("save", text=text), 422)
    assert "already" in back.error("key")
    assert stored(empty).title == DOCUMENT["title"]


def test_the_key_of_an_experiment_stays(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    back = post("/experiments/four-lines/edit", page.sent("save", key="other-key"), 422)
    assert "four-lines" in back.error("key")


@pytest.mark.parametrize("do", ["", "dance", "remove-variant-99", "add-planet", "remove-variant-x", "over"])
def test_an_odd_act_is_no_more_than_a_check(empty, get, post, do):
    page = get("/experiments/new?template=four-lines")
    back = post(
        "/experiments/new", page.sent(do, revision="x", theirs=""), 200 if do.startswith(("add", "rem")) else 422
    )
    assert back.value("title") == page.value("title")


def test_a_broken_request_is_answered(empty, post):
    post("/experiments/new", {"do": ["save"]}, 422)
    post("/experiments/new", {"do": ["check"], "variants-9999-key": ["x"], "variants-63-messages-": ["y"]}, 422)
    post("/experiments/nobody/edit", {"do": ["check"]}, 404)


def test_texts_are_shown_as_text_only(empty, get, post):
    page = get("/experiments/new?template=four-lines")
    evil = "</textarea><script>alert(1)</script>"
    fields = dict.fromkeys(("title", "question", "variants-0-messages-0-title", "locales-0-tag", "factors-0"), evil)
    back = post("/experiments/new", page.sent("check", **fields), 422)
    assert "<script>alert" not in back.html
    assert back.value("question") == evil


# ----------------------------------------------------------------------------------- without scripts


def test_rows_come_and_go_without_scripts(empty, get, post):
    page = get("/experiments/new?template=four-lines")
    for kind, field in {
        "variant": "variants-5-key", "locale": "locales-3-tag", "factor": "factors-1",
        "secondary": "outcomes-secondary-1-outcome", "guardrail": "outcomes-guardrails-2-outcome",
    }.items():  # fmt: skip
        page = post("/experiments/new", page.sent(f"add-{kind}"))
        assert field in page.ids
    assert page.value("variants-4-messages-0-title")
    page = post("/experiments/new", page.sent("equal-weights"))
    assert [page.value(f"variants-{i}-weight") for i in range(6)] == ["1667"] * 4 + ["1666"] * 2
    page = post("/experiments/new", page.sent("remove-variant-5"))
    assert "variants-5-key" not in page.ids


# ----------------------------------------------------------------------------------------------- life


def test_what_has_started_is_not_edited_but_a_new_version_is_offered(empty, get, post):
    empty.run(DOCUMENT)
    page = get("/experiments/four-lines/edit")
    assert "has started" in page.html
    assert "save" not in page.acts
    assert "/experiments/four-lines/edit?new=1" in page.links
    draft = get("/experiments/four-lines/edit?new=1")
    assert "This becomes version 2" in draft.html
    post("/experiments/four-lines/edit", draft.sent("save", title="The second"), 303)
    experiment = empty.runtime.store.documents.experiment("four-lines")
    assert [(v.number, v.state) for v in experiment.versions] == [(1, "running"), (2, "draft")]
    assert experiment.versions[0].definition.title == DOCUMENT["title"]


def test_what_is_up_for_approval_is_not_edited(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    empty.act("submit", "four-lines")
    blocked = get("/experiments/four-lines/edit?new=1")
    assert "up for approval" in blocked.html
    assert "/experiments/four-lines/plan" in blocked.links
    back = post("/experiments/four-lines/edit", page.sent("save", title="Too late"), 409)
    assert back.value("title") == "Too late"
    assert stored(empty).title == DOCUMENT["title"]


def test_a_stale_form_overwrites_nothing_and_shows_both(empty, get, post):
    saved(empty, get, post)
    mine = get("/experiments/four-lines/edit")
    theirs = get("/experiments/four-lines/edit", by=empty.person("Bo", "researcher"))
    post("/experiments/four-lines/edit", theirs.sent("save", title="Theirs"), 303, by="Bo")
    back = post("/experiments/four-lines/edit", mine.sent("save", title="Mine", question="Whose?"), 409)
    assert stored(empty).title == "Theirs"
    assert (back.value("title"), back.value("question")) == ("Mine", "Whose?")
    shown = back.html.split('id="stale"')[1].split("</table>")[0]
    assert "Bo saved it" in shown
    told = [cell.split("</span>")[0] for cell in shown.split('class="both"')[1:]]
    assert [cell.rpartition(">")[2] for cell in told] == ["Theirs", "Mine", DOCUMENT.get("question", "–"), "Whose?"]
    again = post("/experiments/four-lines/edit", back.sent("save"), 409)
    post("/experiments/four-lines/edit", again.sent("over"), 303)
    assert (stored(empty).title, stored(empty).question) == ("Mine", "Whose?")


def test_over_is_good_for_what_was_seen_only(empty, get, post):
    saved(empty, get, post)
    mine, theirs = get("/experiments/four-lines/edit"), get("/experiments/four-lines/edit")
    post("/experiments/four-lines/edit", theirs.sent("save", title="Theirs"), 303)
    back = post("/experiments/four-lines/edit", mine.sent("save", title="Mine"), 409)
    post("/experiments/four-lines/edit", get("/experiments/four-lines/edit").sent("save", title="A third"), 303)
    post("/experiments/four-lines/edit", back.sent("over"), 409)
    assert stored(empty).title == "A third"


# ------------------------------------------------------------------------------------- while it is typed


def check(service, sent: dict[str, list[str]]) -> dict:
    answer = service.call("POST", "/experiments/check", data=sent, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json


def test_checking_while_typing_says_what_the_page_says(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    told = check(empty, page.sent("", title="", **{"plan-alpha": "3"}))
    assert not told["sound"]
    assert set(told["errors"]) == {"title", "plan-alpha"}
    assert {(v["pointer"], v["field"]) for v in told["violations"]} == {
        ("/title", "title"),
        ("/plan/alpha", "plan-alpha"),
    }
    assert told["form"] is None
    back = post("/experiments/four-lines/edit", page.sent("check", title="", **{"plan-alpha": "3"}), 422)
    assert {name: back.error(name) for name in told["errors"]}
    assert told["text"] == back.value("text")
    good = check(empty, page.sent("", title="Mine"))
    assert good["sound"]
    assert load_yaml(good["text"])["title"] == "Mine"
    assert stored(empty).title == DOCUMENT["title"], "nothing is saved by looking"


def test_checking_an_edited_text_brings_the_form(empty, get):
    page = get("/experiments/new?template=empty")
    told = check(empty, page.sent("", text=text_of(DOCUMENT)))
    assert told["sound"]
    assert Page(told["form"]).value("key") == "four-lines"


# -------------------------------------------------------------------------------------------- previews


def test_each_message_is_previewed_in_each_locale_as_the_visitor_sees_it(empty, get, post):
    saved(empty, get, post)
    page = get("/experiments/four-lines/edit")
    told = check(empty, page.sent(""))
    locales = list(DOCUMENT["variants"][0]["messages"])
    assert len(told["previews"]) == len(DOCUMENT["variants"]) * len(locales)
    empty.clock.now += 60
    for i, variant in enumerate(DOCUMENT["variants"]):
        for j, locale in enumerate(locales):
            shown = told["previews"][f"preview-variants-{i}-messages-{j}"]
            assert f'lang="{locale}"' in shown
            for text in variant["messages"][locale].values():
                assert all(part in shown for part in text.split("\n\n"))
    assert page.html.count("Preview, never counted") == len(told["previews"])


def test_the_preview_is_made_of_the_visitors_page(service, get):
    body = service.get(
        "/v1/warnings/search-uk?locale=en", key="server", headers={"Accept": "text/html", "Signpost-Session": "s"}
    ).text
    first = get("/experiments/new?from=four-lines").html.split('class="seen"')[1].split("</div>")[0]
    young = body.split('<p class="young">')[1].split("</p>")[0]
    assert young in first
    labels = [part.split("</a>")[0].split(">")[1].split("<")[0].strip() for part in body.split("<a ")[1:]]
    assert labels
    assert all(label in first for label in labels)
    assert "href" not in first, "a preview leads nowhere, and nothing is counted"


def test_right_to_left_texts_are_previewed_from_right_to_left(get):
    html = get("/experiments/new?template=four-lines").html
    assert html.count('class="seen" lang="ar" dir="rtl"') == 5
    assert html.count('class="seen" lang="es" dir="ltr"') == 5


# --------------------------------------------------------------------------------------------- the size


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"plan-design": "fixed"},
        {"traffic": "2500", "window_hours": "72"},
        {"plan-design": "looks", "plan-looks": "4"},
    ],
)
@pytest.mark.parametrize("per_day", ["4000", "2 000"])
def test_the_size_is_that_of_signpost_plan(empty, get, tmp_path, change, per_day):
    page = get("/experiments/new?template=four-lines")
    told = check(empty, page.sent("", per_day=per_day, key="any-key", **change))
    file = tmp_path / "plan.yml"
    file.write_text(told["text"])
    answer = CliRunner().invoke(command, [str(file), "--per-day", per_day.replace(" ", ""), "--json"])
    assert answer.exit_code == 0, answer.output
    plan = json.loads(answer.output)
    shown = told["planner"]
    assert f"after about {plan['chosen']['days']:,} days" in shown
    assert f"{plan['chosen']['units_per_variant']:,} visitors" in shown
    for way in plan["designs"]:
        assert f"<td>{way['units_per_variant']:,}</td><td>{way['days']:,}</td><td>{way['mean_days']:,}</td>" in shown


def test_the_size_is_planned_before_there_are_texts(empty, get, post):
    page = get("/experiments/new?template=empty")
    assert "Fill in the expected rate" in page.html
    told = check(empty, page.sent("", **{"plan-expected_rate": "0.01", "plan-minimum_effect": "1.3"}))
    assert "you would know after about" in told["planner"]
    with_size = post(
        "/experiments/new", page.sent("take-size", **{"plan-expected_rate": "0.01", "plan-minimum_effect": "1.3"})
    )
    units = with_size.value("plan-units_per_variant")
    assert f"{int(units):,} visitors for each of 2 messages" in with_size.html


@pytest.mark.parametrize(
    ("name", "value"),
    [("per_day", "none"), ("per_day", "-1"), ("per_day", "inf"), ("plan-expected_rate", "7"), ("plan-alpha", "x")],
)
def test_a_size_that_cannot_be_said_is_no_error_of_ours(empty, get, name, value):
    page = get("/experiments/new?template=four-lines")
    assert "you would know" not in check(empty, page.sent("", **{name: value}))["planner"]


def test_a_size_that_is_too_small_is_told(empty, get):
    page = get("/experiments/new?template=four-lines")
    assert "too few" in check(empty, page.sent("", **{"plan-units_per_variant": "1000"}))["planner"]
    assert "too few" not in check(empty, page.sent(""))["planner"]


# ------------------------------------------------------------------------------------------ who may


def test_only_researchers_who_see_it_may_edit(empty, get, post):
    saved(empty, get, post)
    reader, foreign = (
        empty.person("Reader", "reader"),
        empty.person("Foreign", "researcher", experiments=("other-one",)),
    )
    for path in ("/experiments/new", "/experiments/four-lines/edit"):
        assert empty.get(path, headers=BROWSER, by=reader).status_code == 403
        assert empty.get(path, headers=BROWSER, by=None).status_code in (302, 401)
    assert empty.get("/experiments/four-lines/edit", headers=BROWSER, by=foreign).status_code == 404
    assert empty.get("/experiments/new?from=four-lines", headers=BROWSER, by=foreign).status_code == 404
    assert "four-lines" not in empty.get("/experiments/new", headers=BROWSER, by=foreign).text.replace(
        "template=four-lines", ""
    )
    sent = {"experiment": ["four-lines"], "do": [""]}
    assert empty.call("POST", "/experiments/check", data=sent, headers=BROWSER, by=foreign).status_code == 404
