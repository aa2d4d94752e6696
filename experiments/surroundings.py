"""What stands around a report: when a verdict is to be expected, how far the evidence is, who looked, what changed.

All of it comes from the report, the version and its log; nothing here reads counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import stats
from experiments.deviations import Deviation
from experiments.looking import Look
from experiments.model import DAY, Experiment, Version

LEVELS = 4  # the evidence told in words: 0 (none) to 4 (enough)


@dataclass(frozen=True, slots=True)
class Evidence:
    """How far the evidence that the messages differ at all has come; design `sequential`.

    log10_e        evidence at the end of the last sealed day, as the power of ten
    log10_needed   what is enough: 1/alpha
    reached        whether it has ever been enough
    share          of what is needed, on the logarithm's scale, 0 to 1
    level          0: none, 1 to 3: thirds, 4: enough
    """

    log10_e: float
    log10_needed: float
    reached: bool
    share: float
    level: int


def evidence(report: stats.Report) -> Evidence | None:
    """Return where the evidence stands; None where it is not followed from day to day, or may not be."""
    if not report.path or report.path[-1].log10_e is None:
        return None
    log10_e, needed = report.path[-1].log10_e, -math.log10(report.alpha)
    reached = bool(report.global_.decisive) or log10_e >= needed
    share = 1.0 if reached else min(1.0, max(0.0, log10_e / needed))
    level = LEVELS if reached else math.ceil((LEVELS - 1) * share)
    return Evidence(log10_e, needed, reached, share, level)


@dataclass(frozen=True, slots=True)
class Expected:
    """Days on which it can be read, if things go on as they did (ISO dates).

    verdict        earliest, middle, latest; None in a place: not within ten years
    planned_size   when every variant has its planned units
    """

    verdict: tuple[str | None, str | None, str | None] | None
    planned_size: str | None


def expected(report: stats.Report, version: Version, last_sealed: int | None) -> Expected | None:
    """Return the dates of the forecast; None without one, and while nobody is shown a message."""
    found = report.forecast
    if found is None or last_sealed is None or version.state != "running":
        return None

    def readable(periods: int | None) -> str | None:
        return None if periods is None else iso_date(version.sealed_at(last_sealed + periods) // DAY)

    if found.periods is None and found.planned_periods is None:
        return None
    low, middle, high = found.periods or (None, None, None)
    verdict = (readable(low), readable(middle), readable(high)) if found.periods else None
    return Expected(verdict, readable(found.planned_periods))


def closed(version: Version) -> tuple[str, ...]:
    """Variants that nobody new is shown."""
    variants = version.definition.variants
    return tuple(variants[index].key for index in sorted(version.phase.closed)) if version.phases else ()


def versions(experiment: Experiment) -> tuple[dict[str, Any], ...]:
    """All versions: number, state, title, when started and stopped (RFC 3339)."""
    return tuple(
        {
            "number": v.number, "state": v.state, "title": v.definition.title, "started": _maybe(v.started),
            "stopped": _maybe(v.stopped),
        }
        for v in experiment.versions
    )  # fmt: skip


def definitions(version: Version) -> dict[str, dict[str, Any]]:
    """What each outcome of the report counts: outcome, channels, tiers; by the report's name."""
    return {
        name: {"outcome": item.outcome, "channels": item.channels, "tiers": item.tiers}
        for name, item in version.outcomes
    }


def ended_early(report: stats.Report, version: Version) -> bool:
    """Whether it was stopped with neither a verdict nor its planned size."""
    undecided = report.status in ("not-started", "collecting", "narrowed")
    return version.stopped is not None and undecided


def looked(looks: Sequence[Look], now: float) -> tuple[dict[str, Any], ...]:
    """Looks by people until now; times as RFC 3339."""
    return tuple(
        {"at": iso(look.at), "who": look.who, "sealed_until": look.sealed_until, "planned": look.planned}
        for look in looks
        if look.at <= now
    )


def deviated(deviations: Sequence[Deviation], now: float) -> tuple[dict[str, Any], ...]:
    """What was not as planned until now; times as RFC 3339."""
    return tuple(
        {"at": iso(item.at), "who": item.who, "what": item.what, "why": item.why}
        for item in deviations
        if item.at <= now
    )


def phases(version: Version) -> tuple[dict[str, Any], ...]:
    """Stretches with constant shares: number, start and end (RFC 3339), traffic and shares (0 to 1), who is closed."""
    keys = [variant.key for variant in version.definition.variants]
    ends = [after.started for _, after in pairwise(version.phases)]
    return tuple(
        {
            "number": phase.number, "started": iso(phase.started), "ended": _maybe(end),
            "traffic": phase.traffic / 10_000, "shares": dict(zip(keys, phase.shares(), strict=True)),
        }
        for phase, end in zip(version.phases, [*ends, version.stopped], strict=False)
    )  # fmt: skip


def _maybe(seconds: float | None) -> str | None:
    return None if seconds is None else iso(seconds)


def iso(seconds: float) -> str:
    """A time in unix seconds as RFC 3339."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def iso_date(day: int) -> str:
    """A day, counted from 1970-01-01, as an ISO date."""
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()
