"""docs/recipes/express.md: the page under Node's own server; under Express, too, where there is one."""

from __future__ import annotations

import html
import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.integrating.away import closed, garbage, silent
from tests.proxy import free_port, is_open, until
from tests.recipes.conftest import HOSTILE, node, recipe

EXPRESS = os.environ.get("SIGNPOST_NODE_MODULES")  # a folder node_modules with Express in it
KINDS = ["node", "express"] if EXPRESS else ["node"]


@contextmanager
def running(folder: Path, kind: str, **environment: str):
    """The recipe at an address of its own."""
    folder.mkdir(exist_ok=True)
    for name, text in recipe("express").items():
        # 300 ms are for people; a busy machine is no outage
        patience = environment.get("PATIENCE", "5000")
        (folder / name).write_text(text.replace("AbortSignal.timeout(300)", f"AbortSignal.timeout({patience})"))
    given = {"PATH": os.environ["PATH"], "LISTED_TERMS": "listed", **environment}
    if kind == "express":
        (folder / "node_modules").symlink_to(EXPRESS)
        port = free_port()
        command, given = [node(), "server.mjs"], given | {"PORT": str(port)}
    else:
        (folder / "harness.mjs").write_text((Path(__file__).parent / "harness.mjs").read_text())
        command = [node(), "harness.mjs"]
    with subprocess.Popen(command, cwd=folder, env=given, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = port if kind == "express" else int(process.stdout.readline())
            until(lambda: is_open(port), "it did not start")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(params=KINDS)
def site(request, server, tmp_path):
    known = {"SIGNPOST_ADDRESS": server.base, "SIGNPOST_KEY": server.key}
    with running(tmp_path / "site", request.param, **known) as base:
        yield base


def get(url: str, **headers: str):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib.request.urlopen(urllib.request.Request(url, headers=sent), timeout=10) as answer:
        return answer.headers, answer.read().decode()


def test_a_warning_is_shown_and_counted(site, service):
    assert get(f"{site}/search?q=weather")[1] == "Results"
    headers, page = get(f"{site}/search?q=a+listed+thing", Accept_Language="de-AT,en")
    assert '<html lang="de" dir="ltr">' in page
    assert "Bist du unter 18?" in page
    assert headers["Cache-Control"] == "no-store"
    assert (service.total("a"), service.total("e")) == (1, 1)
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert (
        get(f"{site}/search?q=listed", Cookie=cookie, Accept_Language="de")[1].partition("<h2>")[0]
        == page.partition("<h2>")[0]
    )
    assert service.total("a") == 1


def test_markup_in_a_message_is_text(hostile, site):
    page = get(f"{site}/search?q=listed")[1]
    assert "<script" not in page
    assert "<img" not in page
    assert html.unescape(page).count(HOSTILE) >= 2


def test_a_problem_carries_the_fallback(server, tmp_path):
    with running(tmp_path / "site", "node", SIGNPOST_ADDRESS=server.base, SIGNPOST_KEY="sk_no_body") as base:
        assert "Fallback UK en" in get(f"{base}/search?q=listed")[1]


@pytest.mark.parametrize("away", [closed, silent, garbage])
def test_your_own_copy_stands_when_no_answer_comes(away, tmp_path):
    with away() as signpost:
        known = {"SIGNPOST_ADDRESS": signpost, "SIGNPOST_KEY": "k", "PATIENCE": "300"}
        with running(tmp_path / "site", "node", **known) as base:
            begun = time.perf_counter()
            page = get(f"{base}/search?q=listed")[1]
            assert time.perf_counter() - begun < 2
    assert "Stop for a moment" in page
    assert "Are you under 18?" in page
