"""Is this installation well? Facts are gathered first, changing nothing; then pure checks judge them.

`gather` (module `facts`) reads stores, files and disks; `examine` turns the facts into findings in a fixed order. What
could not be read is no silence: it is told by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from experiments.doctor import house, servers
from experiments.doctor.facts import Facts, gather
from experiments.doctor.finding import STATES, Finding, State
from experiments.store.settings import MAY_BE_LOST, judged

CHECKS = (
    "ledger server", "ledger durability", "replication", "ledger file", "ledger memory", "ledger privacy",
    "volatile server", "volatile memory", "volatile privacy", "clock", "disk", "key file", "spool", "day keys",
    "pages", "definitions",
)  # fmt: skip

AWAY = {
    "service": "Start `signpost serve`; or, if the stores are elsewhere, set SIGNPOST_LEDGER_URL and _VOLATILE_URL.",
    "ledger": "Start it, or look at its log and at SIGNPOST_LEDGER_URL. "
    "Meanwhile warnings are shown, and events wait in the spool.",
    "volatile": "Start it, or look at its log and at SIGNPOST_VOLATILE_URL. "
    "Leave running processes running: they hold copies of the day keys, and put them back.",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`durability` that holds and what it may lose (None while the ledger is away); findings; checks not made."""

    wanted: str
    durability: str | None
    may_be_lost: str | None
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        return not self.skipped and all(one.state == "ok" for one in self.findings)

    def count(self, state: State) -> int:
        """How many findings are of a state."""
        return sum(one.state == state for one in self.findings)


def examine(facts: Facts) -> Diagnosis:
    """Judge the facts. Pure."""
    findings = tuple(_findings(facts))
    made = {one.check for one in findings}
    holds = judged(facts.ledger, facts.volatile, facts.wanted).durability if facts.ledger else None
    return Diagnosis(
        wanted=facts.wanted, durability=holds, may_be_lost=MAY_BE_LOST[holds] if holds else None, findings=findings,
        skipped=tuple(name for name in CHECKS if name not in made),
    )  # fmt: skip


def _findings(facts: Facts) -> Iterator[Finding]:
    for name, why in facts.away.items():
        yield Finding(name, "fault", why, AWAY[name])
    yield from _of_ledger(facts)
    yield from _of_volatile(facts)
    if facts.ledger or facts.volatile:
        yield servers.clock([*facts.ledger, *facts.volatile])
    yield house.disk(facts.disks)
    yield house.key_file(facts.key_file)
    yield house.spool(facts.spool, facts.now)
    if facts.held is not None:
        yield house.day_keys(facts.held, facts.now, is_live=facts.is_live)
    if facts.page is not None:
        yield house.page(facts.page)
    if facts.problems is not None:
        yield house.definitions(facts.problems)


def _of_ledger(facts: Facts) -> Iterator[Finding]:
    if facts.ledger:
        yield servers.server("ledger", facts.ledger)
        yield servers.durability(facts.ledger, facts.wanted)
        yield servers.replication(facts.ledger, facts.wanted)
        if facts.sealed is not None:
            yield servers.writing(facts.ledger, facts.rewritten, facts.sealed)
        yield servers.memory("ledger", facts.ledger)
        yield servers.privacy("ledger", facts.ledger)


def _of_volatile(facts: Facts) -> Iterator[Finding]:
    if facts.volatile:
        yield servers.server("volatile", facts.volatile)
        yield servers.memory("volatile", facts.volatile)
        yield servers.privacy("volatile", facts.volatile)


__all__ = ["CHECKS", "STATES", "Diagnosis", "Facts", "Finding", "State", "examine", "gather"]
