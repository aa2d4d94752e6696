"""What a picture is, and what each kind of picture gives to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from markupsafe import Markup

if TYPE_CHECKING:
    from app.charts.house import Canvas, Chart

Theme = Literal["auto", "print"]


class Table(NamedTuple):
    """The figures of a picture as text: names of columns, and rows of as many cells; the first names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with what it says: `svg` goes into a page as it is, `description` tells what is seen, in words."""

    name: str
    title: str
    description: str
    svg: Markup
    table: Table


class Subject(Protocol):
    """What is drawn: a frozen value of what the picture shows and nothing else, so that it is kept by its content."""

    @property
    def name(self) -> str:
        """One of `NAMES`."""

    @property
    def title(self) -> str:
        """What the picture shows, in a few words."""

    @property
    def description(self) -> str:
        """What is seen, with the figures."""

    @property
    def table(self) -> Table:
        """The same figures."""

    def chart(self, canvas: Canvas) -> Chart:
        """Draw it."""
