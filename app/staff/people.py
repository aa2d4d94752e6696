"""Who is signed in, and what their roles allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Role = Literal["reader", "researcher", "approver", "administrator"]
ROLES: tuple[Role, ...] = ("reader", "researcher", "approver", "administrator")
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. `experiments` are the only ones they see, by key; None: all."""

    name: str
    roles: frozenset[str]
    experiments: frozenset[str] | None = None

    def has(self, *roles: Role) -> bool:
        """Whether they have one of these roles."""
        return bool(self.roles & set(roles))


def person() -> Person:
    """The person who asks."""
    return Person("local", frozenset(ROLES))


def sees(key: str) -> bool:
    """Whether the person who asks may see an experiment."""
    allowed = person().experiments
    return allowed is None or key in allowed


def needs(*roles: Role) -> Callable[[View], View]:
    """Declare which roles may use a view (any of them); written directly under the route."""

    def mark(view: View) -> View:
        view.needs = roles  # type: ignore[attr-defined]
        return view

    return mark
