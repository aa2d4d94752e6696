"""Signing in by password and by link, what the cookies are, forms, sessions and people, as browsers meet them."""

from __future__ import annotations

import json
import re
from http.cookies import SimpleCookie

import pytest

from app.settings import Settings, require_loopback
from app.staff.sign_in import own_path
from experiments import accounts, signing_in
from experiments.errors import InvalidInput
from experiments.lifecycle import Actor
from experiments.model import HOUR
from tests.http.conftest import NOON

GOOD, OTHER = "tree lamp forty river", "boat stone window four"
BOSS = Actor("Boss", NOON)


class Browser:
    """A browser: keeps cookies, fills in the form of the page it is on, and follows to where it is sent."""

    def __init__(self, service, base="http://localhost"):
        self.client = service.app.test_client(by=None)
        self.base = base
        self.page = None

    def get(self, path):
        self.page = self.client.get(path, base_url=self.base)
        return self.page

    def send(self, path, *, token=None, headers=None, **fields):
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page.text if self.page else "")
        fields["csrf_token"] = token if token is not None else found[1] if found else ""
        self.page = self.client.post(path, data=fields, base_url=self.base, headers=headers or {})
        return self.page

    def sign_in(self, name, password, **more):
        self.get("/sign-in")
        return self.send("/sign-in", name=name, password=password, **more)

    def is_in(self):
        return self.client.get("/account", base_url=self.base).status_code == 200


@pytest.fixture
def ada(service, store):
    made = accounts.create(store, "Ada Lovelace", ["researcher"], BOSS)
    return accounts.set_password(store, made, GOOD, BOSS)


@pytest.fixture
def boss(store):
    made = accounts.create(store, "Boss", ["administrator"], BOSS)
    return accounts.set_password(store, made, GOOD, BOSS)


@pytest.fixture
def browser(service):
    return Browser(service)


# ------------------------------------------------------------------------------------------ in and out


def test_in_and_out_again(browser, ada):
    assert browser.get("/audit?about=x&y=1").headers["Location"] == "/sign-in?next=/audit%3Fabout%3Dx%26y%3D1"
    browser.get("/sign-in?next=/alerts%3Fa%3D1")
    assert 'name="next" value="/alerts?a=1"' in browser.page.text
    answer = browser.send("/sign-in", name="ADA lovelace", password=GOOD, next="/account")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert "Ada Lovelace" in browser.get("/account").text
    assert browser.get("/sign-in?next=/alerts").headers["Location"] == "/alerts", "who is in needs no form"
    browser.get("/account")
    assert browser.send("/sign-out").headers["Location"] == "/sign-in"
    assert not browser.is_in()


@pytest.mark.parametrize(("name", "password"), [("Ada Lovelace", OTHER), ("Nobody", GOOD), ("", ""), ("Ada", GOOD)])
def test_nobody_learns_whether_there_is_an_account(browser, ada, name, password):
    answer = browser.sign_in(name, password)
    assert answer.status_code == 403
    assert "Name and password do not belong together." in answer.text
    assert not browser.is_in()
    assert password not in answer.text or not password


def test_a_disabled_account_is_told_the_same(browser, store, ada):
    accounts.disable(store, ada, BOSS)
    assert "do not belong together" in browser.sign_in("Ada Lovelace", GOOD).text


def test_after_too_many_attempts_only_a_link_helps(browser, store, ada):
    for _ in range(signing_in.ATTEMPTS):
        assert browser.sign_in("Ada Lovelace", OTHER).status_code == 403
    answer = browser.sign_in("Ada Lovelace", GOOD)
    assert answer.status_code == 429
    assert "one-time link" in answer.text
    token = accounts.new_link(store, ada, BOSS)
    browser.get(f"/sign-in/link/{token}")
    assert browser.send(f"/sign-in/link/{token}").status_code == 303
    assert browser.is_in()


def test_a_network_tries_so_often_and_its_address_is_kept_nowhere(service, browser, ada, ledger, store):
    from app.staff.house import ATTEMPTS

    browser.get("/sign-in")
    for n in range(ATTEMPTS):
        browser.client.get(f"/sign-in/link/{n}.x", environ_overrides={"REMOTE_ADDR": "198.51.100.77"})
    near = browser.client.get("/sign-in/link/1.x", environ_overrides={"REMOTE_ADDR": "198.51.100.99"})
    far = browser.client.get("/sign-in/link/1.x", environ_overrides={"REMOTE_ADDR": "203.0.113.5"})
    assert (near.status_code, far.status_code) == (429, 403)
    for client in (ledger.clients[0], store.volatile.client):
        for key in client.scan_iter():
            assert b"198.51" not in key + (client.dump(key) or b"")


def test_an_old_secret_ends_when_somebody_signs_in_anew(browser, store, ada):
    browser.sign_in("Ada Lovelace", GOOD)
    first = browser.client.get_cookie("signpost-session").value
    accounts.set_password(store, accounts.by_name(store, "Ada Lovelace"), OTHER, BOSS)
    browser.sign_in("Ada Lovelace", OTHER)
    second = browser.client.get_cookie("signpost-session").value
    assert first != second
    assert signing_in.look(store, first, NOON, signing_in.Limits()) is None


def test_a_session_that_was_planted_is_not_taken_over(browser, store, ada):
    """Who knows the cookie of before must not be in with what comes after."""
    planted = f"ss_{ada.id}_known-to-somebody"
    browser.client.set_cookie("signpost-session", planted)
    browser.sign_in("Ada Lovelace", GOOD)
    assert browser.client.get_cookie("signpost-session").value != planted
    assert signing_in.look(store, planted, NOON, signing_in.Limits()) is None


def test_a_session_ends_without_use_and_after_its_longest_time(make_service, service, ada):
    for idle, hours in (("30", "8"), ("600", "2")):
        own = make_service(SIGNPOST_SESSION_IDLE_MINUTES=idle, SIGNPOST_SESSION_HOURS=hours)
        browser = Browser(own)
        browser.sign_in("Ada Lovelace", GOOD)
        assert browser.is_in()
        own.clock.now += 29 * 60
        assert browser.is_in()
        own.clock.now += min(int(idle) * 60, int(hours) * HOUR) + 1
        assert not browser.is_in()


# --------------------------------------------------------------------------------------------- cookies


def cookies(answer):
    return {m.key: m for line in answer.headers.getlist("Set-Cookie") for m in SimpleCookie(line).values()}


def test_cookies_over_plain_http_on_this_machine(browser, ada):
    for name, cookie in cookies(browser.sign_in("Ada Lovelace", GOOD)).items():
        assert name.startswith("signpost-")
        assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
        assert (cookie["max-age"], cookie["expires"], cookie["domain"]) == ("", "", "")


@pytest.mark.parametrize(
    ("base", "settings"),
    [
        ("https://staff.example", {"SIGNPOST_STAFF_ANYWHERE": "1"}),
        ("http://staff.example", {"SIGNPOST_PUBLIC_URL": "https://staff.example"}),  # a proxy took TLS off
    ],
)
def test_cookies_by_https_are_bound_to_the_host(make_service, service, ada, base, settings):
    own = make_service(**settings)
    browser = Browser(own, base)
    browser.get("/sign-in")
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.page.text)[1]
    forms = cookies(browser.page)["__Host-signpost-forms"]
    sent = {"Cookie": f"__Host-signpost-forms={forms.value}"}
    data = {"name": "Ada Lovelace", "password": GOOD, "csrf_token": token}
    found = cookies(
        own.app.test_client(by=None, use_cookies=False).post("/sign-in", data=data, base_url=base, headers=sent)
    )
    cookie = found["__Host-signpost-session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", True)
    assert cookie["domain"] == ""
    ask = own.app.test_client(by=None, use_cookies=False).get
    good = {"Cookie": f"__Host-signpost-session={cookie.value}"}
    plain = {"Cookie": f"signpost-session={cookie.value}"}
    assert ask("/account", base_url=base, headers=good).status_code == 200
    assert ask("/account", base_url=base, headers=plain).status_code == 302, "a subdomain could have set that one"


def test_who_is_in_is_not_in_the_cookie_of_forms(browser, ada):
    browser.sign_in("Ada Lovelace", GOOD)
    browser.get("/account")
    from flask.sessions import SecureCookieSessionInterface

    serializer = SecureCookieSessionInterface().get_signing_serializer(browser.client.application)
    assert set(serializer.loads(browser.client.get_cookie("signpost-forms").value)) == {"csrf_token"}


def test_what_integrators_and_their_visitors_call_never_sets_a_cookie(service, ada):
    """Not even with the cookies of somebody who is signed in."""
    browser = Browser(service)
    browser.sign_in("Ada Lovelace", GOOD)
    rules = [
        r
        for r in service.app.url_map.iter_rules()
        if service.app.view_functions[r.endpoint].__module__.startswith("app.public.")
    ]
    assert len(rules) > 10
    for rule in rules:
        path = re.sub(r"<(?:\w+:)?\w+>", "x", rule.rule)
        for method in sorted(rule.methods or ()):
            answer = browser.client.open(path, method=method)
            assert "Set-Cookie" not in answer.headers, f"{method} {path}"


# --------------------------------------------------------------------------------------- where to then


@pytest.mark.parametrize(
    "wanted", ["/", "/people", "/experiments/four-lines?version=2", "/audit?about=user/x", "/a?b=https://c.example/"]
)
def test_a_path_of_ours_is_where_one_comes_back(wanted):
    assert own_path(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None, "", "people", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "http:evil.example", " //evil.example", "/a\\b",
    ],
)  # fmt: skip
def test_an_address_of_somebody_else_is_not(browser, ada, wanted):
    assert own_path(wanted) == "/"
    browser.get("/sign-in")
    given = {} if wanted is None else {"next": wanted}
    assert browser.send("/sign-in", name="Ada Lovelace", password=GOOD, **given).headers["Location"] == "/"


# ----------------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize("token", ["", "nonsense", "IjAi.aa.bb"])
def test_a_form_that_was_not_made_for_this_browser_changes_nothing(browser, store, ada, token):
    browser.sign_in("Ada Lovelace", GOOD)
    browser.get("/account")
    answer = browser.send("/account/password", token=token, current=GOOD, password=OTHER, again=OTHER)
    assert answer.status_code == 400
    assert accounts.by_name(store, "Ada Lovelace").password == ada.password
    assert browser.is_in()


def test_a_token_of_another_browser_is_no_good(service, browser, ada):
    other = Browser(service)
    other.get("/sign-in")
    stolen = re.search(r'name="csrf_token" value="([^"]+)"', other.page.text)[1]
    browser.sign_in("Ada Lovelace", GOOD)
    assert browser.send("/account/end-sessions", token=stolen).status_code == 400
    assert browser.is_in()


def test_signing_in_needs_the_form_too(browser, ada):
    """Else a page of somebody else could sign a colleague in as somebody else."""
    browser.get("/sign-in")
    assert browser.send("/sign-in", token="", name="Ada Lovelace", password=GOOD).status_code == 400
    assert not browser.is_in()


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_from_elsewhere_changes_nothing_even_with_a_token(browser, ada, headers):
    browser.sign_in("Ada Lovelace", GOOD)
    browser.get("/account")
    answer = browser.send("/account/end-sessions", headers=headers)
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (403, "origin-refused")
    assert browser.is_in()


def test_our_own_pages_send_no_origin_with_forms_and_pass(browser, ada):
    """Because they send no referrer, browsers write `Origin: null`."""
    browser.sign_in("Ada Lovelace", GOOD)
    browser.get("/account")
    answer = browser.send("/account/end-sessions", headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    assert not browser.is_in()


def test_a_long_text_is_not_lost_when_the_session_is_over_meanwhile(service, browser, ada):
    """The form is still good after signing in again in another tab: reload, and the browser sends it once more."""
    browser.sign_in("Ada Lovelace", GOOD)
    page = browser.get("/account")
    service.clock.now += 2 * HOUR
    refused = browser.send("/account/end-sessions")
    assert refused.status_code == 401
    browser.sign_in("Ada Lovelace", GOOD)
    browser.page = page
    assert browser.send("/account/end-sessions").status_code == 303


# ----------------------------------------------------------------------------------------------- links


def test_looking_at_a_link_spends_nothing_and_using_it_does(service, browser, store, ada):
    token = accounts.new_link(store, ada, BOSS)
    for method in ("GET", "HEAD", "GET"):
        assert service.call(method, f"/sign-in/link/{token}", by=None).status_code == 200
    browser.get(f"/sign-in/link/{token}")
    assert browser.send(f"/sign-in/link/{token}").headers["Location"] == "/"
    assert browser.is_in()
    late = Browser(service)
    answer = late.get(f"/sign-in/link/{token}")
    assert answer.status_code == 403
    assert "used already" in answer.text


def test_with_a_link_one_may_choose_a_password(service, browser, store):
    accounts.create(store, "Bo", ["reader"], BOSS)
    token = accounts.new_link(store, accounts.by_name(store, "Bo"), BOSS)
    path = f"/sign-in/link/{token}"
    for given, told in (
        ({"password": "short", "again": "short"}, "Use 12 characters or more"),
        ({"password": GOOD, "again": OTHER}, "The two are not the same"),
        ({"password": "password-password", "again": "password-password"}, "easily guessed"),
    ):
        browser.get(path)
        answer = browser.send(path, **given)
        assert answer.status_code == 422
        assert told in answer.text
        assert accounts.by_name(store, "Bo").link is not None, "a mistake spends nothing"
    browser.get(path)
    assert browser.send(path, password=GOOD, again=GOOD).status_code == 303
    assert browser.is_in()
    assert Browser(service).sign_in("bo", GOOD).status_code == 303


# --------------------------------------------------------------------------------------------- account


def test_a_new_password_ends_all_other_sessions(service, browser, ada):
    other = Browser(service)
    for one in (browser, other):
        one.sign_in("Ada Lovelace", GOOD)
    browser.get("/account")
    wrong = browser.send("/account/password", current=OTHER, password=OTHER, again=OTHER)
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    browser.get("/account")
    browser.send("/account/password", current=GOOD, password=OTHER, again=OTHER)
    assert browser.is_in()
    assert not other.is_in()
    assert Browser(service).sign_in("Ada Lovelace", GOOD).status_code == 403
    assert Browser(service).sign_in("Ada Lovelace", OTHER).status_code == 303


def test_sign_out_everywhere(service, browser, ada):
    other = Browser(service)
    for one in (browser, other):
        one.sign_in("Ada Lovelace", GOOD)
    browser.get("/account")
    browser.send("/account/end-sessions")
    assert not browser.is_in()
    assert not other.is_in()


# ---------------------------------------------------------------------------------------------- people


@pytest.fixture
def office(browser, boss):
    browser.sign_in("Boss", GOOD)
    return browser


def test_inviting_somebody_who_then_signs_in(service, office, store):
    office.get("/people/new")
    fields = {"name": "Cy", "roles": ["approver"], "sees": "some", "experiments": ["four-lines"], "partners": ""}
    answer = office.send("/people/new", **fields)
    url = re.search(r"http://localhost(/sign-in/link/\S+?)<", answer.text)[1]
    cy = accounts.by_name(store, "Cy")
    assert (cy.roles, cy.experiments, cy.partners) == (("reader", "approver"), ("four-lines",), ())
    guest = Browser(service)
    guest.get(url)
    guest.send(url)
    assert guest.is_in()
    assert guest.get("/people").status_code == 403
    told = [(e["who"], e["act"], e["about"]) for e in map(json.loads, store.audit.entries()) if e["about"] == "user/Cy"]
    assert told == [("Boss", "create-user", "user/Cy"), ("Boss", "link-user", "user/Cy"), ("Cy", "use-link", "user/Cy")]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": ""}, "A name has 1 to 80 letters"),
        ({"name": "boss"}, "There is an account"),
        ({"name": "Cy", "email": "cy"}, "An address such as"),
        ({"name": "Cy", "roles": ["owner"]}, "Roles are some of"),
    ],
)
def test_a_form_that_is_wrong_comes_back_as_it_was_filled_in(office, store, fields, told):
    office.get("/people/new")
    answer = office.send("/people/new", **{"roles": ["approver"], "sees": "some", "partners": "Ours & Co", **fields})
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="Ours &amp; Co"' in answer.text
    assert {a.name for a in accounts.everyone(store)} == {"Boss", "Staff"}


def test_of_two_who_change_the_same_account_the_later_is_shown_both(service, office, store, ada):
    path = f"/people/{ada.id}"
    office.get(path)
    accounts.change(store, ada, ["approver"], Actor("Somebody", NOON))
    fields = {"revision": str(ada.revision), "roles": ["researcher"], "sees": "all"}
    answer = office.send(path, **fields)
    assert answer.status_code == 409
    assert "changed this account" in answer.text
    assert "reader, approver" in answer.text, "what is kept"
    assert re.search(r'value="researcher" checked', answer.text), "what was entered"
    assert accounts.by_name(store, "Ada Lovelace").roles == ("reader", "approver")


def test_nobody_changes_their_own_roles(office, store, boss):
    office.get(f"/people/{boss.id}")
    fields = {"revision": str(boss.revision), "roles": ["administrator", "approver"], "sees": "all"}
    answer = office.send(f"/people/{boss.id}", **fields)
    assert answer.status_code == 422
    assert "Somebody else must change your own roles" in answer.text
    assert accounts.by_name(store, "Boss").roles == ("reader", "administrator")


def test_disabling_somebody_is_felt_at_once(service, office, ada):
    other = Browser(service)
    other.sign_in("Ada Lovelace", GOOD)
    office.get(f"/people/{ada.id}")
    office.send(f"/people/{ada.id}/disable")
    assert not other.is_in()
    assert other.sign_in("Ada Lovelace", GOOD).status_code == 403
    office.get(f"/people/{ada.id}")
    office.send(f"/people/{ada.id}/enable")
    assert other.sign_in("Ada Lovelace", GOOD).status_code == 303
    office.get(f"/people/{ada.id}")
    office.send(f"/people/{ada.id}/end-sessions")
    assert not other.is_in()


# -------------------------------------------------------------------------------------------- programs


def test_a_program_says_so_by_a_token(service, ada, store):
    token = signing_in.open_session(store, ada, "command line", NOON, signing_in.Limits())
    client = service.app.test_client(by=None)
    assert client.get("/v1/experiments").status_code == 401
    assert client.get("/v1/experiments", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    for wrong in ("ss_x", f"{token}x", service.keys["server"], ""):
        answer = client.get("/v1/experiments", headers={"Authorization": f"Bearer {wrong}"})
        assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (401, "not-signed-in")
    act = client.post("/v1/experiments/four-lines/suspend", data="{}", headers={"Authorization": f"Bearer {token}"})
    assert act.status_code == 200
    assert service.get("/v1/experiments/four-lines/log").json[-1]["who"] == "Ada Lovelace"


# ------------------------------------------------------------------------------------ stores, surfaces


def test_without_the_store_of_sessions_nobody_is_let_in(make_service, open_store, ledger, service):
    own = make_service(on=open_store(ledger.url, "unix:///tmp/there-is-none"))
    client = own.app.test_client(by=None)
    client.set_cookie("signpost-session", "ss_0123456789abcdef_x")
    for path in ("/", "/people", "/v1/experiments"):
        assert client.get(path).status_code == 503
    assert client.get("/sign-in").status_code == 503


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ({"SIGNPOST_PUBLIC_URL": "https://staff.example"}, True),
        ({"SIGNPOST_PUBLIC_URL": "http://staff.example"}, False),
        ({}, False),
    ],
)
def test_beyond_loopback_only_where_the_way_is_encrypted(environment, allowed):
    settings = Settings.read({"SIGNPOST_HOST": "0.0.0.0", **environment})
    if allowed:
        require_loopback(settings)
    else:
        with pytest.raises(InvalidInput, match="https"):
            require_loopback(settings)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        (
            {
                "SIGNPOST_OIDC_ISSUER": "http://idp.example",
                "SIGNPOST_OIDC_CLIENT_ID": "a",
                "SIGNPOST_OIDC_CLIENT_SECRET": "b",
            },
            "ISSUER",
        ),
        ({"SIGNPOST_OIDC_ISSUER": "https://idp.example"}, "CLIENT_ID"),
        ({"SIGNPOST_OIDC_CLIENT_ID": "a"}, "CLIENT_ID"),
        ({"SIGNPOST_SESSION_IDLE_MINUTES": "0"}, "IDLE"),
        ({"SIGNPOST_SESSION_HOURS": "always"}, "HOURS"),
    ],
)
def test_settings_that_are_wrong_are_named(environment, named):
    with pytest.raises(InvalidInput, match=named):
        Settings.read(environment)


def test_while_there_is_no_account_the_page_says_how_to_make_one(service, ledger, store):
    told = "signpost user create"
    assert told not in service.get("/sign-in", by=None).text
    ledger.clients[0].delete("sp:{control}:accounts")
    assert told in service.get("/sign-in", by=None).text


def test_single_sign_on_that_is_not_set_up_is_not_there(service):
    assert service.get("/sign-in/oidc").status_code == 404
    assert "/sign-in/oidc" not in service.get("/sign-in", by=None).text
