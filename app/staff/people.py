"""Who is signed in, and what their roles allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import g

from experiments.errors import AccessError
from experiments.roles import OF_ACTS, ROLES, Role

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. `experiments` are the only ones they see, by key; None: all. Nobody is false."""

    name: str
    roles: frozenset[str]
    experiments: frozenset[str] | None = None
    id: str = ""

    def __bool__(self) -> bool:
        return bool(self.name)

    def has(self, *roles: Role) -> bool:
        """Whether they have one of these roles."""
        return bool(self.roles & set(roles))

    def sees(self, key: str) -> bool:
        """Whether they may see an experiment."""
        return self.experiments is None or key in self.experiments


NOBODY = Person("", frozenset(), frozenset())


def person() -> Person:
    """The person who asks, looked up once in a request; NOBODY while nobody is signed in."""
    found: Person | None = g.get("person")
    if found is None:
        from app.staff import cookies  # noqa: PLC0415  (integrators' processes do without)

        g.person = NOBODY  # the page of errors asks, too, when the store does not answer
        g.person = found = cookies.signed_in()
    return found


def sees(key: str) -> bool:
    """Whether the person who asks may see an experiment."""
    return person().sees(key)


def require_act(act: str) -> None:
    """Raise AccessError unless the person may make this transition of an experiment; unknown acts are not for this."""
    roles = OF_ACTS.get(act)
    if roles is not None and not person().has(*roles):
        raise AccessError(f"to {act} is for the role {' or '.join(roles)}", code="role-missing")


def needs(*roles: Role) -> Callable[[View], View]:
    """Declare which roles may use a view (any of them); written directly under the route."""

    def mark(view: View) -> View:
        view.needs = roles  # type: ignore[attr-defined]
        return view

    return mark


def anyone(view: View) -> View:
    """Declare that a view is for people who are not signed in, too."""
    view.is_open = True  # type: ignore[attr-defined]
    return view


__all__ = ["NOBODY", "ROLES", "Person", "Role", "anyone", "needs", "person", "require_act", "sees"]
