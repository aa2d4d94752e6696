"""Why a number is absent: one table of codes, and the collector that lists each code once per field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

DETAILS = {
    "not-computed": "the analysis does not compute it for this design or unit",
    "always-valid": "the sequential design has always-valid p-values, which are not adjusted",
    "planned-looks": "planned looks decide by their boundaries; a p-value for one look would ignore the others",
    "blocks": "the unit is a time block: events within a block are not independent",
    "decided": "the verdict is reached, or nothing is collected: there is nothing to wait for",
    "planned-size": "the design decides at its planned looks or size, not as soon as the evidence suffices",
    "no-planned-size": "the table has no planned size",
    "not-in-sight": "not within ten years at the present pace",
    "no-winner": "there is no winner whose verdict could be overturned",
    "not-followed": "only the evidence of the sequential design is followed from day to day",
    "points-between": "weights changed so often that only some of the days have it",
    "no-tipping-point": "the verdict stands, however many of the winner's outcomes were forged",
    "no-strata": "the counts have fewer than two strata",
    "no-evidence": "there is no evidence to judge the claim by",
    "block-unclear": "a block has more than one variant, or one that was closed",
    "block-in-two-phases": "the block lies in two phases and is left out",
    "too-few-blocks": "too few blocks of one variant to tell their spread",
    "not-crossed": "the variants do not cross this factor's levels with those of the others",
    "too-few-strata": "the two variants have units in fewer than two strata",
    "zero-count": "a count of zero leaves the interval without an end",
    "logit-link": "the model with ratios of rates could not be fitted: odds ratios are tested instead",
    "separated": "a cell of the design has no event, or nothing but events",
    "no-margin": "the guardrail has no margin",
    "harm": "a guardrail is worse than with the control",
    "direction-conflict": "the direction differs between strata: better in one, worse in another",
    "all-eliminated": "every open variant was once shown to be worse than another one",
    "global-evidence-missing": "one variant is left, but that the variants differ at all is not yet shown",
    "unbounded": "it has no upper bound, or is too large to print: null stands for infinity",
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
    "no-common-phase": "there is no phase in which all open variants have units, so their rates cannot be compared",
    "closed": "the variant is closed: it cannot be compared with those that go on",
    "under-ten-events": "a variant has fewer than ten events, where the boundary does not hold: the pair waits",
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
