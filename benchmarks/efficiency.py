"""How many units it takes to name the best: `python -m benchmarks.efficiency [--runs 2000] [--seed 1]`.

All rates are 1 %, one is 1.3 %. Prints a Markdown table: mean units until the best is known, as a ratio to the fixed
design with 80 % power (Holm over all pairs), beside the lower bound for any rule with 5 % error (Garivier & Kaufmann
(2016), COLT, theorem 1). First without delay: leader share, eliminated variants closed, a look every 500 units (1,000
for 12 variants). Then what an installation does: daily looks at sealed days, 4,000 units a day, a window of 24 hours
and 6 hours of grace, with each allocation that a plan can have. Fails where a target is missed by more than three
standard errors.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.simulation.rules import NOBODY, Sequential
from experiments.simulation.summary import Estimate, mean
from experiments.simulation.trials import Setting, play
from stats.allocation import Allocation
from stats.sample_size import Aim, fixed
from tests.peers.choice import characteristic_time, kl

RATE, RATIO, ALPHA, POWER = 0.01, 1.3, 0.05, 0.8
BATCHES = {2: 500, 4: 500, 12: 1_000}
TARGETS = {2: 0.95, 4: 0.70, 12: 0.45}
PER_DAY, LAG = 4_000, 2
PIECE = 250  # runs that are played at once
WAYS = {
    "equal shares": {},
    "losers dropped": {"drop": True},
    "losers dropped, leader share": {"drop": True, "leader": True},
}


@dataclass(frozen=True, slots=True)
class Race:
    """Units until one variant is left, until it is named, and what was named: (R,) each."""

    left: NDArray[np.float64]
    named: NDArray[np.float64]
    winner: NDArray[np.intp]


def main() -> None:
    options = arguments()
    began = time.perf_counter()
    print("| variants | fixed, 80 % power | lower bound | one is left | target | it is named the winner | wrong |")
    print("|---|---|---|---|---|---|---|")
    missed = [arms for arms in BATCHES if not without_delay(arms, runs_for(arms, options.runs), options.seed)]
    print("\n| variants | allocation | mean units | ratio to fixed | median days | wrong |\n|---|---|---|---|---|---|")
    for arms in BATCHES:
        for line in daily(arms, runs_for(arms, options.runs), options.seed):
            print(line, flush=True)
    print(
        f"\n{(time.perf_counter() - began) / 60:.1f} minutes, seed {options.seed}, {options.runs:,} runs; 12: a quarter"
    )
    print(f"target missed: {missed}" if missed else "every target is met")
    sys.exit(bool(missed))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def runs_for(arms: int, runs: int) -> int:
    return max(1, runs // 4) if arms > 4 else runs


def rates(arms: int) -> NDArray[np.float64]:
    found = np.full(arms, RATE)
    found[-1] = RATE * RATIO
    return found


def without_delay(arms: int, runs: int, seed: int) -> bool:
    """Print a row of the first table; return whether its target is met."""
    found = races(arms, runs, seed)
    size = fixed(Aim(arms, RATE, RATIO, ALPHA, POWER)).units
    bound = characteristic_time(sorted(rates(arms), reverse=True))[0] * kl(ALPHA, 1 - ALPHA)
    left, named = (mean(units / size) for units in (found.left, found.named))
    wrong = mean(found.winner != arms - 1)
    print(f"| {arms} | {size:,} | {bound / size:.2f} | {told(left)} | {TARGETS[arms]:.2f} ", end="")
    print(f"| {told(named)} | {percent(wrong)} |", flush=True)
    return left.value <= TARGETS[arms] + 3 * left.se


def races(arms: int, runs: int, seed: int) -> Race:
    """Play runs in pieces, from one seed."""
    seeds = np.random.SeedSequence(seed).spawn(-(-runs // PIECE))
    pieces = [race(arms, min(PIECE, runs - PIECE * k), np.random.default_rng(own)) for k, own in enumerate(seeds)]
    return Race(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("left", "named", "winner")))


def race(arms: int, runs: int, rng: np.random.Generator) -> Race:
    """Play runs until the best is named in each of them."""
    allocation = Allocation(np.full(arms, 1 / arms), drop=True, leader=True)
    rule, rho, at = Sequential(runs, arms, ALPHA, "higher"), allocation.weights[None], np.arange(runs)
    found = Race(np.full(runs, np.nan), np.full(runs, np.nan), np.full(runs, NOBODY))
    looks = 0
    while at.size:
        looks += 1
        units = rng.multinomial(BATCHES[arms], np.broadcast_to(rho, (at.size, arms)))
        rule.seal(rng.binomial(units, rates(arms)).astype(float), units.astype(float), rho)
        rho = rule.shares(allocation, rho)
        alone = ((~rule.eliminated()).sum(axis=1) <= 1) & np.isnan(found.left[at])
        found.left[at[alone]] = looks * BATCHES[arms]
        winner = rule.winners(rho, np.zeros(at.size, dtype=bool))
        ended = (winner != NOBODY) | rule.eliminated().all(axis=1)
        found.named[at[ended]], found.winner[at[ended]] = looks * BATCHES[arms], winner[ended]
        rule.keep(~ended)
        at, rho = at[~ended], np.broadcast_to(rho, (at.size, arms))[~ended]
    return found


def daily(arms: int, runs: int, seed: int) -> Iterator[str]:
    """Yield the rows of the second table."""
    size = fixed(Aim(arms, RATE, RATIO, ALPHA, POWER)).units
    for name, ways in WAYS.items():
        if arms == 2 and ways:
            continue  # with two variants there is no loser to drop on the way
        allocation = Allocation(np.full(arms, 1 / arms), 0, **ways)
        played = play(Setting(rates(arms), allocation, PER_DAY, lag=LAG, alpha=ALPHA), runs, seed)
        units, wrong = played.units.sum(axis=1), mean(played.winner != arms - 1)
        total, ratio, days = f"{mean(units).value:,.0f}", told(mean(units / size)), f"{np.median(played.days):,.0f}"
        yield f"| {arms} | {name} | {total} | {ratio} | {days} | {percent(wrong)} |"


def told(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ± {estimate.se:.3f}"


def percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} %"


if __name__ == "__main__":
    main()
