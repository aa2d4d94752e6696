"""The sample-ratio check: whether the arms got the units that their assignment probabilities promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

import scipy.stats as sps

from stats.association import SMALLEST_EXPECTED
from stats.counts import Cell, Counts
from stats.plan import Plan
from stats.reasons import Notes
from stats.result import SampleRatio, SplitCheck, SurfaceCheck

Measure = Literal["assigned", "exposed"]


@dataclass(frozen=True, slots=True)
class Split:
    """Units per variant, as counted and as expected."""

    observed: Mapping[str, int]
    expected: Mapping[str, float]

    @property
    def arms(self) -> tuple[str, ...]:
        """The variants that expect or have units."""
        return tuple(arm for arm in self.observed if self.expected[arm] > 0 or self.observed[arm])

    @property
    def too_few(self) -> bool:
        """Whether an open variant expects fewer than 5 units, or none was open beside it."""
        expected = [value for value in self.expected.values() if value > 0]
        return len(self.arms) < 2 or min(expected) < SMALLEST_EXPECTED

    def deviation(self, arm: str) -> float:
        """Return the standardised residual of an arm: how many standard errors more than expected."""
        expected, units = self.expected[arm], sum(self.observed.values())
        gap = self.observed[arm] - expected
        return gap / sqrt(expected * (1 - expected / units)) if 0 < expected < units else inf * gap if gap else 0.0


def split(cells: Iterable[Cell], counts: Counts, variants: tuple[str, ...], measure: Measure) -> Split:
    """Return the units of these cells per variant, and those expected: rho times the units of each phase."""
    observed = dict.fromkeys(variants, 0)
    phases: dict[int, int] = {}
    for cell in cells:
        units = getattr(cell, measure)
        observed[cell.variant] += units
        phases[cell.phase] = phases.get(cell.phase, 0) + units
    expected = {arm: sum(units * counts.share(phase, arm) for phase, units in phases.items()) for arm in variants}
    return Split(observed, expected)


def check(found: Split) -> SplitCheck:
    """Return the chi-square test of a split; every open variant must expect 5 units or more.

    Units where none can be: chi2 is None (infinite) and the p-value 0. Source: Pearson (1900), Phil Mag
    50:157-175; for experiments Fabijan et al. (2019), KDD. Where rho differs between phases the
    statistic is stochastically smaller than chi-square, so the alarm is rarer than its nominal rate.
    """
    df = len(found.arms) - 1
    if any(found.expected[arm] == 0 for arm in found.arms):
        return SplitCheck(p_value=0.0, df=df)
    chi2 = sum((found.observed[arm] - found.expected[arm]) ** 2 / found.expected[arm] for arm in found.arms)
    return SplitCheck(p_value=float(sps.chi2.sf(chi2, df)), chi2=chi2, df=df)


def sample_ratio(plan: Plan, counts: Counts, notes: Notes) -> SampleRatio:
    """Check assignments and exposures of the sealed cells against the phases' shares, and each surface."""
    if not counts.shares:
        for name in ("alarm", *_fields("assignments"), *_fields("exposures")):
            notes.add("weights-unknown", f"srm.{name}")
        return SampleRatio(None, SplitCheck(), SplitCheck(), (), "weights-unknown")
    splits = {name: split(counts.sealed, counts, plan.variants, measure) for name, measure in _MEASURES.items()}
    checks = {name: _checked(found, name, notes) for name, found in splits.items()}
    ringing = [name for name, made in checks.items() if made.p_value is not None and made.p_value < plan.srm_alpha]
    missing = any(made.p_value is None for made in checks.values())
    unchecked = all(made.p_value is None for made in checks.values())
    if unchecked:
        notes.add("too-few-units", "srm.alarm")
    arm, direction = _culprit(splits[ringing[0]]) if ringing else (None, None)
    return SampleRatio(
        alarm=None if unchecked else bool(ringing),
        assignments=checks["assignments"],
        exposures=checks["exposures"],
        surfaces=_surfaces(plan, counts, notes),
        reason="too-few-units" if missing else None,
        arm=arm,
        direction=direction,
    )


_MEASURES: dict[str, Measure] = {"assignments": "assigned", "exposures": "exposed"}


def _fields(name: str) -> tuple[str, ...]:
    return tuple(f"{name}.{field}" for field in ("p_value", "chi2", "df"))


def _checked(found: Split, name: str, notes: Notes, where: str = "") -> SplitCheck:
    if found.too_few:
        notes.add_all("too-few-units", (f"srm.{field}" for field in _fields(name)), where)
        return SplitCheck()
    made = check(found)
    if made.chi2 is None:
        notes.add("unbounded", f"srm.{name}.chi2", where)
    return made


def _surfaces(plan: Plan, counts: Counts, notes: Notes) -> tuple[SurfaceCheck, ...]:
    checks = []
    for surface in sorted({cell.surface for cell in counts.sealed}):
        cells = [cell for cell in counts.sealed if cell.surface == surface]
        made = _checked(split(cells, counts, plan.variants, "assigned"), "surfaces[]", notes, surface)
        checks.append(SurfaceCheck(surface, made.e_value, made.p_value, made.chi2, made.df))
    return tuple(checks)


def _culprit(found: Split) -> tuple[str, Literal["more", "fewer"]]:
    arm = max(found.arms, key=lambda name: abs(found.deviation(name)))
    return arm, "more" if found.deviation(arm) > 0 else "fewer"
