"""docs/recipes/static-site.md, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.recipes.conftest import listening, recipe

POLICY = "default-src 'none'; frame-src {signpost}"


class Site:
    """Somebody's static site, under a strict policy."""

    def __init__(self) -> None:
        self.page = self.policy = ""

    def __call__(self, environ, start):
        start("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", self.policy)])
        return [self.page.encode()]


@pytest.fixture
def sites() -> Iterator[tuple[Site, str, str]]:
    """The same site at two addresses, of which the key names the first."""
    site = Site()
    with listening(site) as named, listening(site) as other:
        yield site, named, other


@pytest.fixture
def framed(sites, server, service):
    site, named, other = sites
    service.key("site", kind="browser", origins=(named,))
    time.sleep(1.5)  # until the server has noticed
    site.policy = POLICY.format(signpost=server.base)
    text = recipe("static-site")["page.html"]
    text = text.replace("https://signpost.example.org", server.base).replace("pk_…", service.keys["site"])
    site.page = f'<!doctype html><html lang="en"><title>Site</title>{text}'
    return named, other


def warning_in(page):
    page.wait_for_load_state("networkidle")
    return page.frames[1]


def test_the_frame_on_the_site_that_the_key_names(browser, framed, server, service):
    with browser.new_context(storage_state=None) as context:
        page = context.new_page()
        page.goto(framed[0])
        frame = warning_in(page)
        assert frame.locator("h1").inner_text().endswith(" en")
        assert frame.locator(".warning").evaluate("one => getComputedStyle(one).borderTopLeftRadius") == "14px"
        assert page.locator("iframe").bounding_box()["height"] >= 620
        assert service.total("e") == 1
        frame.get_by_role("link", name="helpline by call").click()
        page.wait_for_url(f"{server.base}/v1/go/**")
        assert "+448081000900" in page.inner_text("main")
        assert context.cookies() == []
    assert service.total("d0") == 1


def test_another_site_may_not_frame_it_and_its_own_copy_stands(browser, framed):
    with browser.new_context(storage_state=None) as context:
        page = context.new_page()
        told = []
        page.on("console", lambda message: told.append(message.text))
        page.goto(framed[1])
        assert warning_in(page).locator("h1", has_text=" en").count() == 0
        assert any("frame-ancestors" in text for text in told)
        assert page.get_by_role("link", name="Stop It Now").is_visible()


def test_without_signpost_your_own_copy_stands(browser, framed, sites):
    site = sites[0]
    site.page = site.page.replace('src="http://127.0.0.1', 'src="http://127.0.0.2')
    with browser.new_context(storage_state=None) as context:
        page = context.new_page()
        page.goto(framed[0])
        assert page.get_by_role("link", name="Childline").is_visible()
