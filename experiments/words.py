"""How sentences are written: in which language, with which numbers and dates. The domain's own is plain English.

Sentences (`experiments.sentences`, `experiments.answers`) take a `Words`; pages give one that translates (keywords
for the collection of texts: `say`, `many` and `mark`), a terminal needs none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


def mark(text: str) -> str:
    """Mark a text of a table, which is said later, for translation."""
    return text


def _chosen(one: str, more: str, number: int) -> str:
    return one if number == 1 else more


def _decimal(value: float, places: int) -> str:
    return f"{value:,.{places}f}".replace(",", "\u202f")


def _date(day: str) -> str:
    date = dt.date.fromisoformat(day[:10])
    return f"{date.day} {date:%B %Y}"


@dataclass(frozen=True, slots=True)
class Words:
    """Four ways of writing: a text, one of two by a number, a number with so many places, a day (an ISO text)."""

    translate: Callable[[str], str] = str
    choose: Callable[[str, str, int], str] = _chosen
    decimal: Callable[[float, int], str] = _decimal
    date: Callable[[str], str] = _date

    def say(self, text: str, **values: Any) -> str:
        """Write a text with its values."""
        return self.translate(text).format(**values)

    def many(self, one: str, more: str, number: int, **values: Any) -> str:
        """Write one of two texts; `{n}` is the number."""
        return self.choose(one, more, number).format(n=self.number(number), **values)

    def number(self, value: float) -> str:
        """Write a whole number."""
        return self.decimal(value, 0)

    def named(self, arms: Iterable[str]) -> str:
        """Write keys in quotes, one after another."""
        return ", ".join(f"“{arm}”" for arm in arms)


PLAIN = Words()
