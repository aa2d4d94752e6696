"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from experiments.errors import InvalidInput


def moment(text: str | None, now: float) -> float:
    """Return unix seconds of an RFC 3339 time, a date (its start, UTC) or `+SECONDS` from now; None is now."""
    if text is None:
        return now
    try:
        if text.startswith("+"):
            return now + int(text[1:])
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            "must be a time such as 2026-11-23T12:00:00Z, a date, or +SECONDS", pointer="/as_of"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
