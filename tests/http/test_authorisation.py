"""Every route of staff, asked by every role: what each may do is written down once, here.

The table is compared with what the views declare, and each route is really asked for. A route without a row fails, and
so does a row without a route.
"""

from __future__ import annotations

import re

import pytest

from app.staff.gate import guard, is_of_staff
from app.staff.people import needs
from experiments.roles import OF_ACTS, ROLES
from tests.http.conftest import DOCUMENT, is_page_of_staff

R, A, D = "researcher", "approver", "administrator"
EVERY, NOBODY = frozenset(ROLES), frozenset({"anyone"})  # NOBODY: people who are not signed in, too
TABLE: dict[str, frozenset[str]] = {
    # method and rule: which roles may (whoever has an account is a reader, too)
    "GET /sign-in": NOBODY,
    "POST /sign-in": NOBODY,
    "GET /sign-in/link/<token>": NOBODY,
    "POST /sign-in/link/<token>": NOBODY,
    "GET /sign-in/oidc": NOBODY,
    "GET /sign-in/oidc/return": NOBODY,
    "POST /sign-out": NOBODY,
    "GET /account": EVERY,
    "POST /account/password": EVERY,
    "POST /account/end-sessions": EVERY,
    "GET /people": frozenset({D}),
    "GET /people/new": frozenset({D}),
    "POST /people/new": frozenset({D}),
    "GET /people/<account_id>": frozenset({D}),
    "POST /people/<account_id>": frozenset({D}),
    "POST /people/<account_id>/link": frozenset({D}),
    "POST /people/<account_id>/disable": frozenset({D}),
    "POST /people/<account_id>/enable": frozenset({D}),
    "POST /people/<account_id>/end-sessions": frozenset({D}),
    "GET /": EVERY,
    "GET /experiments/<key>": EVERY,
    "GET /experiments/<key>/technical": EVERY,
    "GET /experiments/new": frozenset({R}),
    "POST /experiments/new": frozenset({R}),
    "POST /experiments/check": frozenset({R}),
    "GET /experiments/import": frozenset({R}),
    "POST /experiments/import": frozenset({R}),
    "GET /experiments/<key>/edit": frozenset({R}),
    "POST /experiments/<key>/edit": frozenset({R}),
    "GET /experiments/<key>/duplicate": frozenset({R}),
    "POST /experiments/<key>/duplicate": frozenset({R}),
    "GET /experiments/<key>/diff": EVERY,
    "GET /experiments/<key>/definition.yml": EVERY,
    "GET /experiments/<key>/definition.json": EVERY,
    "GET /experiments/<key>/plan": EVERY,
    "POST /experiments/<key>/plan": EVERY,  # its acts have roles of their own
    "GET /experiments/<key>/decide": EVERY,
    "POST /experiments/<key>/decide": EVERY,  # its acts have roles of their own
    "GET /experiments/<key>/publication": EVERY,
    "POST /experiments/<key>/publication": frozenset({R, A, D}),
    "GET /v1/experiments/<key>/publication": frozenset({R, A, D}),
    "GET /alerts": frozenset({A, D}),
    "POST /alerts/test": frozenset({D}),
    "GET /audit": frozenset({A, D}),
    "GET /v1/experiments": EVERY,
    "POST /v1/experiments": frozenset({R}),
    "POST /v1/experiments/validate": EVERY,
    "GET /v1/experiments/<key>": EVERY,
    "GET /v1/experiments/<key>/log": EVERY,
    "POST /v1/experiments/<key>/<act>": EVERY,  # and each act has roles of its own, see below
    "GET /v1/experiments/<key>/results": EVERY,
    "GET /v1/experiments/<key>/results.json": EVERY,
    "GET /v1/experiments/<key>/results.csv": EVERY,
    "GET /v1/experiments/<key>/protocol": EVERY,
    "GET /experiments/<key>/protocol": EVERY,
    "GET /experiments/<key>/protocol.md": EVERY,
    "GET /experiments/<key>/protocol.json": EVERY,
}
ACTS: dict[str, set[str]] = {
    "submit": {R},
    "reject": {R, A},
    "approve": {A},
    "start": {R, A},
    "set-traffic": {R},
    "set-weights": {R},
    "close-arm": {R},
    "suspend": set(ROLES),
    "resume": {A},
    "stop": {R, A},
    "conclude": {R, A},
    "archive": {R},
    "propose": {R, A},
    "withdraw": {R, A},
    "confirm": {A},
    "unadopt": {A},
}
NOT_LET_IN = ("not-signed-in", "role-missing")
SAMPLES = {
    "key": "four-lines", "act": "dance", "token": "0.0", "account_id": "0123456789abcdef", "number": "1", "version": "1",
    "locale": "en", "variant": "law", "file": "x", "name": "x", "other": "1",
}  # fmt: skip


def routes(app) -> dict[str, object]:
    """Method and rule of every view of staff, with the view."""
    return {
        f"{method} {rule.rule}": app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules() if is_of_staff(app.view_functions[rule.endpoint])
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }  # fmt: skip


def declared(view) -> frozenset[str]:
    return NOBODY if getattr(view, "is_open", False) else frozenset(getattr(view, "needs", ()))


def sample(rule: str) -> str:
    return re.sub(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>", lambda m: "1" if m[1] == "int" else SAMPLES.get(m[2], "x"), rule)


def is_let_in(service, route: str, who: str | None) -> bool:
    """Whether somebody comes past the gate; what the view then says does not matter here."""
    method, rule = route.split(" ", 1)
    answer = service.call(method, sample(rule), by=who)
    if answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in"):
        return False
    text = answer.get_data(as_text=True)
    return not any(f"/problems/{code}" in text for code in NOT_LET_IN)


@pytest.fixture
def people(service) -> dict[str, str | None]:
    """Somebody with each role, somebody who is not signed in (None)."""
    found: dict[str, str | None] = {role: service.person(f"The {role}", role) for role in ROLES}
    return {**found, "nobody": None}


def test_the_table_says_what_the_views_declare(service):
    found = {route: declared(view) for route, view in routes(service.app).items()}
    assert {route for route in found if not found[route]} == set(), "these declare nothing, and are closed"
    assert {route: sorted(roles) for route, roles in found.items()} == {r: sorted(TABLE[r]) for r in TABLE}


def test_every_route_lets_in_whom_the_table_names_and_nobody_else(service, people):
    wrong = []
    for route, view in routes(service.app).items():
        allowed = TABLE.get(route, declared(view))
        for role, who in people.items():
            wanted = allowed == NOBODY or role in allowed or (role != "nobody" and "reader" in allowed)
            if is_let_in(service, route, who) != wanted:
                wrong.append(f"{role} {'kept out of' if wanted else 'let in to'} {route}")
    assert wrong == []


def test_every_view_of_staff_stands_behind_the_gate(service):
    assert [route for route, view in routes(service.app).items() if not hasattr(view, "is_guarded")] == []


def test_a_view_that_declares_nothing_is_closed_to_everybody(make_service):
    service = make_service(surfaces=("research", "review"))
    app = service.app
    app._got_first_request = False
    app.add_url_rule("/forgotten", "forgotten", forgotten)
    app.add_url_rule("/for-readers", "for-readers", needs("reader")(lambda: "open"))
    guard(app)
    assert service.get("/for-readers").text == "open", "what declares a role is open to it"
    answer = service.get("/forgotten")
    assert answer.status_code == 403
    assert "it declares none" in answer.json["detail"]
    assert service.get("/forgotten", by=None).headers["Location"] == "/sign-in?next=/forgotten"


def forgotten() -> str:
    return "a secret"


@pytest.mark.parametrize("act", ACTS)
def test_an_act_takes_its_role(service, people, act):
    assert OF_ACTS.keys() == ACTS.keys()
    for role, who in people.items():
        answer = service.post(f"/v1/experiments/four-lines/{act}", {"loud": 1}, key=None, by=who)
        code = answer.json["type"].rpartition("/")[2]
        if role == "nobody":
            assert (answer.status_code, code) == (401, "not-signed-in")
        else:
            assert (code != "role-missing") == (role in ACTS[act]), f"{role}: {answer.text}"


def test_an_administrator_alone_cannot_act_on_experiments():
    assert {act for act, roles in OF_ACTS.items() if D in roles} == {"suspend"}


# ------------------------------------------------------------------------------------------- what is seen


@pytest.fixture
def guest(service) -> str:
    """Somebody with every role, who sees another experiment only."""
    return service.person("Guest", R, A, experiments=["another"])


def test_an_experiment_that_somebody_does_not_see_is_not_there(service, guest):
    """On every route with a key: as an unknown one, whatever the method."""
    for route in routes(service.app):
        method, rule = route.split(" ", 1)
        if "<key>" in rule:
            answer = service.call(method, sample(rule), by=guest)
            assert answer.status_code == 404, route
            unknown = service.call(method, sample(rule).replace("four-lines", "no-such-key"), by=guest)
            assert answer.get_data(as_text=True).replace("four-lines", "no-such-key") == unknown.text, route


def test_lists_leave_out_what_somebody_does_not_see(service, guest):
    assert service.get("/v1/experiments", by=guest).json == []
    assert [one["key"] for one in service.get("/v1/experiments").json] == ["four-lines"]
    pages = [
        route.removeprefix("GET ") for route in routes(service.app) if route.startswith("GET") and "<" not in route
    ]
    for path in pages:
        if is_page_of_staff(service.app, path, "GET"):
            text = service.get(path, by=guest).text
            assert "/experiments/four-lines" not in text, path
            assert DOCUMENT["title"] not in text, path
    assert "/experiments/four-lines" in service.get("/").text


def test_nobody_finds_out_by_taking_one_in(service, guest):
    for key in ("four-lines", "never-heard-of"):
        answer = service.post("/v1/experiments", {**DOCUMENT, "key": key}, key=None, by=guest)
        assert answer.status_code == 403
        assert answer.json["detail"] == f"your account is not for the experiment '{key}'; ask an administrator"
    assert service.post("/v1/experiments", {**DOCUMENT, "key": "another"}, key=None, by=guest).status_code == 201


def test_a_change_of_roles_is_felt_at_once(service):
    from experiments import accounts
    from experiments.lifecycle import Actor

    who, store = service.person("Ada", R), service.runtime.store
    assert service.get("/audit", by=who).status_code == 403
    accounts.change(store, accounts.by_name(store, who), [A], Actor("Boss", 0))
    assert service.get("/audit", by=who).status_code == 200
