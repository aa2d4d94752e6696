"""The Bayesian panel: how probable it is that each arm is the best, and what a wrong choice would cost.

By quadrature, no random numbers. For communication only: looked at daily, "probability above 95 %" names a winner in
more than half of the experiments in which nothing differs, so it is never a rule to stop by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, betaln

from stats.plan import Better
from stats.quadrature import composite, running

Array = NDArray[np.float64]

TAILS = (1e-14, 1e-3)  # where panels end, besides the median: no arm's density is ever wider than a panel resolves


@dataclass(frozen=True, slots=True)
class Panel:
    """K arms: probability to be the best (sums to 1), expected loss of choosing the arm (a rate), posterior mean."""

    probability_best: Array
    expected_loss: Array
    mean: Array


def panel(events: Array, units: Array, planned_rate: float | None = None, better: Better = "higher") -> Panel:
    """Return the panel of K arms with these events and units (K,), from a weak prior.

    The prior is worth one event, Beta(1, 1/p - 1), and no narrower than Beta(1, 1): its mean is the planned rate p,
    or without one the rate of all arms together.
    """
    pooled = (float(events.sum()) + 0.5) / (float(units.sum()) + 1)
    rate = pooled if planned_rate is None else planned_rate
    return compare(1 + events, max(1 / rate - 1, 1.0) + units - events, better)


def compare(a: Array, b: Array, better: Better = "higher") -> Panel:
    """Return the panel of independent Beta(a, b) posteriors, (K,) each.

    P(best)_i = integral of f_i prod_{j != i} F_j and E(max) = sum_i of the integral of p f_i prod_{j != i} F_j, with
    1 - F where lower is better; the loss of i is E(max) - mean_i. On the logit scale, by panels between the arms'
    quantiles. Source: Russo (2020), Oper Res 68:1625-1647, eq. for alpha_i, and Chris Stucchio (2015), VWO Bayesian
    A/B testing, section 4, for the loss; integrals written out from the definitions.
    """
    nodes, weights = composite(np.unique(np.concatenate([_edges(x, y) for x, y in zip(a, b, strict=True)])))
    log_p, log_q = -np.log1p(np.exp(-nodes)), -np.log1p(np.exp(nodes))
    p = np.exp(log_p)
    density = np.exp(a[:, None] * log_p + b[:, None] * log_q - betaln(a, b)[:, None]) * weights
    density /= density.sum(axis=1, keepdims=True)
    beaten = running(density) if better == "higher" else running(density[:, ::-1])[:, ::-1]
    best = density * _product_of_others(np.clip(beaten, 0.0, 1.0))
    mean = a / (a + b)
    extreme = float((best * p).sum())
    loss = extreme - mean if better == "higher" else mean - extreme
    chance = best.sum(axis=1)
    return Panel(chance / chance.sum(), np.maximum(loss, 0.0), mean)


def _edges(a: float, b: float) -> Array:
    """Return the logits of a few quantiles, from tail to tail."""
    tails = np.array([*TAILS, 0.5])
    ends: tuple[Array, Array] = betaincinv(a, b, tails), betaincinv(b, a, tails)
    low, high = (np.clip(end, np.finfo(float).tiny, 1 - np.finfo(float).epsneg) for end in ends)
    return np.concatenate([np.log(low) - np.log1p(-low), np.log1p(-high) - np.log(high)])


def _product_of_others(values: Array) -> Array:
    """Return, (K, N), the product over all rows but one's own."""
    ones = np.ones((1, values.shape[1]))
    before = np.cumprod(np.vstack([ones, values[:-1]]), axis=0)
    after = np.cumprod(np.vstack([ones, values[:0:-1]]), axis=0)[::-1]
    made: Array = np.multiply(before, after)
    return made
