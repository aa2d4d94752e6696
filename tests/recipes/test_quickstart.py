"""docs/quickstart-integrator.md and /docs: each block of code, run as it stands."""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path

import pytest

from app.public.reference import examples
from benchmarks.quickstart import DOCUMENT, ROOT, Reader, steps
from tests.recipes.conftest import node

STEPS = [step for step in steps((ROOT / DOCUMENT).read_text(encoding="utf-8")) if step.kind != "demo"]
PATIENT = {  # 300 ms are for people; a busy machine is no outage
    "timeout=0.3": "timeout=9", "timeout(300)": "timeout(9000)",
    "--surface search-uk\n": "--surface search-uk --budget 9000\n",
}  # fmt: skip


def patient(text: str) -> str:
    for hasty, calm in PATIENT.items():
        text = text.replace(hasty, calm)
    return text


@pytest.fixture
def reader(server, environment, browser, tmp_path) -> Reader:
    node()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "signpost").write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m app "$@"\n')
    (programs / "signpost").chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    (tmp_path / "reader").mkdir()
    # the document puts the project's own programs first; here that is the shim above
    (tmp_path / "project" / ".venv").mkdir(parents=True)
    (tmp_path / "project" / ".venv" / "bin").symlink_to(programs)
    known = environment | {"PATH": path, "HOME": str(tmp_path)}
    return Reader(server.base, server.key, tmp_path / "reader", known, browser, tmp_path / "project")


def test_the_whole_quickstart(reader, service):
    told = {}
    for step in STEPS:
        told[step.heading, step.kind, len(told)] = reader.follow(step._replace(text=patient(step.text)))
    said = [(heading[:1], kind, text) for (heading, kind, _), text in told.items()]
    assert [(part, kind) for part, kind, _ in said] == [
        ("1", "shell"), ("2", "shell"), ("3", "python"), ("3", "node"), ("4", "browser"), ("4", "shell"), ("4", "browser"),
        ("6", "shell"),
    ]  # fmt: skip
    curl, python, javascript, beacon, key, fetched, tried = (text for _, _, text in said[1:])
    assert '"token":"' in curl
    assert curl.endswith('{"receipt":"recorded"}')
    assert python.strip() in ("present en", "law en", "harm en")
    assert javascript.strip() in ("present en", "law en", "harm en")
    assert "/v1/exposures" in beacon
    assert '"outcome":"left"' in beacon
    assert key.startswith("pk_")
    assert fetched.endswith(" en")
    assert "steps done." in tried
    # curl, Python, JavaScript and the page were shown; the browser that asks for itself did not say so
    assert (service.total("a"), service.total("e")) == (5, 4)
    assert service.total("d0") == 3


def test_the_page_of_the_api_has_the_same_examples(service):
    page = html.unescape(service.get("/docs").text)
    document = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    assert len(examples()) == 3
    for title, text in examples():
        assert text in page, title
        assert text in document, title
    assert "export SIGNPOST_ADDRESS=http://localhost\n" in page
