"""How the assignment probabilities follow the evidence: close what is eliminated, favour what leads.

The rule looks at sealed counts only, so the shares of a day are known before any label of that day: every bet of
`stats.evidence` stays a fair one, and the guarantees hold whatever this rule does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stats.evidence import Array, Flags
from stats.plan import Better

__all__ = ["BURN_IN", "CONTROL_FLOOR", "Allocation", "Array", "Flags", "Known"]

CONTROL_FLOOR = 0.05  # what an eliminated control keeps: without it there is nothing to compare with
BURN_IN = 20  # events for each variant before the leader is favoured


class Known(Protocol):
    """What the shares follow from, `stats.evidence.State` for one: R runs, K variants, all (R, K).

    events, units  so far;   eliminated  ever ruled out as the best
    """

    @property
    def events(self) -> Array: ...

    @property
    def units(self) -> Array: ...

    @property
    def eliminated(self) -> Flags: ...

    @property
    def better(self) -> Better: ...


@dataclass(frozen=True, slots=True)
class Allocation:
    """How the shares change from one sealed day to the next. Arrays: R runs, K variants in file order.

    weights  (K,) assignment probabilities that people set; 0: the variant takes no part
    control  its position: never closed; None: every variant may be closed
    drop     close eliminated variants
    leader   favour the variant that leads
    lead     the leader's share is never less
    burn_in  events for each variant before the leader is favoured
    """

    weights: Array
    control: int | None = None
    drop: bool = False
    leader: bool = False
    lead: float = 0.0
    burn_in: int = BURN_IN

    def following(self, known: Known, rho: Array) -> Array:
        """Return the assignment probabilities that follow those of now: (R, K), or (1, K) while all runs share them.

        Eliminated variants are closed, for good. An eliminated control keeps 5 %.
        """
        if not self.drop:
            return rho
        contest = self.contest(known, rho)
        shares = _normed(np.where(contest, self.weights, 0.0))
        if self.leader:
            shares = self._favoured(shares, contest, self.leads(known, contest))
        if self.control is None:
            return shares
        floor = np.eye(shares.shape[1])[self.control] * CONTROL_FLOOR
        return np.where(contest[:, [self.control]], shares, shares * (1 - CONTROL_FLOOR) + floor)

    def contest(self, known: Known, rho: Array) -> Flags:
        """Tell which variants share the traffic: the open ones that are not eliminated, (R, K).

        While fewer than two of these are left, all that are open do: with a single one nothing would be learned any
        more, and the global evidence could never speak.
        """
        is_open = np.broadcast_to(rho, known.events.shape) > 0
        left = is_open & ~known.eliminated
        return np.where(left.sum(axis=1, keepdims=True) > 1, left, is_open)

    def leads(self, known: Known, contest: Flags) -> Flags:
        """Tell which variant of the contest leads, (R, K): nobody before the burn-in, nor where there is no contest."""
        rate = (known.events + 1) / (known.units + 100)
        worth = np.where(contest, rate if known.better == "higher" else -rate, -np.inf)
        first = np.arange(contest.shape[1]) == worth.argmax(axis=1)[:, None]
        warm = known.events.sum(axis=1, keepdims=True) >= self.burn_in * contest.shape[1]
        found: Flags = first & warm & (contest.sum(axis=1, keepdims=True) > 1)
        return found

    def _favoured(self, shares: Array, contest: Flags, leads: Flags) -> Array:
        """Give the leader of m variants 1 / (1 + sqrt(m - 1)); the others keep the proportions of their shares.

        It is the best share for telling one variant from m - 1 equal ones: Garivier & Kaufmann (2016), COLT,
        theorem 5, in the limit of small differences.
        """
        number = contest.sum(axis=1, keepdims=True)
        lead = np.maximum(1 / (1 + np.sqrt(np.maximum(number - 1, 1))), self.lead)
        favoured = np.where(leads, lead, (1 - lead) * _normed(np.where(leads, 0.0, shares)))
        return np.where(leads.any(axis=1, keepdims=True), favoured, shares)


def _normed(shares: Array) -> Array:
    total = shares.sum(axis=1, keepdims=True)
    normed: Array = shares / np.where(total > 0, total, 1.0)
    return normed
