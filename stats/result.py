"""The report: a frozen tree of dataclasses. `Report.to_dict()` is the schema that JSON, CSV and pages share.

Rules of every field. A number that cannot be had is None, with its code in `Report.reasons`; there is no NaN and
no infinity. An upper end or a ratio that is infinite is None with the reason `unbounded`: `[0.8, null]` reads
"from 0.8, without upper bound". An interval that is None altogether is not known. Rates are events per exposed
unit, intervals have coverage 1 - alpha, `*_cs` are confidence sequences (valid at all times at once), `e_value`
is evidence against equality (1/alpha and more rejects).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from stats.plan import Better, Design, Rho
from stats.reasons import Reason

Interval = tuple[float | None, float | None]
Status = Literal[
    "not-started",
    "collecting",
    "narrowed",
    "winner",
    "winner-on-clicks",
    "practically-equal",
    "no-clear-winner",
    "stopped-for-safety",
    "suspended",
    "blocked",
]


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant: `units` are its exposed units, `rate` conversions per unit, `rate_ci` Wilson's interval."""

    variant: str
    assigned: int
    units: int
    conversions: int
    rate: float | None = None
    rate_per_10000: float | None = None
    rate_ci: Interval | None = None
    rate_cs: Interval | None = None
    could_be_best: bool | None = None
    probability_best: float | None = None
    expected_loss_per_10000: float | None = None
    shrunken_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Arm a against arm b, in the phases in which both were open.

    ratio             rate of a over rate of b; Mantel-Haenszel over phases where weights changed
    event_ratio       conversions of a over conversions of b, as counted
    ratio_ci          Koopman's score interval; difference_ci Newcombe's; odds_ratio_ci Woolf's, or Cornfield's
                      where a cell is zero
    difference        rate of a minus rate of b, per unit
    p_value           two-sided, that the rates are equal; the same for (a, b) and (b, a)
    p_value_adjusted  Holm's, over all unordered pairs of this outcome
    """

    a: str
    b: str
    ratio: float | None = None
    event_ratio: float | None = None
    ratio_ci: Interval | None = None
    ratio_cs: Interval | None = None
    odds_ratio: float | None = None
    odds_ratio_ci: Interval | None = None
    difference: float | None = None
    difference_ci: Interval | None = None
    e_value: float | None = None
    p_value: float | None = None
    p_value_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """One comparison of units with the planned split."""

    e_value: float | None = None
    p_value: float | None = None
    chi2: float | None = None
    df: int | None = None


@dataclass(frozen=True, slots=True)
class SurfaceCheck:
    """The assignments of one surface against the planned split; shown, never an alarm by itself."""

    surface: str
    e_value: float | None = None
    p_value: float | None = None
    chi2: float | None = None
    df: int | None = None


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The sample-ratio check. `alarm` is None when nothing could be checked.

    On an alarm, `arm` is the variant that deviates most and `direction` says whether it got `more` or `fewer`
    units than planned. `reason` is the code why a check is missing.
    """

    alarm: bool | None
    assignments: SplitCheck
    exposures: SplitCheck
    surfaces: tuple[SurfaceCheck, ...]
    reason: str | None = None
    arm: str | None = None
    direction: Literal["more", "fewer"] | None = None


@dataclass(frozen=True, slots=True)
class Global:
    """The hypothesis that all arms are equal, in the phases in which all were open."""

    e_value: float | None = None
    e_dirichlet: float | None = None
    chi2: float | None = None
    df: int | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Strata:
    """The comparison within strata."""

    mh_ratio: float | None = None
    mh_odds_ratio: float | None = None
    mh_odds_ratio_ci: Interval | None = None
    cmh_chi2: float | None = None
    cmh_p_value: float | None = None
    breslow_day_chi2: float | None = None
    breslow_day_p_value: float | None = None
    direction_conflict: bool | None = None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One comparison with the control; `p_value_adjusted` within the family of all of them."""

    a: str
    b: str
    p_value: float | None
    p_value_adjusted: float | None


@dataclass(frozen=True, slots=True)
class Multiplicity:
    """The comparisons for publication: every other arm against the control, adjusted by Holm."""

    adjusted: tuple[Adjusted, ...]
    method: Literal["holm"] = "holm"


@dataclass(frozen=True, slots=True)
class Supporting:
    """A secondary outcome: the same arms and pairs, without a verdict of its own."""

    name: str
    better: Better
    clicks_only: bool
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail; `fails` names the arms whose ratio to the control lies wholly on the bad side of 1."""

    name: str
    better: Better
    margin_ratio: float | None
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]
    fails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Live:
    """The unsealed remainder of one variant, in units, for the primary outcome; never part of a verdict."""

    variant: str
    assigned: int
    units: int
    conversions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is known at the sealed counts. `arms`, `pairs` and `global_` are those of the primary `outcome`.

    `status_arms` are the winner, or the arms that could still be best, in the plan's order. `status_reason`
    says why the status is no more than it is. `could_be_best` is None until there is a verdict.
    """

    schema: int = 1
    status: Status
    status_arms: tuple[str, ...]
    status_reason: Reason | None
    alpha: float
    design: Design
    rho: Rho
    control: str
    outcome: str
    better: Better
    planned_units: int | None
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]
    srm: SampleRatio
    global_: Global
    strata: Strata
    multiplicity: Multiplicity
    outcomes: tuple[Supporting, ...]
    guardrails: tuple[Guardrail, ...]
    provisional: tuple[Live, ...]
    reasons: tuple[Reason, ...]
    tipping_point: float | None = None
    factors: tuple[Any, ...] = ()
    forecast: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: dicts, lists, strings, numbers, booleans and None; `global_` as `global`."""
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name.rstrip("_"): _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
