"""The size beside the form: figures of `experiments.planning`, and the picture of the trade-off."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from flask_babel import gettext as _

from app.charts import Picture, picture
from experiments.forms.size import PER_DAY, Sized, size_of

KEPT = 64  # plans in memory: the plan rarely changes while texts are typed


class Planner(NamedTuple):
    """per_day: warnings a day;   trouble: what is wrong with that field;   picture: None while there is none."""

    sized: Sized
    per_day: float
    trouble: str = ""
    picture: Picture | None = None


def planner(document: Mapping[str, Any], per_day: str) -> Planner:
    """Plan the document's size for so many warnings a day, as they were entered."""
    number = _number(per_day)
    if number is None:
        why = _("Say how many warnings a day there are, and the size appears here.")
        return Planner(Sized(why=why), PER_DAY, _("Enter a number above 0, such as 4000."))
    parts = {name: document.get(name) for name in ("traffic", "window_hours", "report_grace_hours", "plan", "variants")}
    parts["variants"] = [{"weight": part.get("weight")} for part in _parts(parts["variants"])]
    outcomes = document.get("outcomes")
    parts["outcomes"] = {"primary": outcomes.get("primary")} if isinstance(outcomes, dict) else {}
    return _planned(json.dumps({k: v for k, v in parts.items() if v is not None}, sort_keys=True, default=str), number)


@lru_cache(maxsize=KEPT)
def _planned(document: str, per_day: float) -> Planner:
    sized = size_of(json.loads(document), per_day)
    drawn = picture("tradeoff", sized.plan.to_dict()) if sized.plan else None
    return Planner(sized, per_day, "", drawn)


def _parts(value: Any) -> list[dict[str, Any]]:
    return [part if isinstance(part, dict) else {} for part in value] if isinstance(value, list) else []


def _number(text: str) -> float | None:
    if not text.strip():
        return PER_DAY
    try:
        number = float("".join(text.split()))
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 < number <= 1e12 else None
