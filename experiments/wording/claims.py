"""What a message may claim: facts that the partner declares, and those of the help that is shown with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from experiments.directory import HelpResource
from experiments.errors import InvalidInput
from experiments.opening import is_always
from experiments.wording.rulebook import HELP_FACTS, PARTNER_FACTS

CHANNELS = frozenset({"chat", "call", "email"})


@dataclass(frozen=True)
class Facts:
    """`all`: facts that may be claimed;   `some`: fact -> the only resources that it holds for."""

    all: frozenset[str] = frozenset()
    some: Mapping[str, str] = field(default_factory=dict)


def facts_of(resources: Sequence[HelpResource], declared: Collection[str] = ()) -> Facts:
    """The facts of a partner, and of the help for adults. Raises InvalidInput for a fact that nobody knows.

    A way of contact is true where one resource has it; free, anonymous, confidential and always open where all do.
    """
    for name in declared:
        if name not in PARTNER_FACTS:
            raise InvalidInput(f"'{name}' is none of the facts {', '.join(PARTNER_FACTS)}", pointer="fact")
    adult = [r for r in resources if not r.for_young_people]
    having = {name: [r for r in adult if _has(r, name)] for name in HELP_FACTS}
    whole = {name for name, those in having.items() if those and (name in CHANNELS or len(those) == len(adult))}
    some = {name: ", ".join(r.name for r in those) for name, those in having.items() if those and name not in whole}
    return Facts(frozenset(declared) | whole, some)


def _has(resource: HelpResource, name: str) -> bool:
    if name in CHANNELS:
        return resource.channel(name) is not None
    if name == "always_open":
        return any(c.channel in CHANNELS and c.hours and is_always(c.hours) for c in resource.channels)
    return name in resource.says_it_is
