"""Pages are ready for translation: texts are marked and collected, dates and numbers written as the reader's region does.

The pseudo language is Esperanto with every text of the code in brackets: what stands on a page outside of brackets is
either somebody's data or a text that nobody could translate.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import render_template_string

from app import language
from experiments import words
from experiments.errors import InvalidInput

FOLDERS = [Path(language.__file__).parent, Path(words.__file__).parent]
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "say": None,
    "many": (1, 2),
    "mark": None,
}  # as `make texts` has them
MAPPING = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
PAGE = {"Accept": "text/html", "Accept-Language": "eo"}


def texts() -> set[tuple[str, ...]]:
    """Every text that is marked in the code: alone, or with its plural."""
    found = [text for folder in FOLDERS for _, _, text, _, _ in extract_from_dir(folder, MAPPING, keywords=KEYWORDS)]
    return {text if isinstance(text, tuple) else (text,) for text in found}


def bracketed(text: str) -> str:
    return f"⟦{text}⟧"


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a translation of everything into brackets."""
    catalog = Catalog("eo")
    for text in texts():
        catalog.add(
            text if len(text) > 1 else text[0], tuple(map(bracketed, text)) if len(text) > 1 else bracketed(*text)
        )
    folder = tmp_path_factory.mktemp("translations")
    (folder / "eo" / "LC_MESSAGES").mkdir(parents=True)
    written = BytesIO()
    write_mo(written, catalog)
    (folder / "eo" / "LC_MESSAGES" / "messages.mo").write_bytes(written.getvalue())
    return folder


@pytest.fixture
def bracketing(make_service, pseudo):
    service = make_service()
    service.app.extensions["babel"].translation_directories[:] = [str(pseudo)]
    return service


@pytest.fixture
def running(service, pseudo):
    service.app.extensions["babel"].translation_directories[:] = [str(pseudo)]
    service.shown("someone")
    return service


class Words(HTMLParser):
    """The pieces of text that a page shows, or says to a screen reader."""

    SILENT = frozenset({"script", "style", "code", "pre", "svg"})
    SAID = ("aria-label", "alt", "title", "placeholder")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in self.SAID and value]
        if tag in self.SILENT:
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside and data.strip():
            self.found.append(data.strip())


def unmarked(html: str, *data: str) -> list[str]:
    """Texts on a page that are neither in brackets nor known data."""
    depth = 1
    while depth:  # texts within texts, from the innermost on
        html, depth = re.subn(r"⟦[^⟦⟧]*⟧", "", html)
    found = Words(html).found
    for known in ("Signpost", "UTC", *data):
        found = [text.replace(known, "") for text in found]
    return [text for text in found if re.search(r"[^\W\d_]{2,}", text)]


def test_every_text_is_in_the_template_for_translators():
    """Otherwise: `make texts`."""
    with (language.TRANSLATIONS / "messages.pot").open("rb") as file:
        collected = {m.id if isinstance(m.id, tuple) else (m.id,) for m in read_po(file) if m.id}
    assert collected == texts()


@pytest.mark.parametrize("path", ["/nowhere", "/alerts/nowhere"])
def test_pages_of_errors_are_translated_as_a_whole(bracketing, path):
    answer = bracketing.get(path, headers=PAGE)
    assert answer.status_code == 404
    assert '<html lang="eo"' in answer.text
    assert unmarked(answer.text, "local") == []


# Data of the service that the tests have; keys; and the names of roles, which the command line and logs share.
DATA = (
    "Which line makes people seek help?", "four-lines", "search-uk", "search-de", "Staff", "Helpline", "Young-Line",
    "Elsewhere", "Fallback UK", "Default", "Germana", "Angla", "Novembro", "2026-Nov-24", "YAML", "JSON", "CSV",
)  # fmt: skip
KEYS = {"present", "law", "harm", "one", "two", "Help", "de", "en"}
ROLES = {"reader", "researcher", "approver", "administrator"}


@pytest.mark.parametrize(
    "path",
    [
        "/", "/sign-in", "/people", "/people/new", "/alerts", "/experiments/four-lines", "/experiments/four-lines/decide",
        "/experiments/import", "/experiments/four-lines/edit",
        "/experiments/four-lines/duplicate",
    ],
)  # fmt: skip
def test_pages_are_translated_but_for_their_data(running, path):
    answer = running.get(path, headers=PAGE)
    assert answer.status_code == 200
    words = {
        word
        for text in unmarked(answer.text, *DATA, may_be_lost(running))
        for word in re.findall(r"[^\W\d_]{2,}", text)
    }
    assert words - KEYS - ROLES == set()


def may_be_lost(service) -> str:
    """What a crash could lose is said by the store, for logs and pages alike, in English."""
    return service.runtime.store.condition().may_be_lost


def test_an_unmarked_text_would_be_found(bracketing):
    with bracketing.app.test_request_context("/", headers=PAGE):
        page = render_template_string(
            "{% extends 'staff/base.html' %}{% block main %}<p title='a tip'>Hello</p>{% endblock %}"
        )
    assert unmarked(page, "local") == ["a tip", "Hello"]


def test_fields_and_states_are_translated(bracketing):
    template = """{% from "staff/_fields.html" import errors, text %}{% from "staff/_states.html" import loading %}
    {{ errors([("a", "1"), ("b", "2")]) }}{{ text("a", "3", error="4") }}{{ loading("5", 6, 7000) }}"""
    with bracketing.app.test_request_context("/", headers=PAGE):
        page = render_template_string(template)
    assert unmarked(page) == []
    assert "⟦2 things need your attention⟧" in page


@pytest.mark.parametrize(
    ("asked", "lang", "written"),
    [
        ("", "en-GB", "12,346 · 0.5 · 12% · 12.3% · 3 March 2027 · 3 Mar 2027, 14:05 UTC"),
        ("en-US", "en-US", "12,346 · 0.5 · 12% · 12.3% · March 3, 2027 · Mar 3, 2027, 14:05 UTC"),
        ("fr, eo;q=0.9", "eo", "12 346 · 0,5 · 12% · 12,3% · 2027-Marto-03 · 2027-Mar-03, 14:05 UTC"),
        ("de-CH, en;q=0.5", "en-GB", "12,346 · 0.5 · 12% · 12.3% · 3 March 2027 · 3 Mar 2027, 14:05 UTC"),
        ("no-such-tongue", "en-GB", "12,346 · 0.5 · 12% · 12.3% · 3 March 2027 · 3 Mar 2027, 14:05 UTC"),
    ],
)
def test_dates_and_numbers_follow_the_region(bracketing, asked, lang, written):
    template = "{{ language().lang }}|{{ 12345.6 | number }} · {{ 0.5 | decimal }} · {{ 0.12 | percent }} · {{ 0.1234 | percent(1) }} · {{ '2027-03-03' | day }} · {{ '2027-03-03T15:05+01:00' | moment }}"
    with bracketing.app.test_request_context("/", headers={"Accept-Language": asked}):
        found = re.sub(r"\s", " ", render_template_string(template))
    assert found == f"{lang}|{written}"


def test_the_setting_wins_over_the_browser(make_service):
    service = make_service(SIGNPOST_LANGUAGE="en-US")
    assert '<html lang="en-US"' in service.get("/nowhere", headers={**PAGE, "Accept-Language": "en-GB"}).text


@pytest.mark.parametrize("wrong", ["English", "qq", "de", "en GB"])
def test_a_language_that_pages_do_not_have_is_refused(make_service, wrong):
    with pytest.raises(InvalidInput, match="SIGNPOST_LANGUAGE must be"):
        make_service(SIGNPOST_LANGUAGE=wrong)
