"""Help links: they count a click, lead to the experiment's help and nowhere else, and never to nothing."""

from __future__ import annotations

import pytest

from experiments.model import DAY, HOUR
from tests.http.conftest import DOCUMENT, with_keys

START = "https://help.example.org/start?from=a&to=b"
DEFAULT = ("helpline by call", "elsewhere by click")


def link(given: dict, resource: str = "helpline", channel: str = "click") -> str:
    """Path of a help link."""
    found = next(o["href"] for o in given["help"] if (o["resource"], o["channel"]) == (resource, channel))
    assert found.startswith("http://localhost/v1/go/")
    return found.removeprefix("http://localhost")


def is_default(answer) -> bool:
    """Is it the page with every way to help of the fallback?"""
    return answer.status_code == 200 and all(text in answer.text for text in DEFAULT) and "<script" not in answer.text


def counted(service) -> dict:
    """Counts and rows, without documents."""
    return {k: v for k, v in service.hashes().items() if b"{control}" not in k}


def test_a_click_is_counted_and_led_on(service):
    path = link(service.shown())
    answer = service.get(path, headers={"Referer": "https://search.example/?q=canary"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == START
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert (service.total("o4"), service.total("d0")) == (1, 1)
    assert service.get(path).status_code == 302
    assert (service.total("o4"), service.total("d0")) == (1, 1), "once per unit"


def test_a_click_counts_the_exposure_that_nobody_confirmed(service):
    service.get(link(service.ask()))
    assert service.total("e") == 1


@pytest.mark.parametrize(
    ("channel", "address", "shown", "bit"),
    [
        ("call", "tel:+448081000900", "+448081000900", "o0"),
        ("email", "mailto:help@example.org", "help@example.org", "o2"),
    ],
)
def test_numbers_and_addresses_are_shown_as_text(service, channel, address, shown, bit):
    answer = service.get(link(service.shown(), channel=channel))
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert f'href="{address}"' in answer.text
    assert f">{shown}<" in answer.text
    assert "<script" not in answer.text
    assert "http-equiv" not in answer.text
    assert (service.total(bit), service.total("d0"), service.total("d1")) == (1, 1, 1)


def test_help_for_young_people_is_counted_apart_from_every_outcome(service):
    given = service.shown()
    for channel, status in (("click", 302), ("call", 200)):
        assert service.get(link(given, "young-line", channel)).status_code == status
    assert service.total("o17") == 1
    assert [service.total(f"d{n}") for n in range(3)] == [0, 0, 0]
    assert service.total("o0") == service.total("o4") == 0


@pytest.mark.parametrize(
    "header",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
    ],
)
def test_a_prefetch_never_counts(service, header):
    given = service.shown()
    before = service.hashes()
    for resource, channel in (("helpline", "click"), ("helpline", "call"), ("young-line", "click")):
        assert service.get(link(given, resource, channel), headers=header).status_code in (200, 302)
    assert service.hashes() == before


def test_a_look_at_the_headers_never_counts(service):
    given = service.shown()
    before = service.hashes()
    answer = service.call("HEAD", link(given))
    assert (answer.status_code, answer.headers["Location"]) == (302, START)
    assert service.call("HEAD", link(given, channel="call")).status_code == 200
    assert service.hashes() == before


def test_links_that_are_not_ours(service, make_service, tmp_path):
    elsewhere = with_keys(make_service(SIGNPOST_KEY_FILE=str(tmp_path / "keys.json")))
    elsewhere.run({**DOCUMENT, "key": "elsewhere", "surfaces": ["shop"]})
    elsewhere.key("shop", surfaces=("shop",))
    given = service.shown()
    foreign, own = link(elsewhere.shown(surface="shop", key="shop")), link(given)
    before = counted(service)
    wrong = [
        own.replace(own.split("/")[3], token)
        for token in ("x", "x" * 5000, own.split("/")[3][:-1] + "_", given["token"])
    ]
    for path in (*wrong, foreign, "/v1/go/%ff%00/helpline/click"):
        answer = service.get(path)
        assert is_default(answer), path
        assert answer.content_type == "text/html; charset=utf-8"
    assert counted(service) == before


@pytest.mark.parametrize(
    "end",
    [
        "elsewhere/click", "nobody/click", "helpline/chat", "helpline/nothing", "helpline/%2e%2e", "helpline",
        "https:%2f%2fevil.example/click", "helpline/click/more",
    ],
)  # fmt: skip
def test_only_to_addresses_of_the_experiment(service, end):
    path = link(service.shown())
    before = service.hashes()
    answer = service.get(path.replace("helpline/click", end))
    assert "evil" not in answer.headers.get("Location", "")
    assert is_default(answer), answer.text
    assert service.hashes() == before


def test_an_old_link_leads_to_help_and_enters_no_arm(service):
    path = link(service.shown())
    measures = ("a", "e", "d0", "d1", "d2", "o4")
    before = [service.total(m) for m in measures]
    service.clock.now += 24 * HOUR + 60
    assert service.get(path).headers["Location"] == START
    service.clock.now += 30 * DAY
    assert service.get(path).headers["Location"] == START
    assert [service.total(m) for m in measures] == before
    service.act("stop")
    service.clock.now += 3 * DAY
    service.act("conclude")
    assert is_default(service.get(path))
    assert [service.total(m) for m in measures] == before


def test_a_fault_of_ours_does_not_stand_between_a_person_and_help(service, monkeypatch):
    path = link(service.shown())

    def broken(*_args, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("app.public.links.outcome_by_token", broken)
    answer = service.get(path)
    assert answer.status_code == 500
    assert all(text in answer.text for text in DEFAULT)


def test_links_of_the_fallback_are_plain(service):
    service.act("suspend")
    found = {offer["href"] for offer in service.ask()["help"]}
    assert found == {"tel:+448081000900", "mailto:help@example.org", START}


def test_links_start_with_the_public_address(make_service):
    service = with_keys(make_service(SIGNPOST_PUBLIC_URL="https://warn.example/"))
    service.run(DOCUMENT)
    assert all(offer["href"].startswith("https://warn.example/v1/go/") for offer in service.ask()["help"])
