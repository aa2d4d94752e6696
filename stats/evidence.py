"""The always-valid engine: e-processes of the event labels, and the elimination of arms.

Given that somebody who saw arm i or arm j sought help, the chance that it was arm i is
theta = r rho_i / (r rho_i + rho_j), where r is the ratio of the two rates and rho the known assignment
probabilities. So the labels of the events test r, whatever the base rate is and however it drifts (Lindon & Malek
(2022), NeurIPS, arXiv:2011.03567). Every quantity here is a non-negative martingale or supermartingale with start
1 under its hypothesis: by Ville's inequality (Ville (1939)) it reaches 1/alpha with probability at most alpha,
however often one looks.

Arrays: R runs at once (a report is one run, a simulation many), B batches, K arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr

from stats.plan import Better

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# The mixture over log ratios above the null: 25 equal cells of a half-normal, cut at 3 standard deviations.
SIGMA = 0.3
_EDGES = np.linspace(0, 3 * SIGMA, 26)
GRID: Array = (_EDGES[1:] + _EDGES[:-1]) / 2
_MASSES = np.diff(ndtr(_EDGES / SIGMA))
LOG_WEIGHTS: Array = np.log(_MASSES / _MASSES.sum())

LEADER_BET = 0.7  # the part of each bet against an arm that is laid on the arm that leads
EVENTS_PER_ARM = 25  # concentration of the Dirichlet prior, in events for each arm


@dataclass(frozen=True, slots=True)
class State:
    """What R runs know after the batches they have followed; see `start` and `follow`.

    events, units  (R, K) so far
    likelihood     (R, K, K, G) log likelihood ratio of pair i over j at each point of the grid
    log_e          (R, K, K) log evidence that i is better than j;   peak: the largest so far
    log_wealth     (R, K) log evidence against "no arm is better than j"
    expected       (R, K) events expected under the global null
    log_dirichlet  (R,) log evidence against the global null by the Dirichlet prior
    eliminated     (R, K) whether an arm's wealth has ever reached 1/alpha
    decisive       (R,) whether the global evidence has ever reached 1/alpha
    """

    alpha: float
    better: Better
    events: Array
    units: Array
    likelihood: Array
    log_e: Array
    peak: Array
    log_wealth: Array
    expected: Array
    log_dirichlet: Array
    eliminated: Flags
    decisive: Flags


@dataclass(frozen=True, slots=True)
class Steps:
    """The path over the batches followed: every array of `State` has the axis B after R; see there.

    log_mean    (R, B) log of the mean of all pairs' e-values
    log_global  (R, B) log of the mean of that and the Dirichlet evidence: what the winner's gate looks at
    """

    log_e: Array
    log_wealth: Array
    log_mean: Array
    log_dirichlet: Array
    log_global: Array
    eliminated: Flags
    decisive: Flags


def start(runs: int, arms: int, alpha: float, better: Better = "higher") -> State:
    """Return the state of runs that have seen nothing."""
    per_arm, per_pair, per_run = (runs, arms), (runs, arms, arms), (runs,)
    return State(
        alpha=alpha,
        better=better,
        events=np.zeros(per_arm),
        units=np.zeros(per_arm),
        likelihood=np.zeros((*per_pair, GRID.size)),
        log_e=np.zeros(per_pair),
        peak=np.zeros(per_pair),
        log_wealth=np.zeros(per_arm),
        expected=np.zeros(per_arm),
        log_dirichlet=np.zeros(per_run),
        eliminated=np.zeros(per_arm, dtype=bool),
        decisive=np.zeros(per_run, dtype=bool),
    )


def follow(state: State, events: Array, units: Array, rho: Array) -> tuple[State, Steps]:
    """Append B batches and return the new state with the path over them.

    events, units  (R, B, K) counts of each batch
    rho            assignment probabilities, broadcastable to (R, B, K); 0 where an arm is closed

    Batches are the moments at which somebody may look; cutting them finer never breaks the guarantee, as each
    bet of a batch is made with what was known before it.
    """
    likelihood, log_e = _pairs(state, events, rho)
    events_before, units_before = (_before(old, new) for old, new in ((state.events, events), (state.units, units)))
    wealth = _wealth(state, log_e, events_before, units_before, rho)
    gain, expected = dirichlet(events, rho, state.events, state.expected)
    log_dirichlet = state.log_dirichlet[:, None] + np.cumsum(gain, axis=1)
    log_mean = _log_mean(log_e)
    log_global = np.logaddexp(log_mean, log_dirichlet) - np.log(2)
    reach = -np.log(state.alpha)
    eliminated = np.logical_or.accumulate(wealth >= reach, axis=1) | state.eliminated[:, None]
    decisive = np.logical_or.accumulate(log_global >= reach, axis=1) | state.decisive[:, None]
    steps = Steps(log_e, wealth, log_mean, log_dirichlet, log_global, eliminated, decisive)
    after = State(
        alpha=state.alpha,
        better=state.better,
        events=state.events + events.sum(axis=1),
        units=state.units + units.sum(axis=1),
        likelihood=likelihood,
        log_e=log_e[:, -1],
        peak=np.maximum(state.peak, log_e.max(axis=1)),
        log_wealth=wealth[:, -1],
        expected=expected,
        log_dirichlet=log_dirichlet[:, -1],
        eliminated=eliminated[:, -1],
        decisive=decisive[:, -1],
    )
    return after, steps


def winners(state: State, open_arms: Flags | None = None) -> NDArray[np.int64]:
    """Return the winner's index for each run, or -1: shape (R,).

    A winner is the one open arm that is left, once at least one arm has been eliminated and the global evidence
    has spoken: where all arms are equal every one of them is best, and only the global evidence keeps alpha. It
    needs units of its own; and where somebody closed an arm that was never eliminated, evidence of 1/alpha against
    each of the other open arms, as these may have been ruled out by the arm that is closed.
    """
    is_open = np.broadcast_to(True if open_arms is None else open_arms, state.eliminated.shape)
    left = ~state.eliminated & is_open
    first = left.argmax(axis=1)
    row = np.arange(len(first))
    gone = (~is_open & ~state.eliminated & (state.units > 0)).any(axis=1)
    rivals = is_open & (np.arange(left.shape[1]) != first[:, None])
    ahead = ((state.peak[row, first] >= -log(state.alpha)) | ~rivals).all(axis=1)
    won = (left.sum(axis=1) == 1) & state.decisive & state.eliminated.any(axis=1) & (state.units[row, first] > 0)
    return np.where(won & (ahead | ~gone), first, -1)


def _before(old: Array, new: Array) -> Array:
    """Return the running totals before each batch: (R, B, K)."""
    return old[:, None] + np.cumsum(new, axis=1) - new


def _pairs(state: State, events: Array, rho: Array) -> tuple[Array, Array]:
    """Return the likelihoods after the batches (R, K, K, G) and the path of log e-values (R, B, K, K).

    E_ij = sum_g w_g exp(l(x_g) - l(0)) with l(x) - l(0) = sum over batches of s_i x - (s_i + s_j) log(1 + a(e^x - 1)),
    a = rho_i / (rho_i + rho_j): statistics of the labels by Lindon & Malek (2022), equation 6, mixed over x.
    A batch in which one of the two is closed says nothing about them.
    """
    share, both = _shares(rho)
    first = np.where(both, events[..., :, None], 0.0)
    label = np.where(both, events[..., :, None] + events[..., None, :], 0.0)
    growth = first[..., None] * GRID
    growth -= label[..., None] * _log_growth(share)
    growth = np.cumsum(growth, axis=1, out=growth)
    growth += state.likelihood[:, None]
    after = growth[:, -1].copy()
    growth += LOG_WEIGHTS
    peak = growth.max(axis=-1, keepdims=True)
    growth -= peak
    log_e = np.log(np.exp(growth, out=growth).sum(axis=-1)) + peak[..., 0]
    return after, _turned(log_e, state.better)


def log_e_now(events: Array, rho: Array, better: Better) -> Array:
    """Return one run's log e-values (K, K) after all batches, as `follow` has them last, without the path.

    events, rho  (B, K) counts of each batch, and assignment probabilities

    Batches of the same probabilities are one, as only sums enter: see `_pairs`.
    """
    rows, epoch = np.unique(rho, axis=0, return_inverse=True)
    sums = np.zeros_like(rows)
    np.add.at(sums, epoch, events)
    share, both = _shares(rows)
    first = np.where(both, sums[:, :, None], 0.0)
    label = np.where(both, sums[:, :, None] + sums[:, None, :], 0.0)
    growth = (first[..., None] * GRID - label[..., None] * np.log1p(share[..., None] * np.expm1(GRID))).sum(axis=0)
    growth += LOG_WEIGHTS
    peak = growth.max(axis=-1, keepdims=True)
    return _turned(np.log(np.exp(growth - peak).sum(axis=-1)) + peak[..., 0], better)


def _shares(rho: Array) -> tuple[Array, Flags]:
    """Return rho_i / (rho_i + rho_j) and whether both are open: (.., K, K)."""
    both = (rho[..., :, None] > 0) & (rho[..., None, :] > 0)
    total = np.where(both, rho[..., :, None] + rho[..., None, :], 1.0)
    return rho[..., :, None] / total, both


def _log_growth(share: Array) -> Array:
    """Return log(1 + a (e^x - 1)) on the grid, computed once for each different row of shares."""
    if share.shape[0] > 1:
        return np.log1p(share[..., None] * np.expm1(GRID))
    rows, at = np.unique(share[0].reshape(share.shape[1], -1), axis=0, return_inverse=True)
    grown: Array = np.log1p(rows[..., None] * np.expm1(GRID))[at]
    return grown.reshape(*share.shape, GRID.size)


def _turned(log_e: Array, better: Better) -> Array:
    """Return e-values for "i is better than j", 1 of each arm beside itself."""
    arms = np.arange(log_e.shape[-1])
    log_e[..., arms, arms] = 0.0
    return log_e if better == "higher" else np.swapaxes(log_e, -1, -2)


def _wealth(state: State, log_e: Array, events: Array, units: Array, rho: Array) -> Array:
    """Return the path of the evidence that j is not the best, in logs: (R, B, K).

    W_j grows in each batch by sum_i pi_i E_ij(new) / E_ij(old), where the bets pi are made before the batch: 0.7 on
    the open arm other than j that leads, and the rest spread evenly over the open arms other than j. Averages and
    predictable re-bets of e-processes are e-processes: Vovk & Wang (2021), Ann Statist 49:1736-1754, section 3.
    """
    gain = np.diff(log_e, axis=1, prepend=state.log_e[:, None])
    log_factor = _log_sum(_bets(state.better, events, units, rho), gain)
    return state.log_wealth[:, None] + np.cumsum(log_factor, axis=1)


def _bets(better: Better, events: Array, units: Array, rho: Array) -> Array:
    """Return pi_i of the bet against each j: (R, B, K, K) [.., i, j], each column summing to 1."""
    arms = events.shape[-1]
    rate = (events + 1) / (units + 100)
    worth = np.where(rho > 0, rate if better == "higher" else -rate, -np.inf)
    may = np.broadcast_to((rho > 0)[..., :, None] & ~np.eye(arms, dtype=bool), (*worth.shape, arms))
    leader = np.where(may, worth[..., :, None], -np.inf).argmax(axis=-2)
    number = may.sum(axis=-2, keepdims=True)
    bets = np.where(may, (1 - LEADER_BET) / np.maximum(number, 1), 0.0)
    lead = (np.arange(arms)[:, None] == leader[..., None, :]) & may
    bets = bets + np.where(lead, LEADER_BET, 0.0)
    # Nobody to bet on: the stake is kept, on the pair of j with itself, whose evidence stays 1.
    return bets + np.where(number == 0, np.eye(arms), 0.0)


def _log_sum(bets: Array, gain: Array) -> Array:
    """Return log sum_i pi_i exp(gain_ij), at any size of the gains."""
    with np.errstate(divide="ignore"):
        terms = np.log(bets) + gain
    peak = terms.max(axis=-2, keepdims=True)
    total: Array = np.log(np.exp(terms - peak).sum(axis=-2)) + peak[..., 0, :]
    return total


def _log_mean(log_e: Array) -> Array:
    """Return the log of the mean e-value over the ordered pairs of different arms: (R, B)."""
    arms = log_e.shape[-1]
    off = log_e[..., ~np.eye(arms, dtype=bool)]
    peak = off.max(axis=-1, keepdims=True)
    mean: Array = np.log(np.exp(off - peak).mean(axis=-1)) + peak[..., 0]
    return mean


def dirichlet(
    counts: Array, rho: Array, seen: Any = 0.0, expected: Any = 0.0, concentration: float | None = None
) -> tuple[Array, Array]:
    """Return the log gain of each batch (R, B) against "labels follow rho", and what was expected so far (R, K).

    counts         (R, B, K) labels of each batch: events of the arms, or units for the sample ratio
    rho            broadcastable to (R, B, K)
    seen, expected (R, K) labels before these batches, and those expected by rho; 0 at the start
    concentration  weight c of the prior, in labels; 25 per arm by default

    A batch's labels are weighed by a Dirichlet prior that was fixed before it: B(a + s) / B(a) / prod rho^s, where
    a = (c + labels so far) (rho l, made to sum to 1) and l_k = (c rho_k + seen_k) / (c rho_k + expected_k). While
    rho stays the same a = c rho + seen, and the product over batches is the Dirichlet-multinomial of the totals:
    Lindon & Malek (2022), equation 4. When rho changes, what was learned of each arm is kept.
    """
    c = EVENTS_PER_ARM * counts.shape[-1] if concentration is None else concentration
    rho = np.broadcast_to(rho, counts.shape)
    is_open = rho > 0
    labels = np.where(is_open, counts, 0.0)
    promised = rho * labels.sum(axis=-1, keepdims=True)
    seen, expected = np.broadcast_to(seen, labels[:, 0].shape), np.broadcast_to(expected, labels[:, 0].shape)
    seen_before, expected_before = _before(seen, labels), _before(expected, promised)
    tilt = rho * (c * rho + seen_before) / np.where(is_open, c * rho + expected_before, 1.0)
    weight = c + np.where(is_open, seen_before, 0.0).sum(axis=-1, keepdims=True)
    prior = np.where(is_open, weight * tilt / tilt.sum(axis=-1, keepdims=True), 1.0)
    gain = (gammaln(prior + labels) - gammaln(prior) - labels * np.log(np.where(is_open, rho, 1.0))).sum(axis=-1)
    gain -= gammaln(weight[..., 0] + labels.sum(axis=-1)) - gammaln(weight[..., 0])
    return gain, expected + promised.sum(axis=1)
