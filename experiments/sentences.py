"""Plain sentences about a result, for people who are not statisticians. No p-values, nothing "significant"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

HEADLINES = {
    "not-started": "This experiment has not started yet.",
    "collecting": "Still collecting: it is too early to say which message helps most.",
    "narrowed": "Could still be best: {arms}.",
    "winner": "Winner: the message {arms}.",
    "winner-on-clicks": "Winner on clicks: the message {arms}.",
    "practically-equal": "The messages work practically equally well.",
    "no-clear-winner": "No clear winner: no message stands out.",
    "stopped-for-safety": "Stop for safety: after {arms} something that must not get worse did.",
    "suspended": "Suspended: everybody is shown the fallback message.",
    "blocked": "Blocked: the traffic split is broken, so the messages cannot be compared.",
}
MEANINGS = {
    "not-started": "Nobody has been shown its messages.",
    "collecting": "Please do not choose a message from these figures yet; they still move by chance.",
    "narrowed": "The others have shown to be worse. Keep the experiment running, or choose among those named.",
    "winner": "{better} than after every other one. It may be adopted.",
    "winner-on-clicks": "It won on clicks alone. Look at calls, chats and e-mails before adopting it.",
    "practically-equal": "Choose by other reasons; no message costs anybody help.",
    "no-clear-winner": "Keep the present message, or plan a larger experiment.",
    "stopped-for-safety": "Close that message, or suspend the experiment, and look at what got worse below.",
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


GUARANTEES = {
    "sequential": "If this rule were used in 100 experiments, at most {n} of them would ever drop the message that is "
    "truly best, however often anybody looks; and of 100 whose messages are all equal, at most {n} would name a "
    "winner.",
    "looks": "The rule speaks at {looks} planned looks and at no other time: of 100 experiments whose messages are all "
    "equal, about {n} would name a winner.",
    "fixed": "The rule speaks once, at the planned size: of 100 experiments whose messages are all equal, about {n} "
    "would name a winner. Figures seen before that decide nothing.",
}


def headline(report: Mapping[str, Any]) -> str:
    """The first sentence a person reads; takes a report's dict."""
    told = HEADLINES[report["status"]].format(arms=_named(report["status_arms"]))
    if report["status"] == "no-clear-winner" and report["status_arms"]:
        told += f" Could still be best: {_named(report['status_arms'])}."
    return told


def _named(arms: Iterable[str]) -> str:
    return ", ".join(f"“{arm}”" for arm in arms)


def guarantee(report: Mapping[str, Any]) -> str:
    """What the rule promises, in one sentence."""
    looks = max((look["number"] for look in report["looks"]), default=0)
    return GUARANTEES[report["design"]].format(n=f"{100 * report['alpha']:g}", looks=looks)


def estimate(report: Mapping[str, Any]) -> str | None:
    """What to expect of a winner, first: picked as the best, its own count is a little too good. None without one."""
    found = report["estimate"]
    if found is None:
        return None
    told = found["ratio"] is not None and found["variant"] != report["control"]
    ratio = f", {found['ratio']:.2f} times the present message" if told else ""
    return (
        f"Best guess of what “{found['variant']}” does from now on: {found['rate_per_10000']:.1f} per 10 000{ratio}. "
        "Its own count is a little higher or lower, because a winner has also been lucky."
    )


def tipping(report: Mapping[str, Any]) -> str | None:
    """How many false reports the verdict stands; None without a winner."""
    number, arm = report["tipping_point"], report["tipping_arm"]
    if number is None:
        return None
    total = next(found["conversions"] for found in report["arms"] if found["variant"] == arm)
    return f"The verdict would fall if {number} of the {total} reports counted for “{arm}” were false."


def evidence(e_value: float | None) -> str:
    """How surprising the counts would be if there were no difference: `1 in 240`; takes an e-value."""
    if e_value is None:
        return "beyond doubt"
    if e_value <= 1:
        return "none yet"
    return f"1 in {e_value:,.0f}".replace(",", "\u202f") if e_value < 1e6 else "beyond 1 in a million"


def outlook(report: Mapping[str, Any]) -> str | None:
    """When a verdict can be expected, in words; None without a forecast."""
    found = report["forecast"]
    if not found:
        return None
    if not found["periods"]:
        planned = found["planned_periods"]
        return f"If it goes on like this, the planned size is reached in about {planned} days." if planned else None
    low, middle, high = found["periods"]
    if middle is None:
        return "At the present pace no verdict is in sight within ten years: the messages seem to work alike."
    until = "more than ten years" if high is None else f"{high} days"
    return f"If it goes on like this, a verdict in about {middle} days (between {low or 0} days and {until})."


def meaning(report: Mapping[str, Any]) -> str:
    """What the status means for a decision; a report without a named kind of outcome speaks of it in general."""
    named = report["status_arms"]
    if report["status"] == "no-clear-winner" and named and report.get("control") not in named:
        return "The present message is not the best one. Choose among those named, or plan a larger experiment."
    return MEANINGS[report["status"]].format(better=BETTER.get(report.get("primary_outcome", ""), BETTER[""]))


def progress(report: Mapping[str, Any]) -> str | None:
    """How far the plan is, in words; None without a planned size."""
    planned = report["planned_units"]
    if not planned or not report["arms"]:
        return None
    least = min(arm["units"] for arm in report["arms"])
    share = min(100, 100 * least // planned)
    return f"{least:,} of {planned:,} planned people per message ({share} %)".replace(",", "\u202f")


def comparison(pair: Mapping[str, Any], design: str = "fixed") -> str:
    """`1.31 times (between 1.04 and 1.66)`: a ratio to the present message, with its interval.

    Outside the fixed design it is the sequence that holds at any time, and says so.
    """
    if pair["ratio"] is None:
        return "cannot be said yet"
    name, safe = ("ratio_ci", "") if design == "fixed" else ("ratio_cs", ", safe to check any time")
    if pair[name] is None:
        return f"{pair['ratio']:.2f} times"
    low, high = pair[name]
    upper = "no upper limit yet" if high is None else f"{high:.2f}"
    return f"{pair['ratio']:.2f} times (between {low or 0:.2f} and {upper}{safe})"


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
