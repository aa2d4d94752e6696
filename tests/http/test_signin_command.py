"""`signpost user` as an administrator types it, and `signpost replay` with and without somebody's token."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from experiments import accounts, audit, signing_in


@pytest.fixture
def signpost(service, ledger, volatile_server, files, tmp_path):
    """Run the command on the stores of `service`; returns what it did."""
    environment = {
        **files, "SIGNPOST_SPOOL": str(tmp_path / "spool"), "SIGNPOST_LEDGER_URL": ledger.url,
        "SIGNPOST_VOLATILE_URL": volatile_server.url, "PATH": os.environ["PATH"], "PORT": "8123",
    }  # fmt: skip

    def run(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", *words]
        return subprocess.run(
            command, env=environment, input=typed, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_the_first_administrator_begins_with_a_link(signpost, store, service):
    done = signpost("user", "create", "Ada Lovelace", "--role", "administrator")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:8123/sign-in/link/")
    account = accounts.by_name(store, "ada lovelace")
    assert account.roles == ("reader", "administrator")
    client = service.app.test_client(by=None)
    path = done.stdout.strip().removeprefix("http://127.0.0.1:8123")
    service.clock.now = account.created  # the command goes by the real clock
    assert "Welcome, Ada Lovelace" in client.get(path).text
    (made, link) = [e for e in audit.decoded(store.audit.entries()) if e.about == "user/Ada Lovelace"]
    assert (made.who, made.act, link.act) == ("command line", "create-user", "link-user")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("create", "Staff"), "/name: there is an account 'Staff' already"),
        (("create", "Bo", "--role", "owner"), "Invalid value for '--role'"),
        (("create", "Bo", "--email", "bo"), "/email: an address such as"),
        (("link", "Nobody"), "/name: there is no account 'Nobody'"),
        (("disable", "Staff"), "Staff is the only administrator"),
        (("link", "Staff", "--hours", "0"), "--hours"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_it(signpost, store, words, told):
    before = sorted(store.accounts.all())
    done = signpost("user", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert sorted(store.accounts.all()) == before


def test_roles_and_sight_are_replaced_and_listed(signpost, store):
    signpost(
        "user", "create", "Bo", "--role", "researcher", "--experiment", "four-lines", "--partner", "ours", "--as", "Ada"
    )
    told = {one["name"]: one for one in json.loads(signpost("user", "list", "--json").stdout)}
    assert told["Bo"]["roles"] == ["reader", "researcher"]
    assert told["Bo"]["sees"] == "four-lines, partner ours"
    assert "password" not in json.dumps(told).replace("has_password", "")
    done = signpost("user", "roles", "Bo", "--role", "approver")
    assert done.stdout == "Bo: reader, approver; sees all\n"
    assert "Bo" in signpost("user", "list").stdout
    assert audit.decoded(store.audit.entries())[-1].who == "command line"


def test_a_token_sessions_and_their_end(signpost, store, service):
    token = signpost("user", "token", "Staff").stdout.strip()
    (session,) = [one for one in signing_in.sessions(store, accounts.account_id("Staff")) if one.way == "command line"]
    found = signing_in.look(store, token, session.opened, signing_in.Limits())
    assert found is not None
    assert "by command line" in signpost("user", "sessions", "Staff").stdout
    assert signpost("user", "sessions", "Staff", "--end").stdout == "Staff: signed in nowhere\n"
    assert signing_in.look(store, token, session.opened, signing_in.Limits()) is None


def test_disable_and_enable(signpost, store, service):
    service.person("Bo", "administrator")
    assert signpost("user", "disable", "Staff").stdout == "Staff: disabled and signed out\n"
    assert accounts.by_name(store, "Staff").disabled is not None
    assert store.sessions.all(accounts.account_id("Staff")) == {}
    signpost("user", "enable", "Staff")
    assert accounts.by_name(store, "Staff").disabled is None


def test_a_password_that_is_typed(signpost, store):
    good = "tree lamp forty river"
    bad = signpost("user", "create", "Bo", "--password", typed="password1234\npassword1234\n")
    assert bad.returncode == 2
    assert "easily guessed" in bad.stderr
    assert len(accounts.everyone(store)) == 1, "nothing half-made"
    done = signpost("user", "create", "Bo", "--password", typed=f"{good}\n{good}\n")
    assert done.stdout == "Bo: created; sign in at http://127.0.0.1:8123/sign-in\n"
    assert good not in done.stdout + done.stderr
    assert signing_in.by_password(store, "Bo", good).name == "Bo"


def test_a_replay_reads_the_result_here_or_by_a_token(signpost, server, service, tmp_path):
    """The server's own stores are those of the command; by HTTP the same result needs somebody who may read it."""
    table = tmp_path / "counts.csv"
    table.write_text("variant,units,conversions\npresent,3,1\nlaw,2,0\nharm,2,1\n")
    words = ("replay", str(table), "--to", server.base, "--key", server.key, "--surface", "search-uk", "--json")
    refused = signpost(*words, "--token", "ss_0123456789abcdef_x")
    assert refused.returncode == 2
    assert "401" in refused.stderr
    token = signpost("user", "token", "Staff").stdout.strip()
    by_token = signpost(*words, "--token", token)
    assert by_token.returncode == 0, by_token.stderr
    arms = {arm["variant"]: arm["units"] for arm in json.loads(by_token.stdout)["report"]["arms"]}
    assert arms == {"present": 3, "law": 2, "harm": 2}
    again = signpost(*words)
    assert again.returncode == 2
    assert "has exposures already" in again.stderr, "so it found the same counts in the stores here"
