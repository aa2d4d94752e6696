"""What was planned before the first unit was counted. A plan that contradicts itself cannot be built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

Role = Literal["primary", "secondary", "guardrail"]
Better = Literal["higher", "lower"]
Design = Literal["sequential", "fixed", "looks"]
Rho = Literal["logged", "observed"]


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

    Raises ValueError that begins with the field's name.
    """

    name: str
    role: Role
    better: Better = "higher"
    margin_ratio: float | None = None
    clicks_only: bool = False

    def __post_init__(self) -> None:
        require("name", "must not be empty", holds=bool(self.name))
        _one_of("role", self.role, get_args(Role))
        _one_of("better", self.better, get_args(Better))
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
    srm_alpha      the sample-ratio check rings below this p-value

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

    @property
    def primary(self) -> Outcome:
        """The outcome that decides."""
        return self.of_role("primary")[0]

    def of_role(self, role: Role) -> tuple[Outcome, ...]:
        """Return the outcomes of a role, in the plan's order."""
        return tuple(outcome for outcome in self.outcomes if outcome.role == role)
