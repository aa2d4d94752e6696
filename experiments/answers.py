"""The three things that somebody in a hurry wants to know of a result (which message, how sure, may I act), and more.

Takes a result's dict (`Result.to_dict`); plain words throughout, as in `experiments.sentences`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments import sentences
from experiments.model import ENDED
from experiments.words import PLAIN, Words, mark

Result = Mapping[str, Any]

MILLION = 6  # as a power of ten: beyond it, numbers say nothing more to anybody


class Answer(NamedTuple):
    """The answer in a word or two, and what there is to say beside it (which may be nothing)."""

    short: str
    more: str


class Answers(NamedTuple):
    """Which message, how sure, may I act."""

    which: Answer
    sure: Answer
    act: Answer


Pair = tuple[str, str]
NOTHING = ""

WHICH: dict[str, Pair] = {
    "not-started": (mark("None yet."), mark("Nobody has been shown a message.")),
    "collecting": (mark("Not known yet."), mark("Figures still move by chance.")),
    "narrowed": (mark("One of {arms}."), mark("The others have shown not to be the best.")),
    "winner": ("{arms}.", mark("{better} than after every other one.")),
    "winner-on-clicks": ("{arms}.", mark("But only clicks were counted, and clicks are not yet help.")),
    "practically-equal": (mark("Any of {arms}."), mark("They work practically equally well.")),
    "no-clear-winner": (mark("None stands out."), mark("Still possible: {arms}.")),
    "stopped-for-safety": (mark("Not {arms}."), mark("What got worse with it stands below.")),
    "suspended": (mark("Cannot be said now."), mark("Everybody is shown the fallback message.")),
    "blocked": (mark("Cannot be said."), mark("The messages did not reach people in the planned shares.")),
}
SURE: dict[str, Pair] = {
    "not-started": (mark("Nothing is known yet."), NOTHING),
    "narrowed": (
        mark("Sure that the others are not the best."),
        mark("The best one is left out in at most {n} of 100 experiments."),
    ),
    "practically-equal": (mark("Sure."), mark("Any difference between them is smaller than ten in a hundred.")),
    "no-clear-winner": (
        mark("Not sure."),
        mark("If there is a difference, it is smaller than this experiment could show."),
    ),
    "suspended": (mark("Not now."), mark("Figures stay as they are until the experiment is resumed.")),
    "blocked": (mark("Not at all."), mark("No comparison is fair until the reason is found.")),
}
ACT: dict[str, Pair] = {
    "not-started": (mark("Not yet."), mark("It has to be approved and started first.")),
    "collecting": (mark("Not yet."), mark("Let it run, and choose no message from these figures.")),
    "narrowed": (mark("Not yet."), mark("Let it run. If you must choose today, choose among those named.")),
    "winner": (mark("Yes."), mark("This message may be adopted.")),
    "winner-on-clicks": (mark("Not on clicks alone."), mark("Look at calls, chats and e-mails first.")),
    "practically-equal": (
        mark("Yes."),
        mark("Choose among them by other reasons: whichever you take, nobody loses help."),
    ),
    "no-clear-winner": (mark("No change."), mark("Keep the present message, or plan a larger experiment.")),
    "stopped-for-safety": (mark("Yes, now."), mark("Close that message, or suspend the experiment.")),
    "suspended": (mark("Not now."), mark("An approver can resume it.")),
    "blocked": (mark("No."), mark("Decide nothing on these figures. Ask the engineers why the shares are wrong.")),
}
STRENGTHS = (
    mark("no evidence"),
    mark("a little"),
    mark("some"),
    mark("much"),
    mark("enough to decide"),
)
OF_STRENGTH = (
    mark(
        "No evidence yet that any message works better or worse than another. That does not show that they are alike."
    ),
    mark("A little evidence that the messages do not all work alike. It is not enough."),
    mark("Some evidence that the messages do not all work alike. It is not enough."),
    mark("Much evidence that the messages do not all work alike. It is nearly enough."),
    mark("Enough evidence that the messages do not all work alike."),
)


def answers(result: Result, words: Words = PLAIN) -> Answers:
    """Which message, how sure, may I act."""
    return Answers(_which(result, words), _sure(result, words), _act(result, words))


def _which(result: Result, words: Words) -> Answer:
    status, named = result["status"], result["status_arms"]
    if status == "no-clear-winner" and not named:
        return Answer(words.say("None stands out."), NOTHING)
    if status == "narrowed" and len(named) == 1:
        return _said((mark("{arms} is ahead."), mark("It is not settled yet.")), words, arms=words.named(named))
    better = words.say(sentences.BETTER.get(result["primary_outcome"], sentences.BETTER[""]))
    return _said(WHICH[status], words, arms=words.named(named), better=better)


def _sure(result: Result, words: Words) -> Answer:
    status, found = result["status"], result["evidence"]
    if status in SURE:
        return _said(SURE[status], words, n=f"{100 * result['alpha']:g}")
    if status == "stopped-for-safety":
        return _sure_of_harm(result, words)
    if not result["sealed_days"]:
        return _said((mark("Not yet."), mark("No day is closed yet.")), words)
    if status == "collecting":
        return Answer(words.say("Not yet."), strength(result, words) or words.say(AT_ITS_SIZE))
    return Answer(words.say("Sure."), _odds(found, words) if found else sentences.guarantee(result, words))


AT_ITS_SIZE = mark("The plan speaks when its size is reached. Figures seen before that decide nothing.")


def _sure_of_harm(result: Result, words: Words) -> Answer:
    bases = {item["basis"] for rail in result["guardrails"] for item in rail["safety"] if item["harmed"]}
    if "sealed" in bases:
        return _said((mark("Sure enough to stop."), mark("Chance alone would hardly make it so much worse.")), words)
    told = mark("It rests on days that are still open. Have it confirmed when they are closed.")
    return _said((mark("Fairly sure."), told), words)


def _act(result: Result, words: Words) -> Answer:
    status, state = result["status"], result["state"]
    if state in ENDED:
        return _decided(result, words)
    if state == "stopped" and status in ("collecting", "narrowed"):
        told = mark("The experiment was stopped before its figures could answer the question.")
        return _said((mark("No."), told), words)
    if status == "not-started" and result["started"]:
        return _said((mark("Not yet."), mark("It has only begun.")), words)
    if status == "no-clear-winner" and result["status_arms"] and result["control"] not in result["status_arms"]:
        told = mark("The present message is not the best: choose among those named, or plan a larger experiment.")
        return _said((mark("Yes, in part."), told), words)
    return _said(ACT[status], words)


def _decided(result: Result, words: Words) -> Answer:
    if result["adopted"] is None:
        return _said((mark("It is decided."), mark("The experiment is concluded; no message was adopted.")), words)
    told = mark("“{arm}” was adopted: its text became what people are shown.")
    return _said((mark("It is decided."), told), words, arm=result["adopted"])


def _said(pair: Pair, words: Words, **values: Any) -> Answer:
    return Answer(*(words.say(text, **values) for text in pair))


def strength(result: Result, words: Words = PLAIN) -> str | None:
    """How strong the evidence is that the messages differ at all; None where it is not followed from day to day."""
    found = result["evidence"]
    if found is None:
        return None
    if result["status"] == "practically-equal":
        return words.say("Enough evidence that any difference between them is small: less than ten in a hundred.")
    told = words.say(OF_STRENGTH[found["level"]])
    return f"{told} {_odds(found, words)}" if found["log10_e"] > 0 else told


def _odds(found: Mapping[str, Any], words: Words) -> str:
    """Evidence e is reached by at most 1 in e experiments without a difference (Ville 1939)."""
    power = max(found["log10_e"], found["log10_needed"]) if found["reached"] else found["log10_e"]
    if power >= MILLION:
        return words.say(
            "If the messages all worked alike, so much evidence would come up in fewer than 1 of a million experiments."
        )
    number = int(10**power)
    if number < 2:  # so much comes up all the time
        return words.say("If they all worked alike, so much would come up often.")
    return words.say(
        "If the messages all worked alike, so much evidence would come up in at most 1 of {n} experiments.",
        n=words.number(number),
    )


def traffic(result: Result, words: Words = PLAIN) -> tuple[str, str]:
    """Whether people were spread over the messages as planned: the answer in one word, and what it means."""
    srm = result["srm"]
    if srm["alarm"] is None:
        return words.say("Not checked yet."), words.say("There are too few people so far, or the shares are not known.")
    if not srm["alarm"]:
        return words.say("Yes."), words.say(
            "Each message reached as many people as its share says, within what chance explains."
        )
    more = srm["direction"] == "more"
    told = words.say(MORE if more else FEWER, arm=srm["arm"])
    where = words.say(" on the surface “{surface}”", surface=srm["surface"]) if srm["surface"] else ""
    return words.say("No."), words.say(
        "{told}{where}. Until this is explained, no figure on this page may decide anything.", told=told, where=where
    )


MORE = mark("“{arm}” reached more people than planned")
FEWER = mark("“{arm}” reached fewer people than planned")

OF_GUARDRAIL = {
    "harmed": mark("worse than the present message, beyond chance"),
    "harmed-live": mark("worse on days that are still open; to be confirmed"),
    "fails": mark("looks worse than the present message"),
    "safe": mark("not worse than is allowed"),
    "not-shown": mark("not shown to be worse"),
    "unknown": mark("cannot be said yet"),
}


class Finding(NamedTuple):
    """What a guardrail says of some variants; `kind` is a key of OF_GUARDRAIL."""

    kind: str
    told: str
    arms: tuple[str, ...]


def guardrail(rail: Mapping[str, Any], words: Words = PLAIN) -> list[Finding]:
    """What a guardrail says of every variant but the control, the worst first."""
    kinds: dict[str, list[str]] = {kind: [] for kind in OF_GUARDRAIL}
    for item in rail["safety"]:
        kinds[_kind(item, rail)].append(item["variant"])
    return [Finding(kind, words.say(OF_GUARDRAIL[kind]), tuple(arms)) for kind, arms in kinds.items() if arms]


def _kind(item: Mapping[str, Any], rail: Mapping[str, Any]) -> str:
    if item["harmed"]:
        return "harmed" if item["basis"] == "sealed" else "harmed-live"
    if item["variant"] in rail["fails"]:
        return "fails"
    if item["non_inferior"]:
        return "safe"
    never_reported = not any(arm["conversions"] for arm in rail["arms"])
    return "unknown" if rail["margin_ratio"] or item["harmed"] is None or never_reported else "not-shown"


def waiting(result: Result, words: Words = PLAIN) -> str:
    """Whether events are still to be counted."""
    waits, aside = result["events_waiting"], result["events_set_aside"]
    told = [words.say("No event waits to be counted.")]
    if waits:
        told = [words.many("{n} event waits to be counted.", "{n} events wait to be counted.", waits)]
    if aside:
        told.append(
            words.many(
                "{n} event could not be written and was set aside for people to look at.",
                "{n} events could not be written and were set aside for people to look at.",
                aside,
            )
        )
    return " ".join(told)
