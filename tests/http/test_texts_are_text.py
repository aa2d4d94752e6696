"""Message texts are text: markup of any kind is shown as text, in every rendering, whoever wrote it where."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.public.warnings import rendered
from app.static_pack import pack
from experiments.recording import fallback
from experiments.spec import Message
from tests.http.conftest import DOCUMENT, FALLBACKS, HELP, NOON, with_keys

ATTEMPTS = (
    "<x-canary>", "</h1></p></article></main><x-canary>", '"><x-canary>', "'><x-canary>", "--><x-canary>",
    "]]><x-canary>", "</textarea></title></style></script></option><x-canary>", '" data-canary="1',
    "' data-canary='1' x='", "&lt;x-canary&gt; &#60;x-canary&#62; &amp;amp;", '{{ "<x-canary>" | safe }} {% raw %}',
    "%(x)s {0} \\u003cx-canary\\u003e", "`data-canary=1`", "\ue000\ue001\ue002\ue003 <x-canary>",
    "javascript:alert('x-canary')", "**bold** [x](https://x-canary.example) <https://x-canary.example>",
)  # fmt: skip
EVERY = "\n\n".join(ATTEMPTS)


class Read(HTMLParser):
    """What a browser makes of a page: elements with the names of their attributes, links, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.parts: list[str] = []
        self.feed(page)
        self.close()
        self.text = "".join(self.parts)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.parts += [value or "" for name, value in attrs if name == "value"]

    def handle_data(self, data):
        self.parts.append(data)


def require_harmless(page: str) -> Read:
    """No element and no attribute came out of a text, and no link that a text made up."""
    read = Read(page)
    assert not [one for one in read.elements if "x-canary" in one[0] or "data-canary" in one[1]]
    assert not [name for _, names in read.elements for name in names if name.startswith("on")]
    assert not [link for link in read.links if "x-canary" in link or link.startswith("javascript:")]
    return read


def flat(text: str) -> str:
    return " ".join(text.split())


# --------------------------------------------------------------------------------------- messages, anything in them

ANYTHING = st.text(
    st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from("<>&\"'/=-!{}%`[]() \u202e\ue000"), min_size=1
)
MESSAGES = st.builds(
    Message,
    title=st.sampled_from(ATTEMPTS) | ANYTHING.map(lambda text: text[:120]),
    body=st.lists(st.sampled_from(ATTEMPTS) | ANYTHING, min_size=1, max_size=4).map(lambda some: "\n\n".join(some)[:1200]),
    action=st.sampled_from([one for one in ATTEMPTS if len(one) <= 80]) | ANYTHING.map(lambda text: text[:80]),
)  # fmt: skip


def render(service, message: Message, kind: str):
    """A message as the fallback of a surface, in a rendering."""
    runtime = service.runtime
    default = runtime.fallbacks.surfaces["default"]
    own = default.model_copy(update={"messages": {"en": message}})
    fallbacks = runtime.fallbacks.model_copy(update={"surfaces": {"default": own}})
    known, runtime.fallbacks = runtime.fallbacks, fallbacks
    try:
        with service.app.test_request_context(f"/v1/warnings/any?as={kind}"):
            return rendered(fallback(runtime, "any", "en", "not-running"), "any")
    finally:
        runtime.fallbacks = known


@given(message=MESSAGES)
@settings(max_examples=60)
def test_a_page_has_the_same_elements_whatever_the_message_says(empty, message):
    paragraphs = message.body.count("\n\n")
    plain = Message(title="t", body="\n\n".join("b" for _ in range(paragraphs + 1)), action="a")
    page, harmless = (Read(render(empty, one, "page").get_data(as_text=True)) for one in (message, plain))
    assert page.elements == harmless.elements
    assert page.links == harmless.links
    for text in (message.title, message.action, *message.body.split("\n\n")):
        assert flat(text) in flat(page.text)


@given(message=MESSAGES)
@settings(max_examples=60)
def test_text_json_and_refusal_say_what_was_written(empty, message):
    as_json = json.loads(render(empty, message, "json").get_data())["message"]
    assert (as_json["title"], as_json["body"], as_json["action"]) == (message.title, message.body, message.action)
    text = render(empty, message, "text")
    assert text.mimetype == "text/plain"
    refusal = json.loads(render(empty, message, "matrix-error").get_data())
    for told in (text.get_data(as_text=True), refusal["error"], refusal["messages"]["en"]):
        for part in (message.title, message.body, message.action):
            assert part.strip() in told


# --------------------------------------------------------------------------- every page, and help with markup in it


def labelled(one: dict, text: str) -> dict:
    """A help resource whose every text for people is this one."""
    channels = [{**way, "label": {"en": text, "de": text}, "display": text[:120]} for way in one["channels"]]
    return {**one, "name": text, "confidentiality": {"en": text}, "channels": channels}


@pytest.fixture(params=ATTEMPTS)
def attempt(request) -> str:
    return request.param


@pytest.fixture
def directed(make_service, attempt, tmp_path):
    """A service in which help, the line for young people and the fallback are attempts, too."""
    told = copy.deepcopy(HELP) | {"young_people": {"en": attempt}}
    told["resources"] = [labelled(one, attempt) for one in HELP["resources"]]
    texts = {"en": {"title": attempt, "body": attempt, "action": attempt[:80]}}
    surfaces = {name: {**one, "messages": texts} for name, one in FALLBACKS["surfaces"].items()}
    (tmp_path / "help.yml").write_text(json.dumps(told))
    (tmp_path / "fallback.yml").write_text(json.dumps({"schema": 1, "surfaces": surfaces}))
    made = make_service(
        SIGNPOST_HELP_FILE=str(tmp_path / "help.yml"), SIGNPOST_FALLBACK_FILE=str(tmp_path / "fallback.yml")
    )
    document = copy.deepcopy(DOCUMENT)
    for variant in document["variants"]:
        variant["messages"] = {"en": {"title": attempt, "body": attempt, "action": attempt[:80]}}
    with_keys(made).run(document)
    return made


def test_all_that_a_person_meets(directed, attempt):
    given = directed.shown("somebody")
    assert (given["message"]["title"], given["message"]["young_people"]) == (attempt, attempt)
    page = require_harmless(directed.get("/v1/warnings/search-uk?as=page", key="server").text)
    assert flat(page.text).count(flat(attempt)) >= 8
    for one in given["help"]:
        assert one["label"] == attempt
        answer = directed.get(one["href"].removeprefix("http://localhost"))
        if answer.status_code == 200:
            assert flat(attempt) in flat(require_harmless(answer.text).text)
    lost = require_harmless(directed.get("/v1/go/lost/helpline/call").text)
    assert flat(attempt) in flat(lost.text)
    framed = directed.get(directed.browser_path("/v1/warnings/search-uk"))
    assert flat(attempt) in flat(require_harmless(framed.text).text)


def test_the_static_pack(directed, attempt):
    files = pack(directed.runtime, "search-uk", NOON)[1]
    page = require_harmless(files["en.html"].decode())
    assert flat(page.text).count(flat(attempt)) >= 4
    assert attempt in files["en.txt"].decode()
    assert attempt in json.loads(files["matrix-error.json"])["messages"]["en"]


PAGES = (
    "/", "/experiments/four-lines", "/experiments/four-lines/technical", "/experiments/four-lines/plan",
    "/experiments/four-lines/protocol", "/experiments/four-lines/decide", "/experiments/four-lines/edit?new=1",
    "/experiments/four-lines/duplicate", "/experiments/four-lines/publication",
)  # fmt: skip


def test_all_that_staff_meet(empty):
    document = copy.deepcopy(DOCUMENT) | {"title": ATTEMPTS[1], "question": ATTEMPTS[0], "hypotheses": list(ATTEMPTS)}
    for variant in document["variants"]:
        variant["messages"] = {"en": {"title": ATTEMPTS[1], "body": EVERY, "action": ATTEMPTS[2]}}
    empty.run(document)
    document["variants"][0]["messages"]["en"]["body"] = EVERY[::-1]
    empty.run(document)
    seen = {path: require_harmless(empty.get(path).text) for path in PAGES}
    for path in ("/experiments/four-lines/protocol", "/experiments/four-lines/edit?new=1"):
        assert all(flat(one) in flat(seen[path].text) for one in ATTEMPTS), path
    diff = require_harmless(empty.get("/experiments/four-lines/diff?from=1&to=2").text)
    assert "x-canary" in diff.text
    for path in ("protocol.md", "definition.yml", "protocol.json", "definition.json"):
        answer = empty.get(f"/experiments/four-lines/{path}")
        assert answer.status_code == 200
        assert answer.mimetype != "text/html"


def test_what_the_form_shows_while_somebody_types(empty):
    texts = {"title": ATTEMPTS[1], "body": EVERY, "action": ATTEMPTS[2]}
    fields = {f"variants-0-messages-0-{name}": text for name, text in texts.items()}
    fields |= {"locales-0-tag": "en", "variants-0-key": "present", "help-0": "helpline"}
    answer = empty.call("POST", "/experiments/check", data=fields)
    shown = answer.json["previews"]["preview-variants-0-messages-0"]
    assert all(flat(one) in flat(require_harmless(shown).text) for one in ATTEMPTS)


def test_the_check_itself_finds_what_it_looks_for():
    for bad in (
        "<x-canary>",
        '<p data-canary="1">',
        "<p onclick='x'>",
        "<a href='javascript:x'>",
        "<a href=//x-canary>",
    ):
        with pytest.raises(AssertionError):
            require_harmless(bad)
