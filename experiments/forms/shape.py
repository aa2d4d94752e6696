"""What a form is made of: the fields of each part of the document, and how each is written.

A form is flat: names of fields to texts. `variants-0-messages-1-title` is the title of the first variant in the second
locale. Locales and factors are rows of their own, because all variants have the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from re import fullmatch
from typing import Any, Literal

from pydantic import BaseModel

from experiments import spec

Fields = Mapping[str, str]
Kind = Literal["text", "word", "whole", "number", "flag", "words"]
MOST_ROWS = 64  # of one kind; more is no form but a file
FLAG = "1"
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of the document. `default` is what its absence means; None: nothing."""

    name: str
    kind: Kind
    default: Any = None


def _part(model: type[BaseModel], **kinds: Kind) -> tuple[Entry, ...]:
    return tuple(Entry(name, kind, _default(model, name)) for name, kind in kinds.items())


def _default(model: type[BaseModel], name: str) -> Any:
    field = model.model_fields[name]
    return None if field.is_required() else field.default


TOP = _part(
    spec.Definition, key="word", title="text", description="text", question="text", unit="word", block_hours="whole",
    traffic="whole", window_hours="whole", report_grace_hours="whole", repeat_after_seconds="whole",
)  # fmt: skip
VARIANT = _part(spec.Variant, key="word", weight="whole")
MESSAGE = _part(spec.Message, title="text", body="text", action="text")
REVIEW = _part(spec.LocaleReview, reviewed_by="text", reviewed_on="word")
OUTCOME = _part(spec.OutcomeDefinition, name="word", outcome="word", channels="words", tiers="words")
GUARDRAIL = (*OUTCOME, Entry("better", "word"))
PLAN = _part(
    spec.Plan, design="word", alpha="number", power="number", expected_rate="number", units_per_variant="whole",
    allocation="word", leader_share="flag", looks="whole", spending="word",
)  # fmt: skip
ETHICS = _part(spec.Ethics, committee="text", reference="text", expires="word", control="word", reason="text")
LINES = ("surfaces", "strata")  # one name a line
SENTENCES = ("hypotheses", "exclusions")  # one field each


def value_of(kind: Kind, text: str) -> Any:
    """What a text means in the document: None if it is empty; what is no number stays text, and is refused."""
    if kind == "text":
        return text or None
    text = text.strip()
    if not text:
        return None
    if kind == "flag":
        return True
    if kind == "words":
        return text.split()
    return text if kind == "word" else _number(text, kind)


def _number(text: str, kind: Kind) -> float | str:
    """People write `57 000`; a comma may mean two things, so it is not guessed at."""
    digits = "".join(text.split())
    if fullmatch(r"[+-]?[0-9]{1,18}", digits):
        return int(digits)
    if kind == "number" and fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", digits):
        number = float(digits)
        return number if isfinite(number) else text
    return text


def text_of(value: Any) -> str:
    """How a value stands in a field."""
    if value is True:
        return FLAG
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(part for part in value if isinstance(part, str))
    return repr(value) if isinstance(value, int | float) and value is not False else ""


def same(value: Any, default: Any) -> bool:
    """Whether a value is the default: 1 is not true."""
    return bool(value == default) and isinstance(value, bool) == isinstance(default, bool)
