"""The pages of one experiment, one beside the other, as far as they are served here."""

from __future__ import annotations

from flask import request
from flask_babel import lazy_gettext as _

from app.staff.navigation import served

LINKS = (
    ("/experiments/<key>", _("Result")),
    ("/experiments/<key>/plan", _("Plan and log")),
    ("/experiments/<key>/protocol", _("Protocol")),
    ("/experiments/<key>/decide", _("Decide")),
    ("/experiments/<key>/publication", _("Publication")),
    ("/experiments/<key>/technical", _("For researchers")),
)


def tabs(key: str) -> list[tuple[str, str, bool]]:
    """Address, name, and whether one is there now."""
    there = served()
    ways = [(rule.replace("<key>", key), label) for rule, label in LINKS if rule in there]
    return [(path, str(label), path == request.path) for path, label in ways]
