"""The whole warning without scripts: a page, text or JSON by Accept."""

from __future__ import annotations

import copy
import re

import pytest

from tests.http.conftest import AR, DOCUMENT, ORIGIN

PATH = "/v1/warnings/search-uk"


def page(service, query: str = "", session: str | None = "reader", **headers: str):
    sent = {**headers, **({"Signpost-Session": session} if session else {})}
    return service.get(f"{PATH}{query}", key="server", headers=sent)


def in_arabic(service, *, reviewed: bool) -> None:
    document = copy.deepcopy(DOCUMENT)
    for variant in document["variants"]:
        variant["messages"]["ar"] = AR
    document["locales"] = {"ar": {"reviewed": reviewed}}
    service.run(document)


def test_the_page(service):
    answer = page(service)
    variant = service.ask("reader")["variant"]
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert re.search(r'<html lang="en" dir="ltr">', answer.text)
    assert f'<h1 id="title">{variant} en</h1>' in answer.text
    assert "<p>en one</p>" in answer.text
    assert "<p>en two</p>" in answer.text
    assert "Are you under 18?" in answer.text
    assert not re.search(r"<script|<iframe|<form|javascript:|\son\w+=|style=|http-equiv", answer.text)
    assert answer.headers["Content-Language"] == "en"
    assert "Accept" in answer.headers["Vary"]
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_links_of_the_page_leave_a_frame(service):
    anchors = re.findall(r"<a [^>]*>", page(service).text)
    assert len(anchors) == 5
    assert all('target="_top"' in anchor and "/v1/go/" in anchor and "no-referrer" in anchor for anchor in anchors)


def test_help_for_young_people_comes_after_their_line(service):
    text = page(service).text
    order = [text.index(part) for part in ("helpline by call", "Are you under 18?", "young-line by click")]
    assert order == sorted(order)


def test_nothing_in_a_text_becomes_markup(empty):
    document = copy.deepcopy(DOCUMENT)
    for variant in document["variants"]:
        variant["messages"]["en"] = {"title": "<b>T</b>", "body": "a & b <script>x</script>", "action": '"><i>'}
    empty.run(document)
    assert "<b>" not in page(empty).text
    assert "<script" not in page(empty).text
    assert "a & b <script>x</script>" in page(empty, Accept="text/plain").text


def test_as_text(service):
    answer = page(service, Accept="text/plain")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "<" not in answer.text
    assert "en one\n\nen two" in answer.text
    assert answer.text.count("/v1/go/") == 5
    assert answer.text.index("young-line") > answer.text.index("under 18")


def test_as_json_it_is_an_assignment(service):
    answer = page(service, Accept="application/json")
    given = service.ask("reader")
    assert answer.content_type == "application/json"
    assert answer.json.keys() == given.keys()
    assert answer.json["variant"] == given["variant"]
    assert answer.json["token"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html"), ("*/*", "text/html"), ("image/png", "text/html"), ("text/*", "text/html"),
        ("text/html;q=0.5, application/json", "application/json"), ("text/plain, text/html;q=0.9", "text/plain"),
    ],
)  # fmt: skip
def test_accept(service, accept, kind):
    answer = page(service, **({"Accept": accept} if accept else {}))
    assert answer.content_type.split(";")[0] == kind


def test_a_page_counts_the_exposure_once_for_a_session(service):
    for _ in range(2):
        page(service)
    assert (service.total("a"), service.total("e")) == (1, 1)


def test_a_session_is_the_same_in_a_header_and_in_a_body(service):
    answer = page(service, session="größe".encode().decode("latin-1"), Accept="application/json")
    assert answer.json["receipt"] == "recorded"
    assert service.ask("größe")["receipt"] == "already"


def test_a_browser_gets_a_new_unit_for_each_view(service):
    for _ in range(2):
        answer = service.get(service.browser_path(PATH), headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["in_experiment"]) == (200, True)
    assert service.total("e") == 2


def test_a_session_comes_with_a_server_key_only(service):
    before = service.hashes()
    headers = {"Signpost-Session": "s", "Accept": "application/json", "Origin": ORIGIN}
    answer = service.get(service.browser_path(PATH), headers=headers)
    assert (answer.status_code, answer.json["pointer"]) == (422, "/Signpost-Session")
    assert service.hashes() == before


@pytest.mark.parametrize(
    "header", [{"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;anonymous-client-ip"}, {"Purpose": "prefetch"}]
)
@pytest.mark.parametrize("accept", ["text/html", "text/plain", "application/json"])
def test_a_prefetch_never_counts_and_is_not_kept(service, header, accept):
    before = service.hashes()
    answer = page(service, Accept=accept, **header)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "Fallback UK en" in answer.text
    assert service.hashes() == before


def test_a_look_at_the_headers_never_counts(service):
    before = service.hashes()
    answer = service.call("HEAD", PATH, key="server", headers={"Signpost-Session": "s"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_type == "text/html; charset=utf-8"
    assert service.hashes() == before


@pytest.mark.parametrize(
    ("query", "lang"), [("?locale=de", "de"), ("?locale=de-AT", "de"), ("", "en"), ("?locale=", "en")]
)
def test_languages(service, query, lang):
    answer = page(service, query)
    assert f'<html lang="{lang}" dir="ltr">' in answer.text
    assert answer.headers["Content-Language"] == lang
    assert f"{lang} one" in answer.text


def test_right_to_left_once_it_is_reviewed(empty):
    in_arabic(empty, reviewed=True)
    answer = page(empty, "?locale=ar")
    assert '<html lang="ar" dir="rtl">' in answer.text
    assert AR["title"] in answer.text
    assert empty.total("e") == 1
    assert empty.ask("x", locale="ar-EG")["message"]["dir"] == "rtl"


def test_a_text_that_nobody_reviewed_is_not_served(empty):
    in_arabic(empty, reviewed=False)
    answer = page(empty, "?locale=ar")
    assert AR["title"] not in answer.text
    assert '<html lang="en" dir="ltr">' in answer.text
    assert empty.total("a") == 0
    assert empty.ask("x", locale="ar")["reason"] == "locale-not-in-experiment"
