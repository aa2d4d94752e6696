"""What signing in, acting, alerts, the audit log and a publication leave behind: nothing of a visitor, no secret.

A name that staff chose for themselves is in the log, because acts have authors; where they came from is nowhere.
"""

from __future__ import annotations

import io
import logging
import zipfile

import pytest

from experiments import accounts, alerting
from experiments.alerts import of_test
from experiments.lifecycle import Actor
from experiments.model import DAY
from tests.http.conftest import NOON
from tests.http.test_alerts import SECRET, receiver, to  # noqa: F401 (a fixture)
from tests.http.test_signin import GOOD, Browser

VISITOR = {"session": "canary-session-77aa", "query": "canary-query-words", "address": "198.51.100.41",
           "agent": "CanaryVisitor/7"}  # fmt: skip
STAFF = {"password": GOOD, "mistyped": "canary wrong password", "typed as a name": "canary-password-as-name",
         "address": "203.0.113.19", "agent": "CanaryStaff/3"}  # fmt: skip
BOSS = Actor("Boss", NOON)


def contents(client) -> str:
    """Keys and values of everything in a store."""
    found = []
    for key in client.scan_iter():
        match client.type(key):
            case b"string":
                value = client.get(key)
            case b"hash":
                value = client.hgetall(key)
            case b"list":
                value = client.lrange(key, 0, -1)
            case b"zset":
                value = client.zrange(key, 0, -1)
            case b"set":
                value = client.smembers(key)
            case kind:
                raise AssertionError(f"nothing is known of the kind {kind} of {key}")
        found.append(f"{key!r} {value!r}")
    return "\n".join(found)


@pytest.fixture
def ada(store):
    made = accounts.create(store, "Ada", ["researcher", "approver", "administrator"], BOSS)
    return accounts.set_password(store, made, GOOD, BOSS)


class Told:
    """All that anybody is told while people come and go."""

    def __init__(self, service) -> None:
        self.service, self.texts = service, []

    def visit(self, number: int = 0) -> None:
        from_person = {
            "headers": {"User-Agent": VISITOR["agent"], "Referer": f"https://x/?q={VISITOR['query']}"},
            "environ_overrides": {"REMOTE_ADDR": VISITOR["address"]},
        }
        body = {"surface": "search-uk", "session": f"{VISITOR['session']} {number}", "expose": True}
        given = self.service.post("/v1/assignments", body, **from_person).json
        self.service.post("/v1/outcomes", {"token": given["token"], "outcome": "help_sought", "channel": "call"})

    def work(self, store, ada) -> tuple[str, str]:
        """Staff fail to sign in, sign in both ways, and act; returns the link's secret and the cookie's."""
        browser = Browser(self.service)
        browser.client.environ_base |= {"REMOTE_ADDR": STAFF["address"], "HTTP_USER_AGENT": STAFF["agent"]}
        for name, password in (("Ada", STAFF["mistyped"]), (STAFF["typed as a name"], STAFF["password"])):
            assert browser.sign_in(name, password).status_code == 403  # it gives the name back to whoever typed it
        assert browser.sign_in("Ada", GOOD).status_code == 303
        for path in ("/", "/experiments/four-lines", "/experiments/four-lines/plan", "/people", "/audit", "/alerts"):
            answer = browser.get(path)
            assert answer.status_code == 200, path
            self.texts.append(answer.text)
        self.texts.append(browser.send("/experiments/new", document="key: [").text)
        cookies = [cookie.value for cookie in browser.client._cookies.values() if "session" in cookie.key]
        link = accounts.new_link(store, ada, BOSS)
        browser.get(f"/sign-in/link/{link}")
        browser.send(f"/sign-in/link/{link}")
        assert cookies, "there is a session to look for"
        return link.rpartition(".")[2], cookies[0]


def test_staff_and_visitors_leave_nothing_behind(service, store, ledger, volatile_server, ada, receiver, caplog, capfd):  # noqa: F811
    caplog.set_level(logging.DEBUG)
    got, told = receiver(), Told(service)
    ways = to(got)
    told.visit()
    link, cookie = told.work(store, ada)
    alerting.keep(service.runtime, of_test("Ada", int(service.clock())).addressed(ways))
    alerting.round_(service.runtime, ways, alerting.Absence(), service.clock)
    assert len(got.got) == 1
    with volatile_server.client() as forgetful:
        out = capfd.readouterr()
        seen = {
            "ledger": contents(ledger.clients[0]), "volatile": contents(forgetful),
            "log": caplog.text + out.out + out.err, "pages": "\n".join(told.texts),
            "alert": repr(got.got), "metrics": service.get("/metrics").text,
        }  # fmt: skip
    assert "Ada" in seen["ledger"], "what is looked through has what was done"
    for names in (VISITOR, STAFF, {"link": link, "cookie": cookie, "webhook's secret": SECRET}):
        found = {(place, name) for place, text in seen.items() for name, value in names.items() if value in text}
        assert found == set()


def test_a_publication_has_nothing_of_visitors(service):
    for number in range(250):  # of each variant far more than the ten that are published
        Told(service).visit(number)
    service.clock.now = NOON + 3600
    service.act("stop")
    service.clock.now += 3 * DAY
    answer = service.post("/experiments/four-lines/publication", "", key=None)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.data)) as files:
        texts = {name: files.read(name).decode() for name in files.namelist()}
    assert any("help_sought" in text for text in texts.values())
    assert {(name, what) for name, text in texts.items() for what, value in VISITOR.items() if value in text} == set()
