"""What the pages and resources of staff share: who asks, and what they may do."""

from __future__ import annotations

from flask import Flask

from app.staff.people import NOBODY, ROLES, Person, Role, anyone, needs, person, require_act, sees


def register(app: Flask) -> None:
    """Add the routes, and close the gate: called last, when all views are there."""
    from app.staff import house  # noqa: PLC0415  (integrators' processes do without)

    house.register(app)


__all__ = ["NOBODY", "ROLES", "Person", "Role", "anyone", "needs", "person", "register", "require_act", "sees"]
