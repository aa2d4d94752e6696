"""Plain sentences about a result, for people who are not statisticians. No p-values, nothing "significant"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADLINES = {
    "not-started": "This experiment has not started yet.",
    "collecting": "Still collecting: it is too early to say which message helps most.",
    "narrowed": "Could still be best: {arms}.",
    "winner": "Winner: the message {arms}.",
    "winner-on-clicks": "Winner on clicks: the message {arms}.",
    "practically-equal": "The messages work practically equally well.",
    "no-clear-winner": "No clear winner: the planned size is reached and no message stands out.",
    "stopped-for-safety": "Stopped for safety: a message did worse than the present one.",
    "suspended": "Suspended: everybody is shown the fallback message.",
    "blocked": "Blocked: the traffic split is broken, so the messages cannot be compared.",
}
MEANINGS = {
    "not-started": "Nobody has been shown its messages.",
    "collecting": "Please do not choose a message from these figures yet; they still move by chance.",
    "narrowed": "At least one message has shown to be worse. Keep the experiment running, or choose among those named.",
    "winner": "{better} than after every other one. It may be adopted.",
    "winner-on-clicks": "It won on clicks alone. Look at calls, chats and e-mails before adopting it.",
    "practically-equal": "Choose by other reasons; no message costs anybody help.",
    "no-clear-winner": "Keep the present message, or plan a larger experiment.",
    "stopped-for-safety": "Use the present message, and look at the guardrails below.",
    "suspended": "Figures stay as they are until the experiment is resumed.",
    "blocked": "Do not decide on these figures. Ask the engineers why one message reached more or fewer people.",
}

BETTER = {
    "help_sought": "More people sought help after this message",
    "left": "More people left after this message",
    "proceeded": "Fewer people went on after this message",
    "repeat_trigger": "Fewer people triggered the warning again after this message",
    "complaint": "Fewer people complained after this message",
    "": "The outcome is better after this message",
}


def headline(report: Mapping[str, Any]) -> str:
    """The first sentence a person reads; takes a report's dict."""
    return HEADLINES[report["status"]].format(arms=", ".join(f"“{arm}”" for arm in report["status_arms"]))


def meaning(report: Mapping[str, Any]) -> str:
    """What the status means for a decision; a report without a named kind of outcome speaks of it in general."""
    return MEANINGS[report["status"]].format(better=BETTER.get(report.get("primary_outcome", ""), BETTER[""]))


def progress(report: Mapping[str, Any]) -> str | None:
    """How far the plan is, in words; None without a planned size."""
    planned = report["planned_units"]
    if not planned or not report["arms"]:
        return None
    least = min(arm["units"] for arm in report["arms"])
    share = min(100, 100 * least // planned)
    return f"{least:,} of {planned:,} planned people per message ({share} %)".replace(",", "\u202f")


def comparison(pair: Mapping[str, Any]) -> str:
    """`1.31 times (between 1.04 and 1.66)`: a ratio to the present message, with its interval."""
    if pair["ratio"] is None:
        return "cannot be said yet"
    if pair["ratio_ci"] is None:
        return f"{pair['ratio']:.2f} times"
    low, high = pair["ratio_ci"]
    upper = "no upper limit yet" if high is None else f"{high:.2f}"
    return f"{pair['ratio']:.2f} times (between {low or 0:.2f} and {upper})"


def difference(pair: Mapping[str, Any]) -> str | None:
    """`+46.0 per 10 000 (+31.2 to +60.9)`: a difference to the present message; None when it is not known."""
    if pair["difference"] is None or pair["difference_ci"] is None:
        return None
    middle, low, high = (f"{10_000 * x:+.1f}" for x in (pair["difference"], *pair["difference_ci"]))
    return f"{middle} per 10 000 ({low} to {high})"


def interval(ends: list[float | None] | None) -> str:
    """`0.82 to 1.31`; an end that is not bounded is left open."""
    if ends is None:
        return "–"
    low, high = ends
    return f"{low or 0:.3f} to " + ("no upper limit" if high is None else f"{high:.3f}")
