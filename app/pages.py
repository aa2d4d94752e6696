"""What every page of staff stands on: language, header, and errors that a person can read."""

from __future__ import annotations

from typing import Any

from flask import Flask

from app import language
from app.context import Context
from app.staff import Person, errors, person
from app.staff.navigation import served, ways
from experiments.errors import StoreUnavailable


def register(app: Flask) -> None:
    """Give the pages their language and their header."""
    context: Context = app.extensions["signpost"]
    language.register(app, context.settings.language)
    errors.register(app)
    app.add_template_global(header)


def header() -> dict[str, Any]:
    """What the header of a page shows: `who` is signed in, if anybody, and the `ways` that they have."""
    try:
        who: Person | None = person()
    except StoreUnavailable:  # the page of errors has a header, too
        who = None
    return {"who": who, "ways": ways(who) if who else [], "has_account": "/account" in served()}
