"""Rates that may be compared although the shares of the arms changed on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.path import Path

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standardised:
    """Events and units of K arms as if one phase had shown them all: (K,), not whole numbers."""

    events: Array
    units: Array


def standardised(path: Path, arms: list[int]) -> Standardised | None:
    """Return the arms' events and units over the phases in which all of them have units; None without such a phase.

    The rate of an arm is the mean of its rates in the phases, weighted alike for every arm: by the phase's units of
    all these arms. So a rate that drifts while shares change cannot favour an arm. The units are those of one sample
    whose rate would vary as much. With one phase these are the plain counts.

    Source: direct standardisation, Keiding & Clayton (2014), Stat Sci 29:529-558, section 2; effective size 1 / sum
    (w^2 / n), Kish (1965), Survey Sampling, section 11.7.
    """
    phases = path.by_phase()
    units, events = phases.units[:, arms], phases.events[:, arms]
    usable = (units > 0).all(axis=1)
    if not usable.any():
        return None
    units, events = units[usable], events[usable]
    weight = (units.sum(axis=1) / units.sum())[:, None]
    size = 1 / (weight**2 / units).sum(axis=0)
    if len(units) == 1:
        return Standardised(events[0], units[0])
    return Standardised((weight * events / units).sum(axis=0) * size, size)
