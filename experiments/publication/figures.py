"""The published figures: a report made of the published table alone, and where it differs from the internal one.

Only figures that `recompute.py` finds again are published, with six significant digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Any

import stats
from experiments.errors import Refused
from experiments.model import Version
from experiments.publication.table import ASSIGNED, UNITS, CountTable, period
from experiments.results import plan_of

DIGITS = 6
RATE = ("units", "conversions", "rate", "rate_per_10000", "rate_ci", "rate_ci_exact", "rate_cs")
ARM = ("variant", "assigned", *RATE)
PAIR = (
    "a", "b", "ratio", "event_ratio", "ratio_ci", "ratio_cs", "odds_ratio", "odds_ratio_ci", "difference",
    "difference_ci", "e_value", "log10_e_value", "p_value", "p_value_adjusted",
)  # fmt: skip
CHECK = ("e_value", "chi2", "df", "p_value")
STRATIFIED = ("a", "b", "mh_ratio", "mh_odds_ratio", "mh_odds_ratio_ci", "cmh_chi2", "cmh_p_value")
# Parts of the report that are not in the publication, and why: printed in it.
NOT_PUBLISHED = (
    ("Counts by channel, confidence tier, locale and times shown", "their small cells could be subtracted from totals"),
    ("Counts by surface", "the table adds surfaces up; in the internal report the split is checked on each"),
    ("Forecast, tipping point, chances of being the best, shrunken rates", "they guide decisions while it runs"),
    ("Effects of factors, homogeneity of strata, comparisons with the best", "they are in the internal report"),
)

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not the same in both reports; `internal` is None where it would tell what is left out."""

    figure: str
    published: Any
    internal: Any
    why: str


def plan_for(version: Version, table: CountTable) -> stats.Plan:
    """Return the plan, of what the table still has. Raises Refused where there is nothing to compare."""
    whole = plan_of(version)
    if whole.control not in table.variants or len(table.variants) < 2:
        raise Refused(
            "too few people were counted to publish anything: a variant's counts are published when they are 0, or ten "
            "and more, and the control and one more variant are needed",
            code="too-few-to-publish",
        )
    return replace(
        whole,
        variants=table.variants,
        outcomes=tuple(outcome for outcome in whole.outcomes if outcome.name in table.outcomes),
        factors={variant: levels for variant, levels in whole.factors.items() if variant in table.variants},
    )


def report_of(plan: stats.Plan, table: CountTable) -> dict[str, Any]:
    """Return the whole report of the published table."""
    cells = tuple(
        stats.Cell(
            variant=row.variant, phase=row.phase, period=period(row), surface="", stratum=row.stratum,
            assigned=row.measures.get(ASSIGNED, row.measures[UNITS]), exposed=row.measures[UNITS],
            conversions=table.conversions(row),
        )
        for row in table.rows
    )  # fmt: skip
    shares = {phase: _shares(weights) for phase, weights in table.weights.items()}
    return stats.report(plan, stats.Counts(cells, shares=shares)).to_dict()


def _shares(weights: Mapping[str, str]) -> dict[str, float]:
    total = sum(map(Decimal, weights.values()))
    return {variant: float(Decimal(weight) / total) for variant, weight in weights.items() if Decimal(weight)}


def plan_document(plan: stats.Plan) -> dict[str, Any]:
    """What of the plan the figures depend on, as JSON values."""
    named = (
        "variants",
        "control",
        "design",
        "alpha",
        "planned_units",
        "expected_rate",
        "unit",
        "harm_alpha",
        "srm_alpha",
    )
    found = {name: getattr(plan, name) for name in named}
    return {**found, "variants": list(plan.variants), "outcomes": [asdict(outcome) for outcome in plan.outcomes]}


def figures(report: Mapping[str, Any], table: CountTable) -> Figures:
    """Return the figures that are published of a report, rounded."""
    made = {
        **_section(report, table),
        "winner": report["status_arms"][0] if report["status"] in ("winner", "winner-on-clicks") else None,
        "outcomes": [{"name": one["name"], **_section(one, table)} for one in report["outcomes"]],
        "guardrails": [
            {"name": one["name"], **_section(one, table), "safety": [_safety(made) for made in one["safety"]]}
            for one in report["guardrails"]
        ],
        "srm": {
            name: _only(report["srm"][name], CHECK)
            for name in ("assignments", "exposures")
            if table.has_assigned or name == "exposures"
        },
        "global": _only(report["global"], ("e_value", "e_dirichlet", "decisive", "chi2", "df", "p_value")),
        "multiplicity": {
            "adjusted": [
                _only(one, ("a", "b", "p_value", "p_value_adjusted", "p_value_fdr"))
                for one in report["multiplicity"]["adjusted"]
            ]
        },
        "claims": [_only(one, ("outcome", "variant", "e_value", "e_closed", "made")) for one in report["claims"]],
        "strata": _strata(report["strata"]) if report["strata"]["arms"] else {},
        "path": list(_path(report)),
    }
    rounded: Figures = _rounded(made)
    return rounded


def _section(report: Mapping[str, Any], table: CountTable) -> Figures:
    names = ARM if table.has_assigned else ("variant", *RATE)
    plain = {arm["variant"] for arm in report["arms"] if 0 < arm["conversions"] < arm["units"]}
    return {
        "arms": [_only(arm, names) for arm in report["arms"]],
        "pairs": [
            _only(pair, PAIR) | ({} if {pair["a"], pair["b"]} <= plain else {"odds_ratio_ci": None})
            for pair in report["pairs"]
        ],
    }


def _safety(made: Mapping[str, Any]) -> Figures:
    return _only(made, ("variant", "e_value", "e_non_inferior", "non_inferior"))


def _strata(strata: Mapping[str, Any]) -> Figures:
    """Of strata: counts, and common ratios where neither arm of a pair has an empty cell."""
    pairs = [one for one in strata["pairs"] if one["mh_odds_ratio_ci"] is not None]
    if not pairs or len(pairs) < len(strata["pairs"]):
        return {"arms": list(strata["arms"])}
    return {"arms": list(strata["arms"]), "pairs": [_only(one, STRATIFIED) for one in pairs]}


def _path(report: Mapping[str, Any]) -> Iterator[Figures]:
    """Where the evidence stood after each published period."""
    for point in report["path"]:
        eliminated = None if point["log10_e"] is None else point["eliminated"]
        yield {**_only(point, ("period", "phase", "units", "conversions", "log10_e")), "eliminated": eliminated}


def _only(values: Mapping[str, Any], names: Sequence[str]) -> Figures:
    return {name: values[name] for name in names}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


# ------------------------------------------------------------------------------------------ against the internal one

MERGED = "the published evidence is followed over merged weeks, the internal one day by day"
WITHOUT = "some counts are left out of the published table"


def differences(
    internal: Mapping[str, Any], published: Mapping[str, Any], table: CountTable, *, in_house: bool = False
) -> tuple[Difference, ...]:
    """Return the published figures that differ from those of the internal report, the main ones first.

    Where counts are left out, the internal figure is told `in_house` only: both together would give them away.
    """
    without = any(one.what == "counts" for one in table.left_out)
    why = WITHOUT if without else MERGED
    status = [Difference("status", published["status"], internal["status"], why)]
    inside, outside = (_leaves(figures(report, table) | {"path": None}) for report in (internal, published))
    made = [
        Difference(name, value, _told(inside.get(name), without=without, in_house=in_house), why)
        for name, value in outside.items()
    ]
    shown = internal["strata"]["a"] is None or table.has_strata
    found = [
        one
        for one in (*status, *made)
        if (inside.get(one.figure) if one.figure != "status" else one.internal) != one.published
        and (shown or not one.figure.startswith("strata"))
    ]
    main = ("status", "arms", "srm", "global", "multiplicity", "winner")
    return tuple(sorted(found, key=lambda one: not one.figure.startswith(main)))


def _told(value: Any, *, without: bool, in_house: bool) -> Any:
    if in_house:
        return value
    return None if without else float(f"{value:.2g}") if isinstance(value, float) else value


def _leaves(value: Any, where: str = "") -> dict[str, Any]:
    """Figures by a readable path: `pairs help/present: ratio_ci`."""
    if isinstance(value, Mapping):
        names = [value[name] for name in ("name", "stratum", "outcome", "variant", "a", "b") if value.get(name)]
        at = f"{where} {'/'.join(map(str, names))}".strip() if names else where
        return {
            path: leaf for name, inner in value.items() for path, leaf in _leaves(inner, f"{at} {name}".strip()).items()
        }
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return {path: leaf for one in value for path, leaf in _leaves(one, where).items()}
    return {where: value}


def field_names() -> tuple[str, ...]:
    """Fields of a difference, for a CSV header."""
    return tuple(field.name for field in fields(Difference))
