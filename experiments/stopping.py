"""The stopping rule of a plan in words, for the protocol. What it says is computed in `stats`."""

from __future__ import annotations

from experiments.spec import Definition

SPENT = {"obrien-fleming": "by O'Brien and Fleming, very little of it early", "pocock": "by Pocock, much of it early"}


def rule(definition: Definition) -> str:
    """Return when the data may be looked at, what decides, and what ends the experiment."""
    plan = definition.plan
    size, alpha = f"{plan.units_per_variant:,}", f"{plan.alpha:g}"
    looks = {
        "sequential": (
            f"The data may be examined at any time. A variant is ruled out when the evidence that another one is "
            f"better reaches 1/{alpha}; over all looks together, the variant that is truly best is ruled out with a "
            f"probability of at most {alpha}. The last one left is the winner. Otherwise the experiment ends when "
            f"every open variant has {size} units."
        ),
        "fixed": (
            f"The data are analysed once, when every open variant has {size} units. No earlier look decides anything. "
            f"All pairs are tested at a family-wise error probability of {alpha} (Holm)."
        ),
        "looks": (
            f"There are {plan.looks or 5} planned looks, at equal parts of the planned size: each is due when the "
            f"smallest open variant has its part of {size} units. Over all looks and pairs the error probability is "
            f"{alpha}, spent {SPENT[plan.spending or 'obrien-fleming']}. No other look decides anything."
        ),
    }
    parts = [looks[plan.design], _sealed(definition)]
    if plan.allocation == "drop-losers":
        parts.append(_closing(leader=plan.leader_share))
    if definition.outcomes.guardrails:
        parts.append(
            "When the evidence that a variant is worse than the control on a guardrail reaches 100, at any time, the "
            "variant is to be closed, or the experiment suspended."
        )
    parts.append(
        "People may close a variant, suspend or stop the experiment at any time to protect those who see the messages; "
        "each such act is told with the result."
    )
    return " ".join(parts)


def _sealed(definition: Definition) -> str:
    hours = definition.window_hours + definition.report_grace_hours
    return (
        f"Only sealed days count: a day is sealed {hours} hours after its end (UTC), and its counts never change again."
    )


def _closing(*, leader: bool) -> str:
    text = "A variant that is ruled out is closed by the machine, on sealed days only, at most once a day; the control is never closed."  # noqa: E501
    return f"{text} The variant that leads is shown more often." if leader else text
