"""What the pages and resources of staff share: who asks, and what they may do."""

from app.staff.people import ROLES, Person, needs, person, sees

__all__ = ["ROLES", "Person", "needs", "person", "sees"]
