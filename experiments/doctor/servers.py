"""Checks of what the servers tell of themselves. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from experiments.doctor.finding import SET, Finding, Wrong, fault, finding, warning
from experiments.model import HOUR
from experiments.store.facts import Node
from experiments.store.settings import REPLICAS, acknowledgement

OLDEST = (6, 2)
# The first release of each maintained line without the known holes through which somebody could take the server over
# (Redis: CVE-2025-49844, CVE-2026-23479, CVE-2026-81934; Valkey: the first two, and CVE-2026-56684 where its fix is
# known). A line in between that is missing here gets no fixes any more.
SOUND = {
    "redis": {(6, 2): 24, (7, 2): 16, (7, 4): 11, (8, 2): 9, (8, 4): 6, (8, 6): 6, (8, 8): 2, (8, 10): 1},
    "valkey": {(7, 2): 13, (8, 0): 10, (8, 1): 7, (9, 0): 5, (9, 1): 1},
}
OF_DISTRIBUTIONS = ("redis", (7, 0, 15))  # the last 7.0: who has it has it from a distribution, which mends it
MEMORY_WARNING, MEMORY_FAULT = 0.7, 0.95
CLOCK_WARNING, CLOCK_FAULT = 2.0, 60.0
REWRITE_HOURS = 49
MIB = 2**20

_EVERYWHERE = (
    ("slowlog-log-slower-than", "-1", "its slow log keeps arguments of commands, pseudonyms among them"),
    ("crash-log-enabled", "no", "a crash report holds pieces of memory"),
    ("hide-user-data-from-log", "yes", "its log may quote data"),
)
_LEDGER = (("aof-timestamp-enabled", "no", "its file says at which second each row was written"),)


def server(store: str, nodes: Sequence[Node]) -> Finding:
    """Kind and version: too old, or with holes that are known."""
    kinds = sorted({str(node) for node in nodes})
    fine = f"{', '.join(kinds)}{f' ({len(nodes)} servers)' if len(nodes) > 1 else ''}"
    if any((node.kind, node.version) == OF_DISTRIBUTIONS for node in nodes):
        fine += "; its version does not show your distribution's security fixes, so keep it upgraded"
    return finding(f"{store} server", (wrong for node in nodes for wrong in _version(node)), fine)


def _version(node: Node) -> Iterator[Wrong]:
    line, patch = node.version[:2], (*node.version, 0, 0, 0)[2]
    if node.version < OLDEST:
        yield fault(f"{_where(node)}{node} is too old", "Install Redis 6.2 or newer, or Valkey.")
        return
    sound = SOUND[node.kind]
    is_sound = patch >= sound[line] if line in sound else line > max(sound)
    if not is_sound and (node.kind, node.version) != OF_DISTRIBUTIONS:
        lines = [f"{a}.{b}.{c}" for (a, b), c in sound.items()]
        next_one = f"{line[0]}.{line[1]}.{sound[line]} or " if line in sound else ""
        yield warning(
            f"{_where(node)}{node} has known security holes", f"Upgrade to {node.kind} {next_one}{lines[-1]}, or newer."
        )


def durability(nodes: Sequence[Node], wanted: str) -> Finding:
    """The settings that decide what a crash loses."""
    fine = "every write is on disk before it is acknowledged, nothing is evicted"
    if wanted == "relaxed":
        fine = "nothing is evicted; writes may be acknowledged before they are on disk, as SIGNPOST_DURABILITY wants"
    return finding("ledger durability", (wrong for node in nodes for wrong in _durable(node, wanted)), fine)


def _durable(node: Node, wanted: str) -> Iterator[Wrong]:
    if node.settings is None:
        yield warning(
            f"{_where(node)}it does not show its settings (a managed service?)",
            "Ask whoever runs it whether it has appendonly yes, appendfsync always, maxmemory-policy noeviction; "
            "every report says 'unverified'.",
        )
        return
    yield from _unlike(node, "appendonly", "yes", "a restart forgets everything", fault)
    yield from _unlike(node, "maxmemory-policy", "noeviction", "counts are thrown away when memory is short", fault)
    if wanted != "relaxed":
        yield from _unlike(node, "appendfsync", "always", "a crash loses the last seconds", fault)
        yield from _unlike(node, "no-appendfsync-on-rewrite", "no", "a crash during a rewrite loses counts", fault)


def privacy(store: str, nodes: Sequence[Node]) -> Finding:
    """The settings that keep data out of logs, and day keys off the disk."""
    fine = "no data go into logs" if store == "ledger" else "nothing goes to disk or into logs"
    return finding(f"{store} privacy", (wrong for node in nodes for wrong in _discreet(store, node)), fine)


def _discreet(store: str, node: Node) -> Iterator[Wrong]:
    if node.settings is None:
        yield warning(
            f"{_where(node)}it does not show its settings (a managed service?)",
            "Ask whoever runs it that the slow log is off and logs hold no data"
            + (", and that it writes nothing to disk." if store == "volatile" else "."),
        )
        return
    if store == "volatile":
        yield from _unlike(node, "appendonly", "no", "day keys outlive their day in its file", fault)
        yield from _unlike(node, "save", "", "day keys outlive their day in its snapshots", fault)
    for name, wanted, why in (*_EVERYWHERE, *(_LEDGER if store == "ledger" else ())):
        if name in node.settings:  # older servers do not know all of them
            yield from _unlike(node, name, wanted, why, warning)


def _unlike(node: Node, name: str, wanted: str, why: str, make: Callable[[str, str], Wrong]) -> Iterator[Wrong]:
    has = (node.settings or {}).get(name)
    if has is not None and has != wanted:
        right = wanted or '""'
        yield make(
            f"{_where(node)}{name} is '{has}', so {why}",
            f"{SET} {name} {right}.",
        )


def replication(nodes: Sequence[Node], wanted: str) -> Finding:
    """Copies of every primary, where the mode wants them."""
    primaries = [node for node in nodes if node.is_primary]
    counts = ", ".join(f"{_where(node)}{_times(node.online, 'replica')}" for node in primaries)
    if wanted != "replicated":
        return Finding("replication", "ok", f"{counts}; SIGNPOST_DURABILITY={wanted} waits for none")
    how = {acknowledgement(node.info) for node in primaries}
    fine = f"{counts}; a write is acknowledged when a replica has it {'on disk' if how == {'waitaof'} else 'in memory'}"
    return finding("replication", (w for node in primaries for w in _followed(node)), fine)


def _followed(node: Node) -> Iterator[Wrong]:
    lost = len(node.replicas) - node.online
    catching_up = f" ({lost} more still catching up)" if lost else ""
    advice = f"Start or connect replicas until {REPLICAS} follow; meanwhile events wait in the spool."
    if not node.online:
        yield fault(f"{_where(node)}no replica follows{catching_up}: nothing is acknowledged", advice)
    elif node.online < REPLICAS:
        yield warning(
            f"{_where(node)}one replica follows{catching_up}: when it goes too, nothing is acknowledged",
            f"Start or connect another replica, so that {REPLICAS} follow.",
        )


def memory(store: str, nodes: Sequence[Node]) -> Finding:
    """Room for what is to come."""
    told = ", ".join(f"{_where(node)}{_memory(node)}" for node in nodes)
    return finding(f"{store} memory", (wrong for node in nodes for wrong in _short(node)), told)


def _short(node: Node) -> Iterator[Wrong]:
    used, limit = _used(node)
    share = used / limit if limit else 0.0
    if share < MEMORY_WARNING:
        return
    make = fault if share >= MEMORY_FAULT else warning
    yield make(
        f"{_where(node)}{_memory(node)}",
        "Raise maxmemory or give the machine more; when it is full, writes are refused and events wait in the spool.",
    )


def _used(node: Node) -> tuple[int, int]:
    limit = int(node.info.get("maxmemory") or 0) or int(node.info.get("total_system_memory") or 0)
    return int(node.info.get("used_memory") or 0), limit


def _memory(node: Node) -> str:
    used, limit = _used(node)
    if not limit:
        return f"{size(used)} used; it does not say of how much"
    return f"{size(used)} used of {size(limit)} ({used / limit:.0%})"


def writing(nodes: Sequence[Node], ages: Sequence[float | None], sealed: float) -> Finding:
    """The append-only file: whether it was written and rewritten, and since when deleted rows stay in it.

    `ages` are the seconds since each node's last rewrite, None where nobody can tell; `sealed` those since a day's
    rows were deleted.
    """
    told = [age for age in ages if age is not None]
    fine = f"written; rewritten {since(max(told))} ago" if told else "written; it does not tell when it was rewritten"
    pairs = zip(nodes, ages, strict=True)
    return finding("ledger file", (wrong for node, age in pairs for wrong in _written(node, age, sealed)), fine)


def _written(node: Node, age: float | None, sealed: float) -> Iterator[Wrong]:
    if node.info.get("aof_last_write_status", "ok") != "ok":
        yield fault(f"{_where(node)}the last write to its file failed", "Look for a full or broken disk, and its log.")
    if node.info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield warning(
            f"{_where(node)}the last rewrite of its file failed",
            "Look at free disk and memory (vm.overcommit_memory = 1) and its log, then run BGREWRITEAOF.",
        )
    if age is not None and age > REWRITE_HOURS * HOUR and age > sealed:
        yield warning(
            f"{_where(node)}its file was last rewritten {since(age)} ago, so deleted rows are still in it",
            "Run `signpost tick` now. A process with a staff surface does it after each sealed day: look at its log.",
        )


def clock(nodes: Iterable[Node]) -> Finding:
    """The servers' clocks against this machine's. Days and windows are decided by the clocks of our processes."""
    members = list(nodes)
    furthest = max((abs(node.ahead) for node in members), default=0.0)
    return finding("clock", (w for node in members for w in _late(node)), f"all within {max(furthest, 0.1):.1f} s")


def _late(node: Node) -> Iterator[Wrong]:
    if abs(node.ahead) > CLOCK_WARNING:
        make = fault if abs(node.ahead) > CLOCK_FAULT else warning
        way = "ahead of" if node.ahead > 0 else "behind"
        yield make(
            f"{_where(node)}a server's clock is {since(abs(node.ahead))} {way} this machine's",
            "Set the clocks by NTP on both machines; a wrong one counts units on the wrong day.",
        )


def since(seconds: float) -> str:
    """A time span as people say it."""
    for unit, length in (("days", 24 * HOUR), ("hours", HOUR), ("minutes", 60)):
        if seconds >= 3 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def size(number: float) -> str:
    """Bytes as people say them."""
    for unit, length in (("GiB", 2**30), ("MiB", MIB), ("KiB", 2**10)):
        if number >= length:
            return f"{number / length:.1f} {unit}"
    return f"{number:.0f} bytes"


def _times(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _where(node: Node) -> str:
    return f"{node.name}: " if node.name else ""
