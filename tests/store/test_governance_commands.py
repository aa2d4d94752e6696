"""`signpost audit …`, `signpost experiment approve|protocol` on real stores."""

import json
import os

import pytest
from click.testing import CliRunner

from app.cli import signpost
from experiments.errors import InvalidInput, Refused
from experiments.store import keys
from tests.conftest import DOCUMENT

RESOURCE = {
    "key": "helpline", "name": "Helpline", "countries": ["GB"], "languages": ["en"], "audience": ["adults"],
    "time_zone": "Europe/London", "verified_on": "2026-11-01", "source": "https://example.org/",
    "channels": [{"channel": "call", "address": "tel:+448081000900", "display": "0808", "label": {"en": "By call"}}],
}  # fmt: skip


@pytest.fixture
def run(ledger, volatile_server, tmp_path, monkeypatch):
    """The command, with errors raised, on the test's stores."""
    for name in [name for name in os.environ if name.startswith("SIGNPOST_")]:
        monkeypatch.delenv(name)
    (tmp_path / "help.yml").write_text(json.dumps({"schema": 1, "young_people": {"en": "?"}, "resources": [RESOURCE]}))
    message = {"title": "Stop", "body": "There is help.", "action": "Call"}
    default = {"help": ["helpline"], "messages": {"en": message}}
    (tmp_path / "fallback.yml").write_text(json.dumps({"schema": 1, "surfaces": {"default": default}}))
    for name, value in {
        "VAR": tmp_path, "LEDGER_URL": ledger.url, "VOLATILE_URL": volatile_server.url,
        "HELP_FILE": tmp_path / "help.yml", "FALLBACK_FILE": tmp_path / "fallback.yml",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SIGNPOST_{name}", str(value))
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(DOCUMENT))

    def run(*arguments, code=0):
        given = [str(file) if argument == "FILE" else argument for argument in arguments]
        done = CliRunner().invoke(signpost, given, catch_exceptions=True)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout

    return run


@pytest.fixture
def started(run):
    run("experiment", "apply", "FILE", "--as", "ann")
    run("experiment", "submit", "four-lines", "--as", "ann")
    run("experiment", "approve", "four-lines", "--as", "bob")
    run("experiment", "start", "four-lines", "--as", "ann")
    return run


def test_one_act_approves_all_locales_and_single_ones_can_be_named(run):
    run("experiment", "apply", "FILE", "--as", "ann")
    run("experiment", "submit", "four-lines", "--as", "ann")
    told = run("experiment", "approve", "four-lines", "--as", "bob", "--locale", "de")
    assert "version 1 is in review" in told
    assert "the texts in 'en' are not approved. Next: " in told
    with pytest.raises(Refused, match="somebody else"):
        run("experiment", "approve", "four-lines", "--as", "ann")
    assert "version 1 is approved" in run("experiment", "approve", "four-lines", "--as", "bob")


def test_the_protocol_is_printed_and_an_altered_one_is_a_finding(started, ledger):
    assert started("experiment", "protocol", "four-lines").startswith("# Protocol: Which line")
    given = json.loads(started("experiment", "protocol", "four-lines", "--json"))
    assert given["standing"] == "locked"
    with pytest.raises(InvalidInput):
        started("experiment", "protocol", "four-lines", "--json", "--markdown")
    ledger.clients[0].hset(keys.PROTOCOLS, "four-lines.1", "{}")
    assert "ALTERED" in started("experiment", "protocol", "four-lines", "--version", "1", code=1)


def test_a_whole_log(started):
    assert "whole: 4 entries" in started("audit", "verify")
    head = started("audit", "head").strip()
    assert len(head) == 64
    started("experiment", "stop", "four-lines", "--as", "bob", "--why", "enough")
    found = json.loads(started("audit", "verify", "--head", head, "--json"))
    assert (found["whole"], found["entries"], found["faults"]) == (True, 5, [])
    shown = started("audit", "show", "--last", "1")
    assert shown.endswith("bob: stop experiment/four-lines (version 1; why enough)\n")
    assert [entry["act"] for entry in json.loads(started("audit", "show", "--json"))][:2] == ["apply", "submit"]
    assert started("audit", "show", "--about", "nothing") == "no entries\n"


def test_a_log_that_is_not_whole_is_a_finding(started, ledger):
    head = started("audit", "head").strip()
    entry = ledger.clients[0].lindex(keys.AUDIT, 1)
    ledger.clients[0].lset(keys.AUDIT, 1, entry.replace(b"ann", b"eve"))
    assert started("audit", "verify", code=1).startswith("entry 2: was edited")
    ledger.clients[0].lset(keys.AUDIT, 1, entry)
    ledger.clients[0].rpop(keys.AUDIT)
    assert "the noted head is not in the log" in started("audit", "verify", "--head", head, code=1)


@pytest.mark.parametrize("head", ["", "abc", "g" * 64])
def test_a_head_that_is_none_is_bad_input(run, head):
    with pytest.raises(InvalidInput) as caught:
        run("audit", "verify", "--head", head)
    assert caught.value.pointer == "head"


def test_an_empty_log(run):
    assert "whole: 0 entries" in run("audit", "verify")
    assert run("audit", "show") == "no entries\n"
    with pytest.raises(InvalidInput, match="no entry yet"):
        run("audit", "head")
