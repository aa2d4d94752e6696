"""Numerical integration by Gauss and Legendre, panel by panel."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NODES = 24


def composite(edges: Array) -> tuple[Array, Array]:
    """Return nodes and weights, ((E - 1) * 24,), that integrate over the panels between E ascending edges.

    Exact for polynomials of degree 47 on each panel. Source: Davis & Rabinowitz (1984), Methods of Numerical
    Integration, section 2.7 (Gauss-Legendre) and 2.9 (compound rules).
    """
    x, w = _rule()
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def running(parts: Array) -> Array:
    """Return the integral up to each node, (.., N), of a function of which value times weight is given at each node.

    On each panel the polynomial of degree 23 through the function's values is integrated. Source: Hairer, Norsett &
    Wanner (1993), Solving Ordinary Differential Equations I, section II.7 (the matrix of Gauss's collocation method).
    """
    panels = parts.reshape(*parts.shape[:-1], -1, NODES)
    whole = panels.sum(axis=-1, keepdims=True)
    made: Array = np.cumsum(whole, axis=-2) - whole + panels @ _within().T
    return made.reshape(parts.shape)


@lru_cache(maxsize=1)
def _within() -> Array:
    """Return what part of each node's weight lies before each node, (24, 24), as integrals of Legendre polynomials.

    The polynomial that is 1 at x_j and 0 at the other nodes is w_j sum_k (k + 1/2) P_k(x_j) P_k(x), and the integral
    of P_k from -1 is (P_k+1 - P_k-1) / (2k + 1).
    """
    x, _ = _rule()
    legendre = np.polynomial.legendre.legvander(x, NODES)
    integrals = np.column_stack([x + 1, legendre[:, 2:] - legendre[:, :-2]])
    made: Array = integrals @ legendre[:, :NODES].T / 2
    return made


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array]:
    x, w = np.polynomial.legendre.leggauss(NODES)
    return x, w
