"""What the evidence says of each decision that could be taken: for it, against it, or neither. Pure.

Takes a result's dict (`Result.to_dict`). People decide; this only says, beside each choice, what they would decide
against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from experiments import answers
from experiments.model import Choice
from experiments.words import PLAIN, Words, mark

Result = Mapping[str, Any]
Side = Literal["for", "open", "against"]
VERDICTS = ("winner", "winner-on-clicks")


class Weighed(NamedTuple):
    """Whether the evidence speaks for a choice, and in a sentence why."""

    side: Side
    told: str


BLOCKED: tuple[Side, str] = ("against", mark("The traffic split was broken: the messages cannot be compared."))
HARMED: tuple[Side, str] = ("against", mark("Something got worse with it that must not get worse."))
WORSE: tuple[Side, str] = ("against", mark("Others have shown to be better."))
UNKNOWN: tuple[Side, str] = ("open", mark("It has not shown to be better than the others."))
OF_LEADERS: Mapping[str, tuple[Side, str]] = {
    "winner": ("for", mark("The evidence says that this message works best.")),
    "winner-on-clicks": ("open", mark("It won on clicks alone. Look at calls, chats and e-mails first.")),
    "practically-equal": ("for", mark("It works practically as well as the others: choose by other reasons.")),
}
OTHERWISE: Mapping[Choice, tuple[Side, str]] = {
    "keep-control": ("open", mark("No other message has shown to be better.")),
    "inconclusive": ("open", mark("The question stays open.")),
    "stopped-for-harm": ("open", mark("Nothing got worse beyond what chance explains. Say what else the harm was.")),
}
BETTER = mark("The evidence says that {arms} works better.")
NAMED = mark("The evidence gives an answer: {arms}.")
HARM = mark("Something that must not get worse did, with {arms}.")
KEPT = mark("The present message has shown to be as good as any other.")


def weigh(result: Result, choice: Choice, variant: str | None = None, words: Words = PLAIN) -> Weighed:
    """Return what the evidence says of a choice."""
    side, text, arms = _adopting(result, str(variant)) if choice == "adopt" else _otherwise(result, choice)
    return Weighed(side, words.say(text, arms=words.named(arms)))


def harmed(result: Result) -> list[str]:
    """Variants with which a guardrail got worse, beyond what chance explains."""
    findings = [found for rail in result["guardrails"] for found in answers.guardrail(rail)]
    return sorted({arm for found in findings if found.kind.startswith("harmed") for arm in found.arms})


def _adopting(result: Result, variant: str) -> tuple[Side, str, list[str]]:
    arm = next((found for found in result["arms"] if found["variant"] == variant), None)
    if result["status"] == "blocked":
        return (*BLOCKED, [])
    if variant in harmed(result):
        return (*HARMED, [])
    if variant in result["status_arms"]:
        return (*OF_LEADERS.get(result["status"], UNKNOWN), [])
    is_out = arm is not None and arm["could_be_best"] is False
    return (*(WORSE if is_out else UNKNOWN), [])


def _otherwise(result: Result, choice: Choice) -> tuple[Side, str, list[str]]:
    named, control = list(result["status_arms"]), result["control"]
    has_verdict = result["status"] in VERDICTS
    if choice == "stopped-for-harm":
        worse = harmed(result)
        return ("for", HARM, worse) if worse else (*OTHERWISE[choice], [])
    if choice == "inconclusive":
        return ("against", NAMED, named) if has_verdict else (*OTHERWISE[choice], [])
    if result["status"] == "blocked":
        return ("open", BLOCKED[1], [])
    if has_verdict or result["status"] == "practically-equal":
        return ("for", KEPT, []) if control in named else ("against", BETTER, named)
    return (*OTHERWISE[choice], [])
