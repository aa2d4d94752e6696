"""CONSORT 2025: the items of a report of a randomised trial, with what the system knows, and the flow of units.

Items in our own short words, numbered as in the statement: Hopewell, Chan, Collins and others (2025), "CONSORT 2025
statement: updated guideline for reporting randomised trials", PLoS Medicine 22(4): e1004587.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.protocol_markdown import OUTCOMES, UNITS
from experiments.publication.release import Release
from experiments.publication.table import ASSIGNED
from experiments.publication.table import UNITS as SHOWN

AUTHOR = "For the author."


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the checklist. `known`: what the system says; `author`: what is left for the author."""

    number: str
    topic: str
    asks: str
    known: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant in the flow; None: not published, because a count of one to nine would follow from it."""

    variant: str
    assigned: int | None
    shown: int
    with_outcome: int

    @property
    def not_shown(self) -> int | None:
        """Assigned and never shown."""
        return None if self.assigned is None else self.assigned - self.shown


@dataclass(frozen=True, slots=True)
class Flow:
    """Units from assignment to analysis. `apart`: events that entered no arm, coarse."""

    arms: tuple[Arm, ...]
    assigned: int | None
    shown: int
    apart: Mapping[str, str]


def flow(release: Release) -> Flow:
    """Return the flow of the published table."""
    table, primary = release.table, release.plan["outcomes"][0]["name"]
    arms = []
    for variant in table.variants:
        rows = [row for row in table.rows if row.variant == variant]
        arms.append(
            Arm(
                variant,
                sum(row.measures[ASSIGNED] for row in rows) if table.has_assigned else None,
                sum(row.measures[SHOWN] for row in rows),
                sum(table.conversions(row)[primary] for row in rows),
            )
        )
    return Flow(
        tuple(arms),
        sum(arm.assigned or 0 for arm in arms) if table.has_assigned else None,
        sum(arm.shown for arm in arms),
        {name: coarse(units) for name, units in release.internal.apart.items() if not name.startswith("reset.")},
    )


def coarse(units: int) -> str:
    """Say a count of events that may still grow: none, fewer than ten, or about how many."""
    return "none" if not units else "fewer than ten" if units < 10 else f"about {5 * round(units / 5)}"


def checklist(release: Release) -> tuple[Item, ...]:
    """Return the 30 items, some in parts, in order."""
    return (*_about(release), *_methods(release), *_results(release), *_discussion())


def _about(release: Release) -> Iterator[Item]:
    plan, result = release.protocol.document, release.internal
    yield Item(
        "1a", "Title", "Says that it is a randomised trial", f"Randomised comparison of warnings: {result.title}"
    )
    yield Item("1b", "Abstract", "A structured summary", "", f"{AUTHOR} Page one of this report has the figures.")
    yield Item(
        "2", "Registration", "Name of the register, number, date",
        f"Not known here. The protocol's SHA-256 is {release.protocol.sha256}.",
        "Give the register and the number under which the protocol was registered.",
    )  # fmt: skip
    locked = plan.get("locked")
    standing = f"locked on {locked['at'][:10]} with the hash above" if locked else "not locked by the system"
    yield Item("3", "Protocol and analysis plan", "Where they can be read", f"protocol.md, protocol.json: {standing}.")
    yield Item(
        "4", "Data sharing", "Where data, code and materials are",
        "counts.csv (counts), recompute.py (code), protocol.md (exact texts), left-out.csv (what is missing and why). "
        "No data about individuals exist.",
    )  # fmt: skip
    yield Item("5a", "Funding", "Who paid, and their part in the trial", "", AUTHOR)
    yield Item("5b", "Conflicts of interest", "Financial and other interests", "", AUTHOR)
    yield Item("6", "Background", "Why the trial, and what was known", plan["description"] or "", AUTHOR)
    yield Item("7", "Objectives", "What was to be found out", _listed([plan["question"], *plan["hypotheses"]]))


def _methods(release: Release) -> Iterator[Item]:
    plan, definition = release.protocol.document, release.version.definition
    yield Item("8", "Patient and public involvement", "How those concerned took part", "", AUTHOR)
    yield Item(
        "9", "Trial design", "Type, allocation ratio, framework",
        f"Parallel arms, {len(definition.variants)} of them, weights {_weights(plan)}; superiority, design "
        f"'{plan['design']}'; allocation '{plan['allocation']}'.",
    )  # fmt: skip
    changes = "; ".join(one.what for one in release.deviations) or "None recorded."
    yield Item(
        "10",
        "Changes after the start",
        "What was changed, and why",
        changes,
        "Explain each." if release.deviations else "",
    )
    yield Item("11", "Setting", "Where and in which service", f"Surfaces: {', '.join(plan['surfaces'])}.", AUTHOR)
    yield Item(
        "12a", "Eligibility", "Who could take part", _listed(plan["exclusions"]), "Say what triggers the warning."
    )
    yield Item("12b", "Sites and deliverers", "Who could deliver it", "Software; no person delivers it.")
    yield Item(
        "13", "Intervention and comparator", "Exactly what was shown",
        f"protocol.md has the exact texts in {', '.join(plan['locales']) or 'no language'}. Control: "
        f"{release.plan['control']}. Help offered in every arm: {', '.join(plan['help'])}.",
    )  # fmt: skip
    yield Item("14", "Outcomes", "Primary and secondary, how and when measured", _outcomes(release))
    yield Item("15", "Harms", "How harm was defined and looked for", _guardrails(release), "Other harms, if any.")
    size = plan["size"]
    yield Item(
        "16a", "Sample size", "How it was found",
        f"{size['units_per_variant']} units per variant: a rate of {size['expected_rate']:g}, a smallest ratio of "
        f"{size['minimum_effect_ratio']:g}, power {size['power']:g}, error probability {plan['alpha']:g}.",
    )  # fmt: skip
    yield Item("16b", "Interim analyses and stopping", "Which, and the rule", plan["stopping_rule"])
    yield Item(
        "17a", "Sequence generation", "Who made the sequence, and how",
        "A keyed hash (HMAC-SHA-256) of the anonymous session, with a random key of this version alone.",
    )  # fmt: skip
    yield Item(
        "17b", "Type of randomisation", "Blocking, stratification", f"Simple, by {UNITS[plan['unit']]}; no blocks."
    )
    yield Item(
        "18", "Allocation concealment", "How it was kept hidden",
        "The key is kept by the service alone and destroyed when the version is concluded; nobody can foresee an arm.",
    )  # fmt: skip
    yield Item(
        "19", "Implementation", "Who had access to the sequence", "Nobody: the service assigns each unit itself."
    )
    yield Item(
        "20a", "Blinding", "Who did not know the arm",
        "People saw one warning and were not told of others. Counting is automatic.", "Say who was told, and how.",
    )  # fmt: skip
    yield Item(
        "20b", "How blinding was done", "Similarity of the interventions",
        "Layout, help offered and the line for young people are the same in all arms; see protocol.md.",
    )  # fmt: skip
    yield Item(
        "21a", "Statistical methods", "For primary and secondary outcomes",
        "Rates with Wilson's and exact intervals; ratios with Koopman's interval; confidence sequences and e-values "
        "of the event labels (valid however often one looks); Holm's adjustment. Written out in recompute.py.",
    )  # fmt: skip
    yield Item(
        "21b", "Who is in each analysis", "And in which group", "Every unit that was shown a message, as assigned."
    )
    yield Item(
        "21c", "Missing data", "How they were handled",
        f"An outcome counts within {plan['window_hours']} hours of the first showing; what comes later, or is never "
        "reported, counts as no outcome.",
    )  # fmt: skip
    yield Item(
        "21d",
        "Additional analyses",
        "Subgroups, sensitivity",
        "Strata and guardrails of the protocol, where published.",
    )


def _results(release: Release) -> Iterator[Item]:
    made, result = flow(release), release.internal
    told = "; ".join(f"{arm.variant}: {_told(arm)}" for arm in made.arms)
    yield Item("22a", "Participant flow", "Numbers assigned, treated, analysed, per group", told)
    yield Item(
        "22b", "Losses and exclusions", "After randomisation, per group, with reasons",
        _listed([f"{name}: {told}" for name, told in made.apart.items()]) or "No event had to be left out of the arms.",
    )  # fmt: skip
    until = f"; counted to {result.sealed_until[:10]}" if result.sealed_until else ""
    yield Item(
        "23a", "Recruitment", "Dates of recruitment and follow-up",
        f"From {(result.started or '')[:10]} to {(result.stopped or result.as_of)[:10]}{until}.",
    )  # fmt: skip
    ended = (
        "Stopped." if release.version.stopped else "It is still running; only simulated counts are published so early."
    )
    yield Item("23b", "Why it ended", "Or was stopped", ended, "Say why.")
    yield Item(
        "24a", "Intervention as delivered", "What was really given, and how closely",
        "The service shows the texts of the locked protocol and no others.",
    )  # fmt: skip
    yield Item("24b", "Other care", "What else the groups received", "The same help was offered in every arm.", AUTHOR)
    yield Item(
        "25", "Baseline data", "Characteristics of each group",
        "None exist: nothing about people is collected. The traffic check shows whether the split was as planned.",
    )  # fmt: skip
    yield Item(
        "26", "Outcomes and estimation", "Numbers, effect, precision; absolute and relative", "Tables of this report."
    )
    yield Item("27", "Harms", "All that was seen", "Guardrails in this report.", AUTHOR)
    yield Item("28", "Ancillary analyses", "Planned and unplanned ones apart", _looks(release))


def _discussion() -> Iterator[Item]:
    yield Item("29", "Interpretation", "In balance, beside other evidence", "", AUTHOR)
    yield Item(
        "30", "Limitations", "Bias, imprecision, generalisability",
        "A unit is an anonymous session, not a person; help sought elsewhere is not seen; browsers can report what did "
        "not happen.",
        AUTHOR,
    )  # fmt: skip


def _told(arm: Arm) -> str:
    assigned = "" if arm.assigned is None else f"{arm.assigned} assigned, "
    return f"{assigned}{arm.shown} shown and analysed"


def _weights(plan: Mapping[str, Any]) -> str:
    return " : ".join(str(arm["weight"]) for arm in plan["arms"])


def _outcomes(release: Release) -> str:
    hours = release.protocol.document["window_hours"]
    told = [_outcome(one) for one in release.protocol.document["outcomes"] if one["role"] != "guardrail"]
    return f"{_listed(told)} Within {hours} hours of the first showing."


def _guardrails(release: Release) -> str:
    return _listed([_outcome(one) for one in release.protocol.document["outcomes"] if one["role"] == "guardrail"])


def _outcome(one: Mapping[str, Any]) -> str:
    channels = f" by {', '.join(one['channels'])}" if one["channels"] else ""
    margin = f", at most {one['margin_ratio']:g} times the control" if one["margin_ratio"] else ""
    return f"{one['role']} '{one['name']}': {OUTCOMES.get(one['outcome'], one['outcome'])}{channels}{margin}."


def _looks(release: Release) -> str:
    unplanned = sum(not look["planned"] for look in release.looks)
    return f"Looks at the results while it ran: {len(release.looks)}, of which {unplanned} unplanned."


def _listed(sentences: Sequence[str | None]) -> str:
    return " ".join(one if one.rstrip().endswith((".", "?", "!")) else f"{one}." for one in sentences if one)
