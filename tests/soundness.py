"""What makes a report sound, whatever the counts: `problems(report)` is empty.

Every number is finite and in its range, every null has its reason at its place, intervals hold their estimates, and
the status fits the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isclose, isfinite, log10
from typing import Any, get_args

from stats.result import Report, Status

Row = Mapping[str, Any]

STATUSES = frozenset(get_args(Status))
# Null says something here by itself: nobody, nothing, not asked for.
WITHOUT_REASON = frozenset(
    {
        "status_reason",
        "planned_units",
        "guardrails[].margin_ratio",
        "guardrails[].safety[].basis",
        "srm.reason",
        "srm.arm",
        "srm.direction",
        "srm.surface",
        "strata.a",
        "strata.b",
        "blocks",
        "looks[].period",
    }
)
PROBABILITIES = frozenset({"rate", "shrunken_rate", "probability_best", "p_value", "p_value_adjusted", "alpha"})
PROBABILITIES |= {"cmh_p_value", "breslow_day_p_value", "p_value_dunnett", "p_value_fdr"}
NOT_NEGATIVE = frozenset({"ratio", "event_ratio", "odds_ratio", "mh_ratio", "mh_odds_ratio", "e_value", "chi2", "df"})
NOT_NEGATIVE |= {"e_closed", "e_dirichlet", "e_non_inferior", "expected_loss_per_10000", "rate_per_10000", "units"}
NOT_NEGATIVE |= {"conversions", "assigned", "cmh_chi2", "breslow_day_chi2", "tipping_point", "design_effect"}
LISTS = ("status_arms", "where", "fails", "variants", "factors", "eliminated", "periods", "units", "conversions")
LISTS += ("ratios",)
# Of a row in a list: which of its fields make the place that a reason names.
PLACES = {
    "arms": ("variant",),
    "pairs": ("a", "b"),
    "multiplicity.adjusted": ("a", "b"),
    "multiplicity.best": ("variant",),
    "srm.surfaces": ("surface",),
    "strata.arms": ("stratum", "variant"),
    "strata.pairs": ("a", "b"),
    "claims": ("outcome", "variant"),
    "factors[].effects": ("level", "reference"),
    "outcomes[].arms": ("variant",),
    "outcomes[].pairs": ("a", "b"),
    "guardrails[].arms": ("variant",),
    "guardrails[].pairs": ("a", "b"),
    "guardrails[].safety": ("variant",),
}
HOLDS = (
    ("rate_ci", "rate"),
    ("rate_cs", "rate"),
    ("odds_ratio_ci", "odds_ratio"),
    ("difference_ci", "difference"),
    ("ratio_ci", "ratio"),
    ("mh_odds_ratio_ci", "mh_odds_ratio"),
)
SMALLEST = 1e-300  # below, a floating number has fewer digits
WORN = 1e-6  # how much of itself an end may be off by rounding


def problems(made: Report) -> list[str]:
    """Return what is wrong with a report, one line each."""
    plain = made.to_dict()
    try:
        text = json.dumps(plain, allow_nan=False)
    except ValueError as error:
        return [f"no JSON: {error}"]
    found = [] if json.loads(text) == plain else ["JSON does not give the same value back"]
    return [*found, *_nulls(plain), *_numbers(plain), *_intervals(plain), *_status(plain), *_mirrors(plain)]


def assert_sound(made: Report) -> None:
    """Fail with all that is wrong with a report."""
    assert not problems(made)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of every scalar; list items are `[]`, the ends of an interval carry its name."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        end = "" if path.endswith(("_ci", "_cs", *LISTS)) and not any(isinstance(x, dict) for x in value) else "[]"
        for item in value:
            yield from leaves(item, path + end)
    else:
        yield path, value


def rows(plain: Row, path: str = "", label: str = "") -> Iterator[tuple[str, str, Row]]:
    """Yield (path, place, row) of every row that a reason may name, and of every other object with place ""."""
    for name, value in plain.items():
        at = path + name
        if isinstance(value, dict):
            yield f"{at}.", "", value
            yield from rows(value, f"{at}.", label)
        for row in value if isinstance(value, list) else ():
            if isinstance(row, dict):
                place = "/".join(row[part] for part in PLACES.get(at, ()))
                yield f"{at}[].", label + place if place else "", row
                yield from rows(row, f"{at}[].", f"{row['name']}: " if "name" in row else label)


def _nulls(plain: Row) -> Iterator[str]:
    """Every null has a reason for its field, and one for its place or for all places."""
    places: dict[str, list[Sequence[str]]] = {}
    for reason in plain["reasons"]:
        places.setdefault(reason["field"], []).append(reason["where"])
    for path, value in leaves(plain):
        if value is None and path not in WITHOUT_REASON and path not in places:
            yield f"{path} is null without a reason"
    for path, place, row in rows(plain):
        for name, value in row.items() if place else ():
            missing = value is None or (isinstance(value, list) and None in value)
            known = places.get(path + name, [])
            if missing and path + name not in WITHOUT_REASON and known and not any(not w or place in w for w in known):
                yield f"{path}{name} is null at {place} without a reason there"


def _numbers(plain: Row) -> Iterator[str]:
    for path, value in leaves(plain):
        if not isinstance(value, float | int):
            continue
        name = path.rsplit(".", 1)[-1].removesuffix("[]")
        if not isfinite(value):
            yield f"{path} = {value}"
        if name in PROBABILITIES and not 0 <= value <= 1:
            yield f"{path} = {value} is no probability"
        if name in NOT_NEGATIVE and value < 0:
            yield f"{path} = {value} is negative"
    for path, place, row in rows(plain):
        yield from (f"{path}{name} at {place}: {told}" for name, told in _of_row(row))


def _of_row(row: Row) -> Iterator[tuple[str, str]]:
    p_value, adjusted = row.get("p_value"), row.get("p_value_adjusted")
    if adjusted is not None and (p_value is None or adjusted < p_value):
        yield "p_value_adjusted", f"{adjusted} for {p_value}"
    e_value, logged = row.get("e_value"), row.get("log10_e_value")
    if (
        e_value
        and e_value > SMALLEST
        and logged is not None
        and not isclose(log10(e_value), logged, rel_tol=1e-9, abs_tol=1e-9)
    ):
        yield "log10_e_value", f"{logged} for {e_value}"


def _intervals(plain: Row) -> Iterator[str]:
    for path, place, row in rows(plain):
        for name, value in row.items():
            if name.endswith(("_ci", "_cs")) and value is not None:
                low, high = value
                if low is None or (high is not None and low > high):
                    yield f"{path}{name} at {place}: {value}"
                floor, top = (-1, 1) if name == "difference_ci" else (0, 1 if name.startswith("rate_") else None)
                if low is not None and (low < floor or (top is not None and high is not None and high > top)):
                    yield f"{path}{name} at {place}: {value} out of range"
        for name, estimate in HOLDS:
            if row.get(name) is not None and row.get(estimate) is not None:
                low, high = row[name]
                slack = WORN * abs(row[estimate])
                if low > row[estimate] + slack or (high is not None and high < row[estimate] - slack):
                    yield f"{path}{name} at {place}: {row[name]} without {row[estimate]}"


def _status(plain: Row) -> Iterator[str]:
    status, named = plain["status"], plain["status_arms"]
    if status not in STATUSES:
        yield f"status {status}"
    if (status == "blocked") != (plain["srm"]["alarm"] is True):
        yield f"status {status} with an alarm of {plain['srm']['alarm']}"
    best = [arm["variant"] for arm in plain["arms"] if arm["could_be_best"]]
    if status.startswith("winner") and not (len(named) == 1 and best == named):
        yield f"{status}: {named}, could be best: {best}"
    units = {arm["variant"]: arm["units"] for arm in plain["arms"]}
    if status.startswith("winner") and not all(units[arm] for arm in named):
        yield f"{status}: {named} of {units}"
    if status == "practically-equal" and sorted(named) != sorted(best):
        yield f"{status}: {named}, could be best: {best}"
    if status in ("collecting", "not-started", "blocked") and named:
        yield f"{status}: {named}"
    chances = [arm["probability_best"] for arm in plain["arms"] if arm["probability_best"] is not None]
    if chances and not isclose(sum(chances), 1, abs_tol=1e-9):
        yield f"probabilities of being the best sum to {sum(chances)}"


def _mirrors(plain: Row) -> Iterator[str]:
    """A pair and its reverse say the same."""
    for section in (plain, *plain["outcomes"], *plain["guardrails"]):
        pairs = {(pair["a"], pair["b"]): pair for pair in section["pairs"]}
        for (a, b), pair in pairs.items():
            yield from (f"{name} of {a}/{b}: {one} and {other}" for name, one, other in _unlike(pair, pairs[b, a]))


def _unlike(pair: Row, other: Row) -> Iterator[tuple[str, Any, Any]]:
    for name in ("ratio", "odds_ratio", "event_ratio"):
        if pair[name] and other[name] and not isclose(pair[name] * other[name], 1, rel_tol=1e-9):
            yield name, pair[name], other[name]
    for name in ("ratio_ci", "ratio_cs", "odds_ratio_ci"):
        one, reverse = pair[name], other[name]
        whole = one and reverse and one[1] and reverse[0]
        if (one is None) != (reverse is None) or (whole and not isclose(one[1] * reverse[0], 1, rel_tol=1e-7)):
            yield name, one, reverse
    gap, back = pair["difference"], other["difference"]
    if gap is not None and not isclose(gap, -back, rel_tol=1e-9, abs_tol=1e-18):
        yield "difference", gap, back
