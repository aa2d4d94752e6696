"""Assigning a unit: choose its variant, count it, answer with a message. One call of the ledger.

A raw session is hashed here and goes no further; what is stored is a
pseudonym under a key that is gone when the day is sealed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from experiments import assignment
from experiments.catalogue import Live
from experiments.directory import HelpResource, direction, match, text_in
from experiments.errors import InvalidInput, StoreUnavailable
from experiments.identity import session_bytes
from experiments.model import day_of
from experiments.runtime import Runtime
from experiments.spec import Message, Variant
from experiments.store import acts
from experiments.store.rows import Row
from experiments.tokens import Grant
from experiments.units import Unit

Receipt = Literal["recorded", "already", "spooled", "uncounted"]


class Asked(NamedTuple):
    """A request for a warning. `partner` is the number of the key's partner, `by_server` whether its server asks."""

    partner: int
    surface: str | None = None
    experiment: str | None = None
    session: str | None = None
    locale: str | None = None
    stratum: str | None = None
    shown: bool = False
    by_server: bool = False
    request_id: str | None = None
    override: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """The message to show, with its locale and direction and the line for young people."""

    message: Message
    locale: str
    dir: Literal["ltr", "rtl"]
    young_people: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What everybody gets who is assigned alike. `rendered` is for those who show it: what they made of it."""

    experiment: str | None
    version: int | None
    phase: int | None
    variant: str | None
    in_experiment: bool
    reason: str | None
    propensity: float | None
    shown: Shown
    resources: tuple[HelpResource, ...]
    rendered: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


class Assignment(NamedTuple):
    """The answer to a request: always a message. `session` is one we minted.

    `grant` is None with the fallback; a forced variant has one for trying everything out, which counts nothing.
    """

    decided: Decided
    receipt: Receipt | None = None
    session: str | None = None
    grant: Grant | None = None

    @property
    def experiment(self) -> str | None:
        return self.decided.experiment

    @property
    def version(self) -> int | None:
        return self.decided.version

    @property
    def phase(self) -> int | None:
        return self.decided.phase

    @property
    def variant(self) -> str | None:
        return self.decided.variant

    @property
    def in_experiment(self) -> bool:
        return self.decided.in_experiment

    @property
    def reason(self) -> str | None:
        return self.decided.reason

    @property
    def propensity(self) -> float | None:
        return self.decided.propensity

    @property
    def shown(self) -> Shown:
        return self.decided.shown

    @property
    def resources(self) -> tuple[HelpResource, ...]:
        return self.decided.resources


def assign(runtime: Runtime, asked: Asked, now: int) -> Assignment:
    """Choose what to show. Raises InvalidInput for a wrong session or stratum, and nothing else."""
    live, reason = find(runtime, asked)
    if live is None:
        return fallback(runtime, asked.surface, asked.locale, reason or "not-running")
    surface = _surface_of(live, asked)
    if asked.override is not None:
        return _overridden(runtime, live, asked, now)
    if live.version.state == "suspended":
        return fallback(runtime, surface, asked.locale, "suspended", live)
    locale = match(asked.locale, live.locales)
    if locale is None:
        return fallback(runtime, surface, asked.locale, "locale-not-in-experiment", live)
    session, minted = _session(live, asked)
    row = Row(0, live.version.phase.number, live.version.definition.surfaces.index(surface), _stratum(live, asked))
    phase = live.version.phase
    choice = assignment.choose(live.key, session, phase.weights, phase.traffic, phase.closed)
    row = row._replace(variant=choice.variant or 0)
    unit = Unit(live, choice.draw.unit, now)
    known = _write(runtime, unit, asked, None if choice.variant is None else row, locale)
    return _answer(runtime, unit, asked, surface, locale, minted, known)


def find(runtime: Runtime, asked: Asked) -> tuple[Live | None, str | None]:
    """Return the version that is on the surface (or of the experiment), or None with the reason."""
    snapshot = runtime.catalogue.snapshot
    if asked.surface is not None and asked.experiment is None:
        if asked.surface in snapshot.adopted and asked.surface not in snapshot.on_surface:
            return None, "adopted"
        unknown = asked.surface not in snapshot.surfaces
        return snapshot.on_surface.get(asked.surface), "unknown-experiment" if unknown else "not-running"
    live = snapshot.by_key.get(asked.experiment or "")
    if live is None or live.version.state == "stopped":
        return None, "not-running" if asked.experiment in snapshot.known else "unknown-experiment"
    return live, None


def _surface_of(live: Live, asked: Asked) -> str:
    surfaces = live.version.definition.surfaces
    if asked.surface is not None and asked.surface not in surfaces:
        raise InvalidInput(
            f"experiment '{live.experiment}' is not on surface '{asked.surface}' but on {', '.join(surfaces)}",
            code="unknown-surface", pointer="/surface",
        )  # fmt: skip
    return asked.surface or surfaces[0]


def _stratum(live: Live, asked: Asked) -> int:
    strata = live.version.definition.strata
    if asked.stratum is None:
        return 0
    if asked.stratum not in strata:
        told = f"declared are: {', '.join(strata)}" if strata else "the experiment declares none"
        raise InvalidInput(f"unknown stratum; {told}", code="unknown-stratum", pointer="/stratum")
    return strata.index(asked.stratum) + 1


def _session(live: Live, asked: Asked) -> tuple[bytes, str | None]:
    """The bytes that are hashed, and the session if we had to make one."""
    if live.version.definition.unit == "view" or asked.session is None:
        text = asked.request_id or secrets.token_urlsafe(16)
        return session_bytes(text), text
    return session_bytes(asked.session), None


class _Known(NamedTuple):
    """What is known of a unit after the ledger was asked: its row (None: out of traffic), day, receipt."""

    row: Row | None
    day: int
    pseudonym: bytes
    receipt: Receipt | None
    closed: bool = False


def _write(runtime: Runtime, unit: Unit, asked: Asked, row: Row | None, locale: str) -> _Known:
    live = unit.live
    today = day_of(unit.now)
    try:
        slots = unit.slots(runtime)
        if live.version.definition.unit == "view" and not asked.shown:
            return _Known(row, today, slots[0].pseudonym, None)
        act = acts.assign(
            slots, live.terms, now=unit.now, word=row.word() if row else None, shown=asked.shown, locale=locale,
            closed=live.version.phase.closed, by_partner=asked.by_server,
        )  # fmt: skip
        told = runtime.write(act, unit.now)
    except StoreUnavailable:
        return _Known(row, today, bytes(8), "uncounted")
    if told is None:
        return _Known(row, today, slots[0].pseudonym, "spooled")
    if told.code < 0:
        return _Known(None, today, bytes(8), None)
    name = next(slot.pseudonym for slot in slots if slot.day == told.day)
    receipt: Receipt = "recorded" if told.code in (1, 3) else "already"
    return _Known(Row.from_words(told.word, 0), told.day, name, receipt, closed=told.code == 2)


def _answer(
    runtime: Runtime, unit: Unit, asked: Asked, surface: str, locale: str, minted: str | None, known: _Known
) -> Assignment:
    live, row = unit.live, known.row
    if row is None or known.closed:
        reason = "arm-closed" if known.closed else "out-of-traffic"
        found = fallback(runtime, surface, asked.locale, reason, live)
        return found._replace(session=minted, receipt=known.receipt)
    grant = Grant(
        version_id=live.version.id, partner=asked.partner, shard=unit.shard, day=known.day, pseudonym=known.pseudonym,
        variant=row.variant, phase=row.phase, surface=row.surface, stratum=row.stratum, issued=unit.now,
        uncounted=known.receipt == "uncounted",
    )  # fmt: skip
    return Assignment(_decided(runtime, live, row, surface, locale), known.receipt, minted, grant)


def _decided(runtime: Runtime, live: Live, row: Row, surface: str, locale: str) -> Decided:
    """Made once for each version, phase, variant, surface and locale; a new definition has a `live` of its own."""
    at = (row.phase, row.variant, surface, locale)
    found: Decided | None = live.decided.get(at)
    if found is None:
        version = live.version
        variant = version.definition.variants[row.variant]
        # Another process may know of a newer phase already, and have written the row in it.
        phase = next((p for p in version.phases if p.number == row.phase), version.phase)
        found = live.decided[at] = Decided(
            experiment=live.experiment, version=version.number, phase=row.phase, variant=variant.key,
            in_experiment=True, reason=None, propensity=phase.shares()[row.variant],
            shown=shown_as(runtime, variant.messages[locale], locale),
            resources=_resources(runtime, version.definition.help)
            or _resources(runtime, runtime.fallbacks.of(surface).help),
        )  # fmt: skip
    return found


def shown_as(runtime: Runtime, message: Message, locale: str) -> Shown:
    """A message as it is shown in a locale."""
    return Shown(message, locale, direction(locale), text_in(locale, runtime.directory.young_people))


def _resources(runtime: Runtime, keys: list[str]) -> tuple[HelpResource, ...]:
    """Those that the directory has: one that was taken out of it must not cost anybody the warning."""
    held = runtime.directory.by_key
    return tuple(held[key] for key in keys if key in held)


def fallback(
    runtime: Runtime, surface: str | None, wanted: str | None, reason: str, live: Live | None = None
) -> Assignment:
    """The approved default of the surface, or the text adopted for it; never analysed."""
    default, messages = runtime.fallbacks.of(surface), fallback_messages(runtime, surface)
    locale = match(wanted, tuple(messages)) or next(iter(messages))
    decided = Decided(
        experiment=live.experiment if live else None, version=live.version.number if live else None,
        phase=live.version.phase.number if live else None, variant=None, in_experiment=False, reason=reason,
        propensity=None, shown=shown_as(runtime, messages[locale], locale),
        resources=_resources(runtime, default.help),
    )  # fmt: skip
    return Assignment(decided)


def fallback_messages(runtime: Runtime, surface: str | None) -> Mapping[str, Message]:
    """The fallback of a surface by locale: the text that was adopted for it, else the approved default."""
    default = runtime.fallbacks.of(surface)
    adopted = runtime.catalogue.snapshot.adopted.get(surface or "")
    return adopted or {tag: default.messages[tag] for tag in default.served()}


def _is_meant(variant: Variant, override: str | None) -> bool:
    return variant.control if override == "*" else variant.key == override


def _overridden(runtime: Runtime, live: Live, asked: Asked, now: int) -> Assignment:
    """Show a variant on request, for checking ("*": the control); neither this nor its token counts anything."""
    definition = live.version.definition
    number = next((n for n, v in enumerate(definition.variants) if _is_meant(v, asked.override)), None)
    if number is None:
        known = ", ".join(v.key for v in definition.variants)
        raise InvalidInput(f"there is no such variant; there are: {known}", code="unknown-variant", pointer="/override")
    variant = definition.variants[number]
    locale = match(asked.locale, tuple(variant.messages)) or next(iter(variant.messages))
    grant = Grant(
        version_id=live.version.id, partner=asked.partner, shard=0, day=day_of(now), pseudonym=bytes(8),
        variant=number, phase=live.version.phase.number, surface=definition.surfaces.index(_surface_of(live, asked)),
        stratum=_stratum(live, asked), issued=now, uncounted=True,
    )  # fmt: skip
    found = fallback(runtime, asked.surface, asked.locale, "override", live)
    decided = replace(
        found.decided, variant=variant.key, shown=shown_as(runtime, variant.messages[locale], locale),
        resources=_resources(runtime, definition.help), rendered={},
    )  # fmt: skip
    return Assignment(decided, grant=grant)
