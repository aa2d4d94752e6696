"""Pictures of a result: one definition for the page, for paper and for publication.

`picture(name, result)` takes the dict that the JSON is and gives a title, a description in words, the drawing as SVG
and its figures as a table. Altair and its renderer are loaded at the first picture, not with this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from app.charts.kinds import Picture, Table, Theme

NAMES = (
    "intervals", "ratio_over_time", "help_over_time", "evidence_over_time", "flow", "tradeoff",
)  # fmt: skip

__all__ = ["NAMES", "Picture", "Table", "Theme", "picture", "warm"]


def picture(name: str, result: Mapping[str, Any], *, theme: Theme = "auto") -> Picture | None:
    """Return one of `NAMES`, or None while there is nothing to draw.

    result  a report's dict, with or without what surrounds it; for `tradeoff` that of an `experiments.planning` plan
    theme   `auto`: for a page, in its colours, light and dark (static/charts.css), once for wide and once for narrow
            screens; `print`: one drawing that stands alone, black on white
    """
    if name not in NAMES:
        raise ValueError(f"there is no picture '{name}': {', '.join(NAMES)}")
    subject = import_module(f"app.charts.{name}").subject(result)
    return None if subject is None else import_module("app.charts.drawing").drawn(subject, theme)


def warm() -> None:
    """Load what draws, and draw once: the first picture takes about a second, the next ones a tenth."""
    picture("tradeoff", {"detectable": [{"days": 30, "ratio": 1.4}, {"days": 90, "ratio": 1.2}]}, theme="print")
