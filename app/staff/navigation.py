"""The way through the pages of staff: what each person finds in the header, as far as it is served here."""

from __future__ import annotations

from typing import NamedTuple

from flask import current_app, request
from flask_babel import lazy_gettext as _

from app.staff.people import ROLES, Person, Role


class Way(NamedTuple):
    """A link of the header: where to, what it is called, who gets it, whether one is there now."""

    path: str
    label: str
    roles: tuple[Role, ...]
    here: bool = False


WAYS = (
    Way("/", _("Experiments"), ROLES),
    Way("/experiments/new", _("New experiment"), ("researcher",)),
    Way("/people", _("People"), ("administrator",)),
    Way("/audit", _("Audit log"), ROLES),
    Way("/alerts", _("Alerts"), ROLES),
)


def ways(person: Person) -> list[Way]:
    """What the header offers to a person."""
    there = served()
    return [
        way._replace(here=request.path == way.path) for way in WAYS if way.path in there and person.has(*way.roles)
    ]


def served() -> set[str]:
    """The rules of this process's addresses."""
    return {rule.rule for rule in current_app.url_map.iter_rules()}
