"""Experiments in every state that a result can be in, played into real stores: counts as the scripts would leave them.

Counts are rates times units, without chance, so that a state is the same each time.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments import desk
from experiments.approval import needed
from experiments.directory import LIBRARY
from experiments.lifecycle import Actor
from experiments.model import DAY, Version, day_of
from experiments.reading import load_yaml
from experiments.runtime import Runtime
from experiments.store import keys
from experiments.store.rows import outcome_bit

VARIANTS = ("present", "law", "harm", "consequences", "help")
EQUAL = (0.05,) * 5
DAILY = 240  # units of each variant
ANN, BOB, CID = "Ann Researcher", "Bob Approver", "Cid Approver"


@dataclass(frozen=True, slots=True)
class State:
    """An experiment to be played: `rates` of seeking help and of triggering the warning again, by variant."""

    rates: tuple[float, ...] = EQUAL
    again: tuple[float, ...] = (0.10, 0.09, 0.09, 0.08, 0.10)
    days: int = 20
    daily: tuple[int, ...] = (DAILY,) * 5
    plan: Mapping[str, Any] = field(default_factory=dict)
    primary: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False
    after: Callable[[Runtime, str, int], None] | None = None
    started: bool = True


def act(name: str, **options: Any) -> Callable[[Runtime, str, int], None]:
    """An act to be done at the end."""
    return lambda runtime, key, now: _act(runtime, key, name, CID, now, options)


def twice(runtime: Runtime, key: str, now: int) -> None:
    """Stop, and start a second version, whose first day it is."""
    _act(runtime, key, "stop", CID, now)
    document = copy.deepcopy(
        runtime.store.documents.experiment(key).latest.definition.model_dump(mode="json", by_alias=True)
    )
    document["title"] = f"{document['title']} Again"
    _start(runtime, document, now, simulated=False)


STATES = {
    "not-started": State(started=False),
    "nothing-sealed": State(days=0),
    "collecting": State(rates=(0.050, 0.052, 0.055, 0.049, 0.058), days=6),
    "narrowed": State(rates=(0.040, 0.062, 0.095, 0.060, 0.095), days=12),
    "winner": State(rates=(0.050, 0.046, 0.066, 0.048, 0.095)),
    "winner-on-clicks": State(rates=(0.050, 0.046, 0.066, 0.048, 0.095), primary={"channels": ["click"]}),
    "practically-equal": State(days=60, daily=(60_000,) * 5, plan={"units_per_variant": 10_000_000}),
    "no-clear-winner": State(rates=(0.050, 0.051, 0.052, 0.050, 0.051), plan={"units_per_variant": 2_000}),
    "stopped-for-safety": State(rates=(0.050, 0.051, 0.055, 0.050, 0.060), again=(0.08, 0.08, 0.08, 0.08, 0.16)),
    "suspended": State(rates=(0.050, 0.052, 0.055, 0.049, 0.058), days=6, after=act("suspend")),
    "blocked": State(daily=(DAILY, DAILY, DAILY, DAILY, 300)),
    "simulated": State(rates=(0.050, 0.046, 0.066, 0.048, 0.095), simulated=True),
    "two-versions": State(rates=(0.050, 0.046, 0.066, 0.048, 0.095), after=twice),
    "closed-arm": State(rates=(0.040, 0.062, 0.095, 0.060, 0.095), days=12, after=act("close-arm", variant="law")),
    "fixed": State(rates=(0.050, 0.052, 0.055, 0.049, 0.058), days=6, plan={"design": "fixed"}),
    "concluded": State(rates=(0.050, 0.046, 0.066, 0.048, 0.095)),
}


def play(runtime: Runtime, name: str, now: int) -> str:
    """Take an experiment to the named state as of `now`; return its key."""
    state = STATES[name]
    document = document_of(name, state)
    known = runtime.directory.by_key
    document["help"] = [key for key in document["help"] if key in known] or list(known)
    begin = now - (state.days + 1) * DAY if name != "nothing-sealed" else now - 3600
    if name == "concluded":
        begin -= 3 * DAY
    if not state.started:
        desk.apply(runtime, document, Actor(ANN, now))
        return str(document["key"])
    version = _start(runtime, document, begin, simulated=state.simulated)
    fill(runtime, version, state, range(day_of(begin), day_of(begin) + state.days + 1))
    if name == "concluded":
        _act(runtime, document["key"], "stop", CID, begin + (state.days + 1) * DAY)
        _act(runtime, document["key"], "conclude", CID, now, {"adopt": "help"})
    if state.after:
        state.after(runtime, document["key"], now)
    return str(document["key"])


def document_of(name: str, state: State) -> dict[str, Any]:
    """The four lines, with a key, a surface and a plan of its own."""
    document: dict[str, Any] = load_yaml((LIBRARY / "four-lines.yml").read_text(encoding="utf-8"))
    document |= {"key": f"state-{name}", "surfaces": [f"surface-{name}"]}
    document["plan"] |= {"expected_rate": 0.05, "units_per_variant": 6_000} | state.plan
    document["outcomes"]["primary"] |= state.primary
    return document


def _start(runtime: Runtime, document: dict[str, Any], now: int, *, simulated: bool) -> Version:
    draft = desk.apply(runtime, document, Actor(ANN, now))
    _act(runtime, draft.key, "submit", ANN, now)
    for name in (BOB, CID)[: needed(draft.latest.definition)]:
        _act(runtime, draft.key, "approve", name, now)
    return _act(runtime, draft.key, "start", ANN, now, {"simulated": simulated})


def _act(
    runtime: Runtime, key: str, name: str, who: str, now: int, options: Mapping[str, Any] | None = None
) -> Version:
    return desk.act(runtime, key, name, Actor(who, now, "for the test"), options or {}).latest


def fill(runtime: Runtime, version: Version, state: State, days: range) -> None:
    """Write the counts of these days."""
    tag = keys.tag(version.definition.key, version.number, version.tags[0])
    for number, day in enumerate(days):
        fields: dict[str, int] = {}
        for variant, units in enumerate(state.daily):
            fields |= _cell(variant, units, number, state)
        runtime.store.ledger.client.hset(keys.counts(tag, day), mapping=fields)


def _cell(variant: int, units: int, number: int, state: State) -> dict[str, int]:
    """A variant's counts of the `number`-th day: what its rates give up to then, less what they gave before."""
    sought, again = (_part(rate, units, number) for rate in (state.rates[variant], state.again[variant]))
    clicked, chatted, went_on = round(0.7 * sought), round(0.2 * sought), _part(0.02, units, number)
    first = clicked if state.primary else sought
    measures = {
        "a": units, "e": units, "d0": first, "d1": sought - clicked, "d2": again, "d3": went_on,
        _bit("help_sought", "click"): clicked, _bit("help_sought", "chat"): chatted,
        _bit("help_sought", "call"): sought - clicked - chatted, _bit("repeat_trigger"): again,
        _bit("proceeded"): went_on,
    }  # fmt: skip
    cell = {f"0.{variant}.0.0.{measure}": count for measure, count in measures.items()}
    return cell | {f"l.{variant}.en": units, f"n.{variant}.1": units - again, f"n.{variant}.2": again}


def _bit(outcome: str, channel: str | None = None) -> str:
    return f"o{outcome_bit(outcome, channel, 'attested')}"


def _part(rate: float, units: int, number: int) -> int:
    return round(rate * units * (number + 1)) - round(rate * units * number)
