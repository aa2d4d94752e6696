"""What the servers really promise, read from themselves, held against the mode that is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from experiments.errors import UnsafeStore
from experiments.store.connection import Client
from experiments.store.facts import Node, kind_and_version, nodes

MODES = ("single", "replicated", "relaxed")
REPLICAS = 2  # of each primary: with one, no write is acknowledged while that one is away
MAY_BE_LOST = {
    "single": "Nothing that was acknowledged is lost when a process is killed, the machine crashes or the power fails, "
    "if the disk keeps its word. If the disk is lost, counts go back to the last backup; if a replica takes over, "
    "what it had not yet received is lost.",
    "replicated": "Nothing that was acknowledged is lost when one machine is lost with its disk, as far as Redis can "
    "promise: each write waits until a replica has it, but a replica that lacks it may still be the one to take over.",
    "relaxed": "Two or three seconds of acknowledged counts are lost when the machine crashes, the power fails or a "
    "process is killed while its disk is slow; more if a replica takes over. For trials only.",
    "unverified": "Nobody can say what a crash would lose: the ledger does not show its settings.",
}
Acknowledged = Literal["waitaof", "wait"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What holds, all in words for people.

    `durability` is `single`, `replicated`, `relaxed` or `unverified`; `problems` would lose counts whatever is
    wanted; `lacking` is what the wanted mode needs and the ledger has not; `notices` belong into every report.
    """

    server: str
    durability: str
    problems: tuple[str, ...]
    notices: tuple[str, ...]
    lacking: tuple[str, ...] = ()

    @property
    def may_be_lost(self) -> str:
        """One or two sentences for staff."""
        return MAY_BE_LOST[self.durability]

    def require(self) -> None:
        """Raise UnsafeStore if it is worse than wanted, saying what to do."""
        wrong = self.problems + self.lacking
        if wrong:
            raise UnsafeStore("the ledger is not safe: " + "; ".join(wrong))


def condition(ledger: Client, volatile: Client, wanted: str = "single") -> Condition:
    """Read both stores, every node of a cluster, and where copies are wanted the replicas (a round trip each)."""
    return judged(nodes(ledger, neighbours=wanted == "replicated"), nodes(volatile), wanted)


def judged(ledger: list[Node], volatile: list[Node], wanted: str) -> Condition:
    """What the nodes of both stores amount to. Pure."""
    lacking = tuple(_lacking(ledger, wanted))
    return Condition(
        server=str(ledger[0]), durability=_durability(ledger, wanted, lacking), problems=tuple(_problems(ledger)),
        notices=tuple(_notices(ledger, volatile, wanted)), lacking=lacking,
    )  # fmt: skip


def acknowledgement(info: Mapping[str, Any]) -> Acknowledged:
    """How a server tells that a replica has a write, from INFO server: on its disk, or in its memory at least.

    Redis before 7.4.3 answered WAITAOF too early. Valkey's may too, but only where `appendfsync` is not `always`,
    which `replicated` rules out; and a replica that answers it has the write in any case.
    """
    kind, version = kind_and_version(info)
    return "waitaof" if version >= ((7, 2) if kind == "valkey" else (7, 4, 3)) else "wait"


def is_synced(settings: Mapping[str, str]) -> bool:
    """Tell whether a write is on disk before it is acknowledged, during a rewrite of the file too."""
    return settings.get("appendfsync") == "always" and settings.get("no-appendfsync-on-rewrite", "no") == "no"


def fewest_replicas(ledger: Iterable[Node]) -> int:
    """Replicas that follow the primary with the fewest."""
    return min((node.online for node in ledger if node.is_primary), default=0)


def _durability(ledger: list[Node], wanted: str, lacking: tuple[str, ...]) -> str:
    if any(node.settings is None for node in ledger if node.is_primary):
        return "unverified"
    if not all(is_synced(node.settings) for node in ledger if node.is_primary and node.settings is not None):
        return "relaxed"
    return "replicated" if wanted == "replicated" and not lacking else "single"


def _problems(ledger: list[Node]) -> Iterable[str]:
    shown = [node.settings for node in ledger if node.settings is not None]
    if any(one.get("appendonly") != "yes" for one in shown):
        yield "appendonly must be 'yes', or a restart forgets everything"
    if any(one.get("maxmemory-policy") != "noeviction" for one in shown):
        yield "maxmemory-policy must be 'noeviction', or counts are thrown away when memory is short"


def _lacking(ledger: list[Node], wanted: str) -> Iterable[str]:
    if wanted == "relaxed":
        return
    late = [node for node in ledger if node.settings is not None and not is_synced(node.settings)]
    if any(node.is_primary for node in late):
        yield (
            "appendfsync must be 'always' and no-appendfsync-on-rewrite 'no' "
            "(or set SIGNPOST_DURABILITY=relaxed to run a trial)"
        )
    if wanted != "replicated":
        return
    if any(not node.is_primary for node in late):
        yield "appendfsync must be 'always' on the replicas too, because one of them may take over"
    if not fewest_replicas(ledger):
        yield (
            f"no replica follows the primary: connect {REPLICAS} replicas to each "
            "(or set SIGNPOST_DURABILITY=single to do without)"
        )


def _notices(ledger: list[Node], volatile: list[Node], wanted: str) -> Iterable[str]:
    shown = [node.settings for node in ledger if node.is_primary]
    if None in shown:
        yield "The ledger does not show its settings, so its durability is unverified."
    if any(one is not None and not is_synced(one) for one in shown):
        yield "The ledger acknowledges before it is on disk: a crash may lose the last seconds."
    if wanted == "replicated" and 0 < fewest_replicas(ledger) < REPLICAS:
        yield "A replica of the ledger is away: if the other one goes too, events wait until one is back."
    if any(is_written(node) for node in volatile):
        yield "The volatile store writes to disk: day keys may outlive their day in its files."


def is_written(node: Node) -> bool:
    """Tell whether a server writes what it holds to disk."""
    return node.settings is not None and (node.settings.get("appendonly") == "yes" or bool(node.settings.get("save")))
