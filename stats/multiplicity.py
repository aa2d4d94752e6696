"""Adjustment of p-values for the number of comparisons."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return the Holm-adjusted p-values under the same keys; the family is exactly what is given.

    Source: Holm (1979), Scand J Stat 6:65-70: the i-th smallest of m times m - i + 1, made monotone, at most 1.
    Equal to statsmodels' `multipletests(method="holm")`, which sweeps the garbage collector on each call.
    """
    family = sorted(p_values, key=lambda key: p_values[key])
    adjusted: dict[Key, float] = {}
    highest = 0.0
    for rank, key in enumerate(family):
        highest = max(highest, min(1.0, p_values[key] * (len(family) - rank)))
        adjusted[key] = highest
    return {key: adjusted[key] for key in p_values}


def benjamini_hochberg(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Return the p-values adjusted for the false discovery rate, under the same keys.

    Source: Benjamini & Hochberg (1995), JRSS B 57:289-300: the i-th smallest of m times m / i, made monotone from
    the largest down. Equal to statsmodels' `multipletests(method="fdr_bh")`; see `holm` for why it is not called.
    """
    family = sorted(p_values, key=lambda key: p_values[key], reverse=True)
    adjusted: dict[Key, float] = {}
    lowest = 1.0
    for rank, key in enumerate(family):
        lowest = min(lowest, p_values[key] * len(family) / (len(family) - rank))
        adjusted[key] = lowest
    return {key: adjusted[key] for key in p_values}
