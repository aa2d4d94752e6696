"""The protocol as Markdown, fit for a registry, a repository or a committee's mail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.protocol import Protocol

STANDINGS = {
    "not-locked": "Not locked yet: it follows the experiment's file until the start.",
    "locked": "Locked at the start, and unchanged since.",
    "altered": "ALTERED after the start. Do not rely on it; see what does not agree.",
    "never-locked": "Never locked: the version started before protocols were kept.",
}
UNITS = {
    "session": "an anonymous session of the integrator",
    "view": "a single view of the warning",
    "block": "a block of time on a surface",
}
OUTCOMES = {
    "help_sought": "help sought", "proceeded": "went on to the blocked content", "left": "left",
    "repeat_trigger": "triggered the warning again", "complaint": "complained",
}  # fmt: skip


def markdown(protocol: Protocol) -> str:
    """Return the whole protocol."""
    content = protocol.document
    lines = [
        f"# Protocol: {_plain(content['title'])}", "",
        f"Experiment `{content['experiment']}`, version {content['version']}. {STANDINGS[protocol.standing]}", "",
        *(f"- **{_plain(problem)}**" for problem in protocol.problems),
        f"- SHA-256 of this protocol as canonical JSON: `{protocol.sha256}`",
        f"- SHA-256 of the experiment's definition: `{content['definition_hash']}`",
    ]  # fmt: skip
    if content["locked"]:
        lines.append(f"- Locked at {content['locked']['at']} by {_plain(content['locked']['by'])}")
    for heading, body in _sections(content):
        lines += ["", f"## {heading}", "", *body]
    return "\n".join(lines) + "\n"


def _sections(content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "Question", _paragraphs(content["question"], content["description"])
    yield "Hypotheses", _list(content["hypotheses"], numbered=True)
    yield (
        "What is randomised, and where",
        [
            f"- Unit of randomisation and analysis: {UNITS[content['unit']]}" + _blocks(content),
            f"- Surfaces: {_keys(content['surfaces'])}",
            f"- Strata: {_keys(content['strata'])}",
            f"- Languages: {_keys(content['locales'])}",
            f"- Traffic: {_percent(content['traffic'])} of units take part",
            f"- Help offered in every arm: {_keys(content['help'])}",
        ],
    )
    yield "Arms", [line for arm in content["arms"] for line in _arm(arm)]
    yield "Outcomes", [line for item in content["outcomes"] for line in _outcome(item)]
    yield (
        "Times",
        [
            f"- An outcome counts within {content['window_hours']} hours after the first exposure.",
            f"- Reports are taken for another {content['report_grace_hours']} hours; then the day is sealed.",
            f"- A repeat trigger counts from {content['repeat_after_seconds']} seconds after the one before.",
        ],
    )
    yield (
        "Analysis and stopping rule",
        [
            f"- Design: {content['design']}" + (f", {content['looks']} looks" if content["looks"] else ""),
            f"- Error probability (alpha): {content['alpha']:g}",
            f"- Allocation: {content['allocation']}",
            "",
            _plain(content["stopping_rule"]),
        ],
    )
    yield "Size", _size(content["size"])
    yield "Exclusions", _list(content["exclusions"])
    yield "Ethics", _ethics(content["ethics"])
    yield (
        "Approvals of the texts",
        [f"- `{a['locale']}` by {_plain(a['by'])} at {a['at']} (texts `{a['texts']}`)" for a in content["approvals"]]
        or ["None."],
    )


def _arm(arm: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{arm['variant']}`" + (" (control)" if arm["control"] else "")
    yield ""
    yield f"- Share: {_percent(arm['weight'])}"
    for name, value in arm["factors"].items():
        yield f"- {name}: {value}"
    for tag, message in sorted(arm["messages"].items(), key=lambda item: not item[1]["served"]):
        yield ""
        yield f"`{tag}`" + ("" if message["served"] else " (not served)") + f", SHA-256 `{message['sha256']}`:"
        yield ""
        yield from _verbatim(message["title"], message["body"], message["action"])
    yield ""


def _outcome(item: Mapping[str, Any]) -> Iterator[str]:
    what = OUTCOMES[item["outcome"]]
    if item["channels"]:
        what += f" by {' or '.join(item['channels'])}"
    if item["tiers"]:
        what += f", {' or '.join(item['tiers'])}"
    margin = f"; margin: ratio {item['margin_ratio']:g}" if item["margin_ratio"] else ""
    yield f"- **{item['role'].capitalize()}**, `{item['name']}`: {what}; {item['better']} is better{margin}"


def _size(size: Mapping[str, Any]) -> list[str]:
    needed = size["needed_units_per_variant"]
    asked = f"these assumptions ask for {needed:,}" if needed else f"not computed: {_plain(size['not_computed'])}"
    return [
        f"- Planned: {size['units_per_variant']:,} units per variant ({asked})",
        f"- Expected rate of the primary outcome under the control: {size['expected_rate']:g}",
        f"- Smallest ratio that should be found: {size['minimum_effect_ratio']:g}",
        f"- Power: {size['power']:g}",
    ]


def _ethics(ethics: Mapping[str, Any] | None) -> list[str]:
    if ethics is None:
        return ["None recorded."]
    found = [
        f"- {_plain(ethics['committee'])}, reference {_plain(ethics['reference'])}, until {ethics['expires']}",
        f"- Control: {ethics['control']}",
    ]
    return [*found, f"- Reason: {_plain(ethics['reason'])}"] if ethics.get("reason") else found


def _blocks(content: Mapping[str, Any]) -> str:
    return f" ({content['block_hours']} hours)" if content["block_hours"] else ""


def _verbatim(*texts: str) -> Iterator[str]:
    """Indented by four spaces: nothing inside is markup."""
    for number, text in enumerate(texts):
        if number:
            yield ""
        yield from (f"    {line}".rstrip() for line in text.split("\n"))


def _list(items: Sequence[str], *, numbered: bool = False) -> list[str]:
    marks = (f"{number}." if numbered else "-" for number in range(1, len(items) + 1))
    return [f"{mark} {_plain(item)}" for mark, item in zip(marks, items, strict=False)] or ["None."]


def _paragraphs(*texts: str | None) -> list[str]:
    found = [_plain(text) for text in texts if text]
    return [line for text in found for line in (text, "")][:-1] or ["None written down."]


def _keys(items: Sequence[str]) -> str:
    return ", ".join(f"`{item}`" for item in items) or "none"


def _percent(basis_points: int) -> str:
    return f"{basis_points / 100:g} %"


def _plain(text: str) -> str:
    """Text in which nothing is markup, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(text.split()))
