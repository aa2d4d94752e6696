"""The gate in front of every view of staff. What declares nothing is closed.

A view is one of staff unless it lies in a room that is open by its nature. The gate is put around the views once, so
that integrators' requests do not pass it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, redirect, request
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.wrappers import Response
from wtforms import ValidationError

from app.access import require_own_host
from app.context import context
from app.staff import cookies
from app.staff.people import Person, person
from experiments.errors import AccessError, NotFound
from experiments.roles import Role

OPEN_ROOMS = ("app.public.", "app.problems", "flask.")
LARGEST_FORM = 1024 * 1024
READING = ("GET", "HEAD", "OPTIONS")


def guard(app: Flask) -> None:
    """Put the gate around the views of staff that the application has now."""
    for endpoint, view in app.view_functions.items():
        if is_of_staff(view) and not hasattr(view, "is_guarded"):
            app.view_functions[endpoint] = _guarded(view)


def is_of_staff(view: Callable[..., Any]) -> bool:
    """Whether a view is for staff."""
    return not view.__module__.startswith(OPEN_ROOMS)


def _guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def enter(**path: Any) -> Any:
        return _stop(view, path) or view(**path)

    enter.is_guarded = True  # type: ignore[attr-defined]
    return enter


def _stop(view: Callable[..., Any], path: Mapping[str, Any]) -> Response | None:
    """Return where to go instead, or raise what is wrong; None: come in."""
    require_own_host()
    require_own_pages()
    if not getattr(view, "is_open", False):
        who = person()
        if not who and request.method in READING and not _is_api():
            return redirect(f"/sign-in?next={quote(_here())}")
        require_role(who, getattr(view, "needs", ()))
        if "key" in path and not who.sees(path["key"]):
            raise NotFound(f"there is no experiment '{path['key']}'", code="unknown-experiment", pointer="/experiment")
    if request.method not in READING:
        require_form()
    return None


def require_role(who: Person, roles: tuple[Role, ...]) -> None:
    """Raise AccessError unless somebody is signed in and has one of the roles."""
    if not who:
        raise AccessError("nobody is signed in, or the session is over; sign in", code="not-signed-in")
    if not who.has(*roles):
        wanted = " or ".join(roles) or "nobody, as it declares none"
        raise AccessError(f"this is for the role {wanted}; {who.name} does not have it", code="role-missing")


def require_own_pages() -> None:
    """Refuse what a page of somebody else sends, open in a colleague's browser.

    Our own pages send no origin with forms (`null`), because they send no referrer; forms carry a token instead.
    """
    if request.method in READING:
        return
    origin, own = request.headers.get("Origin"), {request.host, urlsplit(context().base_url).netloc}
    is_foreign = origin is not None and urlsplit(origin).netloc not in own
    if (is_foreign and (origin != "null" or _is_api())) or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise AccessError("pages of other origins may change nothing here", code="origin-refused")


def require_form() -> None:
    """Refuse a form that was not made for this browser."""
    if _is_api() or cookies.bearer() is not None:
        return
    if person():
        request.max_content_length = request.max_form_memory_size = LARGEST_FORM
    try:
        validate_csrf(request.headers.get("X-CSRFToken") or request.form.get("csrf_token"))
    except ValidationError as error:
        raise CSRFError(str(error)) from None


def _is_api() -> bool:
    return request.path.startswith("/v1/")


def _here() -> str:
    return request.full_path.rstrip("?")
