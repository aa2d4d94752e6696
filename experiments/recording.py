"""The acts of the hot path: assign a unit, count that it was shown, count what it did.

Each is one call of the ledger. A raw session is hashed here and goes no further; what is stored is a
pseudonym under a key that is gone when the day is sealed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Literal

from experiments import assignment
from experiments.catalogue import Live
from experiments.directory import HelpResource, direction, match, text_in
from experiments.errors import InvalidInput, OutcomeRefused, StoreUnavailable, TokenError
from experiments.identity import session_bytes
from experiments.model import EXPOSURE_SECONDS, day_of
from experiments.runtime import Runtime
from experiments.spec import Message
from experiments.store.ledger import Slot
from experiments.store.rows import STEP_SECONDS, YOUNG_PEOPLE_BIT, Row, outcome_bit
from experiments.tokens import Grant, Purpose

CLOCK_SKEW = 60
NO_EXPOSURE = -1

Receipt = Literal["recorded", "already", "uncounted", "late", "crossed"]
Tier = Literal["reported", "attested"]


@dataclass(frozen=True, slots=True)
class Asked:
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
class Assignment:
    """The answer to a request: always a message. `grant` is None with the fallback."""

    experiment: str | None
    version: int | None
    phase: int | None
    variant: str | None
    in_experiment: bool
    reason: str | None
    receipt: Receipt | None
    propensity: float | None
    session: str | None
    grant: Grant | None
    shown: Shown
    resources: tuple[HelpResource, ...]


# ---------------------------------------------------------------------------------------- assign


def assign(runtime: Runtime, asked: Asked, now: int) -> Assignment:
    """Choose what to show. Raises InvalidInput for a wrong session or stratum, and nothing else."""
    live, reason = find(runtime, asked)
    if live is None:
        return fallback(runtime, asked.surface, asked.locale, reason or "not-running")
    surface = _surface_of(live, asked)
    if asked.override is not None:
        return _overridden(runtime, live, asked)
    if live.version.state == "suspended":
        return fallback(runtime, surface, asked.locale, "suspended", live)
    locale = match(asked.locale, live.locales)
    if locale is None:
        return fallback(runtime, surface, asked.locale, "locale-not-in-experiment", live)
    session, minted = _session(live, asked)
    row = Row(0, live.version.phase.number, live.version.definition.surfaces.index(surface), _stratum(live, asked))
    phase = live.version.phase
    choice = assignment.choose(live.key, session, phase.weights, phase.traffic, phase.closed)
    row = replace(row, variant=choice.variant or 0)
    unit = _Unit(live, choice.draw.unit, now)
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


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit on its way to the ledger."""

    live: Live
    unit: bytes
    now: int

    @property
    def shard(self) -> int:
        return assignment.shard(self.unit, len(self.live.tags))

    def slot(self, runtime: Runtime, day: int) -> Slot:
        live = self.live
        name = assignment.pseudonym(
            runtime.day_keys.key(day, self.now), live.experiment, live.version.number, self.unit
        )
        return _slot(runtime, live, self.shard, day, name, self.now)

    def slots(self, runtime: Runtime) -> list[Slot]:
        days = self.live.version.open_days(self.now)
        if self.live.version.definition.unit == "view":
            days = days[:1]
        return [self.slot(runtime, day) for day in days]


def _slot(runtime: Runtime, live: Live, shard: int, day: int, name: bytes, now: int) -> Slot:
    seconds = max(1, live.version.sealed_at(day) - now)
    return Slot(live.tags[shard], day, seconds, runtime.pages(live, shard, day), name)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a unit after the ledger was asked: its row (None: out of traffic), day, receipt."""

    row: Row | None
    day: int
    pseudonym: bytes
    receipt: Receipt | None
    closed: bool = False


def _write(runtime: Runtime, unit: _Unit, asked: Asked, row: Row | None, locale: str) -> _Known:
    live = unit.live
    today = day_of(unit.now)
    try:
        slots = unit.slots(runtime)
        if live.version.definition.unit == "view" and not asked.shown:
            return _Known(row, today, slots[0].pseudonym, None)
        told = runtime.store.ledger.assign(
            slots, now=unit.now, word=row.word() if row else None, shown=asked.shown, window=live.version.window,
            life=EXPOSURE_SECONDS, pause=live.pause, locale=locale, closed=live.version.phase.closed,
            masks=live.masks, by_partner=asked.by_server,
        )  # fmt: skip
    except StoreUnavailable as error:
        runtime.degraded = error.detail
        return _Known(row, today, bytes(8), "uncounted")
    runtime.note_page(told.rows)
    if told.code < 0:
        return _Known(None, today, bytes(8), None)
    name = next(slot.pseudonym for slot in slots if slot.day == told.day)
    receipt: Receipt = "recorded" if told.code in (1, 3) else "already"
    return _Known(Row.from_words(told.word, 0), told.day, name, receipt, closed=told.code == 2)


def _answer(
    runtime: Runtime, unit: _Unit, asked: Asked, surface: str, locale: str, minted: str | None, known: _Known
) -> Assignment:
    live, row = unit.live, known.row
    if row is None or known.closed:
        reason = "arm-closed" if known.closed else "out-of-traffic"
        found = fallback(runtime, surface, asked.locale, reason, live)
        return replace(found, session=minted, receipt=known.receipt)
    version = live.version
    variant = version.definition.variants[row.variant]
    default = runtime.fallbacks.of(surface).help
    # Another process may know of a newer phase already, and have written the row in it.
    phase = next((p for p in version.phases if p.number == row.phase), version.phase)
    grant = Grant(
        version_id=version.id, partner=asked.partner, shard=unit.shard, day=known.day, pseudonym=known.pseudonym,
        variant=row.variant, phase=row.phase, surface=row.surface, stratum=row.stratum, issued=unit.now,
        uncounted=known.receipt == "uncounted",
    )  # fmt: skip
    return Assignment(
        experiment=live.experiment, version=version.number, phase=row.phase, variant=variant.key,
        in_experiment=True, reason=None, receipt=known.receipt, propensity=phase.shares()[row.variant],
        session=minted, grant=grant, shown=_shown(runtime, variant.messages[locale], locale),
        resources=_resources(runtime, version.definition.help) or _resources(runtime, default),
    )  # fmt: skip


def _shown(runtime: Runtime, message: Message, locale: str) -> Shown:
    return Shown(message, locale, direction(locale), text_in(locale, runtime.directory.young_people))


def _resources(runtime: Runtime, keys: list[str]) -> tuple[HelpResource, ...]:
    """Those that the directory has: one that was taken out of it must not cost anybody the warning."""
    held = runtime.directory.by_key
    return tuple(held[key] for key in keys if key in held)


def fallback(
    runtime: Runtime, surface: str | None, wanted: str | None, reason: str, live: Live | None = None
) -> Assignment:
    """The approved default of the surface, or the text adopted for it; never analysed."""
    default = runtime.fallbacks.of(surface)
    adopted = runtime.catalogue.snapshot.adopted.get(surface or "")
    messages = adopted or {tag: default.messages[tag] for tag in default.served()}
    locale = match(wanted, tuple(messages)) or next(iter(messages))
    return Assignment(
        experiment=live.experiment if live else None, version=live.version.number if live else None,
        phase=live.version.phase.number if live else None, variant=None, in_experiment=False, reason=reason,
        receipt=None, propensity=None, session=None, grant=None, shown=_shown(runtime, messages[locale], locale),
        resources=_resources(runtime, default.help),
    )  # fmt: skip


def _overridden(runtime: Runtime, live: Live, asked: Asked) -> Assignment:
    """Show a variant on request, for checking; nothing is counted."""
    definition = live.version.definition
    variant = next((v for v in definition.variants if v.key == asked.override), None)
    if variant is None:
        known = ", ".join(v.key for v in definition.variants)
        raise InvalidInput(f"there is no such variant; there are: {known}", code="unknown-variant", pointer="/override")
    locale = match(asked.locale, tuple(variant.messages)) or next(iter(variant.messages))
    found = fallback(runtime, asked.surface, asked.locale, "override", live)
    return replace(
        found, variant=variant.key, shown=_shown(runtime, variant.messages[locale], locale),
        resources=_resources(runtime, definition.help),
    )  # fmt: skip


# ------------------------------------------------------------------------------ exposures, outcomes


@dataclass(frozen=True, slots=True)
class Event:
    """An outcome as reported: `at` is when it happened (unix seconds), `tier` who vouches for it."""

    outcome: str
    channel: str | None
    tier: Tier
    at: int

    def bit(self) -> int:
        if self.outcome == "help_sought" and self.channel is None:
            raise InvalidInput("help_sought needs a channel", code="missing-field", pointer="/channel")
        if self.outcome != "help_sought" and self.channel is not None:
            raise InvalidInput("only help_sought has a channel", code="channels-not-allowed", pointer="/channel")
        return outcome_bit(self.outcome, self.channel, self.tier)


def open_token(runtime: Runtime, token: str, purpose: Purpose, partner: int | None, now: int) -> tuple[Grant, Live]:
    """Return what a token grants. `partner` None: a browser, which may use anybody's. Raises TokenError."""
    grant = runtime.keyring.sealer.open(token, purpose)
    if grant.issued > now + CLOCK_SKEW:
        raise TokenError("the token was issued in the future; check the clocks", pointer="/token")
    if partner is not None and grant.partner != partner:
        raise TokenError("the token belongs to another partner", code="token-foreign", pointer="/token")
    live = runtime.catalogue.snapshot.by_id.get(grant.version_id)
    if live is None:
        raise TokenError("the experiment of this token is over", code="token-expired", pointer="/token")
    return grant, live


def expose(runtime: Runtime, token: str, partner: int | None, now: int) -> Receipt:
    """Count that the message was shown. Raises TokenError (also when older than 60 minutes), StoreUnavailable."""
    grant, live = open_token(runtime, token, "unit", partner, now)
    if now - grant.issued > EXPOSURE_SECONDS:
        raise TokenError("a token confirms an exposure for 60 minutes only", code="token-expired", pointer="/token")
    apart = _apart(runtime, live, grant, "exposed", now)
    if apart:
        return apart
    slot = _slot(runtime, live, grant.shard, grant.day, grant.pseudonym, now)
    code = runtime.store.ledger.expose(
        slot, now=now, word=_row(grant).word(), pause=live.pause, issued=grant.issued, by_partner=partner is not None
    )
    return _receipt(code)


def outcome_by_token(
    runtime: Runtime, token: str, event: Event, partner: int | None, now: int, *, purpose: Purpose = "unit"
) -> Receipt:
    """Count an outcome. Raises TokenError, OutcomeRefused, InvalidInput, StoreUnavailable."""
    grant, live = open_token(runtime, token, purpose, partner, now)
    return _outcome(runtime, grant, live, event, event.bit(), now)


def young_people_help(runtime: Runtime, grant: Grant, live: Live, now: int) -> Receipt:
    """Count, apart from every outcome of the plan, that a resource for young people was followed."""
    event = Event("young_people", None, "reported", now)
    return _outcome(runtime, grant, live, event, YOUNG_PEOPLE_BIT, now)


def _outcome(runtime: Runtime, grant: Grant, live: Live, event: Event, bit: int, now: int) -> Receipt:
    _check(live, event, now)
    if event.at < grant.issued - STEP_SECONDS:
        raise OutcomeRefused("the outcome happened before the message was shown")
    apart = _apart(runtime, live, grant, event.outcome, now)
    if apart:
        return apart
    slot = _slot(runtime, live, grant.shard, grant.day, grant.pseudonym, now)
    code = runtime.store.ledger.outcome(
        [slot], at=event.at, bit=bit, window=live.version.window, masks=live.masks, word=_row(grant).word(),
        issued=grant.issued, by_partner=event.tier == "attested",
    )  # fmt: skip
    return _receipt(code)


def outcome_by_session(runtime: Runtime, experiment: str, session: str, event: Event, now: int) -> Receipt:
    """Count an outcome of a session that was shown a message, by the newest version that did. For partners' servers."""
    versions = runtime.catalogue.snapshot.versions(experiment)
    if not versions:
        raise InvalidInput("no such experiment takes outcomes", code="unknown-experiment", pointer="/experiment")
    _check(versions[0], event, now)
    bit, name = event.bit(), session_bytes(session)
    code = NO_EXPOSURE
    for live in versions:
        unit = _Unit(live, assignment.draw(live.key, name).unit, now)
        code = runtime.store.ledger.outcome(
            unit.slots(runtime), at=event.at, bit=bit, window=live.version.window, masks=live.masks, by_partner=True
        )
        if code != NO_EXPOSURE:
            break
    return _receipt(code)


def _check(live: Live, event: Event, now: int) -> None:
    if event.at > now + CLOCK_SKEW:
        raise InvalidInput("occurred_at lies in the future", pointer="/occurred_at")
    if event.outcome == "repeat_trigger" and live.version.definition.unit != "session":
        raise InvalidInput(
            "views and blocks cannot be recognised again", code="outcome-needs-session", pointer="/outcome"
        )


def _apart(runtime: Runtime, live: Live, grant: Grant, what: str, now: int) -> Receipt | None:
    """Count what may enter no arm: of an assignment that was not written, or after the day was sealed."""
    tag = live.tags[grant.shard]
    if grant.uncounted:
        runtime.store.ledger.count_apart(tag, f"outage.{what}")
        return "uncounted"
    if live.version.is_sealed(grant.day, now):
        runtime.store.ledger.count_apart(tag, f"late.{what}")
        return "late"
    return None


def _row(grant: Grant) -> Row:
    return Row(grant.variant, grant.phase, grant.surface, grant.stratum)


def _receipt(code: int) -> Receipt:
    if code == NO_EXPOSURE:
        raise OutcomeRefused("this unit was not shown a message", code="no-exposure")
    if code == -2:
        raise OutcomeRefused("the window after the exposure is over", code="window-closed")
    return {1: "recorded", 0: "already", -3: "crossed"}[code]  # type: ignore[return-value]
