"""A view's contract in its decorator: what it takes, what it gives, which problems it may answer.

The same declaration parses the body and feeds the API description, so that they cannot differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

from flask import Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from app.entrance import WHOLE_BODY
from app.framework import Whole
from app.problems import utf_8
from experiments.errors import InvalidDefinition, InvalidInput, Violation
from experiments.reading import load_json
from experiments.violations import violations_of

Body = TypeVar("Body", bound=BaseModel)
STAFF = ("origin-refused", "not-signed-in", "role-missing")  # what the gate of staff may answer to any of them
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Contract:
    """What a view promises; `gives` maps a status to a model, or to a media type for other bodies.

    `items`: the body is many of these, which the view reads itself.
    """

    summary: str
    takes: type[BaseModel] | None
    gives: Mapping[int, type[BaseModel] | str]
    problems: tuple[str, ...]
    voice: str
    items: type[BaseModel] | None = None


def contract(
    summary: str,
    *,
    takes: type[BaseModel] | None = None,
    gives: Mapping[int, type[BaseModel] | str],
    problems: tuple[str, ...] = (),
    voice: str = "anyone",
    items: type[BaseModel] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a view's contract; the parsed body is its first argument."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wrapper(**path: Any) -> Any:
            return view(read(takes), **path) if takes else view(**path)

        promised = tuple(dict.fromkeys((*problems, *(STAFF if voice == "staff" else ()))))
        wrapper.contract = Contract(summary, takes, gives, promised, voice, items)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def content() -> bytes:
    """The request's bytes. A body that does not say how long it is would be cut off at the limit without a word."""
    whole: bytes | None = request.environ.get(WHOLE_BODY)
    if whole is not None:
        return whole
    data = request.get_data()
    if "CONTENT_LENGTH" not in request.environ and len(data) >= (request.max_content_length or len(data) + 1):
        raise RequestEntityTooLarge
    return data


def read(model: type[Body]) -> Body:
    """Parse the request's JSON, whatever its content type says (beacons send text/plain)."""
    document = load_json(content())
    if not isinstance(document, dict):
        raise InvalidInput("the body must be a JSON object", code="wrong-type", pointer="")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidDefinition(_own(tuple(violations_of(error)))) from None


def _own(found: tuple[Violation, ...]) -> tuple[Violation, ...]:
    """A session that is too long has its own type, wherever it stands."""
    long = ("/session", "invalid-value")
    return tuple(Violation(v.pointer, "session-length", v.detail) if (v.pointer, v.code) == long else v for v in found)


def reply(payload: Mapping[str, Any] | list[Any], status: int = 200) -> Response:
    """JSON that never holds NaN."""
    return json_text(_JSON.encode(payload), status)


def json_text(text: str, status: int = 200) -> Response:
    """JSON that is rendered already."""
    return json_bytes(utf_8(text), status)


def json_bytes(body: bytes, status: int = 200) -> Response:
    """JSON that is rendered and encoded already."""
    return Whole(body, "application/json", status)
