"""What integrators send and get. The API description is generated from these models."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from experiments.spec import Channel, OutcomeKind

Short = Annotated[str, Field(min_length=1, max_length=64)]
Session = Annotated[
    str, Field(min_length=1, description="anonymous, short-lived id of the session, 1–128 bytes; hashed, never stored")
]
Token = Annotated[str, Field(min_length=1, max_length=512, description="from the assignment, unchanged")]


LONGEST_TAG = 64
TAG = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$"


def _bytes_of(session: str | None) -> str | None:
    if session is not None and not 1 <= len(session.encode("utf-8", "surrogatepass")) <= 128:
        raise ValueError("must have 1 to 128 bytes in UTF-8")
    return session


def _moment(value: Any) -> int | dt.datetime | None:
    """Unix seconds as they are, RFC 3339 with its offset as a time."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError("must be unix seconds, or a time such as 2026-11-23T12:00:00Z")
    return found


def _seconds(moment: int | dt.datetime | None, now: int) -> int:
    if isinstance(moment, dt.datetime):
        return int(moment.timestamp())
    return now if moment is None else moment


class Body(BaseModel):
    """A request: unknown fields are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AssignmentRequest(Body):
    """Which message should this session see? `surface` or `experiment` says where."""

    surface: Short | None = None
    experiment: Short | None = None
    session: Session | None = None
    locale: Annotated[str, Field(max_length=LONGEST_TAG, pattern=TAG)] | None = None
    stratum: Short | None = None
    expose: bool = Field(default=False, description="true when the message is shown with this very reply")
    request_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="makes a retried request without a session the same one"
    )
    override: Short | None = Field(
        default=None, description="force a variant for checking (server keys); never counted"
    )

    _session = field_validator("session")(_bytes_of)

    @field_validator("request_id")
    @classmethod
    def _request_id(cls, value: str | None) -> str | None:
        if value is not None and len(value.encode()) > 64:
            raise ValueError("must have 1 to 64 bytes in UTF-8")
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> AssignmentRequest:
        if self.surface is None and self.experiment is None:
            raise ValueError("one of 'surface' and 'experiment' is required")
        return self


class MessageReply(BaseModel):
    """The message to show, as plain text. `young_people` is a line for under-18s that every warning carries."""

    title: str
    body: str
    action: str
    locale: str
    dir: Literal["ltr", "rtl"]
    young_people: str


class HelpReply(BaseModel):
    """One way to get help, what is open first. `hours` is text for people, null when always reachable.

    `opens_at` (RFC 3339, by the line's own clock) and `opens` (text in the message's locale) say when a closed one
    opens next; null when it is open, or when that is not known.
    """

    resource: str
    name: str
    channel: Channel
    label: str
    display: str
    href: str
    open_now: bool
    opens_at: str | None
    opens: str | None
    hours: str | None
    young_people: bool


class AssignmentReply(BaseModel):
    """Always a message. `token` is null with the fallback; `reason` says why a unit is not in the experiment."""

    experiment: str | None
    version: int | None
    phase: int | None
    variant: str | None
    in_experiment: bool
    reason: str | None
    receipt: Literal["recorded", "already", "spooled", "uncounted"] | None
    propensity: float | None
    session: str | None
    token: str | None
    message: MessageReply
    help: list[HelpReply]


class ExposureRequest(Body):
    """The message of this token was shown."""

    token: Token


class OutcomeRequest(Body):
    """What happened after the message was shown; by token, or by experiment and session (server keys)."""

    token: Token | None = None
    experiment: Short | None = None
    session: Session | None = None
    outcome: OutcomeKind
    channel: Channel | None = None
    occurred_at: int | dt.datetime | None = Field(
        default=None, description="unix seconds or RFC 3339 (server keys); absent: now"
    )

    _session = field_validator("session")(_bytes_of)
    _occurred_at = field_validator("occurred_at", mode="plain", json_schema_input_type=int | dt.datetime | None)(
        _moment
    )

    @model_validator(mode="after")
    def _one_way(self) -> OutcomeRequest:
        by_session = self.experiment is not None and self.session is not None
        if (self.token is None) != by_session or (self.token is not None and (self.experiment or self.session)):
            raise ValueError("send either 'token', or 'experiment' and 'session'")
        return self

    def at(self, now: int) -> int:
        """When it happened, in unix seconds."""
        return _seconds(self.occurred_at, now)


class EventItem(Body):
    """One of many: an exposure or an outcome, by token, or by the unit that a server assigned itself."""

    event: Literal["exposure", "outcome"]
    token: Token | None = None
    experiment: Short | None = None
    version: Annotated[int, Field(ge=1)] | None = Field(default=None, description="absent: the newest")
    unit: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = Field(
        default=None, description="bytes 8 to 24 of the session's hash, in hexadecimal"
    )
    variant: Short | None = None
    phase: Annotated[int, Field(ge=0, le=1023)] | None = None
    surface: Short | None = None
    stratum: Short | None = None
    locale: Annotated[str, Field(max_length=LONGEST_TAG, pattern=TAG)] | None = None
    outcome: OutcomeKind | None = None
    channel: Channel | None = None
    occurred_at: int | dt.datetime | None = Field(default=None, description="unix seconds or RFC 3339")

    _occurred_at = field_validator("occurred_at", mode="plain", json_schema_input_type=int | dt.datetime | None)(
        _moment
    )

    @model_validator(mode="after")
    def _whole(self) -> EventItem:
        by_unit = self.experiment is not None and self.unit is not None
        if (self.token is None) != by_unit or (self.token is not None and (self.experiment or self.unit)):
            raise ValueError("send either 'token', or 'experiment' and 'unit'")
        if (self.event == "outcome") != (self.outcome is not None):
            raise ValueError("'outcome' says what happened, in an outcome only")
        if by_unit and self.occurred_at is None:
            raise ValueError("'occurred_at' is required with 'unit'")
        if by_unit and self.event == "exposure" and (self.variant is None or self.phase is None):
            raise ValueError("an exposure by 'unit' needs 'variant' and 'phase'")
        return self

    def at(self, now: int) -> int:
        """When it happened, in unix seconds."""
        return _seconds(self.occurred_at, now)


class EventReply(BaseModel):
    """What became of one item; a refused one says why, as a problem does."""

    receipt: Literal["recorded", "already", "spooled", "uncounted", "late", "crossed", "refused"]
    type: str | None = None
    title: str | None = None
    detail: str | None = None
    pointer: str | None = Field(default=None, description="JSON pointer from the whole body, beginning with the index")


class EventsReply(BaseModel):
    """A receipt for each item, in order."""

    receipts: list[EventReply]


class ReceiptReply(BaseModel):
    """What became of a write."""

    receipt: Literal["recorded", "already", "spooled", "uncounted", "late", "crossed"]


class EmptyReply(BaseModel):
    """Browsers learn nothing but that the report was taken."""


class Health(BaseModel):
    """`degraded` says that a store is away: the same variants are served, and events wait in the spool."""

    status: Literal["ok", "degraded", "unavailable"]
    detail: str | None = None
