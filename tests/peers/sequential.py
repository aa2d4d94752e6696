"""Always-valid methods of others: what their published numbers say, and what Signpost's engine is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, log1p, sqrt
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincc, betaln, xlogy

Ends = tuple[float, float]


class Tuned(NamedTuple):
    """A beta-binomial mixture for steps in [-g, h]: the prior's two parameters."""

    a: float
    b: float


def tuned(g: float, h: float, v_opt: float, alpha: float, *, one_sided: bool) -> Tuned:
    """Return the prior that makes the bound tightest at the intrinsic time v_opt.

    r = max(rho - g h, g h / 1000) with rho = v / (2 log(1/a) + log(1 + 2 log(1/a))), a doubled for a one-sided bound;
    prior Beta(r/h, r/g) on h/(g+h)-scaled steps. Source: Howard, Ramdas, McAuliffe & Sekhon (2021), Ann Statist
    49:1055-1080, proposition 7 and section 3.5; the minimum as in confseq 0.0.11, uniform_boundaries.h.
    """
    level = 2 * log(1 / (2 * alpha if one_sided else alpha))
    r = max(v_opt / (level + log1p(level)) - g * h, 1e-3 * g * h)
    return Tuned(r / (h * (g + h)), r / (g * (g + h)))


def log_beta_binomial(s: float, v: float, g: float, h: float, prior: Tuned, *, one_sided: bool) -> float:
    """Return the logarithm of the mixture supermartingale at the sum s and the intrinsic time v = g h n.

    s + v/h is g + h times the number of steps up. Source: as in `tuned`, proposition 7 (two-sided) and 8 (one-sided).
    """
    total = g + h
    up, down = (s + v / h) / total, (v / g - s) / total
    up, down = (v / h + s) / total, (v / g - s) / total
    null = xlogy(up, g / total) + xlogy(down, h / total)
    mixed = float(betaln(prior.a + up, prior.b + down) - betaln(prior.a, prior.b) - null)
    if not one_sided:
        return mixed
    after, before = (_above(prior.a + x, prior.b + y, g / total) for x, y in ((up, down), (0.0, 0.0)))
    return mixed + log(after) - log(before)


def _above(a: float, b: float, at: float) -> float:
    """Return P(Beta(a, b) > at)."""
    return float(betaincc(a, b, at))


def beta_binomial_bound(v: float, g: float, h: float, prior: Tuned, alpha: float, *, one_sided: bool) -> float:
    """Return the sum s at which the mixture reaches 1/alpha."""
    excess = lambda s: log_beta_binomial(s, v, g, h, prior, one_sided=one_sided) + log(alpha)  # noqa: E731
    return float(brentq(excess, 0.0, v / g * (1 - 1e-12), xtol=1e-12))


def confseq_bernoulli(x: int, n: int, alpha: float, t_opt: float) -> Ends:
    """Return confseq's sequence of a rate, whose prior is tuned anew for each rate p that is tried: g = p, h = 1 - p."""

    def excess(p: float) -> float:
        prior = tuned(p, 1 - p, t_opt * p * (1 - p), alpha, one_sided=False)
        value = log_beta_binomial(x - n * p, n * p * (1 - p), p, 1 - p, prior, one_sided=False)
        return value + log(alpha)

    tiny = 1e-9
    lower = 0.0 if x == 0 else brentq(excess, tiny, x / n, xtol=1e-13)
    upper = 1.0 if x == n else brentq(excess, x / n, 1 - tiny, xtol=1e-13)
    return float(lower), float(upper)


def one_sided_labels(s_i: int, s_j: int, rho_i: float, rho_j: float, kappa: float) -> float:
    """Return log E that arm i is better, from event labels and a Beta(kappa theta0, kappa (1 - theta0)) prior above
    theta0: the one-sided beta-binomial mixture in closed form. The engine has a finite mixture in its place."""
    theta = rho_i / (rho_i + rho_j)
    a, b = kappa * theta, kappa * (1 - theta)
    two_sided = betaln(a + s_i, b + s_j) - betaln(a, b) - s_i * log(theta) - s_j * log1p(-theta)
    tails = betaincc(a + s_i, b + s_j, theta), betaincc(a, b, theta)
    return float(two_sided + np.log(tails[0]) - np.log(tails[1]))


def msprt(x_bar: float, y_bar: float, n: int, p_bar: float, tau: float, theta0: float = 0.0) -> float:
    """Return the log of the mixture sequential probability ratio of two means, n units per arm.

    Source: Johari, Koomen, Pekelis & Walsh (2022), Oper Res 70:1806-1821 (arXiv:1512.04922), equation for
    Lambda_n with V = 2 p (1 - p) for rates.
    """
    v = 2 * p_bar * (1 - p_bar)
    spread = v + n * tau * tau
    return 0.5 * log(v / spread) + (n * tau * (y_bar - x_bar - theta0)) ** 2 / (2 * v * spread)


def safestats_blocks(ya: Sequence[int], yb: Sequence[int], prior: float) -> float:
    """Return the e-value of blocks of one unit per arm: plug-in rates from the blocks before.

    Each block: p_A(ya) p_B(yb) / p_0(ya, yb), p_A and p_B the posterior means of Beta(prior, prior) and p_0 their
    mean. Source: Turner, Ly & Grünwald (2024), JSPI 230:106116 (arXiv:2106.02693), section 3; R package safestats.
    """
    log_e, sums = 0.0, [0, 0]
    for block, (a, b) in enumerate(zip(ya, yb, strict=True)):
        first, second = ((prior + s) / (2 * prior + block) for s in sums)
        null = (first + second) / 2
        log_e += _log_unit(a, first) + _log_unit(b, second) - _log_unit(a, null) - _log_unit(b, null)
        sums = [sums[0] + a, sums[1] + b]
    return exp(log_e)


def _log_unit(y: int, p: float) -> float:
    return log(p) if y else log1p(-p)


def universal_inference(s1: int, n1: int, s2: int, n2: int, a: float, b: float) -> float:
    """Return log E that two rates differ: Beta mixtures of each arm over the largest likelihood with one rate.

    Source: Wasserman, Ramdas & Balakrishnan (2020), PNAS 117:16880-16890 (arXiv:1912.11436), section 7.
    """
    mixed = sum(betaln(a + s, b + n - s) - betaln(a, b) for s, n in ((s1, n1), (s2, n2)))
    events, units = s1 + s2, n1 + n2
    return float(mixed - xlogy(events, events / units) - xlogy(units - events, 1 - events / units))


def ssrm(labels: Sequence[int], null: Sequence[float], dirichlet: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the log marginal likelihoods, unit by unit, of a Dirichlet prior and of the null.

    Source: Lindon & Malek (2022), NeurIPS (arXiv:2011.03567), section 3; package ssrm-test 0.1.5.
    """
    prior, mixed, plain = list(dirichlet), [0.0], [0.0]
    for label in labels:
        mixed.append(mixed[-1] + log(prior[label] / sum(prior)))
        plain.append(plain[-1] + log(null[label]))
        prior[label] += 1
    return mixed[1:], plain[1:]


def growthbook(
    s_ctrl: int, n_ctrl: int, s_trt: int, n_trt: int, *, relative: bool, alpha: float = 0.05, tuning: float = 5_000
) -> tuple[float, Ends]:
    """Return p-value and interval of the sequential t-test of GrowthBook's gbstats 0.8.0.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Ann Statist 52:2613-2640 (arXiv:2103.06476), equations
    9, 155 and 161, with Welch's variance; of the relative change by the delta method. Not valid for rare outcomes.
    """
    (m0, v0), (m1, v1) = _sample(s_ctrl, n_ctrl), _sample(s_trt, n_trt)
    estimate, variance = m1 - m0, v0 / n_ctrl + v1 / n_trt
    if relative:
        estimate, variance = estimate / m0, v1 / n_trt / m0**2 + v0 / n_ctrl * m1**2 / m0**4
    units = n_ctrl + n_trt
    rho2 = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / tuning
    growth = units * rho2 + 1
    reach = sqrt(variance) * sqrt(2 * growth / (units * rho2) * log(sqrt(growth) / alpha))
    log_e = units * rho2 * estimate * estimate / variance / (2 * growth) - log(growth) / 2
    return min(1.0, exp(-log_e)), (estimate - reach, estimate + reach)


def _sample(events: int, units: int) -> Ends:
    """Return mean and variance of a rate's units."""
    mean = events / units
    return mean, mean * (1 - mean)


def robbins(x: int, n: int, a: float, b: float, alpha: float) -> Ends:
    """Return the beta-binomial sequence of a rate for a prior Beta(a, b) that the engine has not.

    { p : B(a + x, b + n - x) / B(a, b) < p^x (1 - p)^(n - x) / alpha }. Source: Robbins (1970), Ann Math Statist
    41:1397-1409, section 3.
    """
    level = betaln(a + x, b + n - x) - betaln(a, b) + log(alpha)

    def excess(p: float) -> float:
        return float(xlogy(x, p) + xlogy(n - x, 1 - p) - level)

    tiny = 1e-300
    lower = 0.0 if x == 0 else brentq(excess, tiny, x / n, xtol=1e-18)
    upper = 1.0 if x == n else brentq(excess, x / n, 1 - 1e-16, xtol=1e-18)
    return float(lower), float(upper)
