"""How numbers, days and outcomes are written in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

THIN = "\u202f"
LOCALE = {"decimal": ".", "thousands": THIN, "grouping": [3], "currency": ["", ""]}
DID = {
    "help_sought": "sought help", "repeat_trigger": "triggered the warning again", "proceeded": "went on",
    "left": "left", "complaint": "complained",
}  # fmt: skip


def number(value: float) -> str:
    """12 345."""
    return f"{value:,.0f}".replace(",", THIN)


def per_10000(rate: float) -> str:
    """A rate (0 to 1) per 10 000, with one decimal."""
    return f"{10_000 * rate:,.1f}".replace(",", THIN)


def times(ratio: float | None) -> str:
    """1.31, and three digits of what is smaller or larger."""
    if ratio is None:
        return "no limit"
    return f"{ratio:.2f}" if 0.1 <= ratio < 100 else f"{ratio:.3g}"


def between(lower: float, upper: float | None) -> str:
    """An interval of ratios in words."""
    return f"at least {times(lower)}" if upper is None else f"{times(lower)} to {times(upper)}"


def listed(parts: Sequence[str]) -> str:
    """A, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def named(variant: str) -> str:
    """A variant's key within a sentence, whichever way it is written."""
    return f"“\u2068{variant}\u2069”"


def day(period: str) -> str:
    """3 Oct 2026, or the period as it is called."""
    found = dated(period)
    return f"{found.day} {found:%b} {found.year}" if found else period


def dated(period: str) -> date | None:
    """The day that a period is, if it is one."""
    try:
        return date.fromisoformat(period) if len(period) == 10 else None
    except ValueError:
        return None
