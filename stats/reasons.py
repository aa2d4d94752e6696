"""Why a number is absent: one table of codes, and the collector that lists each code once per field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

DETAILS = {
    "not-computed": "this version of the analysis does not compute it",
    "unbounded": "a count of zero leaves it without an upper bound: null stands for infinity",
    "no-units": "an arm has no exposed unit to compare",
    "no-events": "nothing to compare: no unit converted, or every unit did",
    "too-few-units": "an expected count is under 5",
    "too-few-events": "an expected count is under 5, where the chi-square distribution does not hold",
    "planned-size-not-reached": "p-values exist from the planned number of units per open variant on",
    "weights-unknown": "the table has no assignment weights to compare the split with",
    "weights-changed": "the arms' weights differ between phases, so their counts cannot be added up",
    "srm-alarm": "the traffic split is broken: the arms are not comparable",
    "no-sealed-units": "no exposed unit is sealed yet",
    "no-verdict": "only the primary outcome has a verdict",
    "guardrail-fails": "a guardrail is worse than with the control",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a field is null, or a status what it is.

    code    a key of `DETAILS`
    field   path in the report, with `[]` for "in each of the list": `pairs[].ratio_ci`
    detail  one sentence
    where   the arms (`b`) or ordered pairs (`b/a`) concerned, with `outcome: ` before them outside the
            primary outcome; empty when it holds throughout
    """

    code: str
    field: str
    detail: str
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """Collects reasons while a report is made. `prefix` goes before every field, `label` before every place."""

    prefix: str = ""
    label: str = ""
    found: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def inside(self, prefix: str, label: str) -> Notes:
        """Return a view of the same notes for an outcome of its own."""
        return Notes(prefix, f"{label}: ", self.found)

    def add(self, code: str, field_name: str, where: str = "") -> None:
        """Note a reason; the same code and field are merged, their places kept."""
        places = self.found.setdefault((code, self.prefix + field_name), {})
        if where:
            places[self.label + where] = None

    def add_all(self, code: str, field_names: Iterable[str], where: str = "") -> None:
        """Note one reason for several fields."""
        for name in field_names:
            self.add(code, name, where)

    def reasons(self) -> tuple[Reason, ...]:
        """Return what was noted, ordered by field, then code."""
        ordered = sorted(self.found.items(), key=lambda item: (item[0][1], item[0][0]))
        return tuple(Reason(code, name, DETAILS[code], tuple(places)) for (code, name), places in ordered)
