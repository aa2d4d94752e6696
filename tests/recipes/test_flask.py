"""docs/recipes/flask.md."""

from __future__ import annotations

import html
import time

import pytest

from app.integrating.away import closed, garbage, silent
from tests.recipes.conftest import HOSTILE, loaded, recipe

LISTED = "/search?q=some+listed+thing"


def test_a_warning_is_shown_and_counted(python, service):
    visitor = python("flask", "search.py").app.test_client()
    assert visitor.get("/search?q=weather").text == "Results"
    assert service.total("a") == 0
    page = visitor.get(LISTED, headers={"Accept-Language": "de-AT,en;q=0.5"})
    assert page.headers["Cache-Control"] == "no-store"
    assert '<html lang="de" dir="ltr">' in page.text
    assert "Bist du unter 18?" in page.text
    assert (service.total("a"), service.total("e")) == (1, 1)


def test_a_visit_keeps_its_message_and_another_is_another_unit(python, service):
    app = python("flask", "search.py").app
    visitor = app.test_client()
    assert len({visitor.get(LISTED).text.partition("<h2>")[0] for _ in range(3)}) == 1
    assert service.total("a") == 1
    app.test_client().get(LISTED)
    assert service.total("a") == 2


def test_a_link_counts_its_click(python, service):
    page = python("flask", "search.py").app.test_client().get(LISTED).text
    link = html.unescape(page.partition("/helpline/click")[0].rpartition('href="')[2] + "/helpline/click")
    assert service.get(link.partition("/v1/")[1] + link.partition("/v1/")[2]).status_code == 302
    assert service.total("d0") == 1


def test_markup_in_a_message_is_text(hostile, server, python):
    page = python("flask", "search.py").app.test_client().get(LISTED).text
    assert "<script" not in page
    assert "<img" not in page
    assert html.unescape(page).count(HOSTILE) >= 2


def test_a_problem_carries_the_fallback(python):
    page = python("flask", "search.py", SIGNPOST_KEY="sk_no_body").app.test_client().get(LISTED).text
    assert "Fallback UK en" in page


@pytest.mark.parametrize("away", [closed, silent, garbage])
def test_your_own_copy_stands_when_no_answer_comes(monkeypatch, away):
    with away() as base:
        for name, value in {"SIGNPOST_ADDRESS": base, "SIGNPOST_KEY": "k", "LISTED_TERMS": "listed"}.items():
            monkeypatch.setenv(name, value)
        visitor = loaded("search", recipe("flask")["search.py"]).app.test_client()
        begun = time.perf_counter()
        page = visitor.get(LISTED).text
        assert time.perf_counter() - begun < 2
    assert "Stop for a moment" in page
    assert "Are you under 18?" in page
