"""How the pages of a result write numbers and languages, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence

from babel import Locale, UnknownLocaleError
from flask_babel import get_locale

from app.language import decimal

ABSENT = "–"
LARGEST = 15  # as a power of ten: larger numbers are written as a power


def per_10000(rate: float | None) -> str:
    """A rate (0 to 1) per 10 000, with one place."""
    return ABSENT if rate is None else decimal(10_000 * rate, 1)


def language_name(tag: str) -> str:
    """A language as the reader calls it: German; the tag itself where it is unknown."""
    try:
        name = Locale.parse(tag.replace("-", "_")).get_display_name(get_locale())
    except (UnknownLocaleError, ValueError):
        return tag
    return (name[:1].upper() + name[1:]) if name else tag


# What only researchers read is written alike in every language.


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many digits that count."""
    return ABSENT if value is None else f"{value:,.{digits}g}".replace(",", "\u202f") if value < 1e6 else f"{value:.2e}"


def span(ends: Sequence[float | None] | None, digits: int = 4, scale: float = 1) -> str:
    """An interval; an end that is not bounded is left open."""
    if ends is None:
        return ABSENT
    low, high = ends
    upper = "∞" if high is None else f"{scale * high:.{digits}g}"
    return f"{scale * (low or 0):.{digits}g} … {upper}"


def power(log10: float | None) -> str:
    """An e-value from its logarithm, at any size."""
    if log10 is None:
        return ABSENT
    return figure(10**log10) if abs(log10) < LARGEST else f"1e{log10:+.0f}"


def odds(p_value: float | None) -> str:
    """A p-value with two digits that count."""
    return ABSENT if p_value is None else f"{p_value:.2g}"
