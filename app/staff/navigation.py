"""The way through the pages of staff: the header offers each person the pages that are there and open to them."""

from __future__ import annotations

from typing import NamedTuple

from flask import current_app, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _

from app.staff.people import Person

WAYS = {
    "/": _("Experiments"),
    "/experiments/new": _("New experiment"),
    "/people": _("People"),
    "/audit": _("Audit log"),
    "/alerts": _("Alerts"),
}


class Way(NamedTuple):
    """A link of the header: where to, what it is called, whether one is there now."""

    path: str
    label: LazyString
    is_here: bool


def ways(person: Person) -> list[Way]:
    """What the header offers to a person: what their roles open, as the views themselves declare it."""
    there = served()
    return [
        Way(path, label, request.path == path)
        for path, label in WAYS.items()
        if path in there and person.has(*getattr(there[path], "needs", ()))
    ]


def served() -> dict[str, object]:
    """The pages of this process: the rule of the address, and its view."""
    rules = current_app.url_map.iter_rules()
    return {rule.rule: current_app.view_functions[rule.endpoint] for rule in rules if "GET" in (rule.methods or ())}
