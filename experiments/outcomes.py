"""Exposures and outcomes: counting that a message was shown, and what happened after it. One ledger call each.

By token: it proves the assignment, so nothing has to wait for anything. By session: for partners' servers.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from experiments import assignment
from experiments.catalogue import Live
from experiments.errors import InvalidInput, OutcomeRefused, TokenError
from experiments.identity import session_bytes
from experiments.model import EXPOSURE_SECONDS
from experiments.runtime import Runtime
from experiments.store import acts
from experiments.store.rows import STEP_SECONDS, YOUNG_PEOPLE_BIT, Row, outcome_bit
from experiments.tokens import Grant, Purpose
from experiments.units import Unit, slot_of

CLOCK_SKEW = 60
NO_EXPOSURE = -1

Receipt = Literal["recorded", "already", "spooled", "uncounted", "late", "crossed"]
Tier = Literal["reported", "attested"]


class Event(NamedTuple):
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


def open_either(
    runtime: Runtime, token: str, purpose: Purpose, partner: int | None, now: int
) -> tuple[Grant, Live, bool]:
    """As `open_token`, and whether the variant was forced: then all is checked alike, and nothing is written."""
    try:
        return (*open_token(runtime, token, purpose, partner, now), False)
    except TokenError:
        if not is_forced(runtime, token):
            raise
    return (*open_token(runtime, token, "override", partner, now), True)


def is_forced(runtime: Runtime, token: str) -> bool:
    """Tell whether we sealed the token for an override."""
    try:
        runtime.keyring.sealer.open(token, "override")
    except TokenError:
        return False
    return True


class Report(NamedTuple):
    """An act to be written, and the receipt if that is known beforehand: of what may enter no arm.

    `act` None: of a forced variant, which is written nowhere.
    """

    act: acts.Act | None
    receipt: Receipt | None = None

    def answered(self, told: acts.Told | None) -> Receipt:
        """What became of it; `told` None: it is in the spool. Raises OutcomeRefused."""
        return self.receipt or receipt_of(told)


_FORCED = Report(None, "uncounted")


def expose(runtime: Runtime, token: str, partner: int | None, now: int) -> Receipt:
    """Count that the message was shown. Raises TokenError (also when older than 60 minutes), StoreUnavailable."""
    return _written(runtime, exposure_report(runtime, token, partner, now), now)


def _written(runtime: Runtime, report: Report, now: int) -> Receipt:
    return report.answered(runtime.write(report.act, now) if report.act else None)


def exposure_report(runtime: Runtime, token: str, partner: int | None, now: int) -> Report:
    """The exposure of a token as it is to be written. Raises TokenError."""
    grant, live, forced = open_either(runtime, token, "unit", partner, now)
    if now - grant.issued > EXPOSURE_SECONDS:
        raise TokenError("a token confirms an exposure for 60 minutes only", code="token-expired", pointer="/token")
    if forced:
        return _FORCED
    apart = _apart(live, grant, "exposed", now)
    if apart is not None:
        return apart
    slot = slot_of(runtime, live, grant.shard, grant.day, grant.pseudonym, now)
    return Report(
        acts.expose(
            slot, live.terms, now=now, word=_row(grant).word(), issued=grant.issued, by_partner=partner is not None
        )
    )


def outcome_by_token(
    runtime: Runtime, token: str, event: Event, partner: int | None, now: int, *, purpose: Purpose = "unit"
) -> Receipt:
    """Count an outcome. Raises TokenError, OutcomeRefused, InvalidInput, StoreUnavailable."""
    return _written(runtime, outcome_report(runtime, token, event, partner, now, purpose=purpose), now)


def outcome_report(
    runtime: Runtime, token: str, event: Event, partner: int | None, now: int, *, purpose: Purpose = "unit"
) -> Report:
    """The outcome of a token as it is to be written. Raises TokenError, OutcomeRefused, InvalidInput."""
    grant, live, forced = open_either(runtime, token, purpose, partner, now)
    report = _report(runtime, grant, live, event, event.bit(), now)
    return _FORCED if forced else report


def young_people_help(runtime: Runtime, grant: Grant, live: Live, now: int) -> Receipt:
    """Count, apart from every outcome of the plan, that a resource for young people was followed."""
    event = Event("young_people", None, "reported", now)
    return _written(runtime, _report(runtime, grant, live, event, YOUNG_PEOPLE_BIT, now), now)


def _report(runtime: Runtime, grant: Grant, live: Live, event: Event, bit: int, now: int) -> Report:
    require_possible(live, event, now)
    if event.at < grant.issued - STEP_SECONDS:
        raise OutcomeRefused("the outcome happened before the message was shown")
    apart = _apart(live, grant, event.outcome, now)
    if apart is not None:
        return apart
    slot = slot_of(runtime, live, grant.shard, grant.day, grant.pseudonym, now)
    return Report(
        acts.outcome(
            [slot], live.terms, at=event.at, bit=bit, what=event.outcome, word=_row(grant).word(), issued=grant.issued,
            by_partner=event.tier == "attested",
        )
    )  # fmt: skip


def outcome_by_session(runtime: Runtime, experiment: str, session: str, event: Event, now: int) -> Receipt:
    """Count an outcome of a session that was shown a message, by the newest version that did. For partners' servers."""
    versions = runtime.catalogue.snapshot.versions(experiment)
    if not versions:
        raise InvalidInput("no such experiment takes outcomes", code="unknown-experiment", pointer="/experiment")
    require_possible(versions[0], event, now)
    bit, name = event.bit(), session_bytes(session)
    waiting: acts.Act | None = None
    for live in reversed(versions):
        unit = Unit(live, assignment.draw(live.key, name).unit, now)
        act = acts.outcome(unit.slots(runtime), live.terms, at=event.at, bit=bit, what=event.outcome, by_partner=True)
        waiting = act._replace(otherwise=waiting)
    return receipt_of(_first_that_knows(runtime, waiting, now))


def _first_that_knows(runtime: Runtime, act: acts.Act | None, now: int) -> acts.Told | None:
    """Try the newest version first; what a spool keeps holds the others, too."""
    told: acts.Told | None = acts.Told(NO_EXPOSURE, 0, 0)
    while act is not None and told is not None and told.code == NO_EXPOSURE:
        told, act = runtime.write(act, now), act.otherwise
    return told


def require_possible(live: Live, event: Event, now: int) -> None:
    """Raise InvalidInput for an outcome that cannot have happened."""
    if event.at > now + CLOCK_SKEW:
        raise InvalidInput("occurred_at lies in the future", pointer="/occurred_at")
    if event.outcome == "repeat_trigger" and live.version.definition.unit != "session":
        raise InvalidInput(
            "views and blocks cannot be recognised again", code="outcome-needs-session", pointer="/outcome"
        )


def _apart(live: Live, grant: Grant, what: str, now: int) -> Report | None:
    """What may enter no arm: of an assignment that was not written, or after the day was sealed."""
    tag = live.tags[grant.shard]
    if grant.uncounted:
        return Report(acts.apart(tag, f"outage.{what}"), "uncounted")
    if live.version.is_sealed(grant.day, now):
        return Report(acts.apart(tag, f"late.{what}"), "late")
    return None


def _row(grant: Grant) -> Row:
    return Row(grant.variant, grant.phase, grant.surface, grant.stratum)


def receipt_of(told: acts.Told | None) -> Receipt:
    """The receipt of an outcome or exposure; None: it is in the spool. Raises OutcomeRefused."""
    if told is None:
        return "spooled"
    code = told.code
    if code == NO_EXPOSURE:
        raise OutcomeRefused("this unit was not shown a message", code="no-exposure")
    if code == -2:
        raise OutcomeRefused("the window after the exposure is over", code="window-closed")
    return {1: "recorded", 0: "already", -3: "crossed"}[code]  # type: ignore[return-value]
