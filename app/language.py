"""The language of pages, and how dates and numbers are written in it. Texts are English; translations lie beside.

Pages speak the language of `SIGNPOST_LANGUAGE`, or else the first one of the reader's browser that is there. A reader
from anywhere gets dates and numbers as their region writes them. Times are UTC, and say so: days of counting are.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from flask import Flask, has_request_context, request
from flask_babel import Babel, format_date, format_datetime, format_decimal, format_percent, get_babel, get_locale

from experiments.errors import InvalidInput

TRANSLATIONS = Path(__file__).parent / "translations"
WRITTEN_IN = "en_GB"  # what the texts in the code are written in


def register(app: Flask, language: str | None = None) -> None:
    """Let templates say `_("…")` and `{% trans %}`, and give them the filters that write numbers and dates.

    Raises InvalidInput for a language that pages do not have.
    """
    wanted = known(language or WRITTEN_IN)
    if wanted is None or wanted.language not in available():
        raise InvalidInput(f"SIGNPOST_LANGUAGE must be one of {', '.join(available())}", pointer="/SIGNPOST_LANGUAGE")
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", str(TRANSLATIONS))
    Babel(app, default_locale=WRITTEN_IN, locale_selector=lambda: language or preferred())
    app.add_template_global(_attributes, "language")
    for write in (number, decimal, percent, day, moment):
        app.add_template_filter(write)


def preferred() -> str:
    """The reader's first language that is there, with their region; otherwise the one that the texts are written in."""
    if not has_request_context():
        return WRITTEN_IN
    there = available(Path(get_babel().translation_directories[0]))
    for tag, _ in request.accept_languages:
        locale = known(tag)
        if locale is not None and locale.language in there:
            return str(locale) if locale.territory else there[locale.language]
    return WRITTEN_IN


@cache
def available(directory: Path = TRANSLATIONS) -> dict[str, str]:
    """Languages that pages can speak, and the locale that each is written as where the reader names no region."""
    translated = {file.parent.parent.name for file in directory.glob("*/LC_MESSAGES/messages.mo")}
    return {name.partition("_")[0]: name for name in sorted(translated)} | {"en": WRITTEN_IN}


def known(tag: str) -> Locale | None:
    """The locale of a tag such as en-GB, if there is one."""
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


def number(value: float) -> str:
    """A whole number with the locale's groups of thousands."""
    return str(format_decimal(value, "#,##0"))


def decimal(value: float, places: int = 1) -> str:
    """A number with so many places after the point."""
    return str(format_decimal(value, f"#,##0.{'0' * places}" if places else "#,##0"))


def percent(value: float, places: int = 0) -> str:
    """A share of 1 as per cent."""
    pattern = (get_locale() or Locale.parse(WRITTEN_IN)).percent_formats[None].pattern
    return str(format_percent(value, pattern.replace("##0", f"##0.{'0' * places}") if places else pattern))


def day(value: float | str | dt.date) -> str:
    """A day: 3 March 2027. Takes unix seconds, an ISO text, a date or a time."""
    return str(format_date(_time(value), "long", rebase=False))


def moment(value: float | str | dt.date) -> str:
    """A moment to the minute in UTC: 3 Mar 2027, 14:05 UTC."""
    time = _time(value)
    written = f"{format_date(time, 'medium', rebase=False)}, {format_datetime(time, 'HH:mm', rebase=False)}"
    return f"{written} UTC"


def _time(value: float | str | dt.date) -> dt.datetime:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), dt.UTC)
    return dt.datetime.fromtimestamp(value, dt.UTC)


def _attributes() -> dict[str, str]:
    """The page's `lang` and `dir`."""
    locale = get_locale() or Locale.parse(WRITTEN_IN)
    return {"lang": str(locale).replace("_", "-"), "dir": locale.text_direction}
