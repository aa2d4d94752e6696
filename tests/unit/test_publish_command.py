"""`signpost publish` on real stores: a folder, a zip, what is said, and what is refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import pytest

from app.cli import main
from experiments import audit
from experiments.store import keys
from tests.conftest import TODAY

LATER = "2026-11-30T12:00:00Z"  # the day is sealed then
COUNTS = {0: (500, 60, 30), 1: (300, 45, 20), 2: (200, 30, 3)}


@pytest.fixture
def played(world, definition, ledger, volatile_server, tmp_path, monkeypatch):
    """A simulated version with a sealed day, and the command's settings."""
    live = world.run(definition(), simulated=True)
    for variant, (units, sought, contact) in COUNTS.items():
        fields = {"a": units, "e": units, "d0": sought, "d1": contact, "d2": units // 5}
        mapping = {f"0.{variant}.0.1.{name}": n for name, n in fields.items()}
        world.store.ledger.client.hset(keys.counts(live.tags[0], TODAY), mapping=mapping)
    monkeypatch.setenv("SIGNPOST_LEDGER_URL", ledger.url)
    monkeypatch.setenv("SIGNPOST_VOLATILE_URL", volatile_server.url)
    monkeypatch.setenv("SIGNPOST_VAR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)
    return world


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["publish", "four-lines", "--as-of", LATER, *arguments])
    return int(left.value.code or 0)


def test_a_folder(played, tmp_path, capsys):
    assert run("--as", "ann") == 0
    told = capsys.readouterr().out
    assert "every figure follows from counts.csv" in told
    assert "left out: measure contact" in told
    ran = subprocess.run(
        [sys.executable, "-I", tmp_path / "four-lines-v1" / "recompute.py"], cwd="/", env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.startswith("equal: ")
    (entry,) = [one for one in audit.decoded(played.store.audit.entries()) if one.act == "publish"]
    assert (entry.who, entry.about) == ("ann", "experiment/four-lines")


def test_a_zip_and_what_machines_are_told(played, tmp_path, capsys):
    assert run("--to", "out/pack.zip", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    with zipfile.ZipFile(tmp_path / "out" / "pack.zip") as files:
        assert {name.removeprefix("four-lines-v1/") for name in files.namelist()} == set(told["files"])
    assert not list((tmp_path / "out").glob("*.part"))


@pytest.mark.parametrize("name", ["there", "there.zip"])
def test_what_is_there_stays(played, tmp_path, capsys, name):
    if name == "there":
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text("mine")
    else:
        (tmp_path / name).write_text("mine")
    assert run("--to", name) == 2
    assert "--to: " in capsys.readouterr().err
    left = tmp_path / name / "mine.txt" if name == "there" else tmp_path / name
    assert left.read_text() == "mine"
    assert not [e for e in audit.decoded(played.store.audit.entries()) if e.act == "publish"], "nothing was published"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--version", "7"), "no version 7"), (("--as-of", "soon"), "as_of")],
    ids=["version", "time"],
)
def test_bad_input_is_one_line(played, capsys, arguments, told):
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
