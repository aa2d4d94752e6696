"""The page and the pack of a publication over HTTP: who may, when, and what is in it."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest

from experiments import audit
from experiments.model import DAY
from experiments.store import keys
from tests.http.conftest import DOCUMENT, NOON, TODAY

PAGE = "/experiments/four-lines/publication"
OVER = (TODAY + 3) * DAY
UNITS = {0: (500, 60), 1: (300, 45), 2: (200, 30)}  # shown, sought help, by variant


@pytest.fixture
def stopped(service):
    """Counts of a day, as the script writes them; stopped, and its last day sealed."""
    (version,) = service.runtime.store.documents.experiment("four-lines").versions
    for variant, (shown, sought) in UNITS.items():
        cell = {"a": shown, "e": shown, "d0": sought, "d1": sought // 2, "d2": shown // 10}
        fields = {f"0.{variant}.0.1.{name}": units for name, units in cell.items()}
        service.ledger.hset(keys.counts(keys.tag("four-lines", 1, version.tags[0]), TODAY), mapping=fields)
    service.clock.now = NOON + 3600
    service.act("stop")
    service.clock.now = OVER
    return service


def download(service, **options):
    return service.post(PAGE, "", key=None, **options)


def unzipped(answer) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as files:
        return {name.removeprefix("four-lines-v1/"): files.read(name).decode() for name in files.namelist()}


def test_a_running_experiment_says_why_not_and_what_next(service):
    page = service.get(PAGE)
    assert page.status_code == 200
    assert "It cannot be published yet" in page.text
    assert "stop it" in page.text
    assert "Download" not in page.text
    refused = download(service)
    assert (refused.status_code, refused.json["type"].rpartition("/")[2]) == (409, "not-sealed")
    assert service.get("/v1/experiments/four-lines/publication").status_code == 409


def test_the_page_says_what_is_in_it(stopped):
    page = stopped.get(PAGE)
    assert page.status_code == 200
    for told in ("Download the publication pack", "counts.csv", "recompute.py", "Nothing: all counts"):
        assert told in page.text, told
    assert re.search(r'<form method="post" action="/experiments/four-lines/publication\?version=1">', page.text)
    assert 'name="csrf_token"' in page.text
    assert not re.search(r"<script|<style|style=", page.text)


def test_the_pack(stopped):
    answer = download(stopped)
    assert answer.status_code == 200
    assert answer.content_type == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="four-lines-v1.zip"'
    files = unzipped(answer)
    assert files.keys() >= {"README.md", "report.html", "report.json", "counts.csv", "recompute.py", "SHA256SUMS"}
    report = json.loads(files["report.json"])
    assert [(a["units"], a["conversions"]) for a in report["figures"]["arms"]] == list(UNITS.values())
    assert stopped.get("/v1/experiments/four-lines/publication").json == report


def test_the_audit_log_keeps_who_took_it(stopped):
    stopped.person("rae", "researcher")
    assert download(stopped, by="rae").status_code == 200
    entries = [e for e in audit.decoded(stopped.runtime.store.audit.entries()) if e.act == "publish"]
    assert [(e.who, e.about, e.details) for e in entries] == [("rae", "experiment/four-lines", {"version": 1})]
    stopped.get(PAGE)
    assert len([e for e in audit.decoded(stopped.runtime.store.audit.entries()) if e.act == "publish"]) == 1


def test_a_reader_reads_the_page_and_cannot_take_the_pack(stopped):
    stopped.person("rea", "reader")
    page = stopped.get(PAGE, by="rea")
    assert page.status_code == 200
    assert "Download the publication pack" not in page.text
    assert "can be downloaded by researchers" in page.text
    assert download(stopped, by="rea").status_code == 403
    assert stopped.get("/v1/experiments/four-lines/publication", by="rea").status_code == 403


def test_nobody_else_sees_it(stopped):
    stopped.person("eve", "researcher", experiments=("another",))
    assert stopped.get(PAGE, by="eve").status_code == 404
    assert download(stopped, by="eve").status_code == 404
    assert stopped.get(PAGE, by=None).status_code == 302
    assert download(stopped, by=None).status_code in (302, 401, 403)


@pytest.mark.parametrize("query", ["?version=2", "?version=x", "?version=-1"])
def test_a_version_that_is_not_there(stopped, query):
    assert stopped.get(f"/v1/experiments/four-lines/publication{query}").status_code in (404, 422)
    assert stopped.get(PAGE + query).status_code in (404, 422)


def test_an_experiment_that_is_not_there(stopped):
    assert stopped.get("/v1/experiments/no-such-thing/publication").status_code == 404


def test_a_draft_has_nothing_to_publish(service):
    service.post("/v1/experiments", DOCUMENT | {"key": "drafted"}, key=None)
    page = service.get("/experiments/drafted/publication")
    assert page.status_code == 200
    assert "has not started" in page.text


def test_the_final_report_is_told_with_the_result(stopped):
    stopped.act("conclude")
    final = stopped.get("/v1/experiments/four-lines/results").json["final"]
    assert (final["by"], final["equal"], final["differs"]) == ("cid", True, [])
    assert unzipped(download(stopped))["counts.csv"].count("\n") == 1 + 3 * 3
