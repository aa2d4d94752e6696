"""`signpost lint`: what it prints, for people and for machines, and how it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app import cli

FOUR_LINES = Path(__file__).parents[2] / "experiments" / "library" / "four-lines.yml"


@pytest.fixture
def lint(monkeypatch, capsys):
    """Run `signpost lint` and return exit code, output and errors."""
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["lint", *arguments])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


@pytest.fixture
def threatening(tmp_path):
    file = tmp_path / "threatening.yml"
    text = FOUR_LINES.read_text(encoding="utf-8")
    file.write_text(text.replace("In the UK, sexual images of children are illegal", "We can trace you"))
    return str(file)


def test_nothing_found_is_0(lint):
    assert lint(str(FOUR_LINES)) == (0, "four-lines-uk: nothing found\n", "")


def test_findings_are_1_with_place_rule_and_source(lint, threatening):
    code, out, _ = lint(threatening)
    assert code == 1
    assert out.startswith("/variants/1/messages/en/title: error: 'trace you': a threat that is not true ")
    assert "[claim-traced]\n    docs/wording.md: a rule of this project\n" in out


def test_findings_for_machines(lint, threatening):
    code, out, _ = lint(threatening, "--json")
    found = json.loads(out)
    assert (code, found["key"]) == (1, "four-lines-uk")
    assert {f["rule"] for f in found["findings"]} == {"claim-traced", "promises-differ"}
    assert set(found["findings"][0]) == {"rule", "severity", "pointer", "reason", "source"}


def test_a_declared_fact_is_believed(lint, threatening):
    _, out, _ = lint(threatening, "--fact", "keeps_addresses", "--json")
    assert [f["rule"] for f in json.loads(out)["findings"]] == ["promises-differ"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nowhere.yml",), "nowhere.yml: cannot be read"),
        ((str(FOUR_LINES), "--fact", "magic"), "fact: 'magic' is none"),
    ],
)
def test_bad_input_is_2(lint, arguments, named):
    code, out, err = lint(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"signpost: {named}")


def test_validate_refuses_a_promise_that_no_help_keeps(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    file = tmp_path / "promising.yml"
    text = FOUR_LINES.read_text(encoding="utf-8").replace("See where you can get help", "E-mail us")
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        cli.main(["experiment", "validate", str(file)])
    assert ended.value.code == 2
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith("signpost: /variants/0/messages/en/action: 'E-mail us': it needs a help resource")
