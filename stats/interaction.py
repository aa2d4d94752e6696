"""Whether the effect of one factor depends on another: two binomial models compared."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stats.mantel_haenszel import Floats, chi2_tail

Ints = NDArray[np.intp]

ITERATIONS = 50


@dataclass(frozen=True, slots=True)
class Crossed:
    """R rows of a grid of two factors: events of units, in levels `first` and `second`, within a block.

    shape           number of levels of each factor
    first, second   (R,) numbers of the levels, from 0
    block           (R,) number of the combination of all other factors' levels and of the phases' weights
    events, units   (R,) exposed units with the outcome, exposed units
    """

    shape: tuple[int, int]
    first: Ints
    second: Ints
    block: Ints
    events: Floats
    units: Floats

    def informative(self) -> Crossed:
        """Return the rows with units, in blocks that have events and others: other blocks say nothing."""
        events, units = (np.bincount(self.block, values) for values in (self.events, self.units))
        kept = ((events > 0) & (events < units))[self.block] & (self.units > 0)
        levels = self.first[kept], self.second[kept], self.block[kept]
        return Crossed(self.shape, *levels, self.events[kept], self.units[kept])

    @property
    def separated(self) -> bool:
        """Whether some cell of the grid has no event, or no unit without: then no finite parameter fits it."""
        events, units = np.zeros(self.shape), np.zeros(self.shape)
        np.add.at(events, (self.first, self.second), self.events)
        np.add.at(units, (self.first, self.second), self.units)
        return bool(((events <= 0) | (events >= units)).any())


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """Statistic, degrees of freedom and p-value; `link` of the models is `log`, or `logit` where that has no fit."""

    chi2: float
    df: int
    p_value: float
    link: str


def interaction(rows: Crossed) -> LikelihoodRatio | Literal["separated", "not-crossed"]:
    """Return the likelihood-ratio test of the interaction of two factors, or the code why there is none.

    log of the rate = block + level of the first factor + level of the second, with or without their product: twice
    the difference of the log-likelihoods is chi-square, df the parameters it adds. With a log link "no interaction"
    means that ratios multiply. Where that model cannot be fitted (rates near 1) it is the logit link, with which
    odds ratios multiply. `separated`: a cell of the grid has no event or no unit without, where software reports
    huge standard errors as if it had converged. `not-crossed`: the blocks leave no parameter for the interaction
    (a half-replicate, say).

    Source: McCullagh & Nelder (1989), Generalized Linear Models, 4.4; log link Wacholder (1986), Am J Epidemiol
    123:174-184.
    """
    rows = rows.informative()
    if rows.separated:
        return "separated"
    plain, full = _designs(rows)
    df = full.shape[1] - plain.shape[1]
    if df < 1:
        return "not-crossed"
    for link in ("log", "logit"):
        reduced, complete = _deviance(plain, rows, link), _deviance(full, rows, link)
        if reduced is not None and complete is not None:
            chi2 = max(0.0, reduced - complete)
            return LikelihoodRatio(chi2, df, float(chi2_tail(np.asarray(chi2), df)), link)
    return "separated"


def _designs(rows: Crossed) -> tuple[Floats, Floats]:
    """Return the columns of the model without and with the interaction; blocks take the place of an intercept."""
    blocks = _indicators(rows.block, np.unique(rows.block))
    first = _indicators(rows.first, np.arange(1, rows.shape[0]))
    second = _indicators(rows.second, np.arange(1, rows.shape[1]))
    plain = np.hstack((blocks, first, second))
    products = first[:, :, None] * second[:, None, :]
    return _independent(plain), _independent(np.hstack((plain, products.reshape(len(products), -1))))


def _independent(design: Floats) -> Floats:
    """Return the columns that no earlier ones add up to, in order: dependent ones have no estimate of their own."""
    kept: list[int] = []
    for column in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*kept, column]]) > len(kept):
            kept.append(column)
    return design[:, kept]


def _indicators(values: Ints, of: Ints) -> Floats:
    return np.asarray(values[:, None] == of, dtype=float)


def _deviance(design: Floats, rows: Crossed, link: str) -> float | None:
    """Return minus twice the largest log-likelihood of single units; None where the model has no fit.

    One row per kind of unit with its number as weight: with rates as responses, rare ones would look perfectly
    predicted to statsmodels.
    """
    # Loaded by those who have factors: it takes a second.
    from statsmodels.genmod import families  # noqa: PLC0415
    from statsmodels.genmod.generalized_linear_model import GLM  # noqa: PLC0415

    rate = rows.events.sum() / rows.units.sum()
    family = families.Binomial(families.links.Log() if link == "log" else families.links.Logit())
    family.safe_links = [type(family.link)]  # a fit with a rate above 1 is refused below, not warned of
    happened = np.repeat((1.0, 0.0), len(design))
    weights = np.concatenate((rows.events, rows.units - rows.events))
    start = np.where(np.arange(design.shape[1]) < len(np.unique(rows.block)), family.link(rate), 0.0)
    kept = weights > 0
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights of 1 beside 1e9 look like a column too many to statsmodels
        try:
            model = GLM(happened[kept], np.vstack((design, design))[kept], family, freq_weights=weights[kept])
            fit = model.fit(start_params=start, maxiter=ITERATIONS, tol=1e-9, rtol=1e-13)
        except (ValueError, np.linalg.LinAlgError):  # weights that are not finite
            return None
        deviance = float(fit.deviance)
    sound = fit.converged and np.isfinite(deviance) and float(fit.mu.max()) < 1
    return deviance if sound else None
