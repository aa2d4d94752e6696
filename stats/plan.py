"""What was planned before the first unit was counted. A plan that contradicts itself cannot be built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

Role = Literal["primary", "secondary", "guardrail"]
Better = Literal["higher", "lower"]
Design = Literal["sequential", "fixed", "looks"]
Rho = Literal["logged", "observed"]
Unit = Literal["session", "view", "block"]
Spending = Literal["obrien-fleming", "pocock"]
Family = Literal["", "channels", "tiers"]


def require(field: str, detail: str, *, holds: bool) -> None:
    """Raise ValueError `field: detail` unless it holds."""
    if not holds:
        raise ValueError(f"{field}: {detail}")


def _one_of(field: str, value: str, allowed: tuple[str, ...]) -> None:
    require(field, f"must be one of {', '.join(allowed)}, not {value!r}", holds=value in allowed)


def _unique_names(field: str, names: Iterable[str]) -> None:
    names = tuple(names)
    require(field, "names must not be empty", holds=all(names))
    require(field, "names must differ", holds=len(set(names)) == len(names))


def _probability(field: str, value: float) -> None:
    require(field, f"must lie between 0 and 1, not {value!r}", holds=0 < value < 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome definition of the plan: a unit has it or has it not.

    role          primary (decides), secondary (supports) or guardrail (must not worsen)
    better        the direction that is good
    margin_ratio  guardrails only: the ratio to the control that is still tolerated; None without one
    clicks_only   the outcome rests on clicks alone, so a winner is a winner on clicks
    family        secondary outcomes of one family (channels, confidence tiers) share one error probability

    Raises ValueError that begins with the field's name.
    """

    name: str
    role: Role
    better: Better = "higher"
    margin_ratio: float | None = None
    clicks_only: bool = False
    family: Family = ""

    def __post_init__(self) -> None:
        require("name", "must not be empty", holds=bool(self.name))
        _one_of("role", self.role, get_args(Role))
        _one_of("better", self.better, get_args(Better))
        _one_of("family", self.family, get_args(Family))
        require("family", "only secondary outcomes have one", holds=not self.family or self.role == "secondary")
        if self.margin_ratio is not None:
            require("margin_ratio", "only a guardrail has one", holds=self.role == "guardrail")
            sound = isfinite(self.margin_ratio) and self.margin_ratio > 0
            require("margin_ratio", f"must be a positive number, not {self.margin_ratio!r}", holds=sound)


@dataclass(frozen=True, slots=True)
class Plan:
    """The planned comparison.

    variants       arm names in file order, at least two
    control        one of them
    outcomes       exactly one primary, any number of secondary ones and guardrails, names all different
    design         sequential, fixed or looks
    alpha          error probability; every interval has coverage 1 - alpha
    planned_units  exposed units per variant from which on p-values exist; None: the table is final
    rho            whether the assignment probabilities were logged, or only the observed split is known
    srm_alpha      error probability of the sample-ratio alarm: it rings at an e-value of 1/srm_alpha
    expected_rate  rate of the primary outcome that the plan assumed; None when it is not known
    factors        variant -> factor -> level, the same factors for every variant; empty without factors
    unit           what was randomised; `block`: one variant per period, analysed by periods
    looks          design `looks`: the number of planned looks, at equal parts of the planned size
    spending       design `looks`: how the error probability is spent over the looks
    harm_alpha     error probability of each one-sided harm stop of a guardrail
    equality_ratio variants whose ratios all lie between 1/this and this are practically equal

    Raises ValueError that begins with the field's name.
    """

    variants: tuple[str, ...]
    control: str
    outcomes: tuple[Outcome, ...]
    design: Design = "sequential"
    alpha: float = 0.05
    planned_units: int | None = None
    rho: Rho = "logged"
    srm_alpha: float = 0.01
    expected_rate: float | None = None
    factors: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unit: Unit = "session"
    looks: int = 5
    spending: Spending = "obrien-fleming"
    harm_alpha: float = 0.01
    equality_ratio: float = 1.1

    def __post_init__(self) -> None:
        require("variants", "must be at least two", holds=len(self.variants) > 1)
        _unique_names("variants", self.variants)
        require("control", f"{self.control!r} is not one of the variants", holds=self.control in self.variants)
        primaries = [outcome for outcome in self.outcomes if outcome.role == "primary"]
        require("outcomes", "must have exactly one primary outcome", holds=len(primaries) == 1)
        _unique_names("outcomes", (outcome.name for outcome in self.outcomes))
        _one_of("design", self.design, get_args(Design))
        _probability("alpha", self.alpha)
        planned = self.planned_units
        require("planned_units", f"must be at least 1, not {planned!r}", holds=planned is None or planned >= 1)
        _one_of("rho", self.rho, get_args(Rho))
        _probability("srm_alpha", self.srm_alpha)
        _probability("harm_alpha", self.harm_alpha)
        if self.expected_rate is not None:
            _probability("expected_rate", self.expected_rate)
        _one_of("unit", self.unit, get_args(Unit))
        independent = self.unit != "block" or self.design != "looks"
        require("unit", "planned looks need units that are independent, not blocks", holds=independent)
        _one_of("spending", self.spending, get_args(Spending))
        require("looks", f"must be 1 to 20, not {self.looks!r}", holds=1 <= self.looks <= 20)
        sound = isfinite(self.equality_ratio) and self.equality_ratio > 1
        require("equality_ratio", f"must be above 1, not {self.equality_ratio!r}", holds=sound)
        self._check_factors()

    def _check_factors(self) -> None:
        named = {frozenset(levels) for levels in self.factors.values()}
        require("factors", "every variant must have the same factors", holds=len(named) < 2)
        unknown = sorted(set(self.factors) - set(self.variants))
        require("factors", f"the plan has no variant {unknown}", holds=not unknown)
        missing = sorted(set(self.variants) - set(self.factors)) if self.factors else []
        require("factors", f"variant {missing} has none", holds=not missing)

    @property
    def primary(self) -> Outcome:
        """The outcome that decides."""
        return self.of_role("primary")[0]

    def of_role(self, role: Role) -> tuple[Outcome, ...]:
        """Return the outcomes of a role, in the plan's order."""
        return tuple(outcome for outcome in self.outcomes if outcome.role == role)
