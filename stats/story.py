"""The way to the present report: where the evidence stood at the end of each sealed period."""

from __future__ import annotations

from math import log

import numpy as np

from stats.reading import Reading
from stats.result import PathPoint


def path_points(reading: Reading) -> tuple[PathPoint, ...]:
    """Return one point for each batch of the reading, in order."""
    if reading.steps is None:
        return ()
    path, steps = reading.path, reading.steps
    units, events = (np.cumsum(x, axis=0).astype(int).tolist() for x in (path.units, path.events))
    evidence = (steps.log_global[0] / log(10)).tolist()
    variants = np.array(reading.plan.variants)
    return tuple(
        PathPoint(period, phase, tuple(units[b]), tuple(events[b]), evidence[b], tuple(variants[out].tolist()))
        for b, (period, phase, out) in enumerate(zip(path.periods, path.phases, steps.eliminated[0], strict=True))
    )
