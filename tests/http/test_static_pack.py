"""`signpost export static-pack`: whole pages that need nobody, with what they say of themselves."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.static_pack import pack, write
from experiments.errors import InvalidInput
from tests.http.conftest import NOON


@pytest.fixture
def made(service):
    return pack(service.runtime, "search-uk", NOON)


def test_what_is_in_it(made):
    told, files = made
    assert files.keys() == {
        "index.html", "en.html", "de.html", "en.txt", "de.txt", "matrix-error.json", "nginx-languages.conf", "README.md",
        "manifest.json", "SHA256SUMS",
    }  # fmt: skip
    assert (told.surface, told.locales, told.made, told.expires) == (
        "search-uk", ("en", "de"), "2026-11-24", "2027-02-22",
    )  # fmt: skip
    assert files["index.html"] == files["en.html"]


def test_a_page_is_the_whole_warning_and_calls_nobody(made):
    page = made[1]["de.html"].decode()
    assert '<html lang="de" dir="ltr">' in page
    order = [page.index(part) for part in ("Fallback UK de", "de one", "de two", "helpline per call", "Bist du unter")]
    assert order == sorted(order)
    assert 'href="tel:+448081000900"' in page
    assert "/v1/" not in page
    assert not re.search(r"<script|<img|<iframe|<form|@import|url\(|src=", page)
    assert set(re.findall(r'<link[^>]*href="([^"]*)"', page)) == {"data:,"}


def test_its_policy_knows_its_style(made):
    page = made[1]["en.html"].decode()
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    import base64

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page


def test_it_says_which_texts_and_until_when(made):
    told, files = made
    readme, manifest = files["README.md"].decode(), json.loads(files["manifest.json"])
    assert told.sha256 in readme
    assert told.expires in readme
    assert manifest["sha256"] == told.sha256
    assert set(manifest["files"]) == set(files)
    assert f"texts {told.sha256}; made 2026-11-24; renew before 2027-02-22" in files["en.html"].decode()


def test_the_hash_is_of_texts_and_help_alone(service, made):
    later = pack(service.runtime, "search-uk", NOON + 9 * 86_400 + 3600, days=7)[0]
    assert later.sha256 == made[0].sha256
    assert later.expires == "2026-12-10"
    assert pack(service.runtime, "search-de", NOON)[0].sha256 != later.sha256


def test_the_same_day_gives_the_same_bytes_whatever_is_open(service, made):
    assert pack(service.runtime, "search-uk", NOON + 11 * 3600)[1] == made[1]


def test_a_refusal_for_chat_servers(made):
    error = json.loads(made[1]["matrix-error.json"])
    assert error["errcode"] == "M_FORBIDDEN"
    assert error["messages"].keys() == {"en", "de"}
    assert error["error"] == error["messages"]["en"] == made[1]["en.txt"].decode().strip()


def test_an_adopted_text_goes_out_instead(service):
    service.act("stop")
    service.clock.now += 3 * 86_400
    service.act("conclude", adopt="law")
    assert "law en" in pack(service.runtime, "search-uk", int(service.clock()))[1]["en.html"].decode()


@pytest.mark.parametrize("days", [0, 91, -1])
def test_a_pack_is_good_as_long_as_an_approval(service, days):
    with pytest.raises(InvalidInput, match="1 to 90 days"):
        pack(service.runtime, "search-uk", NOON, days)


# ------------------------------------------------------------------------------------------- where it goes


def test_an_older_pack_is_renewed_and_what_it_no_longer_holds_goes(made, tmp_path):
    files = made[1]
    older = {
        **files,
        "fr.html": b"old",
        "manifest.json": files["manifest.json"].replace(b'"en.txt"', b'"en.txt", "fr.html"'),
    }
    write(older, tmp_path / "pack", "search-uk")
    (tmp_path / "pack" / "of-somebody-else").write_text("mine")
    write(files, tmp_path / "pack", "search-uk")
    assert {path.name for path in (tmp_path / "pack").iterdir()} == {*files, "of-somebody-else"}


@pytest.mark.parametrize("there", [{"x.html": "mine"}, {"manifest.json": '{"surface": "other", "files": []}'}])
def test_nothing_else_is_written_over(made, tmp_path, there):
    folder = tmp_path / "there"
    folder.mkdir()
    for name, text in there.items():
        (folder / name).write_text(text)
    with pytest.raises(InvalidInput, match="holds no pack of surface 'search-uk'"):
        write(made[1], folder, "search-uk")
    assert {path.name: path.read_text() for path in folder.iterdir()} == there


def test_a_manifest_cannot_make_it_delete_elsewhere(made, tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "manifest.json").write_text(
        '{"surface": "search-uk", "files": ["../precious", "/etc/nothing"]}'
    )
    write(made[1], tmp_path / "pack", "search-uk")
    assert (tmp_path / "precious").read_text() == "mine"


def test_a_file_in_its_place_is_told(made, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput):
        write(made[1], tmp_path / "file", "search-uk")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write(made[1], tmp_path / "file" / "below", "search-uk")


def test_the_command(service, ledger, volatile_server, files, tmp_path):
    environment = {
        **files, "SIGNPOST_LEDGER_URL": ledger.url, "SIGNPOST_VOLATILE_URL": volatile_server.url, "PATH": os.environ["PATH"],
    }  # fmt: skip
    where = tmp_path / "pack"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", "export", "static-pack", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    done = run("search-uk", "--out", str(where), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {Path(where, name).exists() for name in told["files"]} == {True}
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=where, check=False).returncode == 0
    again = run("search-uk", "--out", str(where))
    assert again.returncode == 0
    assert "Experiment 'four-lines' runs there; these pages take no part" in again.stdout
    assert "this is the default for all surfaces" in run("nowhere", "--out", str(tmp_path / "other")).stdout
    refused = run("nowhere", "--out", str(where))
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (2, "signpost")
    assert run("search-uk", "--out", str(where), "--days", "91").returncode == 2
