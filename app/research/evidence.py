"""What the page of the decision shows of a result: the sentence, a short table, the guardrails. Nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask_babel import lazy_gettext as _

from app.context import context
from app.staff import person
from app.staff.wording import words
from experiments import answers, looking, sentences
from experiments.errors import StoreUnavailable
from experiments.model import Version
from experiments.results import result
from experiments.weighing import weigh

Told = Mapping[str, Any]


def of(key: str, version: Version) -> dict[str, Any] | None:
    """The evidence about a version, None before it has started. Who looks at one that runs is written down."""
    at = context()
    if version.started is None:
        return None
    found = result(at.runtime.store, key, now=at.now, version=version.number)
    with suppress(StoreUnavailable):
        looking.note(at.runtime, key, version.number, person().name, at.now, found.sealed_until)
    return told(found.to_dict())


def told(found: Told) -> dict[str, Any]:
    """The evidence in words and rows."""
    write = words()
    return {
        "result": found, "label": lambda name: label(found, name), "primary": label(found, found["outcome"]),
        "headline": sentences.headline(found, write), "answers": answers.answers(found, write),
        "rows": [_row(found, arm) for arm in found["arms"]],
        "rails": [(rail, answers.guardrail(rail, write)) for rail in found["guardrails"]],
        "traffic": answers.traffic(found, write), "choices": _choices(found),
    }  # fmt: skip


LABELS = {
    "help_sought": _("Sought help"), "repeat_trigger": _("Triggered the warning again"), "proceeded": _("Went on"),
    "left": _("Left"), "complaint": _("Complained"),
}  # fmt: skip


def label(found: Told, name: str) -> str:
    """What an outcome of the plan is called: by its own name if it has one, else by what it counts."""
    kind = found["outcome_definitions"].get(name, {}).get("outcome", name)
    is_named = name not in (kind, "primary")
    return name.replace("_", " ").replace("-", " ").capitalize() if is_named else str(LABELS.get(kind, name))


def _row(found: Told, arm: Mapping[str, Any]) -> dict[str, Any]:
    pair = next((p for p in found["pairs"] if p["a"] == arm["variant"] and p["b"] == found["control"]), None)
    is_blocked = found["status"] == "blocked"
    return {
        "arm": arm, "is_control": arm["variant"] == found["control"], "messages": found["messages"][arm["variant"]],
        "times": None if pair is None or is_blocked else sentences.times(pair, found["design"], words()),
        "named": arm["variant"] in found["status_arms"],
    }  # fmt: skip


def _choices(found: Told) -> list[tuple[str, str, str | None, Any]]:
    """Every decision that can be proposed: value of the form, choice, variant, what the evidence says of it."""
    adopt = [arm["variant"] for arm in found["arms"] if arm["variant"] != found["control"]]
    every: list[tuple[Any, str | None]] = [("adopt", variant) for variant in adopt]
    every += [("keep-control", None), ("inconclusive", None), ("stopped-for-harm", None)]
    return [
        (f"{choice}:{variant}" if variant else choice, choice, variant, weigh(found, choice, variant, words()))
        for choice, variant in every
    ]
