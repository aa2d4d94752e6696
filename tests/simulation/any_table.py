"""Any table that the types allow: `draw(seed, number)` gives the same plan and counts every time.

A quarter of the tables is wild: every cell by itself, from 0 to 1e9 units, without regard to what was planned. The others
are drawn as an experiment would draw them, so that their split is sound and every part of the engine is reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from stats import Cell, Counts, Outcome, Plan
from stats.plan import Better, Design, Family, Unit

Shares = dict[int, dict[str, float]]

SIZES = (0, 0, 1, 2, 5, 40, 100, 3_000, 20_000, 10**6, 10**9)
ALPHAS = (0.05, 0.05, 0.05, 0.01, 0.2, 0.5, 0.9, 1e-6)
RATES = (0.0, 1e-9, 1e-4, 0.005, 0.05, 0.5, 1.0)


def draw(seed: int, number: int) -> tuple[Plan, Counts]:
    """Return the table of this number."""
    rng = Random(f"{seed}/{number}")
    plan = _plan(rng)
    return plan, _Table(rng, plan).counts()


def _plan(rng: Random) -> Plan:
    variants = tuple(f"v{k}" for k in range(rng.choice((2, 2, 2, 3, 3, 4, 4, 5, 6, 8, 12))))
    unit: Unit = rng.choice(("session", "session", "session", "view", "block"))
    designs: tuple[Design, ...] = ("sequential", "fixed") if unit == "block" else ("sequential", "fixed", "looks")
    return Plan(
        variants,
        rng.choice(variants),
        _outcomes(rng),
        design=rng.choice(designs),
        alpha=rng.choice(ALPHAS),
        planned_units=rng.choice((None, None, None, 1, 1_000, 20_000, 10**9)),
        rho=rng.choice(("logged", "logged", "logged", "observed")),
        srm_alpha=rng.choice((0.01, 0.01, 0.01, 1e-9, 0.5)),
        expected_rate=rng.choice((None, None, 0.01, 1e-9, 0.999)),
        factors=_factors(rng, variants),
        unit=unit,
        looks=rng.randint(1, 20) if rng.random() < 0.3 else 5,
        spending=rng.choice(("obrien-fleming", "pocock")),
        harm_alpha=rng.choice((0.01, 0.01, 0.5, 1e-9)),
        equality_ratio=rng.choice((1.1, 1.1, 1.000001, 2.0, 1e6)),
    )


def _outcomes(rng: Random) -> tuple[Outcome, ...]:
    def better() -> Better:
        return rng.choice(("higher", "higher", "lower"))

    families: tuple[Family, ...] = ("", "channels", "tiers")
    found = [
        Outcome("help", "primary", better(), clicks_only=rng.random() < 0.2),
        *(
            Outcome(f"s{number}", "secondary", better(), None, rng.random() < 0.2, rng.choice(families))
            for number in range(rng.choice((0, 0, 0, 1, 2, 3)))
        ),
        *(
            Outcome(f"g{number}", "guardrail", better(), rng.choice((None, 1.1, 0.8, 1e-9, 1e9)))
            for number in range(rng.choice((0, 0, 1, 2)))
        ),
    ]
    rng.shuffle(found)
    return tuple(found)


def _factors(rng: Random, variants: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """None, a grid as full as the number of variants allows, or levels at random."""
    kind = rng.random()
    if kind < 0.7:
        return {}
    names = ("tone", "length", "picture")[: rng.randint(1, 3)]
    levels = rng.randint(1, 4)
    if kind < 0.85:
        return {v: {name: str(k // 2**at % 2) for at, name in enumerate(names)} for k, v in enumerate(variants)}
    return {v: {name: str(rng.randrange(levels)) for name in names} for v in variants}


@dataclass
class _Table:
    rng: Random
    plan: Plan

    def counts(self) -> Counts:
        rng, self.wild = self.rng, self.rng.random() < 0.25
        self.lossy = not self.wild and rng.random() < 0.15
        self.rates = {o.name: self._rates() for o in self.plan.outcomes}
        phases = sorted(rng.sample(range(1, 9), rng.choice((1, 1, 1, 2, 3, 4))))
        shares = {phase: self._shares() for phase in phases}
        if rng.random() < 0.2:
            base = self._shares()
            shares = dict.fromkeys(phases, base)
        periods = rng.choice((1, 1, 2, 5, 12)) if self.plan.unit != "block" else rng.choice((1, 3, 8, 24, 40))
        places = self._places(phases, periods)
        sealed = [cell for place in places for cell in self._cells(place, shares[place[0]])]
        live = self._cells((phases[-1], "live", "", ""), shares[phases[-1]]) if rng.random() < 0.4 else []
        if rng.random() < 0.03:
            sealed = []
        if rng.random() < 0.1:
            shares[phases[-1] + 1] = self._shares()
        known = rng.random() < 0.85
        return Counts(tuple(sealed), tuple(live), shares if known else {})

    def _rates(self) -> dict[str, float]:
        """One base rate for all arms, often with one that differs; or anything."""
        rng, base = self.rng, self.rng.choice(RATES)
        if rng.random() < 0.2:
            return {v: rng.choice(RATES) for v in self.plan.variants}
        found = dict.fromkeys(self.plan.variants, base)
        if rng.random() < 0.6:
            found[rng.choice(self.plan.variants)] = min(1.0, base * rng.choice((0.0, 0.5, 1.3, 3.0)))
        return found

    def _shares(self) -> dict[str, float]:
        """Equal, uneven, or extreme; closed arms have 0 or are not named; at least one arm is open."""
        rng, variants = self.rng, list(self.plan.variants)
        closed = set(rng.sample(variants, rng.randint(0, len(variants) - 1))) if rng.random() < 0.3 else set()
        kind = rng.random()
        weights = {
            v: 1.0 if kind < 0.5 else rng.choice((1, 2, 9)) if kind < 0.9 else rng.choice((1, 1e-4, 1e-7))
            for v in variants
            if v not in closed
        }
        total = sum(weights.values())
        found = {v: weight / total for v, weight in weights.items()}
        return found | dict.fromkeys(closed, 0.0) if rng.random() < 0.5 else found

    def _places(self, phases: list[int], periods: int) -> list[tuple[int, str, str, str]]:
        """Return (phase, period, surface, stratum) in the order in which cells are listed."""
        rng = self.rng
        surfaces = rng.choice((("",), ("",), ("web", "app"), ("", "web", "app")))
        strata = rng.choice((("",), ("",), ("x", "y"), ("x", "y", "z", "")))
        found = []
        for number in range(periods):
            phase = phases[number * len(phases) // periods] if rng.random() < 0.9 else rng.choice(phases)
            some = [phase, rng.choice(phases)] if rng.random() < 0.1 else [phase]
            for one in some:
                for surface in surfaces:
                    found += [(one, f"d{number}", surface, stratum) for stratum in strata]
        if rng.random() < 0.15:
            rng.shuffle(found)
        return found

    def _cells(self, place: tuple[int, str, str, str], share: Mapping[str, float]) -> list[Cell]:
        rng, plan = self.rng, self.plan
        opened = [v for v in plan.variants if share.get(v, 0) > 0]
        size = rng.choice(SIZES) if self.wild else rng.choice((0, 50, 2_000, 2_000, 20_000, 20_000, 10**7))
        if plan.unit == "block" and rng.random() < 0.97:
            return [self._cell(rng.choices(opened, [share[v] for v in opened])[0], place, size)]
        if self.wild:
            some = plan.variants if rng.random() < 0.1 else opened
            return [self._cell(v, place, rng.choice(SIZES)) for v in some if rng.random() < 0.95]
        numbers = self._numpy().multinomial(size * len(opened), [share[v] for v in opened])
        return [self._cell(v, place, int(n)) for v, n in zip(opened, numbers, strict=True)]

    def _cell(self, variant: str, place: tuple[int, str, str, str], units: int) -> Cell:
        rng, (phase, period, surface, stratum) = self.rng, place
        assigned = rng.choice((units, units + units // 20, rng.choice(SIZES))) if self.wild else units
        exposed = units - units // 50 if self.lossy else units
        conversions = {
            name: self._events(exposed, rates[variant]) for name, rates in self.rates.items() if rng.random() < 0.97
        }
        return Cell(variant, phase, period, surface, stratum, assigned, exposed, conversions)

    def _events(self, units: int, rate: float) -> int:
        rng = self.rng
        if self.wild:
            few = min(units, rng.randint(0, 6))
            return rng.choice((0, min(1, units), few, few, units, max(0, units - 1), rng.randint(0, units)))
        return int(self._numpy().binomial(units, rate))

    def _numpy(self) -> np.random.Generator:
        return np.random.default_rng(self.rng.getrandbits(63))
