"""Plain sentences about a result, for people who are not statisticians. No p-values, nothing "significant".

Each takes a report's dict (or a result's, where it says so) and the words to write it with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.words import PLAIN, Words, mark

Report = Mapping[str, Any]

HEADLINES = {
    "not-started": mark("This experiment has not started yet."),
    "collecting": mark("Still collecting: it is too early to say which message helps most."),
    "narrowed": mark("Could still be best: {arms}."),
    "winner": mark("Winner: the message {arms}."),
    "winner-on-clicks": mark("Winner on clicks: the message {arms}."),
    "practically-equal": mark("The messages work practically equally well."),
    "no-clear-winner": mark("No clear winner: no message stands out."),
    "stopped-for-safety": mark("Stop for safety: after {arms} something that must not get worse did."),
    "suspended": mark("Suspended: everybody is shown the fallback message."),
    "blocked": mark("Blocked: the traffic split is broken, so the messages cannot be compared."),
}
MEANINGS = {
    "not-started": mark("Nobody has been shown its messages."),
    "collecting": mark("Please do not choose a message from these figures yet; they still move by chance."),
    "narrowed": mark("The others have shown to be worse. Keep the experiment running, or choose among those named."),
    "winner": mark("{better} than after every other one. It may be adopted."),
    "winner-on-clicks": mark("It won on clicks alone. Look at calls, chats and e-mails before adopting it."),
    "practically-equal": mark("Choose by other reasons; no message costs anybody help."),
    "no-clear-winner": mark("Keep the present message, or plan a larger experiment."),
    "stopped-for-safety": mark("Close that message, or suspend the experiment, and look at what got worse below."),
    "suspended": mark("Figures stay as they are until the experiment is resumed."),
    "blocked": mark("Do not decide on these figures. Ask the engineers why one message reached more or fewer people."),
}

BETTER = {
    "help_sought": mark("More people sought help after this message"),
    "left": mark("More people left after this message"),
    "proceeded": mark("Fewer people went on after this message"),
    "repeat_trigger": mark("Fewer people triggered the warning again after this message"),
    "complaint": mark("Fewer people complained after this message"),
    "": mark("The outcome is better after this message"),
}


GUARANTEES = {
    "sequential": mark(
        "If this rule were used in 100 experiments, at most {n} of them would ever drop the message that is "
        "truly best, however often anybody looks; and of 100 whose messages are all equal, at most {n} would name a "
        "winner."
    ),
    "looks": mark(
        "The rule speaks at {looks} planned looks and at no other time: of 100 experiments whose messages are all "
        "equal, about {n} would name a winner."
    ),
    "fixed": mark(
        "The rule speaks once, at the planned size: of 100 experiments whose messages are all equal, about {n} "
        "would name a winner. Figures seen before that decide nothing."
    ),
}


def headline(report: Report, words: Words = PLAIN) -> str:
    """The first sentence a person reads; that of a result knows whether it was started."""
    if report["status"] == "not-started" and report.get("stopped"):
        return words.say("Stopped before anybody was shown its messages.")
    if report["status"] == "not-started" and report.get("started"):
        return words.say("Started, but nobody has been shown its messages yet.")
    told = words.say(HEADLINES[report["status"]], arms=words.named(report["status_arms"]))
    if report["status"] == "no-clear-winner" and report["status_arms"]:
        told += " " + words.say(HEADLINES["narrowed"], arms=words.named(report["status_arms"]))
    return told


def meaning(report: Report, words: Words = PLAIN) -> str:
    """What the status means for a decision; a report without a named kind of outcome speaks of it in general."""
    named = report["status_arms"]
    if report["status"] == "no-clear-winner" and named and report.get("control") not in named:
        return words.say(
            "The present message is not the best one. Choose among those named, or plan a larger experiment."
        )
    better = words.say(BETTER.get(report.get("primary_outcome", ""), BETTER[""]))
    return words.say(MEANINGS[report["status"]], better=better)


def guarantee(report: Report, words: Words = PLAIN) -> str:
    """What the rule promises, in one sentence."""
    looks = max((look["number"] for look in report["looks"]), default=0)
    return words.say(GUARANTEES[report["design"]], n=f"{100 * report['alpha']:g}", looks=looks)


def estimate(report: Report, words: Words = PLAIN) -> str | None:
    """What to expect of a winner, first: picked as the best, its own count is a little too good. None without one."""
    found = report["estimate"]
    if found is None:
        return None
    told = found["ratio"] is not None and found["variant"] != report["control"]
    ratio = words.say(", {ratio} times the present message", ratio=words.decimal(found["ratio"], 2)) if told else ""
    return words.say(
        "Best guess of what “{arm}” does from now on: {rate} per 10 000{ratio}. "
        "Its own count is a little higher or lower, because a winner has also been lucky.",
        arm=found["variant"], rate=words.decimal(found["rate_per_10000"], 1), ratio=ratio,
    )  # fmt: skip


def tipping(report: Report, words: Words = PLAIN) -> str | None:
    """How many false reports the verdict stands; None without a winner."""
    number, arm = report["tipping_point"], report["tipping_arm"]
    if number is None:
        return None
    total = next(found["conversions"] for found in report["arms"] if found["variant"] == arm)
    return words.say(
        "The verdict would fall if {number} of the {total} reports counted for “{arm}” were false.",
        number=words.number(number), total=words.number(total), arm=arm,
    )  # fmt: skip


def evidence(e_value: float | None, words: Words = PLAIN) -> str:
    """How surprising the counts would be if there were no difference: `1 in 240`; takes an e-value."""
    if e_value is None:
        return words.say("beyond doubt")
    if e_value <= 1:
        return words.say("none yet")
    if e_value >= 1e6:
        return words.say("beyond 1 in a million")
    return words.say("1 in {n}", n=words.number(e_value))


def outlook(report: Report, words: Words = PLAIN) -> str | None:
    """When a verdict can be expected, in days; None without a forecast."""
    found = report["forecast"]
    if not found:
        return None
    if not found["periods"]:
        planned = found["planned_periods"]
        if not planned:
            return None
        return words.say("If it goes on like this, the planned size is reached in about {n} days.", n=planned)
    low, middle, high = found["periods"]
    if middle is None:
        return words.say(NOT_IN_SIGHT)
    until = words.say("more than ten years") if high is None else words.say("{n} days", n=high)
    return words.say(
        "If it goes on like this, a verdict in about {middle} days (between {low} days and {until}).",
        middle=middle, low=low or 0, until=until,
    )  # fmt: skip


NOT_IN_SIGHT = mark("At the present pace no verdict is in sight within ten years: the messages seem to work alike.")


def outlook_by_date(result: Report, words: Words = PLAIN) -> str | None:
    """When a verdict can be expected, as dates; takes a result. None where there is nothing to expect."""
    found = result["expected"]
    if not found:
        return None
    low, middle, high = found["verdict"] or (None, None, None)
    if middle:
        until = words.say("more than ten years from now") if high is None else words.date(high)
        return words.say(
            "If it goes on like this, there is a verdict around {middle} (between {low} and {until}).",
            middle=words.date(middle), low=words.date(low or middle), until=until,
        )  # fmt: skip
    if found["verdict"]:
        return words.say(NOT_IN_SIGHT)
    if not found["planned_size"]:
        return None
    day = words.date(found["planned_size"])
    return words.say(
        "If it goes on like this, the planned size is reached around {day}; then the plan speaks.", day=day
    )


def progress(report: Report, words: Words = PLAIN) -> str | None:
    """How far the plan is, in words; None without a planned size."""
    planned = report["planned_units"]
    if not planned or not report["arms"]:
        return None
    least = min(arm["units"] for arm in report["arms"])
    share = min(100, 100 * least // planned)
    return words.say(
        "{least} of {planned} planned people per message ({share} %)",
        least=words.number(least), planned=words.number(planned), share=share,
    )  # fmt: skip


def comparison(pair: Report, design: str = "fixed", words: Words = PLAIN) -> str:
    """`1.31 times (between 1.04 and 1.66)`: a ratio to the present message, with its interval."""
    if pair["ratio"] is None:
        return times(pair, design, words)
    return words.say("{ratio} times", ratio=words.decimal(pair["ratio"], 2)) + _between(pair, design, words)


def times(pair: Report, design: str = "fixed", words: Words = PLAIN) -> str:
    """`1.31 (between 1.04 and 1.66, safe to check any time)`; or that it cannot be said yet."""
    if pair["ratio"] is None:
        return words.say("cannot be said yet")
    return words.decimal(pair["ratio"], 2) + _between(pair, design, words)


def brief(pair: Report, design: str = "fixed", words: Words = PLAIN) -> str:
    """`1.31 times (1.04 to 1.66)`, for where there is little room."""
    if pair["ratio"] is None:
        return words.say("cannot be said yet")
    ratio = words.say("{ratio} times", ratio=words.decimal(pair["ratio"], 2))
    ends = _ends(pair, design, words)
    return (
        ratio
        if ends is None
        else words.say("{ratio} ({low}\u00a0to\u00a0{high})", ratio=ratio, low=ends[0], high=ends[1])
    )


def _between(pair: Report, design: str, words: Words) -> str:
    """The interval of a ratio; one that holds at any time says so."""
    ends = _ends(pair, design, words)
    if ends is None:
        return ""
    told = BETWEEN if design == "fixed" else BETWEEN_ANY_TIME
    return " " + words.say(told, low=ends[0], high=ends[1])


def _ends(pair: Report, design: str, words: Words) -> tuple[str, str] | None:
    """The ends of a ratio's interval; outside the fixed design of the sequence that holds at any time."""
    ends = pair["ratio_ci" if design == "fixed" else "ratio_cs"]
    if ends is None:
        return None
    high = words.say("no upper limit yet") if ends[1] is None else words.decimal(ends[1], 2)
    return words.decimal(ends[0] or 0, 2), high


BETWEEN = mark("(between {low} and {high})")
BETWEEN_ANY_TIME = mark("(between {low} and {high}, safe to check any time)")


def difference(pair: Report, words: Words = PLAIN) -> str | None:
    """`+46.0 per 10 000 (+31.2 to +60.9)`: a difference to the present message; None when it is not known."""
    if pair["difference"] is None or pair["difference_ci"] is None:
        return None
    middle, low, high = (_signed(10_000 * x, words) for x in (pair["difference"], *pair["difference_ci"]))
    return words.say("{middle} per 10 000 ({low} to {high})", middle=middle, low=low, high=high)


def _signed(value: float, words: Words) -> str:
    rounded = round(value, 1) + 0.0  # no "-0.0"
    return ("+" if rounded >= 0 else "") + words.decimal(rounded, 1)


def interval(ends: Sequence[float | None] | None) -> str:
    """`0.820 to 1.310`; an end that is not bounded is left open."""
    if ends is None:
        return "–"
    low, high = ends
    return f"{low or 0:.3f} to " + ("no upper limit" if high is None else f"{high:.3f}")
