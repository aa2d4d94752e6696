"""docs/recipes/nginx-block-page.md."""

from __future__ import annotations

import datetime as dt
import re
import urllib.error
import urllib.request
from collections import Counter
from email.message import Message

import pytest

from tests.recipes.conftest import in_nginx, recipe, signpost


@pytest.fixture
def block(service, environment, tmp_path):
    pack = tmp_path / "pack"
    signpost(environment, "export", "static-pack", "search-uk", "--out", str(pack))
    text = recipe("nginx-block-page")["block.conf"].replace("/srv/block", str(pack))
    (tmp_path / "nginx").mkdir()
    text = text.replace("/var/log/nginx/shown.log", str(tmp_path / "nginx" / "shown.log"))
    with in_nginx(text, tmp_path / "nginx") as port:
        yield f"http://127.0.0.1:{port}", pack, tmp_path / "nginx"


def get(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, Message, str]:
    sent = {name.replace("_", "-"): value for name, value in ({"Accept": "text/html"} | headers).items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, sent, method=method), timeout=5) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read().decode()


@pytest.mark.parametrize(
    ("languages", "page"),
    [("de-AT,de;q=0.9,en;q=0.5", "de"), ("en", "en"), ("fr", "en"), ("", "en"), ("den", "en"), ("DE", "de")],
)
def test_every_address_answers_with_the_page_in_the_persons_language(block, languages, page):
    base, pack, _ = block
    for path in ("/", "/any/where?q=1", "/en.txt", "/manifest.json"):
        status, headers, body = get(base + path, Accept_Language=languages)
        assert (status, headers["Content-Type"]) == (403, "text/html; charset=utf-8")
        assert body == (pack / f"{page}.html").read_text()
        assert headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in headers
        assert "Location" not in headers


def test_a_form_that_was_sent_is_answered_too(block):
    base, pack, _ = block
    status, _, body = get(f"{base}/login", "POST", b"name=somebody")
    assert (status, body) == (403, (pack / "en.html").read_text())


def test_the_log_holds_days_and_languages_alone(block):
    base, _, folder = block
    for language in ("de", "en", "de"):
        get(f"{base}/secret?q=words", Accept_Language=language, User_Agent="Canary", Referer="http://canary/")
    get(f"{base}/favicon.ico")
    get(f"{base}/x.png", Accept="image/png")
    log = (folder / "shown.log").read_text()
    today = dt.datetime.now().astimezone().date().isoformat()
    assert Counter(log.splitlines()) == {f"{today} de": 2, f"{today} en": 1}
    assert not re.search(r"secret|words|anary|127\.0", log + (folder / "errors").read_text())


def test_a_pack_is_renewed_while_it_is_served(block, environment):
    base, pack, _ = block
    (pack / "en.html").write_text("older")
    assert get(base)[2] == "older"
    signpost(environment, "export", "static-pack", "search-uk", "--out", str(pack))
    assert "Fallback UK en" in get(base)[2]


def test_signpost_hears_of_nothing(block, service):
    before = service.hashes()
    get(block[0])
    assert service.hashes() == before
