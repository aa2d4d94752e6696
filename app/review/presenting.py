"""From a result's dict to what its page shows, in the page's order: values are put side by side, never computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.staff.wording import STATES
from experiments import answers, sentences
from experiments.directory import direction
from experiments.words import Words

Result = Mapping[str, Any]

OUTCOMES = {
    "help_sought": lazy_gettext("Sought help"),
    "repeat_trigger": lazy_gettext("Triggered the warning again"),
    "proceeded": lazy_gettext("Went on"),
    "left": lazy_gettext("Left"),
    "complaint": lazy_gettext("Complained"),
    "young_people": lazy_gettext("Help for young people"),
}
CHANNELS = {
    "call": lazy_gettext("call (taps on the number)"),
    "email": lazy_gettext("e-mail"),
    "click": lazy_gettext("click-through"),
    "chat": lazy_gettext("chat"),
    "self_help": lazy_gettext("self-help"),
}
TIERS = {
    "reported": lazy_gettext("reported by the browser"),
    "attested": lazy_gettext("reported by the partner’s server"),
    "confirmed": lazy_gettext("confirmed by the help provider"),
}
TONES = {
    "winner": "winner", "winner-on-clicks": "winner", "practically-equal": "winner", "blocked": "blocked",
    "stopped-for-safety": "blocked",
}  # fmt: skip
DETERRENCE = ("repeat_trigger", "proceeded", "left")


class Text(NamedTuple):
    """A message in one language, as people saw it."""

    locale: str
    dir: str
    title: str
    paragraphs: list[str]
    action: str


class Message(NamedTuple):
    """A variant: its key, wording (the first is the one to show), figures, ratio to the control, and standing."""

    key: str
    texts: list[Text]
    arm: Mapping[str, Any]
    is_control: bool
    times: str
    difference: str | None
    standing: str | None
    tone: str


class Column(NamedTuple):
    """An outcome beside others: what it is called, which way is good, one cell for each variant."""

    label: str
    better: str
    cells: list[tuple[Mapping[str, Any], str | None]]


class ChannelRow(NamedTuple):
    """What happened, how, who says so; units by variant."""

    outcome: str
    channel: str | None
    tier: str | None
    units: list[int]


def page(result: Result, words: Words, language: str) -> dict[str, Any]:
    """Everything that the page shows beside the result itself."""
    after = (sentences.estimate(result, words), sentences.tipping(result, words))
    return {
        "headline": sentences.headline(result, words), "answers": answers.answers(result, words),
        "tone": TONES.get(result["status"], ""), "reason": reason(result), "more": [text for text in after if text],
        "guarantee": sentences.guarantee(result, words), "progress": sentences.progress(result, words),
        "messages": messages(result, words, language), "strength": answers.strength(result, words),
        "strengths": [words.say(name) for name in answers.STRENGTHS],
        "outlook": sentences.outlook_by_date(result, words), "traffic": answers.traffic(result, words),
        "rails": [(label(result, rail["name"]), rail, answers.guardrail(rail, words)) for rail in result["guardrails"]],
        "helping": columns(result, words, ("help_sought",)), "deterring": columns(result, words, DETERRENCE),
        "channels": channel_rows(result), "waiting": answers.waiting(result, words),
        "primary": label(result, result["outcome"]), "states": STATES, "named": named_messages(result, language),
    }  # fmt: skip


REASONS = {
    "global-evidence-missing": lazy_gettext("One message is left; that the messages differ at all is not yet shown."),
    "direction-conflict": lazy_gettext("A message works better in one group of people, and worse in another."),
    "guardrail-fails": lazy_gettext("Something that must not get worse looks worse with the message that is ahead."),
    "all-eliminated": lazy_gettext("Every message was once shown to be worse than another one."),
    "no-units": lazy_gettext("Some messages have not been shown to anybody on closed days."),
    "weights-changed": lazy_gettext("The shares changed while it ran, which this plan cannot take into account."),
}


def reason(result: Result) -> str | None:
    """Why the status is no more than it is, in plain words; None where the sentences above it say so."""
    found = result["status_reason"]
    if found is None or found["code"] in ("srm-alarm", "no-sealed-units", "planned-size-not-reached"):
        return None
    if found["code"] == "harm":
        worse = [rail["name"] for rail in result["guardrails"] if any(item["harmed"] for item in rail["safety"])]
        return str(_("What got worse: %(outcomes)s.", outcomes=", ".join(label(result, name) for name in worse)))
    return str(REASONS.get(found["code"], f"{found['detail'][:1].upper()}{found['detail'][1:]}."))


def label(result: Result, name: str) -> str:
    """What an outcome of the report is called."""
    if name in OUTCOMES:
        return str(OUTCOMES[name])
    outcome = result["outcome_definitions"].get(name, {}).get("outcome", "")
    if name == "primary" and outcome in OUTCOMES:
        return str(OUTCOMES[outcome])
    return name.replace("_", " ").replace("-", " ").capitalize()


def messages(result: Result, words: Words, language: str) -> list[Message]:
    """The variants in the plan's order."""
    pairs = against_control(result["pairs"], result["control"])
    return [_message(result, arm, pairs.get(arm["variant"]), words, language) for arm in result["arms"]]


def _message(
    result: Result, arm: Mapping[str, Any], pair: Mapping[str, Any] | None, words: Words, language: str
) -> Message:
    key = arm["variant"]
    standing, tone = _standing(result, arm)
    comparable = pair is not None and result["status"] != "blocked"
    return Message(
        key=key, texts=texts(result["messages"][key], language), arm=arm, is_control=key == result["control"],
        times=told(sentences.times, result, pair, words) or "–",
        difference=sentences.difference(pair, words) if pair and comparable else None, standing=standing, tone=tone,
    )  # fmt: skip


def _standing(result: Result, arm: Mapping[str, Any]) -> tuple[str | None, str]:
    key = arm["variant"]
    if result["adopted"] == key:
        return _("adopted"), "good"
    if result["status"] in ("winner", "winner-on-clicks") and key in result["status_arms"]:
        return _("winner"), "good"
    if result["status"] == "stopped-for-safety" and key in result["status_arms"]:
        return _("not safe"), "warn"
    if key in result["closed"]:
        return _("closed: no longer shown"), ""
    if arm["could_be_best"] is None or result["status"] not in ("narrowed", "winner", "winner-on-clicks"):
        return None, ""
    return (_("could still be best") if arm["could_be_best"] else _("not the best")), ""


def texts(by_locale: Mapping[str, Mapping[str, str]], language: str) -> list[Text]:
    """A message in all its languages, the reader's first, else English."""
    wanted = language.partition("-")[0].partition("_")[0]
    first = sorted(by_locale, key=lambda tag: (tag.partition("-")[0] != wanted, tag.partition("-")[0] != "en"))
    return [_text(tag, by_locale[tag]) for tag in first]


def _text(tag: str, message: Mapping[str, str]) -> Text:
    paragraphs = [part.strip() for part in message["body"].split("\n\n") if part.strip()]
    return Text(tag, direction(tag), message["title"], paragraphs, message["action"])


def named_messages(result: Result, language: str) -> list[tuple[str, Text]]:
    """The wording of those that the status names, if it is one or two."""
    named = result["status_arms"] if len(result["status_arms"]) < 3 else []
    return [(key, texts(result["messages"][key], language)[0]) for key in named]


def columns(result: Result, words: Words, outcomes: Sequence[str]) -> list[Column]:
    """All outcomes of the plan of these kinds, the primary first."""
    primary = {key: result[key] for key in ("better", "arms", "pairs")} | {"name": result["outcome"]}
    kinds = {name: item["outcome"] for name, item in result["outcome_definitions"].items()}
    every = [primary, *result["outcomes"], *result["guardrails"]]
    return [_column(result, item, words) for item in every if kinds.get(item["name"]) in outcomes]


def _column(result: Result, item: Mapping[str, Any], words: Words) -> Column:
    pairs = against_control(item["pairs"], result["control"])
    compared = (pairs.get(arm["variant"]) for arm in item["arms"])
    compared_in_words = [told(sentences.brief, result, pair, words) for pair in compared]
    better = _("more is better") if item["better"] == "higher" else _("fewer is better")
    return Column(label(result, item["name"]), better, list(zip(item["arms"], compared_in_words, strict=True)))


def told(
    write: Callable[[Mapping[str, Any], str, Words], str], result: Result, pair: Mapping[str, Any] | None, words: Words
) -> str | None:
    """Write a comparison with the control; a broken split leaves nothing to compare. None of the control itself."""
    if pair is None:
        return None
    return str(_("cannot be compared")) if result["status"] == "blocked" else write(pair, result["design"], words)


def against_control(pairs: Sequence[Mapping[str, Any]], control: str) -> dict[str, Mapping[str, Any]]:
    """The pairs of each variant and the control, by variant."""
    return {pair["a"]: pair for pair in pairs if pair["b"] == control}


def channel_rows(result: Result) -> list[ChannelRow]:
    """The channel counts turned: one row for each outcome, channel and tier, one number for each variant."""
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in result["channels"]:
        at = (row["outcome"], row["channel"] or "", row["tier"] or "")
        found.setdefault(at, {})[row["variant"]] = row["units"]
    variants = [arm["variant"] for arm in result["arms"]]
    return [
        ChannelRow(
            str(OUTCOMES.get(outcome, outcome)), CHANNELS.get(channel), TIERS.get(tier),
            [units.get(variant, 0) for variant in variants],
        )
        for (outcome, channel, tier), units in sorted(found.items())
    ]  # fmt: skip
