"""The pictures of a result's page: where a person would rather look than read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from app.charts import Picture, picture

log = logging.getLogger("signpost")

NAMES = ("intervals", "ratio_over_time", "help_over_time", "evidence_over_time", "flow")


def of(result: Mapping[str, Any]) -> dict[str, Picture | None]:
    """Return each picture by its name, None where there is nothing to draw yet; none while no day is closed."""
    if not result["sealed_days"]:
        return dict.fromkeys(NAMES)
    return {name: _drawn(name, result) for name in NAMES}


def _drawn(name: str, result: Mapping[str, Any]) -> Picture | None:
    """A picture, or none: one that fails must not hide the figures, which are in tables too."""
    try:
        return picture(name, result)
    except Exception as error:  # noqa: BLE001  (whatever it is)
        log.error("the picture %s could not be drawn: %s", name, type(error).__name__)  # noqa: TRY400  (texts may quote data)
        return None
