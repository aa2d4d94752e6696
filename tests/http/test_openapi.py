"""The API description: valid, complete, and true of what is sent.

That every problem a view answers is listed for it is checked on every answer of every test here, by
`Service.call`.
"""

from __future__ import annotations

import re

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.problems import KINDS
from tests.http.conftest import listed


@pytest.fixture
def described(service) -> dict:
    return service.get("/openapi.json").json


def check(described: dict, schema: dict, value) -> None:
    jsonschema.Draft202012Validator({**schema, "components": described["components"]}).validate(value)


def test_it_is_valid(described):
    assert described["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(described).validate()


def test_every_view_with_a_contract_is_in_it(service, described):
    wanted = set()
    for rule in service.app.url_map.iter_rules():
        if hasattr(service.app.view_functions[rule.endpoint], "contract"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            wanted |= {(path, method.lower()) for method in rule.methods - {"HEAD", "OPTIONS"}}
    assert {(path, method) for path, item in described["paths"].items() for method in item} == wanted
    assert ("/v1/assignments", "post") in wanted
    assert len(wanted) >= 17


def test_every_view_under_v1_has_a_contract(service):
    bare = [
        rule.rule for rule in service.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/") and not hasattr(service.app.view_functions[rule.endpoint], "contract")
    ]  # fmt: skip
    assert bare == ["/v1/go/<path:rest>"], "the way out of a mangled link"


def test_path_parameters_are_declared(described):
    for path, item in described["paths"].items():
        for operation in item.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_every_listed_problem_is_one_of_ours(service):
    codes = {code for found in listed(service.app).values() for code in found}
    assert codes <= set(KINDS)
    assert all("internal" in found for found in listed(service.app).values())


def test_requests_and_replies_are_as_described(service, described):
    post = described["paths"]["/v1/assignments"]["post"]
    asks, gives = (
        post["requestBody"]["content"]["application/json"]["schema"],
        post["responses"]["200"]["content"]["application/json"]["schema"],
    )
    for body in (
        {"surface": "search-uk", "session": "a", "expose": True},
        {"experiment": "four-lines", "locale": "de-AT"},
    ):
        check(described, asks, body)
        check(described, gives, service.post("/v1/assignments", body).json)
    for wrong in ({"surface": "search-uk", "nope": 1}, {"surface": ""}, {"surface": 1}):
        with pytest.raises(jsonschema.ValidationError):
            check(described, asks, wrong)
    token = service.ask("b")["token"]
    for path, body in (
        ("exposures", {"token": token}),
        ("outcomes", {"token": token, "outcome": "left", "occurred_at": 1}),
    ):
        operation = described["paths"][f"/v1/{path}"]["post"]
        check(described, operation["requestBody"]["content"]["text/plain"]["schema"], body)
    receipt = described["paths"]["/v1/exposures"]["post"]["responses"]
    for status in ("201", "200"):
        answer = service.post("/v1/exposures", {"token": token})
        assert str(answer.status_code) == status
        check(described, receipt[status]["content"]["application/json"]["schema"], answer.json)


def test_a_problem_is_as_described(service, described):
    check(described, {"$ref": "#/components/schemas/Problem"}, service.post("/v1/assignments", {"nope": 1}).json)


def test_a_surface_alone_describes_itself(make_service):
    public = make_service(surfaces=("public",)).get("/openapi.json").json
    assert "/v1/assignments" in public["paths"]
    assert not any(path.startswith("/v1/experiments") for path in public["paths"])
    OpenAPIV31SpecValidator(public).validate()


def test_a_surface_alone_serves_nothing_else(make_service):
    public = make_service(surfaces=("public",))
    for path in ("/", "/experiments/four-lines", "/v1/experiments", "/v1/experiments/four-lines/results"):
        assert public.get(path).status_code == 404
    staff = make_service(surfaces=("research", "review"))
    assert staff.get("/v1/experiments").status_code == 200
    for path in ("/v1/warnings/search-uk", "/metrics", "/healthz"):
        assert staff.get(path).status_code == 404


def test_the_page_tells_every_call_field_and_problem(service, described):
    page = service.get("/docs").text
    assert "/openapi.json" in page
    assert "<script" not in page
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert page.count(f"<code>{method.upper()} {path}</code>") == 2
            for answer in operation["responses"].values():
                for code in filter(None, answer["description"].partition("Problem: ")[2].split(", ")):
                    assert f'href="/problems/{code}"' in page
    for schema in described["components"]["schemas"].values():
        if schema["title" if "title" in schema else "type"] in ("AssignmentRequest", "OutcomeRequest", "EventItem"):
            assert all(f"<code>{name}</code>" in page for name in schema["properties"])
