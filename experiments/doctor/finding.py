"""A check's answer, in words for somebody who has a bad day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "fault"]
SET = "CONFIG SET"
STATES: tuple[State, ...] = ("fault", "warning", "ok")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that a check does not like: what is so, and what to do about it."""

    state: State
    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` says what is so; `advice` what to do, empty if all is well."""

    check: str
    state: State
    found: str
    advice: str = ""


def warning(found: str, advice: str) -> Wrong:
    """Something that will hurt, or hides something."""
    return Wrong("warning", found, advice)


def fault(found: str, advice: str) -> Wrong:
    """Something that hurts now: counts, people or the promise."""
    return Wrong("fault", found, advice)


def finding(check: str, wrong: Iterable[Wrong], fine: str) -> Finding:
    """The check's answer: the worst of what is wrong, all of it told, or what is so if nothing is."""
    worst = sorted(wrong, key=lambda one: STATES.index(one.state))
    if not worst:
        return Finding(check, "ok", fine)
    advice = list(dict.fromkeys(one.advice for one in worst))
    if any(text.startswith(SET) for text in advice):
        advice.append("Put the same into its configuration file, or the next start forgets it.")
    return Finding(check, worst[0].state, "; ".join(one.found for one in worst), " ".join(advice))
