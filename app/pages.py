"""What every page of staff stands on: language, header, and errors that a person can read."""

from __future__ import annotations

from typing import Any

from flask import Flask

from app import language
from app.staff import person
from app.staff.navigation import ways


def register(app: Flask) -> None:
    """Give the pages their language and their header."""
    language.register(app)
    app.context_processor(lambda: _header(app))


def _header(app: Flask) -> dict[str, Any]:
    who = person()
    return {"who": who, "ways": ways(who), "can_sign_out": "/sign-out" in {r.rule for r in app.url_map.iter_rules()}}
