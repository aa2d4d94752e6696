"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from experiments.errors import InvalidInput

FARTHEST = 366 * 86_400  # every day up to a moment is read, so it has an end


def moment(text: str | None, now: float) -> float:
    """Return unix seconds of an RFC 3339 time, a date (its start, UTC) or `+SECONDS` from now; None is now."""
    if text is None:
        return now
    try:
        found = now + int(text[1:]) if text.startswith("+") else _timestamp(datetime.fromisoformat(text))
    except OverflowError:
        found = -1.0
    except ValueError:
        raise InvalidInput(
            "must be a time such as 2026-11-23T12:00:00Z, a date, or +SECONDS", pointer="/as_of"
        ) from None
    if not 0 <= found <= now + FARTHEST:
        raise InvalidInput("must lie between 1970 and a year from now", pointer="/as_of")
    return found


def _timestamp(found: datetime) -> float:
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
