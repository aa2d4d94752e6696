"""The size of a plan while it is being written: from those fields that matter, whatever else is still missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments import spec
from experiments.errors import InvalidDefinition, InvalidInput
from experiments.planning import Detectable, SizePlan, at_size, plan_size, question_of
from experiments.results import BETTER_LOWER

PER_DAY = 4_000.0  # as `signpost plan` assumes
_TEXT = {"title": "-", "body": "-", "action": "-"}


@dataclass(frozen=True, slots=True)
class Sized:
    """What the plan comes to.

    plan   None while it cannot be said; then `why`, in a sentence
    own    what the size that the document names takes and finds; None while it names none
    """

    plan: SizePlan | None = None
    own: Detectable | None = None
    units_per_variant: int | None = None
    why: str = ""

    @property
    def is_small(self) -> bool:
        """Whether the document's size is well below what its plan needs; the sequential figures are good to 15 %."""
        if self.plan is None or self.units_per_variant is None:
            return False
        return self.units_per_variant < 0.85 * self.plan.chosen.units_per_variant


def size_of(document: Mapping[str, Any], per_day: float = PER_DAY) -> Sized:
    """Plan the size of a document: the same figures as `signpost plan` gives for the file, once it is whole."""
    try:
        definition = spec.parse(_plan_alone(document))
        question = question_of(definition, per_day, lower=definition.outcomes.primary.outcome in BETTER_LOWER)
        plan = plan_size(question)
    except InvalidDefinition as error:
        return Sized(why=_missing(error))
    except InvalidInput as error:
        return Sized(why=f"{(error.pointer or '').strip('/').replace('_', ' ')} {error.detail}".strip())
    units = _whole(_dict(document.get("plan")).get("units_per_variant"))
    return Sized(plan, at_size(question, units) if units else None, units)


def _plan_alone(document: Mapping[str, Any]) -> dict[str, Any]:
    """A whole document with the plan of this one, and no more of it than the plan needs."""
    plan = _dict(document.get("plan"))
    primary = _dict(_dict(document.get("outcomes")).get("primary"))
    kept = {name: document[name] for name in ("traffic", "window_hours", "report_grace_hours") if name in document}
    return {
        "schema": 1, "key": "plan", "title": "-", "surfaces": ["plan"], "help": ["plan"], **kept,
        "variants": _variants(document),
        "outcomes": {"primary": {"outcome": primary.get("outcome", "help_sought")}},
        "plan": {**plan, "units_per_variant": _whole(plan.get("units_per_variant")) or 1},
    }  # fmt: skip


def _variants(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """As many as take part, of equal weight."""
    given = document.get("variants")
    taking_part = [one for one in given if _dict(one).get("weight") != 0] if isinstance(given, list) else []
    count = min(max(2, len(taking_part)), spec.MAX_VARIANTS)
    share, rest = divmod(10_000, count)
    return [
        {"key": str(i), "control": i == 0, "weight": share + (i < rest), "messages": {"en": _TEXT}}
        for i in range(count)
    ]


def _missing(error: InvalidDefinition) -> str:
    absent = {found.pointer for found in error.violations if found.code == "missing-field"}
    if "/plan/expected_rate" in absent or "/plan/minimum_effect" in absent:
        return "Fill in the expected rate and the smallest effect, and the size appears here."
    return "Correct the fields of the plan, and the size appears here."


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 10**12 else None
