"""The arms of one outcome, and every ordered pair of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from math import exp, isinf, isnan, log

from stats.association import pair_p_value
from stats.block_pairs import block_p_value
from stats.counts import Counts, Tally, tally, total
from stats.difference import miettinen_nurminen
from stats.exact import clopper_pearson, conditional_p_values
from stats.intervals import newcombe, wilson
from stats.multiplicity import holm
from stats.odds import odds_ratio_interval
from stats.plan import Plan
from stats.pooled import Table, estimates
from stats.ratio import koopman
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Arm, Interval, Pair
from stats.sequences import rate_sequence

INTERVALS = ("ratio_ci", "odds_ratio_ci", "difference_ci", "difference_ci_score")
P_VALUES = ("p_value", "p_value_adjusted", "p_value_events")
E_VALUES = ("e_value", "log10_e_value")
LARGEST_LOG = 700.0

Sums = Mapping[tuple[str, int], Tally]


@dataclass(frozen=True, slots=True)
class Gate:
    """What holds evidence back.

    withheld  code why there is no evidence at all: a broken split
    no_p      code why there is no p-value for one look: the planned size is not reached, or the design has others
    blocks    whether units are blocks: then there are p-values by blocks, and neither intervals nor event labels
    """

    withheld: str | None
    no_p: str | None
    blocks: bool = False

    @property
    def always_valid(self) -> bool:
        """Whether p-values come from the e-values instead."""
        return self.no_p == "always-valid" and not self.blocks

    @property
    def no_labels(self) -> str | None:
        """Code why event labels and intervals of independent units say nothing."""
        return self.withheld or ("blocks" if self.blocks else None)

    @property
    def too_early(self) -> str | None:
        """Code why not even a p-value for one look, shown beside always-valid evidence, exists yet."""
        return self.no_p if self.no_p == "planned-size-not-reached" else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tables of two arms, one per phase where weights changed, with their intervals and p-value.

    `withheld` is the code why they have no intervals and no p-value, `p_code` why they have no p-value; both
    None when they have. `intervals` are those of `INTERVALS`, in that order, empty when withheld.
    """

    tables: tuple[Table, ...]
    withheld: str | None
    p_value: float | None
    p_code: str | None
    intervals: tuple[Interval | None, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no table has units in both arms."""
        return not any(table.n1 and table.n2 for table in self.tables)

    @property
    def reversed(self) -> Comparison:
        """The same comparison with the arms changed over."""
        tables = tuple(Table(t.x2, t.n2, t.x1, t.n1) for t in self.tables)
        turned = tuple(turn(interval) for turn, interval in zip(_TURNS, self.intervals, strict=False))
        return Comparison(tables, self.withheld, self.p_value, self.p_code, turned)


def _reciprocal(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    lower, upper = interval
    return 0.0 if upper is None else 1 / upper, 1 / lower if lower else None


def _negated(interval: Interval | None) -> Interval | None:
    return None if interval is None or None in interval else (-interval[1], -interval[0])  # type: ignore[operator]


_TURNS = (_reciprocal, _reciprocal, _negated, _negated)


def arms_of(plan: Plan, reading: Reading, notes: Notes) -> tuple[Arm, ...]:
    """Return counts, rate, Wilson interval and confidence sequence of every variant, in the plan's order."""
    path = reading.path
    assigned, units, events = (x.sum(axis=0) for x in (path.assigned, path.units, path.events))
    return tuple(
        _arm(Arm(variant, int(assigned[k]), int(units[k]), int(events[k])), reading, notes)
        for k, variant in enumerate(plan.variants)
    )


def _arm(arm: Arm, reading: Reading, notes: Notes) -> Arm:
    plan, n, x = reading.plan, arm.units, arm.conversions
    if n == 0:
        names = ("rate", "rate_per_10000", "rate_ci", "rate_ci_exact", "rate_cs")
        notes.add_all("no-units", (f"arms[].{name}" for name in names), arm.variant)
        return arm
    known = replace(arm, rate=x / n, rate_per_10000=x * 10_000 / n)
    if plan.unit == "block":
        notes.add_all("blocks", (f"arms[].{name}" for name in ("rate_ci", "rate_ci_exact", "rate_cs")))
        return known
    planned = plan.expected_rate if reading.outcome == plan.primary else None
    return replace(
        known,
        rate_ci=wilson(x, n, plan.alpha),
        rate_ci_exact=clopper_pearson(x, n, plan.alpha),
        rate_cs=rate_sequence(x, n, plan.alpha, planned),
    )


def comparisons(plan: Plan, counts: Counts, outcome: str, gate: Gate) -> dict[tuple[str, str], Comparison]:
    """Return the comparison of every unordered pair, keyed by its arms in the plan's order."""
    sums = tally(counts.sealed, outcome)
    return {pair: _comparison(pair, plan, counts, outcome, sums, gate) for pair in combinations(plan.variants, 2)}


def _comparison(pair: tuple[str, str], plan: Plan, counts: Counts, outcome: str, sums: Sums, gate: Gate) -> Comparison:
    phases, same = counts.common_phases(pair), counts.comparable(pair)
    groups = [phases] if same else [(phase,) for phase in phases]
    tables = tuple(_table(pair, sums, group) for group in groups)
    withheld = gate.no_labels or (None if same else "weights-changed")
    made = Comparison(tables, withheld, None, None)
    if made.empty:
        return replace(made, p_code="no-units")
    if gate.blocks:
        return _by_blocks(made, pair, plan, counts, outcome, gate)
    code = withheld or gate.no_p
    p_value = pair_p_value(*tables[0]) if code is None else None
    return Comparison(tables, withheld, p_value, code, () if withheld else _intervals(tables[0], plan.alpha))


def _intervals(table: Table, alpha: float) -> tuple[Interval | None, ...]:
    return tuple(interval(*table, alpha) for interval in (koopman, odds_ratio_interval, newcombe, miettinen_nurminen))


def _by_blocks(
    made: Comparison, pair: tuple[str, str], plan: Plan, counts: Counts, outcome: str, gate: Gate
) -> Comparison:
    """Return the comparison with its p-value by blocks: one that may be looked at daily under `sequential`."""
    code = gate.withheld or (gate.no_p if plan.design != "sequential" else gate.too_early)
    p_value = None if code else block_p_value(plan, counts, outcome, pair)
    return Comparison(made.tables, made.withheld, p_value, code or (None if p_value is not None else "blocks"))


def _table(pair: tuple[str, str], sums: Sums, phases: tuple[int, ...]) -> Table:
    first, second = (total(sums, arm, phases) for arm in pair)
    return Table(first.conversions, first.exposed, second.conversions, second.exposed)


def pairs_of(
    reading: Reading, compared: Mapping[tuple[str, str], Comparison], gate: Gate, notes: Notes
) -> tuple[Pair, ...]:
    """Return every ordered pair of variants; p-values are adjusted over all unordered ones."""
    adjusted = holm({pair: made.p_value for pair, made in compared.items() if made.p_value is not None})
    plain = (
        _pair((a, b), compared[a, b], adjusted.get((a, b)), notes)
        if (a, b) in compared
        else _pair((a, b), compared[b, a].reversed, adjusted.get((b, a)), notes)
        for a, b in permutations(reading.plan.variants, 2)
    )
    return tuple(_with_evidence(pair, reading, gate, notes) for pair in plain)


def _with_evidence(pair: Pair, reading: Reading, gate: Gate, notes: Notes) -> Pair:
    """Add what the always-valid engine knows of a pair."""
    where, at = f"{pair.a}/{pair.b}", (reading.arm(pair.a), reading.arm(pair.b))
    if gate.no_labels:
        notes.add_all(gate.no_labels, _paths(("ratio_cs", *E_VALUES)), where)
        return pair
    log_e, sequence = float(reading.state.log_e[0][at]), _sequence(reading, at, notes, where)
    if log_e >= LARGEST_LOG:
        notes.add("unbounded", "pairs[].e_value", where)
    e_value = exp(log_e) if log_e < LARGEST_LOG else None
    made = replace(pair, ratio_cs=sequence, e_value=e_value, log10_e_value=log_e / log(10))
    if gate.always_valid:
        made = replace(made, p_value=min(1.0, exp(-float(reading.state.peak[0][at]))))
    return made


def _sequence(reading: Reading, at: tuple[int, int], notes: Notes, where: str) -> Interval | None:
    lower, upper = (float(ends[at]) for ends in reading.sequences)
    if isnan(lower):
        notes.add("no-events", "pairs[].ratio_cs", where)
        return None
    if isinf(upper):
        notes.add("unbounded", "pairs[].ratio_cs", where)
    return lower, None if isinf(upper) else upper


def _pair(pair: tuple[str, str], made: Comparison, adjusted: float | None, notes: Notes) -> Pair:
    where = "/".join(pair)
    if made.p_code:
        notes.add_all(made.p_code, _paths(P_VALUES[1:] if made.p_code == "always-valid" else P_VALUES), where)
    if made.empty:
        notes.add_all("no-units", _paths(("ratio", "event_ratio", "odds_ratio", "difference", *INTERVALS)), where)
        return Pair(*pair)
    found = estimates(made.tables)
    notes.add_all("unbounded", _paths(found.unbounded), where)
    notes.add_all("no-events", _paths(found.empty), where)
    ratio_ci, odds_ratio_ci, difference_ci, difference_ci_score = _noted(made, notes, where)
    return Pair(
        *pair,
        ratio=found.ratio,
        event_ratio=_event_ratio(made.tables, notes, where),
        ratio_ci=ratio_ci,
        odds_ratio=found.odds_ratio,
        odds_ratio_ci=odds_ratio_ci,
        difference=found.difference,
        difference_ci=difference_ci,
        difference_ci_score=difference_ci_score,
        p_value=made.p_value,
        p_value_adjusted=adjusted,
        p_value_events=_by_events(made, notes, where),
    )


def _noted(made: Comparison, notes: Notes, where: str) -> tuple[Interval | None, ...]:
    """Return the intervals of `INTERVALS`, in that order, and note why one is missing or unbounded."""
    if made.withheld:
        notes.add_all(made.withheld, _paths(INTERVALS), where)
        return (None,) * len(INTERVALS)
    for name, interval in zip(INTERVALS, made.intervals, strict=True):
        if interval is None:
            notes.add("no-events", f"pairs[].{name}", where)
        elif interval[1] is None:
            notes.add("unbounded", f"pairs[].{name}", where)
    return made.intervals


def _by_events(made: Comparison, notes: Notes, where: str) -> float | None:
    """Return the p-value from the events alone, where there is one from the tables and units are no blocks."""
    if made.p_value is None or made.withheld:
        if made.p_value is not None and made.withheld:
            notes.add(made.withheld, "pairs[].p_value_events", where)
        return None
    (table,) = made.tables
    return conditional_p_values(table.x1, table.x2, table.n1 / (table.n1 + table.n2))[1]


def _event_ratio(tables: tuple[Table, ...], notes: Notes, where: str) -> float | None:
    first, second = sum(table.x1 for table in tables), sum(table.x2 for table in tables)
    if second:
        return first / second
    notes.add("unbounded" if first else "no-events", "pairs[].event_ratio", where)
    return None


def _paths(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"pairs[].{name}" for name in names)
