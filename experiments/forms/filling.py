"""From the document to the fields of the form, as far as the document has the form's shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from experiments.forms.shape import (
    ETHICS,
    GUARDRAIL,
    LINES,
    MESSAGE,
    NO,
    OUTCOME,
    PLAN,
    REVIEW,
    SENTENCES,
    TOP,
    VARIANT,
    YES,
    Entry,
    text_of,
)


def fields_of(document: Any) -> dict[str, str]:
    """Return the fields of a document, valid or not; a default stands there as if it had been entered."""
    whole = _mapping(document)
    tags = list(_names(whole, "messages")) + [tag for tag in _mapping(whole.get("locales")) if isinstance(tag, str)]
    tags, factors = list(dict.fromkeys(tags)), list(dict.fromkeys(_names(whole, "factors")))
    return {
        **_part("", whole, TOP),
        **{name: "\n".join(_texts(whole.get(name))) for name in LINES},
        **{f"{name}-{i}": text for name in (*SENTENCES, "help") for i, text in enumerate(_texts(whole.get(name)))},
        **{f"factors-{k}": name for k, name in enumerate(factors)},
        **_locales(tags, _mapping(whole.get("locales"))),
        **_variants(whole, tags, factors),
        **_outcomes(_mapping(whole.get("outcomes"))),
        **_plan(_mapping(whole.get("plan"))),
        **_part("ethics-", _mapping(whole.get("ethics")), ETHICS),
    }


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _parts(value: Any) -> list[dict[Any, Any]]:
    return [_mapping(part) for part in value] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [text_of(part) for part in value] if isinstance(value, list) else []


def _part(prefix: str, part: dict[Any, Any], entries: tuple[Entry, ...]) -> dict[str, str]:
    found = {entry: part.get(entry.name) for entry in entries}
    return {prefix + entry.name: text_of(entry.default if value is None else value) for entry, value in found.items()}


def _names(whole: dict[Any, Any], field: str) -> Iterator[str]:
    """Names that the variants use in a mapping of theirs, in the order in which they appear."""
    for variant in _parts(whole.get("variants")):
        yield from (name for name in _mapping(variant.get(field)) if isinstance(name, str))


def _locales(tags: list[str], reviews: dict[Any, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for j, tag in enumerate(tags):
        review = _mapping(reviews.get(tag))
        state = "" if tag not in reviews else NO if review.get("reviewed") is False else YES
        found |= {f"locales-{j}-tag": tag, f"locales-{j}-review": state, **_part(f"locales-{j}-", review, REVIEW)}
    return found


def _variants(whole: dict[Any, Any], tags: list[str], factors: list[str]) -> dict[str, str]:
    variants = _parts(whole.get("variants"))
    found = {"control": next((str(i) for i, v in enumerate(variants) if v.get("control") is True), "")}
    for i, variant in enumerate(variants):
        own, messages = _mapping(variant.get("factors")), _mapping(variant.get("messages"))
        found |= _part(f"variants-{i}-", variant, VARIANT)
        found |= {f"variants-{i}-factors-{k}": text_of(own.get(name)) for k, name in enumerate(factors)}
        for j, tag in enumerate(tags):
            found |= _part(f"variants-{i}-messages-{j}-", _mapping(messages.get(tag)), MESSAGE)
    return found


def _outcomes(outcomes: dict[Any, Any]) -> dict[str, str]:
    found = _part("outcomes-primary-", _mapping(outcomes.get("primary")), OUTCOME)
    for i, one in enumerate(_parts(outcomes.get("secondary"))):
        found |= _part(f"outcomes-secondary-{i}-", one, OUTCOME)
    for i, one in enumerate(_parts(outcomes.get("guardrails"))):
        found |= _part(f"outcomes-guardrails-{i}-", one, GUARDRAIL)
        found[f"outcomes-guardrails-{i}-margin"] = text_of(_mapping(one.get("margin")).get("ratio"))
    return found


def _plan(plan: dict[Any, Any]) -> dict[str, str]:
    ratio = _mapping(plan.get("minimum_effect")).get("ratio")
    return {**_part("plan-", plan, PLAN), "plan-minimum_effect": text_of(ratio)}
