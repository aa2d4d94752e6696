"""Two arms compared within many tables at once: Mantel-Haenszel estimates and tests.

Arrays hold tables along the last axis and whatever is compared at the same time (pairs of arms) before it. A table
without units in one arm, or without events, says nothing and may stand anywhere; one with events only says nothing of
odds, and that the rates are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from stats.intervals import normal_quantile

Floats = NDArray[np.float64]
TwoByTwo = Sequence[Sequence[int]]


def chi2_tail(chi2: Floats, df: NDArray[np.int64] | int) -> Floats:
    """Return the upper tail of the chi-square distribution."""
    return np.asarray(chdtrc(df, chi2))


def divided(top: Floats, bottom: Floats) -> Floats:
    """Return top / bottom, and 0 where the bottom is not positive."""
    return np.divide(top, bottom, out=np.zeros(np.broadcast(top, bottom).shape), where=bottom > 0)


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables of two arms, each (..., T), whole numbers as floats: x1 events of n1 units, x2 events of n2 units."""

    x1: Floats
    n1: Floats
    x2: Floats
    n2: Floats

    @classmethod
    def of(cls, tables: Iterable[TwoByTwo]) -> Tables:
        """Return [[events, non-events] of arm 1, the same of arm 2] of each table."""
        cells = np.array([[*first, *second] for first, second in tables], dtype=float).reshape(-1, 4)
        return cls(cells[:, 0], cells[:, 0] + cells[:, 1], cells[:, 2], cells[:, 2] + cells[:, 3])

    def parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return x1, n1, x2, n2."""
        return self.x1, self.n1, self.x2, self.n2

    def flat(self) -> Tables:
        """Return the same tables with the last two axes as one."""
        return Tables(*(part.reshape(*part.shape[:-2], -1) for part in self.parts()))

    @property
    def n(self) -> Floats:
        """Units of both arms."""
        return self.n1 + self.n2

    @property
    def events(self) -> Floats:
        """Events of both arms."""
        return self.x1 + self.x2

    @property
    def expected(self) -> Floats:
        """Events of arm 1 under equal rates, given all margins."""
        return divided(self.n1 * self.events, self.n)

    @property
    def variance(self) -> Floats:
        """Variance of the events of arm 1 under equal rates, given all margins (hypergeometric)."""
        spread = divided(self.events * (self.n - self.events), self.n) * divided(self.n1 * self.n2, self.n)
        return divided(spread, self.n - 1)


class Quotient(NamedTuple):
    """An estimate top / bottom of each comparison, and the variance of its logarithm, each (...).

    The variance is 0 where top or bottom is 0.
    """

    top: Floats
    bottom: Floats
    log_variance: Floats

    def value(self, *at: int) -> float | None:
        """Return the estimate of one comparison; None where it is infinite (`top` positive) or 0/0."""
        return float(self.top[at] / self.bottom[at]) if self.bottom[at] > 0 else None

    def interval(self, alpha: float, *at: int) -> tuple[float, float] | None:
        """Return the interval of level 1 - alpha, symmetric in logs; None where top or bottom is 0."""
        value = self.value(*at)
        if not value:
            return None
        reach = exp(min(normal_quantile(alpha) * sqrt(self.log_variance[at]), 600.0))
        return value / reach, value * reach


def risk_ratio(tables: Tables) -> Quotient:
    """Return the common ratio of rates, arm 1 over arm 2.

    R = sum x1 n2/N, S = sum x2 n1/N, ratio R/S, variance of its logarithm sum((m n1 n2 - x1 x2 N)/N^2) / (R S)
    with m the events of both arms. Source: Greenland & Robins (1985), Biometrics 41:55-68.
    """
    top, bottom = (terms.sum(axis=-1) for terms in risk_terms(tables))
    return Quotient(top, bottom, divided(ratio_information(tables), top * bottom))


def ratio_information(tables: Tables) -> Floats:
    """Return W = sum((m n1 n2 - x1 x2 N)/N^2): the variance of R - r S is r W at the true ratio r.

    Written as x1 n1 (n2 - x2) + x2 n2 (n1 - x1), of which no term is negative: nothing cancels.
    """
    t = tables
    first = divided(t.n1, t.n) * divided(t.x1 * (t.n2 - t.x2), t.n)
    second = divided(t.n2, t.n) * divided(t.x2 * (t.n1 - t.x1), t.n)
    return np.asarray((first + second).sum(axis=-1))


def risk_terms(t: Tables) -> tuple[Floats, Floats]:
    """Return x1 n2/N and x2 n1/N of each table: what the common ratio sums up."""
    return t.x1 * divided(t.n2, t.n), t.x2 * divided(t.n1, t.n)


def ratio_interval(tables: Tables, alpha: float) -> tuple[float, float | None] | None:
    """Return the interval for the common ratio of rates of one comparison (T,), level 1 - alpha.

    Greenland and Robins' where both arms have events. Otherwise the roots of (R - r S)^2 = z^2 r W in r, see
    `ratio_information`, of which one end is 0 or None (unbounded): the score principle of Sato (1990), Biometrics
    46:71-80, applied to the ratio. None when no table has an event.
    """
    found = risk_ratio(tables)
    plain = found.interval(alpha)
    if plain is not None:
        return plain
    width = normal_quantile(alpha) ** 2 * float(ratio_information(tables))
    top, bottom = float(found.top), float(found.bottom)
    if top > 0:
        return top * (top / width), None
    return (0.0, width / bottom / bottom) if bottom > 0 else None


def odds_ratio(tables: Tables) -> Quotient:
    """Return the common odds ratio, arm 1 over arm 2, with the variance of its logarithm.

    With a, b the events and others of arm 1, c, d of arm 2: R = sum ad/N, S = sum bc/N, odds ratio R/S. Source:
    Mantel & Haenszel (1959), JNCI 22:719-748; variance Robins, Breslow & Greenland (1986), Biometrics 42:311-323:
    sum PR/(2R^2) + sum(PS + QR)/(2RS) + sum QS/(2S^2) with P = (a+d)/N, Q = (b+c)/N.
    """
    a, b = tables.x1, tables.n1 - tables.x1
    c, d = tables.x2, tables.n2 - tables.x2
    p, q = divided(a + d, tables.n), divided(b + c, tables.n)
    r, s = a * divided(d, tables.n), b * divided(c, tables.n)
    top, bottom = r.sum(axis=-1), s.sum(axis=-1)
    mixed = divided((p * s + q * r).sum(axis=-1), 2 * top * bottom)
    own = divided((p * r).sum(axis=-1), 2 * top * top) + divided((q * s).sum(axis=-1), 2 * bottom * bottom)
    return Quotient(top, bottom, np.where((top > 0) & (bottom > 0), own + mixed, 0.0))


def cmh_chi2(tables: Tables, *, correction: bool = False) -> Floats:
    """Return the statistic of Cochran, Mantel and Haenszel (...), df 1; 0 where no table says anything.

    (|sum(x1 - E)| - c)^2 / sum Var, with hypergeometric E and Var and c = 0, or with the continuity correction
    1/2 (never more than the sum itself). Source: Mantel & Haenszel (1959), JNCI 22:719-748.
    """
    off = np.abs((tables.x1 - tables.expected).sum(axis=-1))
    if correction:
        off = np.where(off >= 0.5, off - 0.5, off)
    return divided(off * off, tables.variance.sum(axis=-1))


def cmh(tables: Iterable[TwoByTwo], *, correction: bool = False) -> tuple[float, float] | None:
    """Return statistic and p-value of the test of `cmh_chi2`; None when no table says anything."""
    stack = Tables.of(tables)
    if not stack.variance.sum() > 0:
        return None
    chi2 = float(cmh_chi2(stack, correction=correction))
    return chi2, float(chi2_tail(np.asarray(chi2), 1))


def fitted_events(tables: Tables, psi: Floats) -> Floats:
    """Return the events of arm 1 that give each table the odds ratio psi > 0 at its margins.

    The root A in the table's range of A (d + A) = psi (m - A) (n1 - A), d = N - m - n1; of the two forms of the
    solution the one that loses no digits. Source: Breslow & Day (1980), IARC Sci Publ 32, section 4.4.
    """
    n1, m = tables.n1, tables.events
    b = tables.n - m - n1 + psi * (m + n1)
    root = np.sqrt(np.maximum(b * b + 4 * (1 - psi) * psi * m * n1, 0.0))
    plus = divided(2 * psi * m * n1, b + root)
    minus = divided(root - b, 2 * (1 - psi))
    return np.where(b >= 0, plus, minus)


def fitted_variance(tables: Tables, fitted: Floats) -> Floats:
    """Return the asymptotic variance of the events of arm 1 at the fitted ones; 0 for a table that says nothing."""
    cells = np.stack(
        (
            fitted,
            tables.events - fitted,
            tables.n1 - fitted,
            tables.n - tables.events - tables.n1 + fitted,
        )
    )
    inverse = divided(np.ones_like(cells), cells).sum(axis=0)
    return np.where((cells > 0).all(axis=0), divided(np.ones_like(inverse), inverse), 0.0)


class Homogeneity(NamedTuple):
    """Test that strata have one odds ratio, of each comparison (...); `df` 0 or less where nothing can be tested."""

    chi2: Floats
    df: NDArray[np.int64]

    @property
    def p_value(self) -> Floats:
        """Upper tail of the chi-square distribution; 1 where nothing can be tested."""
        return np.where(self.df > 0, chi2_tail(self.chi2, np.maximum(self.df, 1)), 1.0)


def breslow_day(tables: Tables) -> Homogeneity:
    """Return the test of Breslow and Day, without Tarone's correction; tables (..., S, C), C of each stratum.

    sum over strata of (sum_c x1 - A)^2 / sum_c V with A the fitted events and V their variance at the common odds
    ratio; df is the number of strata that say anything, less 1. With one table in each stratum this is the statistic
    of Breslow & Day (1980), IARC Sci Publ 32, section 4.4. Several tables of a stratum (whose weights or rates
    differ) are adjusted for, never added up: deviations and variances are. Nothing can be tested where the common
    odds ratio is 0 or infinite. Tarone's (1985) correction, which matters only because the Mantel-Haenszel estimate
    is not fully efficient, is left out: the statistic is the one that SAS and statsmodels call Breslow-Day.
    """
    common = odds_ratio(tables.flat())
    known = (common.top > 0) & (common.bottom > 0)
    psi = np.where(known, divided(common.top, common.bottom), 1.0)
    fitted = fitted_events(tables, psi[..., None, None])
    variances = fitted_variance(tables, fitted)
    off = np.where(variances > 0, tables.x1 - fitted, 0.0).sum(axis=-1)
    spread = variances.sum(axis=-1)
    df = np.where(known, (spread > 0).sum(axis=-1) - 1, 0)
    return Homogeneity(divided(off * off, spread).sum(axis=-1), df)


def woolf(tables: Iterable[TwoByTwo]) -> tuple[float, int, float]:
    """Return statistic, degrees of freedom and p-value of Woolf's test of equal odds ratios.

    Half an event is added to each cell. Source: Woolf (1955), Ann Hum Genet 19:251-253; as `woolf` in R's example
    of `UCBAdmissions`.
    """
    t = Tables.of(tables)
    cells = np.stack((t.x1, t.n1 - t.x1, t.x2, t.n2 - t.x2)) + 0.5
    logs = np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3])
    weights = 1 / (1 / cells).sum(axis=0)
    mean = (weights * logs).sum() / weights.sum()
    chi2, df = float((weights * (logs - mean) ** 2).sum()), len(logs) - 1
    return chi2, df, float(chi2_tail(np.asarray(chi2), df))
