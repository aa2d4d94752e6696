"""The arms of one outcome, and every ordered pair of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

from stats.association import pair_p_value
from stats.counts import Counts, Tally, total
from stats.intervals import newcombe, wilson
from stats.multiplicity import holm
from stats.odds import odds_ratio_interval
from stats.plan import Plan
from stats.pooled import Table, estimates
from stats.ratio import koopman
from stats.reasons import Notes
from stats.result import Arm, Interval, Pair

INTERVALS = ("ratio_ci", "odds_ratio_ci", "difference_ci")
P_VALUES = ("p_value", "p_value_adjusted")

Sums = Mapping[tuple[str, int], Tally]


@dataclass(frozen=True, slots=True)
class Gate:
    """What holds evidence back: a broken split (`blocked`), or a planned size not reached (`early`)."""

    blocked: bool
    early: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tables of two arms, one per phase where weights changed, and their p-value.

    `withheld` is the code why they have no intervals and no p-value, `p_code` why they have no p-value; both
    None when they have.
    """

    tables: tuple[Table, ...]
    withheld: str | None
    p_value: float | None
    p_code: str | None

    @property
    def empty(self) -> bool:
        """Whether no table has units in both arms."""
        return not any(table.n1 and table.n2 for table in self.tables)

    @property
    def reversed(self) -> Comparison:
        """The same comparison with the arms changed over."""
        tables = tuple(Table(t.x2, t.n2, t.x1, t.n1) for t in self.tables)
        return Comparison(tables, self.withheld, self.p_value, self.p_code)


def arms_of(plan: Plan, sums: Sums, notes: Notes) -> tuple[Arm, ...]:
    """Return counts, rate and Wilson interval of every variant, in the plan's order."""
    return tuple(_arm(variant, total(sums, variant), plan.alpha, notes) for variant in plan.variants)


def _arm(variant: str, found: Tally, alpha: float, notes: Notes) -> Arm:
    x, n = found.conversions, found.exposed
    if n == 0:
        notes.add_all("no-units", ("arms[].rate", "arms[].rate_per_10000", "arms[].rate_ci"), variant)
        return Arm(variant, found.assigned, n, x)
    return Arm(variant, found.assigned, n, x, x / n, x * 10_000 / n, wilson(x, n, alpha))


def comparisons(plan: Plan, counts: Counts, sums: Sums, gate: Gate) -> dict[tuple[str, str], Comparison]:
    """Return the comparison of every unordered pair, keyed by its arms in the plan's order."""
    return {pair: _comparison(pair, counts, sums, gate) for pair in combinations(plan.variants, 2)}


def _comparison(pair: tuple[str, str], counts: Counts, sums: Sums, gate: Gate) -> Comparison:
    phases, same = counts.common_phases(pair), counts.comparable(pair)
    groups = [phases] if same else [(phase,) for phase in phases]
    tables = tuple(_table(pair, sums, group) for group in groups)
    withheld = "srm-alarm" if gate.blocked else None if same else "weights-changed"
    made = Comparison(tables, withheld, None, None)
    code = "no-units" if made.empty else withheld or ("planned-size-not-reached" if gate.early else None)
    return Comparison(tables, withheld, pair_p_value(*tables[0]) if code is None else None, code)


def _table(pair: tuple[str, str], sums: Sums, phases: tuple[int, ...]) -> Table:
    first, second = (total(sums, arm, phases) for arm in pair)
    return Table(first.conversions, first.exposed, second.conversions, second.exposed)


def pairs_of(plan: Plan, compared: Mapping[tuple[str, str], Comparison], notes: Notes) -> tuple[Pair, ...]:
    """Return every ordered pair of variants; p-values are adjusted over all unordered ones."""
    adjusted = holm({pair: made.p_value for pair, made in compared.items() if made.p_value is not None})
    return tuple(
        _pair((a, b), compared[a, b], adjusted.get((a, b)), plan.alpha, notes)
        if (a, b) in compared
        else _pair((a, b), compared[b, a].reversed, adjusted.get((b, a)), plan.alpha, notes)
        for a, b in permutations(plan.variants, 2)
    )


def _pair(pair: tuple[str, str], made: Comparison, adjusted: float | None, alpha: float, notes: Notes) -> Pair:
    where = "/".join(pair)
    if made.p_code:
        notes.add_all(made.p_code, _paths(P_VALUES), where)
    if made.empty:
        notes.add_all("no-units", _paths(("ratio", "event_ratio", "odds_ratio", "difference", *INTERVALS)), where)
        return Pair(*pair)
    found = estimates(made.tables)
    notes.add_all("unbounded", _paths(found.unbounded), where)
    notes.add_all("no-events", _paths(found.empty), where)
    ratio_ci, odds_ratio_ci, difference_ci = _intervals(made, alpha, notes, where)
    return Pair(
        *pair,
        ratio=found.ratio,
        event_ratio=_event_ratio(made.tables, notes, where),
        ratio_ci=ratio_ci,
        odds_ratio=found.odds_ratio,
        odds_ratio_ci=odds_ratio_ci,
        difference=found.difference,
        difference_ci=difference_ci,
        p_value=made.p_value,
        p_value_adjusted=adjusted,
    )


def _intervals(made: Comparison, alpha: float, notes: Notes, where: str) -> tuple[Interval | None, ...]:
    """Return those of `INTERVALS`, in that order."""
    if made.withheld:
        notes.add_all(made.withheld, _paths(INTERVALS), where)
        return None, None, None
    (table,) = made.tables
    found = koopman(*table, alpha), odds_ratio_interval(*table, alpha), newcombe(*table, alpha)
    for name, interval in zip(INTERVALS, found, strict=True):
        if interval is None:
            notes.add("no-events", f"pairs[].{name}", where)
        elif interval[1] is None:
            notes.add("unbounded", f"pairs[].{name}", where)
    return found


def _event_ratio(tables: tuple[Table, ...], notes: Notes, where: str) -> float | None:
    first, second = sum(table.x1 for table in tables), sum(table.x2 for table in tables)
    if second:
        return first / second
    notes.add("unbounded" if first else "no-events", "pairs[].event_ratio", where)
    return None


def _paths(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"pairs[].{name}" for name in names)
