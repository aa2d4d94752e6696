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

from stats.plan import Better, Design, Family, Rho
from stats.reasons import Reason

Interval = tuple[float | None, float | None]
Band = tuple[float, float | None, float | None]
Basis = Literal["sealed", "live"]
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
    """One variant: `units` are its exposed units, `rate` conversions per unit.

    rate_ci, rate_ci_exact   Wilson's interval, and Clopper and Pearson's
    probability_best, expected_loss_per_10000, shrunken_rate   of the open variants among themselves: never a rule
    """

    variant: str
    assigned: int
    units: int
    conversions: int
    rate: float | None = None
    rate_per_10000: float | None = None
    rate_ci: Interval | None = None
    rate_ci_exact: Interval | None = None
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
    ratio_ci          Koopman's score interval; odds_ratio_ci Woolf's, or Cornfield's where a cell is zero
    difference        rate of a minus rate of b, per unit; difference_ci Newcombe's interval, difference_ci_score that
                      of Miettinen and Nurminen
    ratio_cs          confidence sequence of the ratio: holds however often one looks
    e_value           evidence that a is better than b; log10_e_value is its logarithm, at any size
    p_value           design `fixed`: two-sided, that the rates are equal, the same for (a, b) and (b, a);
                      `sequential`: min(1, 1/largest e-value so far), that a is no better than b
    p_value_adjusted  design `fixed`: Holm's, over all unordered pairs of this outcome
    p_value_events    design `fixed`: the same from the events alone (conditional binomial test, mid-p)
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
    difference_ci_score: Interval | None = None
    e_value: float | None = None
    log10_e_value: float | None = None
    p_value: float | None = None
    p_value_adjusted: float | None = None
    p_value_events: float | None = None


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """One comparison of units with the planned split.

    e_value  the largest evidence so far against it, at the end of a sealed period: valid however often one looks
    chi2, df, p_value  Pearson's test of the totals: valid once, at the end
    """

    e_value: float | None = None
    p_value: float | None = None
    chi2: float | None = None
    df: int | None = None


@dataclass(frozen=True, slots=True)
class SurfaceCheck:
    """The assignments of one surface against the planned split; the alarm of one among several surfaces."""

    surface: str
    e_value: float | None = None
    p_value: float | None = None
    chi2: float | None = None
    df: int | None = None
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The sample-ratio check. `alarm` is None when nothing could be checked.

    On an alarm, `arm` is the variant that deviates most and `direction` says whether it got `more` or `fewer`
    units than planned; `surface` is the one that rings by itself. `reason` is the code why a check is missing.
    """

    alarm: bool | None
    assignments: SplitCheck
    exposures: SplitCheck
    surfaces: tuple[SurfaceCheck, ...]
    reason: str | None = None
    arm: str | None = None
    direction: Literal["more", "fewer"] | None = None
    surface: str | None = None


@dataclass(frozen=True, slots=True)
class Global:
    """The hypothesis that all arms are equal.

    e_value      mean of the e-values of all ordered pairs
    e_dirichlet  e-value of the event labels, Dirichlet prior of 25 events per arm
    decisive     whether the mean of the two has ever reached 1/alpha: without it nobody is called a winner
    chi2, df, p_value   Pearson's test in the phases in which all arms were open
    """

    e_value: float | None = None
    e_dirichlet: float | None = None
    decisive: bool | None = None
    chi2: float | None = None
    df: int | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class StratifiedPair:
    """Arm a against arm b within strata and phases; see `Strata`."""

    a: str
    b: str
    mh_ratio: float | None = None
    mh_odds_ratio: float | None = None
    mh_odds_ratio_ci: Interval | None = None
    cmh_chi2: float | None = None
    cmh_p_value: float | None = None
    breslow_day_chi2: float | None = None
    breslow_day_p_value: float | None = None
    direction_conflict: bool | None = None


@dataclass(frozen=True, slots=True)
class StratumArm:
    """One variant in one stratum: exposed units, conversions, and conversions per unit."""

    stratum: str
    variant: str
    units: int
    conversions: int
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Strata:
    """The comparison within strata and phases.

    The figures at the top are those of arm `a` against arm `b`: the leading arm against the control, or, where the
    control leads, the next best arm against the control. `direction_conflict`: some pair is better in one stratum
    and worse in another, beyond chance. `pairs` are all unordered pairs, a after b in the plan's order.
    """

    a: str | None = None
    b: str | None = None
    mh_ratio: float | None = None
    mh_odds_ratio: float | None = None
    mh_odds_ratio_ci: Interval | None = None
    cmh_chi2: float | None = None
    cmh_p_value: float | None = None
    breslow_day_chi2: float | None = None
    breslow_day_p_value: float | None = None
    direction_conflict: bool | None = None
    pairs: tuple[StratifiedPair, ...] = ()
    arms: tuple[StratumArm, ...] = ()


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """A level of a factor against its reference level: Mantel-Haenszel over the levels of all other factors.

    `variants` are those that were crossed and so entered. `reference` is the level of the control.
    """

    level: str
    reference: str
    ratio: float | None = None
    ratio_ci: Interval | None = None
    p_value: float | None = None
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether the effect of one factor depends on another: likelihood-ratio test of a log-link model."""

    factors: tuple[str, str]
    chi2: float | None = None
    df: int | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """A declared component of the messages: its main effects, and its interactions with later factors."""

    name: str
    effects: tuple[FactorEffect, ...]
    interactions: tuple[Interaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Blocks:
    """The analysis of an experiment by time block (unit `block`).

    blocks              number of blocks per variant, in the plan's order
    p_value             randomisation test that the variants do not differ at all
    e_value             randomisation e-process of the same hypothesis
    design_effect       variance of events between blocks over the variance if events were independent
    """

    blocks: tuple[int, ...] = ()
    p_value: float | None = None
    e_value: float | None = None
    design_effect: float | None = None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One comparison with the control.

    p_value_adjusted  Holm's, within the family of all comparisons with the control
    p_value_dunnett   Dunnett's, for rates, in the same family, over the phases in which all variants were open
    p_value_fdr       Benjamini and Hochberg's, in the same family
    """

    a: str
    b: str
    p_value: float | None
    p_value_adjusted: float | None
    p_value_dunnett: float | None = None
    p_value_fdr: float | None = None


@dataclass(frozen=True, slots=True)
class WithBest:
    """Hsu's interval for a variant's rate minus the best of all other rates, per unit."""

    variant: str
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Multiplicity:
    """The comparisons for publication: every other arm against the control, and every arm with the best (Hsu)."""

    adjusted: tuple[Adjusted, ...]
    best: tuple[WithBest, ...] = ()
    method: Literal["holm"] = "holm"


@dataclass(frozen=True, slots=True)
class Look:
    """A planned look (design `looks`).

    information   the part of the planned size at which it is due, 0 to 1
    bound         the z beyond which a pair is decided there
    period        the sealed period at whose end it was taken; None while it is to come
    eliminated    variants shown worse at this look
    """

    number: int
    information: float
    bound: float
    period: str | None = None
    eliminated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim against the control within a family of outcomes, by e-closure: made at `e_closed` >= 1/alpha."""

    outcome: str
    variant: str
    e_value: float | None
    e_closed: float | None
    made: bool | None


@dataclass(frozen=True, slots=True)
class Supporting:
    """A secondary outcome: the same arms and pairs, without a verdict of its own."""

    name: str
    better: Better
    clicks_only: bool
    family: Family
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Safety:
    """A variant against the control on a guardrail.

    e_value         evidence that the variant is worse than the control (the largest so far, sealed counts)
    harmed          whether it has reached 1/harm_alpha
    basis           `sealed`, or `live` where only the live counts say so (to be confirmed), None when not harmed
    e_non_inferior  evidence, now, that it is not worse than the margin allows; None without a margin
    non_inferior    whether that is 1/alpha or more
    """

    variant: str
    e_value: float | None = None
    harmed: bool | None = None
    basis: Basis | None = None
    e_non_inferior: float | None = None
    non_inferior: bool | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A guardrail; `fails` names the arms whose ratio to the control lies wholly on the bad side of 1."""

    name: str
    better: Better
    margin_ratio: float | None
    arms: tuple[Arm, ...]
    pairs: tuple[Pair, ...]
    fails: tuple[str, ...]
    safety: tuple[Safety, ...] = ()


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is still to come if things go on as in the last periods; a period is a sealed day.

    events            events of the two leading variants still needed, on average
    periods           periods until then: low, middle, high (middle 80 %); None in a place: not within ten years
    planned_periods   periods until the planned size is reached; None without one
    """

    events: int | None = None
    periods: tuple[int | None, int | None, int | None] | None = None
    planned_periods: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The winner's rate, corrected for having been picked as the best: shown before the raw one.

    rate, rate_per_10000  shrunken conversions per unit;   ratio  shrunken rate over that of the control
    """

    variant: str
    rate: float
    rate_per_10000: float
    ratio: float | None


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Where the evidence stood at the end of one sealed period.

    units, conversions   up to then, one number per variant
    log10_e              global evidence (the mean that decides), as its logarithm
    eliminated           variants out by then
    ratios               for each variant lower end of the confidence sequence, ratio to the control, upper end: as the
                         report of that moment had them; the control's are 1. None without events, and where weights
                         changed very often at the points between

    Design `sequential` alone has the last three: None and empty under the others, which are not followed day by day.
    """

    period: str
    phase: int
    units: tuple[int, ...]
    conversions: tuple[int, ...]
    log10_e: float | None
    eliminated: tuple[str, ...]
    ratios: tuple[Band | None, ...] = ()


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

    tipping_point  how many outcomes of the winner (`tipping_arm`) would have to be forged for the verdict to fall
    estimate       what to expect of the winner; claims: of families of secondary outcomes
    looks          design `looks` only; blocks: unit `block` only
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
    tipping_point: int | None = None
    tipping_arm: str | None = None
    estimate: Estimate | None = None
    factors: tuple[Factor, ...] = ()
    forecast: Forecast | None = None
    looks: tuple[Look, ...] = ()
    claims: tuple[Claim, ...] = ()
    blocks: Blocks | None = None
    path: tuple[PathPoint, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values: dicts, lists, strings, numbers, booleans and None; `global_` as `global`."""
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name.rstrip("_"): _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
