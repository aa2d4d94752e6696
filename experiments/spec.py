"""The experiment file: one document, whether it comes as YAML, as JSON or from a form.

`parse` is the only way in. It returns a frozen `Definition` or raises `InvalidDefinition` with every
violation at once: the shape is pydantic's job, what fields say about one another is in `rules`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from experiments.errors import InvalidDefinition, Violation
from experiments.violations import violations_of

Key = Annotated[str, Field(pattern=r"^[a-z0-9-]{3,64}$", description="lower-case letters, digits and hyphens, 3 to 64")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$", description="lower-case letters, digits, - and _, up to 64")]
Locale = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="BCP 47 tag, such as en or pt-BR")
]
BasisPoints = Annotated[int, Field(ge=0, le=10_000, description="basis points, 0 to 10 000")]
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]

OutcomeKind = Literal["help_sought", "proceeded", "left", "repeat_trigger", "complaint"]
Channel = Literal["call", "email", "click", "chat", "self_help"]
Tier = Literal["reported", "attested"]

MAX_VARIANTS = 32
MAX_SURFACES = 16
MAX_STRATA = 20


def _absent(value: object) -> bool:
    return value is None


class Part(BaseModel):
    """A part of the document: unknown fields are errors, values are not coerced, nothing can be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Message(Part):
    """What a variant shows in one locale; plain text, paragraphs separated by an empty line."""

    title: str = Field(min_length=1, max_length=120)
    body: str = Field(min_length=1, max_length=1200)
    action: str = Field(min_length=1, max_length=80)


class Variant(Part):
    """One arm."""

    key: Name
    control: bool = False
    weight: BasisPoints
    factors: dict[Name, Name] = Field(default_factory=dict)
    messages: dict[Locale, Message] = Field(min_length=1)


class LocaleReview(Part):
    """Who vouches for the texts of a locale. A locale that is not listed is reviewed with the experiment."""

    reviewed: bool = True
    reviewed_by: str | None = Field(default=None, max_length=120)
    reviewed_on: dt.date | None = Field(default=None, strict=False)


class OutcomeDefinition(Part):
    """An outcome that the plan counts: kind, channels and confidence tiers; one conversion per unit."""

    name: Name | None = None
    outcome: OutcomeKind
    channels: list[Channel] | None = Field(default=None, min_length=1, description="help_sought only; absent: any")
    tiers: list[Tier] | None = Field(default=None, min_length=1, description="absent: any")


class Margin(Part):
    """The largest worsening that still counts as harmless."""

    ratio: Ratio


class Guardrail(OutcomeDefinition):
    """An outcome that must not worsen."""

    better: Literal["lower", "higher"]
    margin: Margin | None = None


class Outcomes(Part):
    """The outcomes of the plan by role."""

    primary: OutcomeDefinition
    secondary: list[OutcomeDefinition] = Field(default_factory=list, max_length=8)
    guardrails: list[Guardrail] = Field(default_factory=list, max_length=8)


class Effect(Part):
    """An effect as a ratio of rates."""

    ratio: Annotated[float, Field(gt=1, allow_inf_nan=False)]


class Plan(Part):
    """How the experiment is decided; frozen at start."""

    design: Literal["sequential", "fixed", "looks"] = "sequential"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    power: float = Field(default=0.8, gt=0.5, lt=1)
    expected_rate: float = Field(gt=0, lt=1, description="expected rate of the primary outcome under the control")
    minimum_effect: Effect
    units_per_variant: int = Field(ge=1, description="planned size: p-values exist from here on; end of the run")
    allocation: Literal["equal", "drop-losers"] = "equal"
    leader_share: bool = False
    # Left out of the document when not given, so that the hash of an older file stays what it was.
    looks: int | None = Field(
        default=None, ge=2, le=20, exclude_if=_absent, description="'design: looks' only: how many looks (5)"
    )
    spending: Literal["obrien-fleming", "pocock"] | None = Field(
        default=None, exclude_if=_absent, description="'design: looks' only: how alpha is spent over them"
    )


class Ethics(Part):
    """The ethics record. `expires` is the last day on which the approval holds."""

    committee: str = Field(min_length=1, max_length=200)
    reference: str = Field(min_length=1, max_length=120)
    expires: dt.date = Field(strict=False)
    control: Literal["active warning", "no warning"] = "active warning"
    reason: str | None = Field(
        default=None, min_length=1, max_length=2000, exclude_if=_absent,
        description="'control: no warning' only: why somebody may be shown nothing",
    )  # fmt: skip


class Definition(Part):
    """The whole document; `schema` is its format's number."""

    format: Literal[1] = Field(alias="schema")
    key: Key
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=4000)
    question: str | None = Field(default=None, max_length=1000)
    hypotheses: list[str] = Field(default_factory=list, max_length=20)
    unit: Literal["session", "view", "block"] = "session"
    block_hours: int | None = Field(default=None, ge=1, le=168)
    surfaces: list[Key] = Field(min_length=1, max_length=MAX_SURFACES)
    strata: list[Name] = Field(default_factory=list, max_length=MAX_STRATA)
    traffic: BasisPoints = 10_000
    variants: list[Variant] = Field(min_length=2, max_length=MAX_VARIANTS)
    locales: dict[Locale, LocaleReview] = Field(default_factory=dict)
    help: list[Key] = Field(min_length=1, max_length=20)
    window_hours: int = Field(default=24, ge=1, le=72)
    report_grace_hours: int = Field(default=6, ge=2, le=48, description="hours in which a late report still counts")
    repeat_after_seconds: int = Field(default=60, ge=1, le=86_400)
    outcomes: Outcomes
    plan: Plan
    exclusions: list[str] = Field(default_factory=list, max_length=20)
    ethics: Ethics | None = None

    @field_validator("hypotheses", "exclusions")
    @classmethod
    def _sentences(cls, value: list[str]) -> list[str]:
        if any(not sentence.strip() for sentence in value):
            raise ValueError("every entry must be a sentence")
        return value

    def document(self) -> dict[str, Any]:
        """Return the same document as JSON values, defaults left out, fit for YAML, JSON or a form."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @property
    def control(self) -> str:
        return next(v.key for v in self.variants if v.control)

    def index_of(self, variant: str) -> int | None:
        """Position of a variant in file order, or None."""
        return next((i for i, v in enumerate(self.variants) if v.key == variant), None)

    def served_locales(self) -> tuple[str, ...]:
        """Locales that belong to the experiment: every variant has them, and a person has reviewed them."""
        shared = set.intersection(*(set(v.messages) for v in self.variants))
        unreviewed = {tag for tag, review in self.locales.items() if not review.reviewed}
        return tuple(tag for tag in self.variants[0].messages if tag in shared - unreviewed)


def parse(document: Any, *, help_resources: Collection[str] | None = None) -> Definition:
    """Return the definition, or raise InvalidDefinition with all violations.

    `help_resources` are the keys of the help directory; None leaves them unchecked (for an editor that
    has no directory at hand).
    """
    from experiments import rules  # noqa: PLC0415  (rules speak of the document, this module of its shape)

    if not isinstance(document, Mapping):
        raise InvalidDefinition((Violation("", "wrong-type", "an experiment is a mapping of fields to values"),))
    definition, found = _shape(document)
    found += list(rules.check(document, help_resources))
    if found or definition is None:
        raise InvalidDefinition(tuple(dict.fromkeys(found)))
    return definition


def _shape(document: Mapping[str, Any]) -> tuple[Definition | None, list[Violation]]:
    try:
        return Definition.model_validate(document), []
    except ValidationError as error:
        return None, violations_of(error)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the experiment file, for editors."""
    schema = Definition.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Signpost experiment"}


def content_hash(value: BaseModel | Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the value as canonical JSON (sorted keys, no spaces, UTF-8, no defaults left out)."""
    data = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else dict(value)
    return hashlib.sha256(canonical_json(data).encode()).hexdigest()


def canonical_json(data: Mapping[str, Any]) -> str:
    """Return the one way to write these values as JSON: sorted keys, no spaces, no escapes that are not needed."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
