"""Single sign-on with a provider in a process of its own: who it lets in, and everything that it must not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from experiments import accounts
from experiments.lifecycle import Actor
from tests.http.conftest import NOON

CLIENT, SECRET = "signpost-tests", "a secret of both"  # as in provider.py
BOSS = Actor("Boss", NOON)
ADA = {"sub": "ada-7", "email": "Ada@Example.org", "email_verified": True}


class Provider:
    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def call(self, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.issuer + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def then(self, **order) -> None:
        """Who signs in next, and what is wrong then."""
        self.call("/next", order)

    def send(self, url: str) -> str:
        """Do as a browser that is sent there; returns where it is sent back to."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        try:
            urllib.request.build_opener(Stay).open(url, timeout=10)
        except urllib.error.HTTPError as answer:
            with answer:
                assert answer.code == 302, answer.read()
                return answer.headers["Location"]
        raise AssertionError("it sends nobody back")


@pytest.fixture(scope="module")
def provider():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(__file__).with_name("provider.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    found = Provider(f"http://127.0.0.1:{port}")
    try:
        for _ in range(200):
            try:
                found.call("/seen")
                break
            except OSError:
                time.sleep(0.1)
        yield found
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def settings(provider) -> dict[str, str]:
    return {
        "SIGNPOST_OIDC_ISSUER": provider.issuer, "SIGNPOST_OIDC_CLIENT_ID": CLIENT,
        "SIGNPOST_OIDC_CLIENT_SECRET": SECRET, "SIGNPOST_OIDC_NAME": "Example SSO",
    }  # fmt: skip


@pytest.fixture
def service(make_service, settings):
    return make_service(**settings)


@pytest.fixture
def client(service):
    return service.app.test_client(by=None)


@pytest.fixture
def ada(service, store):
    return accounts.create(store, "Ada Lovelace", ["researcher"], BOSS, email="ada@example.org")


def begin(client, path: str = "/sign-in/oidc") -> str:
    """To the provider; returns its address with what is asked there."""
    answer = client.get(path)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def through(client, provider, path: str = "/sign-in/oidc"):
    """The whole way, to the answer that the browser gets when it is back."""
    back = urlsplit(provider.send(begin(client, path)))
    return client.get(f"{back.path}?{back.query}")


def is_in(client) -> bool:
    return client.get("/account").status_code == 200


def test_in_by_the_provider_and_on_to_where_one_was(client, provider, service, ada):
    provider.then(claims=ADA)
    page = client.get("/sign-in?next=/alerts").text
    assert "Sign in with Example SSO" in page
    assert "/sign-in/oidc?next=/alerts" in page
    answer = through(client, provider, "/sign-in/oidc?next=/alerts")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/alerts")
    assert is_in(client)
    (asked,) = provider.call("/seen")
    assert asked["redirect_uri"] == "http://localhost/sign-in/oidc/return"
    assert asked["scope"] == "openid email"
    assert len(asked["state"]) >= 20
    assert len(asked["nonce"]) >= 20
    assert len(asked["code_challenge"]) == 43
    assert accounts.by_name(service.runtime.store, "Ada Lovelace").subject == f"{provider.issuer} ada-7"
    log = [json.loads(entry) for entry in service.runtime.store.audit.entries()]
    assert ("Ada Lovelace", "connect-user") in [(entry["who"], entry["act"]) for entry in log]


def test_the_way_is_another_one_each_time(client, provider, ada):
    asked = [parse_qs(urlsplit(begin(client)).query) for _ in range(2)]
    for secret in ("state", "nonce", "code_challenge"):
        assert asked[0][secret] != asked[1][secret]


def test_afterwards_the_identity_decides_and_not_the_address(client, provider, service, ada):
    provider.then(claims=ADA)
    through(client, provider)
    for claims, wanted in (
        ({"sub": "ada-7"}, 303),  # she has another address now, or none
        ({**ADA, "sub": "somebody-else"}, 403),  # her address is somebody else's now
    ):
        provider.then(claims=claims)
        other = service.app.test_client(by=None)
        assert through(other, provider).status_code == wanted
        assert is_in(other) == (wanted == 303)


NOBODY = [
    pytest.param({"sub": "x", "email": "nobody@example.org", "email_verified": True}, id="no account"),
    pytest.param({**ADA, "email_verified": False}, id="address not verified"),
    pytest.param({**ADA, "email_verified": None}, id="nothing said of verification"),
    pytest.param({**ADA, "email_verified": "true"}, id="a word instead of a value"),
    pytest.param({**ADA, "email": None}, id="no address"),
    pytest.param({**ADA, "email": ["ada@example.org"]}, id="a list of addresses"),
    pytest.param({**ADA, "email": "ada@example.org.evil.example"}, id="an address that only begins like hers"),
]


@pytest.mark.parametrize("claims", NOBODY)
def test_whom_the_provider_knows_and_signpost_does_not(client, provider, store, ada, claims):
    provider.then(claims=claims)
    before = store.accounts.all()
    answer = through(client, provider)
    assert answer.status_code == 403
    assert "there is no account for you here" in answer.text
    assert not is_in(client)
    assert sorted(store.accounts.all()) == sorted(before), "nobody gets an account by signing in"


def test_no_role_comes_from_the_provider(client, provider, store, ada):
    provider.then(claims={**ADA, "roles": ["administrator"], "groups": ["administrator"], "role": "administrator"})
    assert through(client, provider).status_code == 303
    assert accounts.by_name(store, "Ada Lovelace").roles == ("reader", "researcher")
    assert client.get("/people").status_code == 403


def test_an_administrator_is_not_found_by_address_and_is_told_what_to_enter(client, provider, store, ada):
    accounts.change(store, ada, ["administrator"], BOSS, email=ada.email)
    provider.then(claims=ADA)
    answer = through(client, provider)
    assert answer.status_code == 403
    assert f"{provider.issuer} ada-7" in answer.text
    assert not is_in(client)
    held = accounts.by_name(store, "Ada Lovelace")
    accounts.change(store, held, held.roles, BOSS, email=held.email, subject=f"{provider.issuer} ada-7")
    assert through(client, provider).status_code == 303
    assert client.get("/people").status_code == 200


def test_a_disabled_account_stays_outside(client, provider, store, ada):
    accounts.disable(store, ada, BOSS)
    provider.then(claims=ADA)
    assert through(client, provider).status_code == 403
    assert not is_in(client)


WRONG = [
    pytest.param({"claims": {**ADA, "nonce": "another"}}, id="nonce of another attempt"),
    pytest.param({"claims": {**ADA, "nonce": None}}, id="no nonce"),
    pytest.param({"claims": {**ADA, "iss": "https://another.example"}}, id="another issuer"),
    pytest.param({"claims": {**ADA, "iss": None}}, id="no issuer"),
    pytest.param({"claims": {**ADA, "aud": "another-client"}}, id="for another client"),
    pytest.param({"claims": {**ADA, "aud": "another-client", "azp": CLIENT}}, id="for another, said to be by us"),
    pytest.param({"claims": {**ADA, "aud": None}}, id="for nobody"),
    pytest.param({"claims": {**ADA, "exp": 1_700_000_000, "iat": 1_699_999_000}}, id="expired"),
    pytest.param({"claims": {**ADA, "exp": None}}, id="without an end"),
    pytest.param({"claims": {**ADA, "sub": None}}, id="of nobody"),
    pytest.param({"claims": ADA, "foreign_key": True}, id="signed by another key"),
    pytest.param({"claims": ADA, "unsigned": True}, id="not signed"),
    pytest.param({"claims": ADA, "no_id_token": True}, id="no ID token"),
    pytest.param({"claims": ADA, "denied": True}, id="the person said no"),
]


@pytest.mark.parametrize("order", WRONG)
def test_what_is_not_for_us_here_and_now_lets_nobody_in(client, provider, store, ada, order):
    provider.then(**order)
    answer = through(client, provider)
    assert answer.status_code == 403
    assert "did not answer as it should" in answer.text
    assert not is_in(client)
    assert accounts.by_name(store, "Ada Lovelace").subject is None


def test_a_provider_that_names_itself_otherwise_lets_nobody_in(make_service, settings, provider, ada):
    """The address of the discovery says who it is; a document that names another issuer is another's."""
    provider.then(claims=ADA, discovered_issuer="https://another.example")
    client = make_service(**settings).app.test_client(by=None)
    assert client.get("/sign-in/oidc").status_code == 403
    provider.then(claims=ADA)


def test_the_way_back_is_for_the_browser_that_went_there(client, provider, service, ada):
    provider.then(claims=ADA)
    back = urlsplit(provider.send(begin(client)))
    path, other = f"{back.path}?{back.query}", service.app.test_client(by=None)
    assert other.get(path).status_code == 403, "no state of this browser's"
    begin(other)
    assert other.get(path).status_code == 403, "another state"
    assert not is_in(other)
    kept = client.get_cookie("signpost-forms").value
    assert client.get(path).status_code == 303
    again = service.app.test_client(by=None)
    again.set_cookie("signpost-forms", kept)
    assert again.get(path).status_code == 403, "a code is good once"


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=y", "?error=access_denied"])
def test_nonsense_on_the_way_back(client, ada, query):
    assert client.get(f"/sign-in/oidc/return{query}").status_code == 403
    assert not is_in(client)


def test_it_leads_to_no_address_of_somebody_else(client, provider, ada):
    provider.then(claims=ADA)
    assert through(client, provider, "/sign-in/oidc?next=//evil.example").headers["Location"] == "/"


def test_behind_a_proxy_the_way_back_is_the_public_address(make_service, settings, provider):
    own = make_service(**settings, SIGNPOST_PUBLIC_URL="https://staff.example")
    there = begin(own.app.test_client(by=None))
    assert parse_qs(urlsplit(there).query)["redirect_uri"] == ["https://staff.example/sign-in/oidc/return"]


def test_a_provider_that_is_away_leaves_the_password(make_service, settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{closed.getsockname()[1]}"
    client = make_service(**{**settings, "SIGNPOST_OIDC_ISSUER": issuer}).app.test_client(by=None)
    answer = client.get("/sign-in/oidc")
    assert answer.status_code == 502
    assert "did not answer as it should" in answer.text
    assert client.get("/sign-in").status_code == 200


def test_nothing_that_the_provider_gave_is_kept(client, provider, ledger, store, ada):
    provider.then(claims={**ADA, "name": "A name that nobody asked for", "picture": "https://example.org/a-picture"})
    through(client, provider)
    held = b"".join(
        one.dump(key) or b"" for one in (ledger.clients[0], store.volatile.client) for key in one.scan_iter()
    )
    for text in (b"nobody asked for", b"a-picture", b"eyJ"):
        assert text not in held
