"""Which acts are possible now, for a person, and why not where they are not: by trying each. Pure.

The rules themselves are those of `lifecycle`, `phases` and `decision`; nothing here repeats them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from experiments import decision, lifecycle, phases
from experiments.errors import SignpostError
from experiments.lifecycle import Actor, Change
from experiments.model import Experiment, Version
from experiments.roles import OF_ACTS, Role

Try = Callable[[Experiment, Actor], Change]


@dataclass(frozen=True, slots=True)
class Possible:
    """An act: whether the experiment allows it now, and whether the person's roles do.

    version  number of the version that it would be done to; None where it is not possible
    reason   why the experiment, or a rule about this person, does not allow it; None: it does
    roles    who may do it at all
    """

    act: str
    version: int | None
    reason: str | None
    is_allowed: bool
    roles: tuple[Role, ...]

    @property
    def now(self) -> bool:
        """Whether this person can do it now."""
        return self.reason is None and self.is_allowed


def _start(experiment: Experiment, actor: Actor) -> Change:
    return lifecycle.start(experiment, actor, key="", protocol=None)


def _set_traffic(experiment: Experiment, actor: Actor) -> Change:
    return phases.set_traffic(experiment, actor, 10_000)


def _set_weights(experiment: Experiment, actor: Actor) -> Change:
    version = experiment.on_surface
    return phases.set_weights(experiment, actor, version.phase.weights if version else ())


def _close_arm(experiment: Experiment, actor: Actor) -> Change:
    version = experiment.on_surface or experiment.latest
    left = closable(version)
    return phases.close_arm(experiment, actor, left[0] if left else version.definition.control)


TRIES: Mapping[str, Try] = {
    "submit": lifecycle.submit, "reject": lifecycle.reject, "approve": lifecycle.approve, "start": _start,
    "set-traffic": _set_traffic, "set-weights": _set_weights, "close-arm": _close_arm, "suspend": lifecycle.suspend,
    "resume": phases.resume, "stop": lifecycle.stop, "archive": lifecycle.archive,
}  # fmt: skip
DECIDING: Mapping[str, Try] = {
    "propose": lambda experiment, actor: decision.propose(
        experiment, Actor(actor.name, actor.now, actor.why or "a reason"), "keep-control"
    ),
    **decision.SIMPLE,
}


def acts(
    experiment: Experiment, actor: Actor, roles: Collection[str], tries: Mapping[str, Try] = TRIES
) -> dict[str, Possible]:
    """Every act with whether this person, with these roles, can do it now; in the order of an experiment's life."""
    return {name: _possible(name, attempt, experiment, actor, roles) for name, attempt in tries.items()}


def closable(version: Version) -> list[str]:
    """Variants that may be closed: those still open, but for the control."""
    closed = version.phase.closed if version.phases else frozenset()
    variants = version.definition.variants
    return [variant.key for i, variant in enumerate(variants) if i not in closed and not variant.control]


def _possible(name: str, attempt: Try, experiment: Experiment, actor: Actor, roles: Collection[str]) -> Possible:
    wanted = OF_ACTS[name]
    is_allowed = any(role in roles for role in wanted)
    try:
        change = attempt(experiment, actor)
    except SignpostError as error:
        return Possible(name, None, error.detail, is_allowed, wanted)
    return Possible(name, change.entry.version, None, is_allowed, wanted)
