"""The pack of the demo's experiment and of the 2021 replay: its script runs in a fresh environment and says "equal".

The environment has the public libraries and nothing of this project; it is somewhere else, with nothing on its path.
"""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from app.commands.demo import prepare
from app.publishing import pack, to_folder
from experiments import desk, outcomes
from experiments.directory import LIBRARY, load_fallbacks, load_help
from experiments.lifecycle import Actor
from experiments.model import DAY
from experiments.publication.release import release
from experiments.reading import load_yaml
from experiments.recording import Asked, assign
from experiments.runtime import Runtime

NOW = 20_781 * DAY + 43_200
NEEDED = ("numpy", "scipy", "statsmodels", "pandas", "patsy", "packaging", "dateutil", "pytz", "tzdata", "six.py")
REPLAY = LIBRARY / "replays"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """A Python of its own with the libraries of requirements.txt alone."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    source = Path(np.__file__).parents[1]
    for entry in source.iterdir():
        if entry.name in NEEDED or entry.name.removesuffix(".libs") in NEEDED or entry.suffix == ".dist-info":
            (site / entry.name).symlink_to(entry)
    return home / "bin" / "python"


@dataclass
class Script:
    """recompute.py of a pack, run from another folder."""

    python: Path
    folder: Path

    def run(self) -> subprocess.CompletedProcess[str]:
        command = [self.python, "-I", self.folder / "recompute.py", self.folder]
        return subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def runtime(store, keyring):
    directory = load_help(None)
    return Runtime.make(store, keyring, directory, load_fallbacks(directory, None))


@pytest.fixture
def demo(runtime, fresh, tmp_path) -> Script:
    """The pack of the demo's experiment, as `signpost demo` plays it."""
    prepare(runtime, NOW, lambda _: None)
    to_folder(pack(release(runtime.store, "four-lines-uk", now=NOW)), tmp_path / "pack")
    return Script(fresh, tmp_path / "pack")


def replayed(runtime: Runtime) -> None:
    """Play the 2021 trial's counts through the use cases that serve requests; then conclude."""
    text = (REPLAY / "prichard-2021.yml").read_text(encoding="utf-8")
    key = desk.apply(runtime, load_yaml(text), Actor("ann", NOW)).key
    for act, who in (("submit", "ann"), ("approve", "bob"), ("approve", "cid"), ("start", "ann")):
        desk.act(runtime, key, act, Actor(who, NOW), {"simulated": True} if act == "start" else {})
    runtime.refresh(NOW)
    rows = csv.DictReader((REPLAY / "prichard-2021.csv").read_text(encoding="utf-8").splitlines())
    left = {row["variant"]: [int(row["units"]), int(row["conversions"])] for row in rows}
    number = 0
    while any(units for units, _ in left.values()):
        number += 1
        asked = Asked(7, surface="replay-prichard-2021", session=f"s{number}", shown=False, locale="en")
        given = assign(runtime, asked, NOW)
        arm = left[given.variant]
        if arm[0]:
            token = runtime.keyring.sealer.seal(given.grant, "unit")
            outcomes.expose(runtime, token, 7, NOW)
            if arm[1]:
                outcomes.outcome_by_token(runtime, token, outcomes.Event("left", None, "attested", NOW), 7, NOW)
                arm[1] -= 1
            arm[0] -= 1
    desk.act(runtime, key, "stop", Actor("ann", NOW))
    desk.act(runtime, key, "conclude", Actor("ann", NOW + 4 * DAY))


@pytest.fixture
def replay(runtime, fresh, tmp_path) -> Script:
    replayed(runtime)
    to_folder(pack(release(runtime.store, "prichard-2021", now=NOW + 5 * DAY)), tmp_path / "pack")
    return Script(fresh, tmp_path / "pack")


def told(script: Script) -> dict:
    return json.loads((script.folder / "report.json").read_text(encoding="utf-8"))


def test_the_environment_knows_nothing_of_this_project(fresh):
    for name in ("app", "experiments", "stats", "flask", "redis"):
        found = subprocess.run([fresh, "-I", "-c", f"import {name}"], cwd="/", env={}, capture_output=True, check=False)
        assert found.returncode == 1, name
        assert b"ModuleNotFoundError" in found.stderr
    assert sys.version_info[:2] == tuple(json.loads(subprocess.run(
        [fresh, "-I", "-c", "import sys; print(list(sys.version_info[:2]))"], capture_output=True, check=True).stdout))  # fmt: skip


def test_the_demo(demo):
    ran = demo.run()
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout.startswith("equal: ")
    assert int(ran.stdout.split()[1]) > 1_000, "figures"
    report = told(demo)
    assert report["simulated"] is True
    assert {arm["variant"] for arm in report["figures"]["arms"]} == {"present", "law", "harm", "consequences", "help"}
    with (demo.folder / "counts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = [int(row[name]) for row in rows for name in ("assigned", "units", "conversions")]
    assert all(number == 0 or number >= 10 for number in numbers)
    assert sum(int(row["units"]) for row in rows if row["outcome"] == "primary") > 10_000

    for name in ("counts.csv", "report.json"):
        _refuses_another_digit(demo, name)


def _refuses_another_digit(script: Script, name: str) -> None:
    path = script.folder / name
    text = path.read_text(encoding="utf-8")
    at = text.index("\n2026") if name == "counts.csv" else text.index('"rate_per_10000": ')
    digit = next(
        i
        for i in range(text.index("primary,", at) if name == "counts.csv" else at + 17, len(text))
        if text[i] in "12345678"
    )
    path.write_text(text[:digit] + str(int(text[digit]) + 1) + text[digit + 1 :], encoding="utf-8")
    ran = script.run()
    path.write_text(text, encoding="utf-8")
    assert ran.returncode == 1, ran
    assert ran.stdout.startswith("different: arms[0]."), ran.stdout
    assert "published" in ran.stdout
    assert "recomputed" in ran.stdout


def test_the_replay_of_2021_gives_the_published_odds_ratios(replay):
    ran = replay.run()
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert ran.stdout.startswith("equal: ")
    figures = told(replay)["figures"]
    arms = {arm["variant"]: (arm["units"], arm["conversions"]) for arm in figures["arms"]}
    assert arms == {"control": (100, 27), "police": (81, 40), "illegal": (99, 52)}
    odds = {(pair["a"], pair["b"]): pair["odds_ratio"] for pair in figures["pairs"]}
    assert f"{odds['police', 'control']:.2f}" == "2.64"
    assert f"{odds['illegal', 'control']:.2f}" == "2.99"
    for name in ("counts.csv", "report.json"):
        _refuses_another_digit(replay, name)


def test_the_rest_of_the_pack(replay):
    names = {path.relative_to(replay.folder).as_posix() for path in replay.folder.rglob("*") if path.is_file()}
    assert names >= {
        "README.md", "SHA256SUMS", "charts/intervals.svg", "consort-2025.csv", "counts.csv", "deviations.csv",
        "left-out.csv", "protocol.json", "protocol.md", "recompute.py", "report.html", "report.json", "requirements.txt",
    }  # fmt: skip
    sums = dict(reversed(line.split("  ")) for line in (replay.folder / "SHA256SUMS").read_text().splitlines())
    assert sums.keys() == names - {"SHA256SUMS"}
    for name, expected in sums.items():
        assert hashlib.sha256((replay.folder / name).read_bytes()).hexdigest() == expected
    with (replay.folder / "consort-2025.csv").open(encoding="utf-8") as file:
        items = list(csv.DictReader(file))
    assert {int(item["item"].rstrip("abcd")) for item in items} == set(range(1, 31)), "all 30 items"
    assert all(item["known"] or item["author"] for item in items)
    page = (replay.folder / "report.html").read_text(encoding="utf-8")
    for wrong in ("<script", "<link", "@import", 'src="http', "url(http", 'href="http'):
        assert wrong not in page, "the report needs no other file"
    assert "no person was involved" in page.lower()
