"""The widget's file: small, frozen in numbered copies, and served so that other people's pages may load it."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from app.public.widget import FOLDER
from tests.http.conftest import CSP_NEEDED

LARGEST = 8192
INTEGRITY = json.loads((FOLDER / "integrity.json").read_text())
NUMBERS = sorted(int(number) for number in INTEGRITY)


def fetch(service, path: str, **headers: str):
    """Not by `Service.call`: the widget alone is meant to be kept by browsers."""
    return service.app.test_client().get(path, headers=headers, buffered=True)


def test_it_is_small():
    assert (FOLDER / "widget.js").stat().st_size <= LARGEST


@pytest.mark.parametrize("number", NUMBERS)
def test_a_frozen_copy_never_changes(number):
    """If this fails: put the copy back as it was, and freeze what is new as the next number (docs/widget.md)."""
    found = base64.b64encode(hashlib.sha384((FOLDER / f"widget.{number}.js").read_bytes()).digest()).decode()
    assert INTEGRITY[str(number)] == f"sha384-{found}"


def test_every_copy_is_known_and_the_newest_is_what_is_served_without_a_number():
    files = {file.name for file in FOLDER.iterdir()}
    assert files == {"widget.js", "integrity.json", *(f"widget.{number}.js" for number in NUMBERS)}
    assert list(range(1, len(NUMBERS) + 1)) == NUMBERS
    assert (FOLDER / "widget.js").read_bytes() == (FOLDER / f"widget.{NUMBERS[-1]}.js").read_bytes()


def test_it_writes_no_markup_and_keeps_nothing():
    text = re.sub(r"//.*", "", (FOLDER / "widget.js").read_text())
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "cookie",
        "Storage",
    )
    assert [word for word in forbidden if word in text] == []
    assert not re.search(r"indexedDB|caches|setAttribute\([\"']style|\bimport\b", text)


@pytest.mark.parametrize(("path", "keep"), [("/widget.js", 300), ("/widget.1.js", 31_536_000)])
def test_pages_of_any_origin_may_load_it_and_check_it(service, path, keep):
    answer = fetch(service, path, Origin="https://anybody.example")
    assert answer.status_code == 200
    assert answer.data == (FOLDER / path[1:]).read_bytes()
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert f"max-age={keep}" in answer.headers["Cache-Control"]
    assert ("immutable" in answer.headers["Cache-Control"]) == (keep > 300)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert all(part in answer.headers["Content-Security-Policy"] for part in CSP_NEEDED)
    again = fetch(service, path, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "max-age" in again.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/widget.0.js", "/widget.99.js", "/widget.-1.js", "/widget.x.js", "/widget.1.js.map"])
def test_another_copy_is_not_found(service, path):
    answer = service.get(path)
    assert answer.status_code == 404
    assert answer.get_json(force=True)["type"].endswith("/problems/not-found")


def test_the_snippet_of_the_documentation_names_the_newest_copy_and_its_hash():
    told = (FOLDER.parents[2] / "docs" / "widget.md").read_text()
    assert f"/widget.{NUMBERS[-1]}.js" in told
    assert INTEGRITY[str(NUMBERS[-1])] in told


def test_every_attribute_is_in_the_documentation():
    text = (FOLDER / "widget.js").read_text()
    taken = set(re.findall(r"\bown\.(\w+)", text)) | set(re.findall(r"\{ ([\w, ]+) \} = own;", text)[0].split(", "))
    told = (FOLDER.parents[2] / "docs" / "widget.md").read_text()
    names = {"data-" + re.sub(r"[A-Z]", lambda found: f"-{found[0].lower()}", name) for name in taken}
    assert {"data-surface", "data-exit-label", "data-signpost"} < names
    assert {name for name in names if f"`{name}`" not in told} == set()
