"""What changes the shares of a running version: each begins a phase, within which the shares stand still. Pure.

As in `lifecycle`: every act returns the next value of the experiment, or raises with the reason and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments import approval
from experiments.errors import InvalidInput, Refused, Stale
from experiments.lifecycle import Actor, Change, changed_version, version_in
from experiments.model import DAY, Experiment, Version, day_of


@dataclass(frozen=True, slots=True)
class Adaptation:
    """New shares that follow from sealed counts.

    version, phase  numbers of what they were made for
    sealed          the last day they rest on
    weights         basis points in file order, 0 for closed variants
    closed          positions of the closed variants
    told            what the log keeps beside the new weights
    """

    version: int
    phase: int
    sealed: int
    weights: tuple[int, ...]
    closed: frozenset[int]
    told: Mapping[str, str | int] = field(default_factory=dict)


def set_traffic(experiment: Experiment, actor: Actor, traffic: int) -> Change:
    """Raise or lower the share of units that take part (basis points); starts a new phase."""
    version = _running(experiment, "set-traffic")
    if not 0 <= traffic <= 10_000:
        raise InvalidInput("traffic is in basis points, 0 to 10000", pointer="/traffic")
    return _new_phase(experiment, version, "set-traffic", actor, {"traffic": traffic}, {"traffic": traffic})


def set_weights(experiment: Experiment, actor: Actor, weights: Sequence[int]) -> Change:
    """Change the shares, in file order; only where the plan adapts them, and once a day at most."""
    version = _running(experiment, "set-weights")
    if version.definition.plan.allocation == "equal":
        raise Refused("the plan says 'allocation: equal', so the weights cannot change while it runs")
    if len(weights) != len(version.definition.variants) or sum(weights) != 10_000 or min(weights) < 0:
        wanted = len(version.definition.variants)
        raise InvalidInput(f"give {wanted} weights of 0 or more that sum to 10000", pointer="/weights")
    if weights[version.definition.index_of(version.definition.control) or 0] == 0:
        raise InvalidInput("the control needs a weight above 0", pointer="/weights")
    if version.weights_changed is not None and actor.now - version.weights_changed < DAY:
        raise Refused("weights change at most once a day", code="too-soon")
    told: dict[str, str | int] = {"weights": ",".join(map(str, weights))}
    return _new_phase(experiment, version, "set-weights", actor, {"weights": tuple(weights)}, told)


def close_arm(experiment: Experiment, actor: Actor, variant: str) -> Change:
    """Close an arm for good: nobody is shown it again, outcomes of earlier exposures still count."""
    version = _running(experiment, "close-arm")
    index = version.definition.index_of(variant)
    if index is None:
        raise InvalidInput(f"there is no variant '{variant}'", pointer="/variant")
    if variant == version.definition.control:
        raise Refused("the control is never closed: without it nothing can be compared", code="control-needed")
    if index in version.phase.closed:
        raise Refused(f"'{variant}' is closed already")
    closed = version.phase.closed | {index}
    return _new_phase(experiment, version, "close-arm", actor, {"closed": closed}, {"variant": variant})


def adapt(experiment: Experiment, actor: Actor, wanted: Adaptation) -> Change:
    """Close variants and change the shares in one phase, as sealed counts ask for; for the machine, once for a day.

    Raises Stale when the version that runs, or its phase, is no longer the one that the wish was made for.
    """
    version = _running(experiment, "adapt")
    if version.definition.plan.allocation != "drop-losers":
        raise Refused("the plan does not say 'allocation: drop-losers', so the machine closes nothing")
    if (version.number, version.phase.number) != (wanted.version, wanted.phase):
        raise Stale("the experiment has another version or phase by now; look at its counts again")
    if not version.is_sealed(wanted.sealed, actor.now):
        raise Refused("shares follow sealed days only, and this one is not sealed", code="not-sealed")
    if version.phase.adapted is not None and wanted.sealed <= version.phase.adapted:
        raise Refused("the shares follow this sealed day already", code="too-soon")
    if version.weights_changed is not None and day_of(version.weights_changed) == day_of(actor.now):
        raise Refused("the weights were changed today; they change at most once a day", code="too-soon")
    _sound(version, wanted)
    update = {"weights": wanted.weights, "closed": wanted.closed, "adapted": wanted.sealed}
    told = {"weights": ",".join(map(str, wanted.weights)), **wanted.told}
    return _new_phase(experiment, version, "adapt", actor, update, told)


def resume(experiment: Experiment, actor: Actor) -> Change:
    """Go on after a suspension, as a new phase."""
    version = version_in(experiment, "resume", "suspended")
    approval.require_ethics(version.definition, actor.now)
    return _new_phase(experiment, version.model_copy(update={"state": "running"}), "resume", actor, {}, {})


SIMPLE: dict[str, Callable[[Experiment, Actor], Change]] = {"resume": resume}


def _running(experiment: Experiment, act: str) -> Version:
    return version_in(experiment, act, "running")


def _sound(version: Version, wanted: Adaptation) -> None:
    """Hold the machine's shares against what may never happen, whatever the counts say."""
    weights, size = wanted.weights, len(version.definition.variants)
    control = version.definition.index_of(version.definition.control) or 0
    if control in wanted.closed or len(weights) != size or weights[control] <= 0:
        raise Refused("the control is never closed: without it nothing can be compared", code="control-needed")
    if not version.phase.closed <= wanted.closed:
        raise Refused("a closed variant stays closed")
    if sum(weights) != 10_000 or min(weights) < 0 or any(weights[index] for index in wanted.closed):
        raise InvalidInput("weights sum to 10000, and closed variants have none", pointer="/weights")


def _new_phase(
    experiment: Experiment, version: Version, act: str, actor: Actor,
    update: dict[str, Any], told: dict[str, str | int],
) -> Change:  # fmt: skip
    phase = version.phase.model_copy(update={"number": version.phase.number + 1, "started": actor.now, **update})
    if phase.number >= 1024:
        raise Refused("a version has at most 1024 phases; start a new version")
    after = version.model_copy(update={"phases": (*version.phases, phase)})
    return changed_version(experiment, after, act, actor, {"phase": phase.number, **told})
