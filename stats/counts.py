"""What was counted: cells of units, sealed or provisional, and the assignment probabilities of each phase."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isclose

from stats.plan import require

SMALLEST_SHARE = 1e-9  # a smaller one is a mistake, and rounds to 1 against its opposite


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


@dataclass(frozen=True, slots=True)
class Cell:
    """Counts of units of one variant in one phase, period (a day, say), surface and stratum.

    assigned     units that were given the variant
    exposed      units that saw the message: the units of the analysis
    conversions  outcome name -> exposed units with that outcome; a name that is missing counts 0

    Raises ValueError for a count that is negative or no integer, and for more conversions than exposed units.
    """

    variant: str
    phase: int
    period: str
    surface: str
    stratum: str
    assigned: int
    exposed: int
    conversions: Mapping[str, int]

    def __post_init__(self) -> None:
        for name, value in (("assigned", self.assigned), ("exposed", self.exposed), *self.conversions.items()):
            require(name, f"must be a whole number from 0, not {value!r}", holds=_is_count(value))
        for name, value in self.conversions.items():
            require(name, f"{value} conversions of {self.exposed} exposed units", holds=value <= self.exposed)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over cells, in units: assigned, exposed, and conversions of one outcome."""

    assigned: int = 0
    exposed: int = 0
    conversions: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.assigned + other.assigned,
            self.exposed + other.exposed,
            self.conversions + other.conversions,
        )


@dataclass(frozen=True)
class Counts:
    """All counts of one version of an experiment.

    sealed       cells that never change again: they alone decide
    provisional  the live remainder, shown without verdicts
    shares       phase -> variant -> assignment probability (rho); a variant that is closed or not named has 0;
                 the probabilities of a phase sum to 1; empty when they are unknown

    Raises ValueError for probabilities that are negative, tiny or do not sum to 1, and for a sealed phase without.
    """

    sealed: tuple[Cell, ...]
    provisional: tuple[Cell, ...] = ()
    shares: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for phase, share in self.shares.items():
            sound = isclose(sum(share.values()), 1, abs_tol=1e-9) and min(share.values()) >= 0
            require("shares", f"the probabilities of phase {phase} must be positive and sum to 1", holds=sound)
            tiny = [variant for variant, value in share.items() if 0 < value < SMALLEST_SHARE]
            require("shares", f"variant {tiny} of phase {phase} has under {SMALLEST_SHARE}; use 0", holds=not tiny)
        missing = sorted(set(self.phases) - set(self.shares))
        require("shares", f"phase {missing} has no probabilities", holds=not (self.shares and missing))

    def share(self, phase: int, variant: str) -> float:
        """Return the assignment probability of a variant in a phase of known shares."""
        return self.shares[phase].get(variant, 0.0)

    def open_arms(self, variants: tuple[str, ...]) -> tuple[str, ...]:
        """Return those variants that the latest phase still assigns; all of them when shares are unknown."""
        if not self.shares:
            return variants
        latest = max(self.shares)
        return tuple(variant for variant in variants if self.share(latest, variant) > 0)

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """The sealed phases, ascending."""
        return tuple(sorted({cell.phase for cell in self.sealed}))

    def common_phases(self, arms: Iterable[str]) -> tuple[int, ...]:
        """Return the sealed phases in which all these arms were open, ascending."""
        if not self.shares:
            return self.phases
        return tuple(phase for phase in self.phases if all(self.share(phase, arm) > 0 for arm in arms))

    def comparable(self, arms: tuple[str, ...]) -> bool:
        """Tell whether counts of these arms may be added over their common phases.

        They may when the ratio of their assignment probabilities is the same in each: otherwise a rate that
        drifts over time makes equal arms look different (Simpson's paradox). Unknown shares: one phase only.
        """
        phases = self.common_phases(arms)
        if not self.shares or not phases:
            return len(phases) < 2
        first = self.shares[phases[0]]
        return all(
            isclose(self.share(phase, arm) * first[arms[0]], self.share(phase, arms[0]) * first[arm], rel_tol=1e-9)
            for phase in phases
            for arm in arms
        )


def tally(cells: Iterable[Cell], outcome: str) -> dict[tuple[str, int], Tally]:
    """Return (variant, phase) -> sums of one outcome's counts over periods, surfaces and strata."""
    sums: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell in cells:
        found = sums[cell.variant, cell.phase]
        found[0] += cell.assigned
        found[1] += cell.exposed
        found[2] += cell.conversions.get(outcome, 0)
    return {key: Tally(*found) for key, found in sums.items()}


def total(sums: Mapping[tuple[str, int], Tally], variant: str, phases: Iterable[int] | None = None) -> Tally:
    """Return the sum of a tally over all phases, or over those given."""
    chosen = None if phases is None else set(phases)
    found = (value for (arm, phase), value in sums.items() if arm == variant and (chosen is None or phase in chosen))
    return sum(found, Tally())
