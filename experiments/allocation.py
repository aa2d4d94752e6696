"""What a report asks for where the plan says `allocation: drop-losers`: which variants close, and the new weights.

Pure. The rule itself is `stats.allocation`, the same that simulations play; here it meets a running version, and what
forbids to act: a broken split, a winner, harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from experiments.model import DAY, Version
from experiments.phases import Adaptation
from experiments.sentences import evidence
from stats import Report
from stats.allocation import CONTROL_FLOOR, Allocation
from stats.evidence import Array, Flags
from stats.plan import Better

WHOLE = 10_000  # basis points
LEAST = 1  # basis points: what moves no more is rounding
HELD_BACK = frozenset({"guardrail-fails", "direction-conflict"})  # why one that has won is not called the winner


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, or (without `wanted`) why nothing: a code and a sentence. `closed` are the variants to close now."""

    code: str
    text: str
    wanted: Adaptation | None = None
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """The report's totals as the rule takes them: one run."""

    events: Array
    units: Array
    eliminated: Flags
    better: Better


@dataclass(frozen=True, slots=True)
class _Found:
    """What changes: all weights, the variants that close, the control where it is kept at the floor, and the leader."""

    weights: Mapping[str, int]
    closed: tuple[str, ...]
    floor: str | None
    leader: str | None


def decide(version: Version, report: Report, sealed: int) -> Decision:
    """Return what the report of the days up to `sealed` asks for in the version's present phase."""
    out = ruled_out(report)
    held = _held(version, report, out)
    if held:
        return held
    rule, known, rho = _rule(version), _known(report, out), np.array([version.phase.shares()])
    shares = rule.following(known, rho)[0]
    weights = basis_points(shares)
    closing = [k for k, (old, new) in enumerate(zip(rho[0], shares, strict=True)) if old > 0 and new == 0]
    if not closing and np.abs(WHOLE * rho[0] - weights).max() <= LEAST:
        return Decision("nothing-to-change", _unchanged(version, report, out))
    names = _names(version)
    leads = rule.leads(known, rule.contest(known, rho))[0]
    found = _Found(
        weights=dict(zip(names, weights, strict=True)),
        closed=tuple(names[k] for k in closing),
        floor=version.definition.control if _at_floor(version, out) else None,
        leader=names[int(leads.argmax())] if rule.leader and leads.any() else None,
    )
    wanted = Adaptation(
        version=version.number,
        phase=version.phase.number,
        sealed=sealed,
        weights=weights,
        closed=version.phase.closed | frozenset(closing),
        told=_told(report, sealed, found),
    )
    return Decision("changed", _changed(report, out, found), wanted, found.closed)


def ruled_out(report: Report) -> dict[str, str]:
    """Return variant -> the sealed day at whose end it was first ruled out as the best."""
    found: dict[str, str] = {}
    for point in report.path:
        for variant in point.eliminated:
            found.setdefault(variant, point.period)
    return found


def basis_points(shares: Sequence[float] | Array) -> tuple[int, ...]:
    """Round probabilities that sum to 1 to weights that sum to 10 000, by largest remainders, the earlier first.

    What is above 0 gets 1 at least, taken from the largest: no variant is closed by rounding.
    """
    exact = [WHOLE * float(share) for share in shares]
    weights = [max(int(x), 1) if x > 0 else 0 for x in exact]
    missing = WHOLE - sum(weights)
    by_remainder = sorted((k for k, x in enumerate(exact) if x > 0), key=lambda k: weights[k] - exact[k])
    for k in by_remainder[: max(missing, 0)]:
        weights[k] += 1
    for _ in range(-missing):
        weights[weights.index(max(weights))] -= 1
    return tuple(weights)


def _rule(version: Version) -> Allocation:
    definition = version.definition
    return Allocation(
        weights=np.array(version.weights_asked) / WHOLE,
        control=definition.index_of(definition.control),
        drop=True,
        leader=definition.plan.leader_share,
    )


def _known(report: Report, out: Mapping[str, str]) -> _Known:
    return _Known(
        events=np.array([[float(arm.conversions) for arm in report.arms]]),
        units=np.array([[float(arm.units) for arm in report.arms]]),
        eliminated=np.array([[arm.variant in out for arm in report.arms]]),
        better=report.better,
    )


def _names(version: Version) -> list[str]:
    return [variant.key for variant in version.definition.variants]


def _left(version: Version, out: Mapping[str, str]) -> list[str]:
    """Return the variants that are shown and could still be best."""
    shares = zip(_names(version), version.phase.shares(), strict=True)
    return [name for name, share in shares if share > 0 and name not in out]


def _at_floor(version: Version, out: Mapping[str, str]) -> bool:
    """Tell whether the control is ruled out, while others are in the contest."""
    return version.definition.control in out and len(_left(version, out)) > 1


def _held(version: Version, report: Report, out: Mapping[str, str]) -> Decision | None:
    """Return why the machine may not act on this report."""
    why = report.status_reason.detail if report.status_reason else "no reason is known"
    won = ("winner", f"{_named(report.status_arms)} has won; what follows is for people to decide")
    held = {
        "blocked": ("srm-alarm", f"blocked: {why}. Nothing is closed on such figures"),
        "winner": won,
        "winner-on-clicks": won,
        "stopped-for-safety": ("safety", f"{why}: people must look at this first, so nothing is closed or favoured"),
        "suspended": ("suspended", "suspended: nothing changes until it is resumed"),
    }
    status = "blocked" if report.srm.alarm else report.status
    if status in held:
        return Decision(*held[status])
    left = _left(version, out)
    if not left:
        return Decision(
            "all-ruled-out", "every variant that is still shown has been ruled out; people must look at this"
        )
    if report.status_reason and report.status_reason.code in HELD_BACK:
        return Decision("decided", f"only {_named(left)} is left, but {why}: what follows is for people to decide")
    return None


# -------------------------------------------------------------------------------------------------- sentences


def _told(report: Report, sealed: int, found: _Found) -> Mapping[str, str | int]:
    """Return what the log keeps in fields of their own."""
    told: dict[str, str | int] = {"sealed": datetime.fromtimestamp(sealed * DAY, UTC).date().isoformat()}
    out = [*found.closed, *([found.floor] if found.floor else [])]
    if out:
        told["evidence"] = "; ".join(_against(report, arm) for arm in out)
    told |= {"closed": ",".join(found.closed)} if found.closed else {}
    told |= {"floor": found.floor} if found.floor else {}
    return told | ({"leader": found.leader} if found.leader else {})


def _changed(report: Report, out: Mapping[str, str], found: _Found) -> str:
    """Return the sentence of a change; the log keeps it as its reason."""

    def because(arm: str) -> str:
        return f"ruled out as the best on the sealed day {out[arm]} ({_against(report, arm)})"

    parts = [f"{_named([arm])} is closed, {because(arm)}" for arm in found.closed]
    if found.floor:
        kept = f"keeps {100 * CONTROL_FLOOR:g} % because it is the control"
        parts.append(f"{_named([found.floor])} {kept}, {because(found.floor)}")
    if found.leader:
        parts.append(f"{_named([found.leader])} leads and gets {found.weights[found.leader] / 100:.2f} %")
    shares = ", ".join(f"{name} {weight / 100:.2f} %" for name, weight in found.weights.items() if weight)
    return "; ".join([*parts, f"shares from now on: {shares}"])


def _against(report: Report, arm: str) -> str:
    """Return the strongest single comparison against a variant, as it is now."""
    rivals = [(pair.log10_e_value, pair) for pair in report.pairs if pair.b == arm and pair.log10_e_value is not None]
    log10_e, best = max(rivals, key=lambda rival: rival[0], default=(0.0, None))
    if best is None or log10_e <= 0:
        return f"no single variant is shown better than {arm} today"
    return f"chance of so much if {best.a} were no better than {arm}: {evidence(best.e_value)}"


def _unchanged(version: Version, report: Report, out: Mapping[str, str]) -> str:
    left = _left(version, out)
    if len(left) == 1:
        return (
            f"only {_named(left)} could still be best, but it is not certain yet that the messages differ at all: "
            "what is open stays open"
        )
    if report.status == "practically-equal":
        return "the messages that are left work practically equally well; there is nothing to close"
    return "nothing has been ruled out that is still shown; the shares stay as they are"


def _named(arms: Iterable[str]) -> str:
    return ", ".join(f"“{arm}”" for arm in arms)
