"""People get errors as pages in plain words; programs get the same as problems."""

from __future__ import annotations

import pytest
from flask_wtf.csrf import CSRFError
from werkzeug import exceptions

from app.staff import errors
from experiments.errors import SignpostError, StoreUnavailable

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def raising(service, error):
    def fail():
        raise error

    service.app.add_url_rule("/fails", view_func=fail, methods=["GET", "POST"])


@pytest.fixture
def empty(make_service):
    return make_service()


CODES = {
    "bad-request": 400, "key-missing": 401, "scope-missing": 403, "not-found": 404, "method-not-allowed": 405,
    "not-sealed": 409, "body-too-large": 413, "invalid-value": 422, "rate-limited": 429, "internal": 500,
    "store-unavailable": 503,
}  # fmt: skip


@pytest.mark.parametrize(("code", "status"), CODES.items())
def test_each_status_has_a_page_with_what_to_do(empty, code, status):
    raising(empty, SignpostError("wait until tomorrow", code=code))
    answer = empty.get("/fails", headers=BROWSER)
    told = errors.TOLD[status]
    assert answer.status_code == status
    assert answer.content_type.startswith("text/html")
    assert f"<h1>{told.title}</h1>" in answer.text
    assert str(told.next) in answer.text
    assert ("Wait until tomorrow." in answer.text) == told.explains
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


def test_no_status_is_without_a_page():
    assert set(errors.TOLD) == set(CODES.values())


@pytest.mark.parametrize("status", [403, 415])
def test_what_flask_refuses_keeps_its_status(empty, status):
    raising(empty, exceptions.default_exceptions[status]())
    answer = empty.get("/fails", headers=BROWSER)
    assert (answer.status_code, answer.text.count("<h1>")) == (status, 1)


@pytest.mark.parametrize("accept", ["application/problem+json", "application/json", "*/*", ""])
def test_a_program_gets_the_problem(empty, accept):
    answer = empty.get("/nowhere", headers={"Accept": accept})
    assert answer.content_type == "application/problem+json"


def test_the_api_answers_problems_to_everybody(empty):
    assert empty.get("/v1/nowhere", headers=BROWSER).content_type == "application/problem+json"


def test_no_page_tells_the_text_of_an_error_of_ours(empty):
    raising(empty, RuntimeError("secret 0123"))
    answer = empty.get("/fails", headers=BROWSER)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "no fault of yours" in answer.text


def test_a_form_that_has_lain_too_long_says_so(empty):
    raising(empty, CSRFError("The CSRF token has expired."))
    assert "lain too long" in empty.call("POST", "/fails", headers=BROWSER).text


def test_where_the_page_cannot_be_made_the_problem_is_told(empty, monkeypatch):
    def broken(*_):
        raise StoreUnavailable("away")

    monkeypatch.setattr(errors, "page", broken)
    answer = empty.get("/nowhere", headers=BROWSER)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_a_wrong_method_names_the_right_ones(empty):
    answer = empty.call("DELETE", "/alerts", headers=BROWSER)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "cannot be done here" in answer.text
