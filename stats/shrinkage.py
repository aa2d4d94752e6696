"""What to expect of the best of several arms: rates drawn together, as far as chance alone explains their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shrunken:
    """Cochran's Q, the variance tau2 of true log rates, their mean mu, and the shrunken rates (K,)."""

    q: float
    tau2: float
    mu: float
    rates: Array


def shrunken_rates(events: Array, units: Array) -> Shrunken:
    """Return the empirical-Bayes rates of K >= 2 arms, (K,) events of units >= 1.

    The arm that looks best has been lucky, the more so the more arms there are; a rate that is picked as the highest
    is on average too high ("winner's curse"). Log rates y = log((s + 1/2) / (n + 1/2)) with variance v = 1/(s + 1/2)
    - 1/(n + 1/2) are drawn to their mean by v / (v + tau2).

    Source: DerSimonian & Laird (1986), Control Clin Trials 7:177-188, eq. 8-9 for tau2; Morris (1983), JASA 78:47-55
    for the shrinkage.
    """
    y = np.log((events + 0.5) / (units + 0.5))
    v = np.maximum(1 / (events + 0.5) - 1 / (units + 0.5), 1 / (units + 1) ** 2)  # never 0, where every unit converted
    w = 1 / v
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    total = w.sum()
    tau2 = max(0.0, (q - len(y) + 1) / float((w * (total - w)).sum() / total))
    w = 1 / (v + tau2)
    mu = float((w * y).sum() / w.sum())
    drawn = v / (v + tau2)
    return Shrunken(q, tau2, mu, np.minimum(np.exp((1 - drawn) * y + drawn * mu), 1.0))
