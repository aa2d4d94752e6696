"""The way to the present report: where the evidence stood at the end of each sealed period."""

from __future__ import annotations

from math import log

import numpy as np

from stats.compare import Gate
from stats.path import Matrix
from stats.ratio_path import ratio_bands
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import PathPoint


def path_points(reading: Reading, gate: Gate, notes: Notes, *, logged: bool) -> tuple[PathPoint, ...]:
    """Return one point for each batch of the reading, in order; evidence only where it decides.

    `logged` tells whether the assignment probabilities are known.
    """
    if reading.steps is None:
        return ()
    path, steps, variants = reading.path, reading.steps, reading.plan.variants
    batches = tuple(zip(path.periods, path.phases, _sums(path.units), _sums(path.events), strict=True))
    code = gate.no_labels or (None if reading.plan.design == "sequential" else "not-followed")
    if code:
        notes.add_all(code, ("path[].log10_e", "path[].ratios"))
        return tuple(PathPoint(*batch, None, ()) for batch in batches)
    evidence = (steps.log_global[0] / log(10)).tolist()
    out = (tuple(variants[k] for k in np.flatnonzero(gone)) for gone in steps.eliminated[0])
    bands = ratio_bands(reading, notes, logged=logged)
    return tuple(PathPoint(*batch, *rest) for batch, *rest in zip(batches, evidence, out, bands, strict=True))


def _sums(values: Matrix) -> list[tuple[int, ...]]:
    return [tuple(row) for row in np.cumsum(values, axis=0).astype(int).tolist()]
