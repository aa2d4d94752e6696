"""The sample-ratio check: whether the arms got the units that their assignment probabilities promise."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import Literal

import numpy as np
import scipy.stats as sps

from stats.association import SMALLEST_EXPECTED
from stats.counts import Counts
from stats.evidence import dirichlet
from stats.path import Matrix, Path, path_of
from stats.plan import Plan
from stats.reasons import Notes
from stats.result import SampleRatio, SplitCheck, SurfaceCheck

CONCENTRATIONS = (1_000.0, 10_000.0)
LARGEST_LOG = 700.0

Direction = Literal["more", "fewer"]


@dataclass(frozen=True, slots=True)
class Split:
    """Units of each arm (K,) as counted and as expected, and the path of the log evidence against the split (B,)."""

    observed: Matrix
    expected: Matrix
    log_e: Matrix

    @property
    def peak(self) -> float:
        """The largest log evidence so far: an alarm that has rung stays."""
        return float(self.log_e.max()) if self.log_e.size else 0.0

    @property
    def too_few(self) -> bool:
        """Whether an open arm expects fewer than 5 units, or none was open beside it."""
        known = (self.expected > 0) | (self.observed > 0)
        expected = self.expected[self.expected > 0] if self.expected.any() else np.zeros(1)
        return bool(known.sum() < 2 or expected.min() < SMALLEST_EXPECTED)

    def culprit(self) -> tuple[int, Direction]:
        """Return the arm that deviates most, in standard errors, and in which direction."""
        units = self.observed.sum()
        gaps = [_deviation(o, e, units) for o, e in zip(self.observed, self.expected, strict=True)]
        arm = max(range(len(gaps)), key=lambda k: abs(gaps[k]))
        return arm, "more" if gaps[arm] > 0 else "fewer"


def _deviation(observed: float, expected: float, units: float) -> float:
    gap = observed - expected
    return gap / sqrt(expected * (1 - expected / units)) if 0 < expected < units else inf * gap if gap else 0.0


def split(units: Matrix, rho: Matrix) -> Split:
    """Hold the units of B batches and K arms against their assignment probabilities, both (B, K).

    The evidence is the mean of two Dirichlet e-processes, of 1,000 and 10,000 units' weight: the first finds a gross
    loss at once, the second a small one in the end. Units where none can be are infinite evidence. Source: Lindon &
    Malek (2022), NeurIPS, arXiv:2011.03567, section 3.
    """
    gains = [dirichlet(units[None], rho, concentration=c)[0][0] for c in CONCENTRATIONS]
    log_e = np.logaddexp(*(np.cumsum(gain) for gain in gains)) - log(2)
    impossible = np.logical_or.accumulate((units * (rho == 0)).sum(axis=1) > 0)
    expected = (rho * units.sum(axis=1, keepdims=True)).sum(axis=0)
    return Split(units.sum(axis=0), expected, np.where(impossible, np.inf, log_e))


def check(found: Split) -> SplitCheck:
    """Return evidence and chi-square test of a split; every open arm must expect 5 units or more.

    Units where none can be: the e-value and chi2 are None (infinite) and the p-value is 0. The p-value holds for one
    look at the end only. Source: Pearson (1900), Phil Mag 50:157-175; for experiments Fabijan et al. (2019), KDD.
    Where rho differs between phases the statistic is stochastically smaller than chi-square.
    """
    known = (found.expected > 0) | (found.observed > 0)
    observed, expected, df = found.observed[known], found.expected[known], int(known.sum()) - 1
    e_value = exp(found.peak) if found.peak < LARGEST_LOG else None
    if (expected == 0).any():
        return SplitCheck(p_value=0.0, df=df)
    chi2 = float(((observed - expected) ** 2 / expected).sum())
    return SplitCheck(e_value, float(sps.chi2.sf(chi2, df)), chi2, df)


def sample_ratio(plan: Plan, counts: Counts, path: Path, notes: Notes, *, once: bool) -> SampleRatio:
    """Check assignments and exposures of the sealed counts against the phases' shares, over time and by surface.

    The alarm rings when an e-value has ever reached 1/srm_alpha; for one of several surfaces their number times that.
    Counts that are looked at `once`, at the planned end of a fixed design, ring it by a p-value below srm_alpha too.
    """
    if not counts.shares:
        for name in ("alarm", *_fields("assignments"), *_fields("exposures")):
            notes.add("weights-unknown", f"srm.{name}")
        return SampleRatio(None, SplitCheck(), SplitCheck(), (), "weights-unknown")
    if not path.units.any() and not path.assigned.any():
        for name in ("alarm", *_fields("assignments"), *_fields("exposures")):
            notes.add("too-few-units", f"srm.{name}")
        return SampleRatio(None, SplitCheck(), SplitCheck(), (), "too-few-units")
    if plan.unit == "block":
        path = _by_surface(plan, counts)
    splits = {name: split(_drawn(plan, units), path.rho) for name, units in _measures(path).items()}
    checks = {name: _checked(found, name, notes) for name, found in splits.items()}
    reach = -log(plan.srm_alpha)
    surfaces = _surfaces(plan, counts, reach, notes)
    ringing = [
        splits[name] for name, made in checks.items() if splits[name].peak >= reach or (once and _rare(made, plan))
    ]
    ringing += [found for made, found in surfaces if made.alarm]
    arm, direction = ringing[0].culprit() if ringing else (None, None)
    return SampleRatio(
        alarm=bool(ringing),
        assignments=checks["assignments"],
        exposures=checks["exposures"],
        surfaces=tuple(made for made, _ in surfaces),
        reason="too-few-units" if any(found.too_few for found in splits.values()) else None,
        arm=None if arm is None else plan.variants[arm],
        direction=direction,
        surface=next((made.surface for made, _ in surfaces if made.alarm), None),
    )


def _measures(path: Path) -> dict[str, Matrix]:
    return {"assignments": path.assigned, "exposures": path.units}


def _drawn(plan: Plan, units: Matrix) -> Matrix:
    """Return how often each arm was drawn: for its units, or for a whole block of them."""
    return (units > 0).astype(float) if plan.unit == "block" else units


def _by_surface(plan: Plan, counts: Counts) -> Path:
    """Return the blocks of all surfaces one after the other: each surface draws its own."""
    surfaces = sorted({cell.surface for cell in counts.sealed})
    paths = [path_of(plan, counts, plan.primary.name, surface) for surface in surfaces]
    arrays = (np.concatenate([getattr(p, name) for p in paths]) for name in ("rho", "assigned", "units", "events"))
    return Path(sum((p.periods for p in paths), ()), sum((p.phases for p in paths), ()), *arrays)


def _rare(made: SplitCheck, plan: Plan) -> bool:
    return made.p_value is not None and made.p_value < plan.srm_alpha


def _fields(name: str) -> tuple[str, ...]:
    return tuple(f"{name}.{field}" for field in ("e_value", "p_value", "chi2", "df"))


def _checked(found: Split, name: str, notes: Notes, where: str = "") -> SplitCheck:
    if found.peak >= LARGEST_LOG:
        notes.add("unbounded", f"srm.{name}.e_value", where)
    if found.too_few:
        notes.add_all("too-few-units", (f"srm.{field}" for field in _fields(name)[1:]), where)
        return SplitCheck(e_value=exp(found.peak) if found.peak < LARGEST_LOG else None)
    made = check(found)
    if made.chi2 is None:
        notes.add("unbounded", f"srm.{name}.chi2", where)
    return made


def _surfaces(plan: Plan, counts: Counts, reach: float, notes: Notes) -> list[tuple[SurfaceCheck, Split]]:
    """Check the assignments of each surface; a single surface is the whole and has no alarm of its own."""
    names = sorted({cell.surface for cell in counts.sealed})
    made = []
    for surface in names:
        path = path_of(plan, counts, plan.primary.name, surface)
        found = split(_drawn(plan, path.assigned), path.rho)
        one = _checked(found, "surfaces[]", notes, surface)
        alarm = len(names) > 1 and found.peak >= reach + log(len(names))
        made.append((SurfaceCheck(surface, one.e_value, one.p_value, one.chi2, one.df, alarm), found))
    return made
