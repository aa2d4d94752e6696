"""Claims about many hypotheses at once from their e-values, whatever the dependence between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from stats.reasons import Notes
from stats.result import Claim

# exp of more is hardly printable; the decision is taken in logs and stands nevertheless.
LARGEST_LOG = 700.0

Floats = NDArray[np.float64]


def claims(log_e: Mapping[tuple[str, str], float | None], alpha: float, notes: Notes) -> tuple[Claim, ...]:
    """Return the claims of one family, in the order given; the family is exactly what is given.

    log_e   (outcome, variant) -> natural logarithm of the e-value of "this variant is no better than the control
            on this outcome", -inf for an e-value of 0; None where there is no e-value: it stays in the family as
            an e-value of 1, which is always valid, and is never claimed
    alpha   the probability that any claim of the family is false, at all times together

    An e-value beyond 1e304 is None with the reason `unbounded`; whether the claim is made is known all the same.
    """
    known = np.array([0.0 if value is None else value for value in log_e.values()], dtype=float)
    closed = e_closure(known)
    return tuple(
        _claim(name, value, bound, alpha, notes)
        for (name, value), bound in zip(log_e.items(), closed.tolist(), strict=True)
    )


def _claim(name: tuple[str, str], log_e: float | None, log_closed: float, alpha: float, notes: Notes) -> Claim:
    where = "/".join(name)
    if log_e is None:
        notes.add_all("no-evidence", ("claims[].e_value", "claims[].e_closed", "claims[].made"), where)
        return Claim(*name, e_value=None, e_closed=None, made=None)
    e_value = _number(log_e, "claims[].e_value", where, notes)
    e_closed = _number(log_closed, "claims[].e_closed", where, notes)
    return Claim(*name, e_value=e_value, e_closed=e_closed, made=log_closed >= -log(alpha))


def _number(log_value: float, field: str, where: str, notes: Notes) -> float | None:
    if log_value > LARGEST_LOG:
        notes.add("unbounded", field, where)
        return None
    return float(np.exp(log_value))


def e_closure(log_e: Floats) -> Floats:
    """Return the logarithm of each hypothesis' closed e-value; log_e (M,), natural logarithms, -inf allowed.

    The closed e-value of i is the smallest mean over all sets of hypotheses that hold i. The smallest mean of
    m + 1 of them takes the m smallest others, so

        closed_i = min over m = 0 .. M-1 of (E_i + sum of the m smallest other E) / (m + 1).

    Claiming every i with closed_i >= 1/alpha keeps the probability of any false claim at alpha or less under any
    dependence; with e-processes at all times together. Source: Vovk & Wang (2021), Ann Stat 49:1736-1754
    (arXiv:1912.06116), section 5: closed testing with the arithmetic mean as merging function.
    """
    order = np.argsort(log_e, kind="stable")
    ascending = log_e[order]
    sizes = np.log(np.arange(1, len(log_e) + 1))
    closed = np.empty(len(log_e))
    for rank, index in enumerate(order):
        others = np.delete(ascending, rank)
        sums = np.logaddexp.accumulate(np.concatenate((ascending[rank : rank + 1], others)))
        closed[index] = np.min(sums - sizes)
    return closed


def e_benjamini_hochberg(log_e: Sequence[float], alpha: float) -> tuple[bool, ...]:
    """Return which hypotheses are rejected with a false discovery rate of alpha or less, under any dependence.

    log_e   natural logarithms of the e-values of all M hypotheses (one per experiment, say)

    The k largest are rejected, k the largest number with E_(k) >= M / (k alpha), E_(k) the k-th largest.
    Source: Wang & Ramdas (2022), JRSS B 84:822-852 (arXiv:2009.02824), section 4, the base e-BH procedure.
    """
    values = np.asarray(log_e, dtype=float)
    order = np.argsort(-values, kind="stable")
    ranks = np.arange(1, len(values) + 1)
    enough = np.flatnonzero(values[order] >= np.log(len(values) / (ranks * alpha))) if len(values) else ranks
    chosen = set(order[: enough[-1] + 1].tolist()) if len(enough) else set()
    return tuple(index in chosen for index in range(len(values)))
