"""`signpost plan`: what it prints, for people and for machines, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import cli

FOUR_LINES = str(Path(__file__).parents[2] / "experiments" / "library" / "four-lines.yml")
CALLS = ("--rate", "0.0005", "--ratio", "1.3", "--arms", "4")


@pytest.fixture
def signpost(monkeypatch, capsys):
    """Run `signpost plan` and return exit code, output and errors."""
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["plan", *arguments])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


def test_the_answer_comes_first(signpost):
    code, out, _ = signpost(*CALLS, "--name", "calls", "--compare", "clicks=0.007")
    assert code == 0
    first, asked, *_ = filter(None, out.splitlines())
    assert first.startswith("At 4,000 warnings a day this takes ")
    assert "; by clicks instead of calls, " in first
    assert "the one of 4 messages whose rate is 1.3 times that of the others, 5 in 10,000" in asked
    assert next(line for line in out.splitlines() if line.startswith("→")).startswith("→ sequential  ")
    assert not any(word in out for word in ("significant", "nan", "None"))
    assert max(map(len, out.splitlines())) <= 120


def test_machines_read_the_same(signpost):
    _, out, _ = signpost(*CALLS, "--design", "fixed", "--json")
    told = json.loads(out)
    assert told["schema"] == 1
    assert told["chosen"] == told["designs"][-1]
    assert told["chosen"]["units"] == told["chosen"]["mean_units"]
    assert told["harm_days"] is None
    assert told["question"]["arms"] == 4


def test_options_go_over_the_file(signpost):
    told = json.loads(signpost(FOUR_LINES, "--design", "looks", "--looks", "3", "--rate", "0.02", "--json")[1])
    asked = told["question"]
    assert (asked["design"], asked["looks"], asked["rate"], asked["ratio"], asked["arms"]) == ("looks", 3, 0.02, 1.2, 5)


def test_nothing_is_found_in_a_short_span(signpost):
    _, out, _ = signpost("--rate", "0.00002", "--ratio", "1.5", "--per-day", "100")
    assert "1 month      none: too few warnings" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ratio", "1.3"), "signpost: rate: must be given where no experiment file is\n"),
        (("--rate", "0.3"), "signpost: ratio: must be given where no experiment file is\n"),
        (("--rate", "0.3", "--ratio", "4"), "signpost: ratio: 4 times 0.3 is no rate below 1\n"),
        ((*CALLS, "--compare", "clicks"), "signpost: compare: 'clicks' must be NAME=RATE, as in clicks=0.007\n"),
        ((*CALLS, "--compare", "=0.1"), "signpost: compare: '=0.1' must be NAME=RATE, as in clicks=0.007\n"),
        ((*CALLS, "--compare", "x=2"), "signpost: compare x: must lie between 1e-07 and 1, not 2\n"),
        ((*CALLS, "--design", "fixed", "--shares", "leader"), "only the sequential design may change them"),
        (("no-such-file.yml",), "no-such-file.yml"),
    ],
)
def test_bad_input_is_one_line(signpost, arguments, said):
    code, out, err = signpost(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
