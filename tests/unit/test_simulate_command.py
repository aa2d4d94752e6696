"""`signpost simulate`: what it prints, for people and for machines, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import cli
from app.commands.simulate import rates_of

FOUR_LINES = str(Path(__file__).parents[2] / "experiments" / "library" / "four-lines.yml")
SHORT = ("--runs", "20")


@pytest.fixture
def signpost(monkeypatch, capsys):
    """Run `signpost simulate` and return exit code, output and errors."""
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["simulate", *arguments])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


def test_people_read_the_answer_first(signpost):
    code, out, err = signpost(FOUR_LINES, "--truth", "law=0.010,harm=0.013", *SHORT)
    assert code == 0
    title, answer, *_ = filter(None, out.splitlines())
    assert title == "four-lines-uk: 20 simulated runs, seed 1; no real data"
    assert answer.startswith(
        "harm is truly the best, and was named the winner in 100.0 % of the runs. Half of the runs"
    )
    assert "window 24 h, grace 6 h" in out
    assert "(none of 20: below 14 % with 95 % confidence)" in out
    assert "shares never changed" not in out  # the plan has no dropped losers
    assert not any(word in out for word in ("significant", "nan", "inf ", "None", "-0.0", "-0 "))
    assert max(map(len, out.splitlines())) <= 120
    assert "20 runs" in err


def test_equal_variants_have_no_right_winner(signpost):
    _, out, _ = signpost(FOUR_LINES, *SHORT, "--per-day", "40000")
    assert (
        "All variants are equally good, the best there are: a winner was named, wrongly, in 0.0 % of the runs." in out
    )
    assert "anyone is named (promised: at most 5 %)" in out
    assert "truly best is named" not in out


def test_machines_get_every_figure(signpost):
    options = ("--truth", "harm=0.013", "--drift", "2", "--per-day", "8000", "--max-days", "400", "--delay-hours", "0")
    code, out, _ = signpost(FOUR_LINES, *SHORT, *options, "--seed", "3", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["runs"], told["seed"], told["drift"], told["max_days"]) == (20, 3, 2.0, 400)
    assert (told["units_per_day"], told["sealed_after_days"]) == (8000, 0)
    assert told["truth"] == {"present": 0.0073, "law": 0.0073, "harm": 0.013, "consequences": 0.0073, "help": 0.0073}
    assert told["best"] == ["harm"]
    shares = [told[name]["value"] for name in ("power", "wrong_winner", "no_clear_winner", "undecided")]
    assert sum(shares) == pytest.approx(1)
    assert told["days"].keys() == {"median", "low", "high"}
    assert sum(share["value"] for share in told["named"].values()) == pytest.approx(shares[0] + shares[1])


def test_the_same_command_prints_the_same(signpost):
    first, again = (signpost(FOUR_LINES, "--truth", "law=0.012", *SHORT) for _ in range(2))
    assert first[1] == again[1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["missing.yml"], "signpost: missing.yml: cannot be read: No such file or directory"),
        ([FOUR_LINES, "--truth", "law"], "signpost: truth: 'law' must be VARIANT=RATE, as in law=0.010"),
        ([FOUR_LINES, "--truth", "law=much"], "signpost: truth: 'law=much' must be VARIANT=RATE, as in law=0.010"),
        ([FOUR_LINES, "--truth", "law=0.1,law=0.2"], "signpost: truth: the variant 'law' is given twice"),
        ([FOUR_LINES, "--truth", "law=2"], "signpost: truth: the rate of 'law' must lie between 0 and 1, not 2.0"),
        (
            [FOUR_LINES, "--truth", "a=0.1"],
            "signpost: truth: there is no variant 'a'; there are: present, law, harm, consequences, help",
        ),
        ([FOUR_LINES, "--runs", "0"], "signpost: runs: must be at least 1, not 0"),
        ([FOUR_LINES, "--per-day", "-5"], "signpost: per-day: must be at least 1, not -5"),
        ([FOUR_LINES, "--drift", "nan"], "signpost: drift: must be a positive number, not nan"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(signpost, arguments, line):
    code, out, err = signpost(*arguments)
    assert (code, out) == (2, "")
    assert err.splitlines() == [line]


def test_rates_may_be_spaced():
    assert rates_of(" law = 0.01 , harm=1e-3,") == {"law": 0.01, "harm": 0.001}
