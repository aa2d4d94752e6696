"""The analysis by time block (unit `block`): everybody sees one variant during a block, drawn for the block.

What was randomised is the block, so the block is what is analysed: its events and its views (exposed units). Events
within a block are not independent, and nothing here assumes so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, prod

import numpy as np
from numpy.typing import NDArray

from stats.clusters import design_effect, sums_by
from stats.counts import Cell, Counts
from stats.mantel_haenszel import Floats, divided
from stats.plan import Plan
from stats.reasons import Notes
from stats.result import Blocks

Ints = NDArray[np.intp]

MOST_SEQUENCES = 20_000
DRAWS = 9_999
AT_ONCE = 1_000_000
PRIOR_SPREAD = 0.3
LARGEST_LOG = 700.0
EVIDENCE = ("blocks.p_value", "blocks.e_value")


@dataclass(frozen=True, slots=True)
class Series:
    """B blocks with views, in order; K arms.

    arm             (B,) the variant's place in the plan
    phase           (B,) number of the phase, from 0
    events, views   (B,) exposed units with the outcome, exposed units (1 or more)
    rho             (B, K) assignment probabilities of the block
    """

    arm: Ints
    phase: Ints
    events: Floats
    views: Floats
    rho: Floats


def blocks(plan: Plan, counts: Counts, outcome: str, notes: Notes, *, withheld: str | None, no_p: str | None) -> Blocks:
    """Return the analysis by block over the sealed cells. A block is a period of a surface; strata are added up.

    p_value is min(1, 1/largest e-value so far) under the design `sequential`, else that of `randomisation_test`;
    e_value is that of `e_process` at the end.

    `withheld` is the code why there is no evidence (a broken split, say), `no_p` the code why there is no p-value
    of a randomisation test; None where there is no such reason. Blocks without views say nothing. A block that lies
    in two phases is left out (`block-in-two-phases`): it was drawn once, so its parts are not two draws. Where a
    block has two variants, or one that was closed, there is no evidence (`block-unclear`).
    """
    cells = _of_one_phase([cell for cell in counts.sealed if cell.exposed], notes)
    if not cells:
        notes.add_all("no-units", (*EVIDENCE, "blocks.design_effect"))
        return Blocks((0,) * len(plan.variants))
    found = _series(plan, counts, cells, outcome)
    if found is None:
        notes.add_all("block-unclear", (*EVIDENCE, "blocks.design_effect", "blocks.blocks"))
        return Blocks()
    effect = design_effect(found.events, found.views, found.arm + len(plan.variants) * found.phase)
    if effect is None:
        notes.add("too-few-blocks", "blocks.design_effect")
    p_value, e_value = _evidence(plan, found, withheld or (None if counts.shares else "weights-unknown"), no_p, notes)
    number = np.bincount(found.arm, minlength=len(plan.variants))
    return Blocks(tuple(number.tolist()), p_value, e_value, effect)


def _evidence(
    plan: Plan, found: Series, withheld: str | None, no_p: str | None, notes: Notes
) -> tuple[float | None, float | None]:
    """Return p-value and e-value."""
    if withheld:
        notes.add_all(withheld, EVIDENCE)
        return None, None
    path = e_process(found.arm[None, :], found.events, found.views, found.rho)[0]
    e_value = exp(path[-1]) if path[-1] <= LARGEST_LOG else None
    if e_value is None:
        notes.add("unbounded", "blocks.e_value")
    if plan.design == "sequential":
        return exp(-max(0.0, float(path.max()))), e_value
    if no_p:
        notes.add(no_p, "blocks.p_value")
        return None, e_value
    return randomisation_test(found), e_value


def _of_one_phase(cells: list[Cell], notes: Notes) -> list[Cell]:
    """Leave out blocks that lie in two phases, and say so."""
    phases: dict[tuple[str, str], set[int]] = {}
    for cell in cells:
        phases.setdefault((cell.period, cell.surface), set()).add(cell.phase)
    cut = {block for block, found in phases.items() if len(found) > 1}
    for block in sorted(cut):
        notes.add("block-in-two-phases", "blocks.blocks", " ".join(filter(None, block)))
    return [cell for cell in cells if (cell.period, cell.surface) not in cut]


def _series(plan: Plan, counts: Counts, cells: Iterable[Cell], outcome: str) -> Series | None:
    """Return the blocks in order; None where a block has not one variant, or a closed one.

    Order: phases ascending, periods within them (numbers in their names count as numbers: `block 9` is before
    `block 10`), surfaces within those. It never looks at variants: an order that did would not leave the draws
    independent. Unknown shares: rho is 0.
    """
    sums: dict[tuple[int, str, str], dict[str, list[int]]] = {}
    for cell in cells:
        arms = sums.setdefault((cell.phase, cell.period, cell.surface), {})
        found = arms.setdefault(cell.variant, [0, 0])
        found[0] += cell.conversions.get(outcome, 0)
        found[1] += cell.exposed
    order = sorted(sums, key=lambda block: (block[0], _natural(block[1]), block))
    phases = sorted({block[0] for block in order})
    known = {p: [counts.share(p, v) if counts.shares else 0.0 for v in plan.variants] for p in phases}
    variants = [next(iter(sums[block])) for block in order]
    arm = np.array([plan.variants.index(variant) for variant in variants])
    rho = np.array([known[block[0]] for block in order])
    drawn = not counts.shares or bool((rho[np.arange(len(order)), arm] > 0).all())
    if not drawn or any(len(sums[block]) > 1 for block in order):
        return None
    numbers = np.array([sums[block][variant] for block, variant in zip(order, variants, strict=True)], dtype=float)
    phase = np.array([phases.index(block[0]) for block in order])
    return Series(arm, phase, numbers[:, 0], numbers[:, 1], rho)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in a name by size."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


# ------------------------------------------------------------------------------------- randomisation test


def randomisation_test(series: Series) -> float:
    """Return the p-value that no block would have had other events or views under another variant.

    The labels are drawn again, each block independently with its own rho; the p-value is the probability of a
    statistic at least as large as the one seen. Exact by enumeration up to 20 000 label sequences; otherwise from
    9 999 draws, the sequence seen counted among them, which keeps the level exactly. The generator's seed is made
    of numbers that do not depend on the labels, so the same counts give the same p-value.

    Statistic: sum over arms of (sum of the arm's blocks' deviations)^2 / (the arm's views), a deviation being
    events minus views times the rate of all blocks of that phase: with one phase the views-weighted sum of squares
    between arms' rates, of which F is a monotone function. Source: Fisher (1935), The Design of Experiments;
    Edgington & Onghena (2007), Randomization Tests; Phipson & Smyth (2010), SAGMB 9:39 on counting the one seen.
    """
    views, events = (sums_by(series.phase, values) for values in (series.views, series.events))
    off = series.events - series.views * divided(events, views)[series.phase]
    seen = float(_between(series.arm[None, :], off, series.views, series.rho.shape[1])[0])
    limit = seen - 1e-9 * abs(seen)
    if prod(int(open_arms) for open_arms in (series.rho > 0).sum(axis=1)) <= MOST_SEQUENCES:
        labels, weights = all_sequences(series.rho)
        return min(1.0, float(weights[_between(labels, off, series.views, series.rho.shape[1]) >= limit].sum()))
    as_large = sum(
        int((_between(labels, off, series.views, series.rho.shape[1]) >= limit).sum()) for labels in _draws(series)
    )
    return (1 + as_large) / (1 + DRAWS)


def _between(labels: Ints, off: Floats, views: Floats, arms: int) -> Floats:
    """Return the statistic (R,) of R label sequences (R, B)."""
    runs = len(labels)
    place = (labels + arms * np.arange(runs)[:, None]).ravel()
    sums, sizes = (sums_by(place, np.tile(values, runs), runs * arms) for values in (off, views))
    return np.asarray(divided(sums * sums, sizes).reshape(runs, arms).sum(axis=1))


def all_sequences(rho: Floats) -> tuple[Ints, Floats]:
    """Return every label sequence (R, B) that rho (B, K) allows, and the probability (R,) of each."""
    open_arms = [np.flatnonzero(row > 0) for row in rho]
    labels = np.tile([arms[0] for arms in open_arms], (prod(len(arms) for arms in open_arms), 1))
    several = [at for at, arms in enumerate(open_arms) if len(arms) > 1]  # numpy counts in at most 64 dimensions
    sizes = tuple(len(open_arms[at]) for at in several)
    chosen = np.unravel_index(np.arange(len(labels)), sizes) if sizes else ()
    for at, drawn in zip(several, chosen, strict=True):
        labels[:, at] = open_arms[at][drawn]
    return labels, rho[np.arange(len(rho)), labels].prod(axis=1)


def _draws(series: Series) -> Iterator[Ints]:
    """Yield `DRAWS` label sequences in parts."""
    size, arms = series.rho.shape
    ends = np.cumsum(series.rho, axis=1)
    ends = ends / ends[:, -1:]  # a closed last arm must not be drawn for want of a rounding error
    seed = [size, arms, int(series.views.sum()), int(series.events.sum())]
    generator = np.random.default_rng(seed)
    left = DRAWS
    while left:
        part = min(left, max(1, AT_ONCE // size))
        uniform = generator.random((part, size))
        labels = np.zeros((part, size), dtype=np.intp)
        for end in ends.T[:-1]:
            labels += uniform >= end
        yield labels
        left -= part


# ------------------------------------------------------------------------------------- randomisation e-process


def e_process(labels: Ints, events: Floats, views: Floats, rho: Floats) -> Floats:
    """Return the logarithm (R, B) of the randomisation e-process after each block, for R label sequences (R, B).

    events, views   (B,) of each block, views 1 or more
    rho             (B, K) the probabilities with which its label was drawn, independently

    E is multiplied by f(A, Y) / sum over k of rho_k f(k, Y), A the label and Y the events of a block, f positive and
    known before the block. Where no variant changes anything the mean of that factor given the past is exactly 1
    whatever f is, so E is a martingale: it reaches 1/alpha, ever, with probability alpha or less (Ville). Source:
    Shafer (2021), JRSS A 184:407-431, on testing by betting; Ramdas, Grünwald, Vovk & Shafer (2023), Stat Sci
    38:576-601; the bet is on the label that was drawn.

    f is what earlier blocks predict of the block's rate with label k: Student's t with the degrees of freedom of the
    spread within arms, around the arm's rate shrunk to the common rate. Its heavy tails keep a wrong guess at the
    spread cheap.
    """
    runs, size = labels.shape
    past = _Past.start(runs, rho.shape[1])
    path = np.empty((runs, size))
    log_e = np.zeros(runs)
    everyone = np.arange(runs)
    for t in range(size):
        log_f = past.log_prediction(events[t], views[t])
        top = log_f.max(axis=1)
        mean = (rho[t] * np.exp(log_f - top[:, None])).sum(axis=1)
        log_e = log_e + log_f[everyone, labels[:, t]] - top - np.log(mean)
        path[:, t] = log_e
        past.add(labels[:, t], float(events[t]), float(views[t]))
    return path


@dataclass(slots=True)
class _Past:
    """What R runs know of earlier blocks: sums of views, events and events^2/views by arm (R, K), blocks by arm."""

    views: Floats
    events: Floats
    squares: Floats
    blocks: Floats

    @classmethod
    def start(cls, runs: int, arms: int) -> _Past:
        return cls(*(np.zeros((runs, arms)) for _ in range(4)))

    def add(self, labels: Ints, events: float, views: float) -> None:
        at = np.arange(len(labels)), labels
        self.views[at] += views
        self.events[at] += events
        self.squares[at] += events * events / views
        self.blocks[at] += 1

    def log_prediction(self, events: float, views: float) -> Floats:
        """Return log f (R, K) of a block's events, up to what is the same for all arms; 0 while there is no spread.

        The rate m of all earlier blocks; the dispersion phi, the variance of events within arms over m (1 or more);
        an arm's rate weighs its views against the phi / (0.3^2 m) that a spread of ratios of 0.3 is worth.
        """
        m = (self.events.sum(axis=1) + 0.5) / (self.views.sum(axis=1) + 1)
        df = (self.blocks.sum(axis=1) - (self.blocks > 0).sum(axis=1))[:, None]
        within = (self.squares - divided(self.events**2, self.views)).sum(axis=1) / m
        phi = np.maximum(1.0, within / np.maximum(df[:, 0], 1))[:, None]
        m = m[:, None]
        prior = phi / (PRIOR_SPREAD**2 * m)
        rate = (self.events + prior * m) / (self.views + prior)
        variance = phi * m * (1 / views + 1 / (self.views + prior))
        df = np.maximum(df, 1)
        log_f = -(df + 1) / 2 * np.log1p((events / views - rate) ** 2 / variance / df) - np.log(variance) / 2
        return np.where(self.blocks.sum(axis=1, keepdims=True) > (self.blocks > 0).sum(axis=1, keepdims=True), log_f, 0)
