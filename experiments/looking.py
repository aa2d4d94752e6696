"""Looks at a result while its version runs: who, when, at what, and whether the plan foresaw it.

A look that the plan does not foresee can spoil a fixed design: whoever looks often enough, and stops when it pleases,
finds differences where there are none. Nothing is forbidden here; it is written down and told with the result.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from experiments.audit import Note
from experiments.model import ON_SURFACE, Version
from experiments.runtime import Runtime
from experiments.store import Store
from experiments.store.folding import counts
from experiments.store.keys import tag

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Look:
    """A person looked at a running version's result; once for each sealed day that they saw.

    at            unix seconds of the first time
    sealed_until  end of the last sealed day that they saw (RFC 3339), as the result names it; None: none was sealed
    planned       the plan foresees it; under `design: sequential` every look is
    """

    at: int
    who: str
    sealed_until: str | None
    planned: bool


def note(runtime: Runtime, key: str, version: int, who: str, now: int, sealed_until: str | None) -> None:
    """Record that a person looked at the result of a version that is running or suspended; else do nothing.

    Cheap to call at every view: one round trip where the look is known.
    """
    name, looks = f"{sealed_until or 'nothing'} {who}", runtime.store.looks
    if looks.has(key, version, name):
        return
    found = runtime.store.documents.experiment(key).version(version)
    if found is None or found.state not in ON_SURFACE:
        return
    document = json.dumps({"at": now, "who": who, "sealed_until": sealed_until}, ensure_ascii=False)
    seen = {"sealed_until": sealed_until} if sealed_until else {}
    looks.add(key, version, name, document, Note(who, "look", f"experiment/{key}", now, {"version": version, **seen}))


def history(store: Store, key: str, version: int) -> list[Look]:
    """All looks at a version's result, oldest first."""
    known = [json.loads(document) for document in store.looks.of(key, version)]
    found = store.documents.experiment(key).version(version) if known else None
    if found is None:
        return []
    planned = _foreseen(store, key, found, [look["sealed_until"] for look in known])
    looks = [Look(**look, planned=planned[look["sealed_until"]]) for look in known]
    return sorted(looks, key=lambda look: (look.at, look.who))


def _foreseen(store: Store, key: str, version: Version, seen: list[str | None]) -> dict[str | None, bool]:
    """Whether the plan foresees a look at what was sealed by then."""
    if version.definition.plan.design == "sequential":
        return dict.fromkeys(seen, True)
    days = {until: _last_day(until) for until in seen}
    last = max((day for day in days.values() if day is not None), default=None)
    if last is None or version.started is None:
        return dict.fromkeys(seen, False)
    all_days = tuple(day for day in version.days((last + 1) * 86_400 - 1) if day <= last)
    by_day, _ = counts(store.ledger, [tag(key, version.number, suffix) for suffix in version.tags], all_days)
    due = planned_days(version, by_day)
    return {until: day is not None and day in due for until, day in days.items()}


def planned_days(version: Version, by_day: Mapping[int, Mapping[str, int]]) -> frozenset[int]:
    """Days, of those given, at whose seal the plan has a look: each on which the smallest open variant reached a part
    of the planned size, and every day from the planned size on. Pure.
    """  # noqa: D205
    plan = version.definition.plan
    parts = plan.looks or 5 if plan.design == "looks" else 1
    exposed = [0] * len(version.definition.variants)
    found, before = set(), 0
    for day in sorted(by_day):
        for name, units in by_day[day].items():
            where = name.split(".")
            if len(where) == 5 and where[4] == "e":
                exposed[int(where[1])] += units
        smallest = min(units for index, units in enumerate(exposed) if index not in version.phase.closed)
        reached = min(parts, smallest * parts // plan.units_per_variant)
        if reached > before or reached == parts:
            found.add(day)
        before = reached
    return frozenset(found)


def _last_day(until: str | None) -> int | None:
    """The last sealed day, from the moment at which it ended."""
    return None if until is None else (dt.date.fromisoformat(until[:10]) - EPOCH).days - 1


def to_dict(look: Look) -> dict[str, object]:
    """JSON-ready values."""
    return asdict(look)
