"""docs/recipes/tor-service.md."""

from __future__ import annotations

import html
import re

import pytest

from app.integrating.away import closed
from tests.recipes.conftest import HOSTILE

LISTED = "/search?q=listed"


@pytest.fixture
def onion(python):
    return python("tor-service", "onion.py")


def test_a_page_has_no_script_no_cookie_and_no_address_but_its_own(onion, server, service):
    page = onion.app.test_client().get(LISTED)
    assert not re.search(r"<script|<iframe|<img|style=|\son\w+=", page.text)
    assert "Set-Cookie" not in page.headers
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert server.base not in page.text
    links = re.findall(r'href="([^"]*)"', page.text)
    assert len(links) == 5
    assert all(link.startswith("/go/") for link in links)
    assert service.total("e") == 1


def test_each_view_is_a_unit(onion, service):
    visitor = onion.app.test_client()
    for _ in range(3):
        visitor.get(LISTED)
    assert service.total("e") == 3


def test_help_is_reached_over_the_service_and_the_click_is_counted(onion, service):
    visitor = onion.app.test_client()
    by = dict(
        re.findall(r'href="(/go/[^"]*/helpline/(?:call|click))[^"]*">helpline by (\w+)', visitor.get(LISTED).text)
    )
    links = {channel: link for link, channel in by.items()}
    seen = visitor.head(links["click"]), visitor.get(links["click"], headers={"Sec-Purpose": "prefetch"})
    assert {answer.status_code for answer in seen} == {503}
    assert service.total("d0") == 0
    call = visitor.get(links["call"])
    assert (call.status_code, "+448081000900" in call.text) == (200, True)
    assert service.total("d0") == 1
    click = visitor.get(links["click"])
    assert (click.status_code, click.headers["Location"]) == (302, "https://help.example.org/start?from=a&to=b")


def test_whatever_is_wrong_with_a_link_it_leads_to_help(onion):
    answer = onion.app.test_client().get("/go/nothing/nobody/call")
    assert (answer.status_code, "Help is there" in answer.text) == (200, True)


def test_without_signpost_your_own_copy_stands_and_links_lead_to_help(python):
    with closed() as base:
        visitor = python("tor-service", "onion.py", SIGNPOST_ADDRESS=base).app.test_client()
        page = visitor.get(LISTED).text
        assert "Stop for a moment" in page
        assert 'href="https://www.troubled-desire.com/"' in page
        assert visitor.get("/go/a/b/c").headers["Location"] == "https://www.troubled-desire.com/"


def test_markup_in_a_message_is_text(hostile, server, python):
    page = python("tor-service", "onion.py").app.test_client().get(LISTED).text
    assert "<script" not in page
    assert HOSTILE in html.unescape(page)
