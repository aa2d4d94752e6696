"""What went wrong, as a page that a person can read: what is the case, what became of their work, what to do now.

Programs get the same as `application/problem+json` (`app.problems`); who asks for HTML, outside of `/v1/`, gets a page.
Where even the page cannot be made, they get the problem.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from flask import Flask, Response, make_response, render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app import problems

log = logging.getLogger("signpost")


class Told(NamedTuple):
    """What a page of errors says. `explains` is whether the problem's own detail helps the person, too."""

    title: LazyString
    what: LazyString
    next: LazyString
    explains: bool = False


TOLD = {
    400: Told(
        _("We could not read that"),
        _("The address or the form was not complete. Nothing was changed."),
        _("Go back, look at what you entered, and send it again."),
    ),
    401: Told(
        _("Please sign in"),
        _("This page is for people who are signed in."),
        _("Sign in, and you come back here."),
    ),
    403: Told(
        _("This page is not open to you"),
        _("It needs a role that your account does not have. That is no fault of yours, and nothing was changed."),
        _("If you need it for your work, ask an administrator of Signpost."),
        explains=True,
    ),
    404: Told(
        _("There is no such page"),
        _("The address may be mistyped, or it is about an experiment that your account does not see."),
        _("Begin at the list of experiments."),
    ),
    405: Told(
        _("That cannot be done here"),
        _("The address is right, but not meant to be used in this way. Nothing was changed."),
        _("Go back, and use the links and buttons of the page."),
    ),
    409: Told(
        _("That is not possible now"),
        _("Nothing was changed."),
        _("Go back and load the page again: it shows where things stand, and what comes next."),
        explains=True,
    ),
    413: Told(
        _("That is too large"),
        _("The text or the file is larger than Signpost takes. Nothing was changed."),
        _("Send less at a time: a form 1 MiB at most."),
    ),
    422: Told(
        _("Something in it needs your attention"),
        _("Nothing was changed."),
        _("Go back, correct what is named here, and send it again."),
        explains=True,
    ),
    429: Told(
        _("That was too often"),
        _("For safety, only so many attempts are taken at a time."),
        _("Wait a minute, and try again."),
    ),
    500: Told(
        _("Something went wrong on our side"),
        _("It is no fault of yours. Warnings are shown to people all the same, and what was counted is safe."),
        _("Try it again. If it happens again, tell your administrator what you did and when."),
    ),
    503: Told(
        _("Signpost cannot reach its data now"),
        _("Warnings are shown to people all the same, and what was counted is safe."),
        _("Wait a moment, and load the page again."),
    ),
}
EXPIRED = Told(
    _("This form has lain too long"),
    _("For safety, a form is good for a limited time. Nothing was changed."),
    _("Go back, copy what you wrote, load the page again, and send it anew."),
)


def register(app: Flask) -> None:
    """Answer every error: people with a page, programs with a problem."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """Return the page, or the problem."""
    problem = problems.of(error)
    if not wants_page():
        return problem
    status = (error.code if isinstance(error, HTTPException) else None) or problem.status_code
    try:
        return page(problem, status, EXPIRED if isinstance(error, CSRFError) else None)
    except Exception as second:  # noqa: BLE001  (an error of the page of errors must not hide the first)
        log.error("the page of errors failed: %s", type(second).__name__)  # noqa: TRY400  (texts may quote data)
        return problem


def wants_page() -> bool:
    """Whether a person asks, by a browser."""
    kinds = ["application/problem+json", "application/json", "text/html"]
    return not request.path.startswith("/v1/") and request.accept_mimetypes.best_match(kinds) == "text/html"


def page(problem: Response, status: int, told: Told | None = None) -> Response:
    """The page for a problem, with the problem's headers."""
    told = told or TOLD.get(status) or TOLD[400 if status < 500 else 500]
    detail = (problem.get_json(force=True) or {}).get("detail") if told.explains else None
    response = make_response(render_template("staff/error.html", status=status, told=told, detail=detail), status)
    kept = ("Retry-After", "Allow", "WWW-Authenticate")
    response.headers.update({name: problem.headers[name] for name in kept if name in problem.headers})
    return response
