"""The final report of a version: frozen when it is concluded, and held against what its counts say ever after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Any

from experiments.audit import digest
from experiments.errors import NotFound
from experiments.model import ENDED, Version
from experiments.spec import canonical_json
from experiments.store import Store
from experiments.surroundings import iso

if TYPE_CHECKING:
    from experiments.results import Result

CLOSE = 1e-9  # relative: another processor may round the last digit in another way
MOST = 5


@dataclass(frozen=True, slots=True)
class Final:
    """A frozen report: when (RFC 3339) and by whom, SHA-256 of its document, and whether its counts still say the same.

    `differs` names the first few figures that they do not; with another release of Signpost some may.
    """

    at: str
    by: str
    sha256: str
    equal: bool
    differs: tuple[str, ...] = ()


def freeze(store: Store, found: Result, *, by: str, now: int) -> None:
    """Keep a result as the final one of its version."""
    document = {
        "schema": 1, "experiment": found.experiment, "version": found.version, "at": iso(now), "by": by,
        "report": found.body.values, "table": found.to_csv(),
    }  # fmt: skip
    store.finals.keep(found.experiment, found.version, canonical_json(document))


def document(store: Store, key: str, version: int) -> dict[str, Any]:
    """Return what was frozen. Raises NotFound."""
    held = store.finals.of(key, version)
    if held is None:
        raise NotFound(f"version {version} of '{key}' has no final report: it is frozen when a version is concluded")
    return dict(json.loads(held))


def standing(store: Store, version: Version, found: Result) -> Final | None:
    """Hold the result of a concluded version against its final report; None without one."""
    held = store.finals.of(found.experiment, found.version) if version.state in ENDED else None
    if held is None:
        return None
    told = json.loads(held)
    now = json.loads(canonical_json({"report": found.body.values, "table": found.to_csv()}))
    differs = tuple(_differences(told["report"], now["report"], "")) + (("table",) * (told["table"] != now["table"]))
    return Final(told["at"], told["by"], digest(held), not differs, differs[:MOST])


def notice(final: Final | None) -> tuple[str, ...]:
    """What must be shown with the figures where they are not those that were frozen."""
    if final is None or final.equal:
        return ()
    told = (
        f"These figures are not those of the final report that was frozen on {final.at[:10]} (first: "
        f"{final.differs[0]}). Most likely another release computed them; `signpost results --final` prints the frozen "
        "ones."
    )
    return (told,)


def _differences(told: Any, now: Any, where: str) -> Iterator[str]:
    """Figures of the frozen report that are not there as they were; fields that came later do not count."""
    if isinstance(told, dict) and isinstance(now, dict):
        for name, value in told.items():
            yield from _differences(value, now.get(name), f"{where}.{name}" if where else name)
    elif isinstance(told, list) and isinstance(now, list) and len(told) == len(now):
        for at, (one, other) in enumerate(zip(told, now, strict=True)):
            yield from _differences(one, other, f"{where}[{at}]")
    elif told != now and not _close(told, now):
        yield where


def _close(told: Any, now: Any) -> bool:
    both = isinstance(told, int | float) and isinstance(now, int | float)
    return both and isclose(told, now, rel_tol=CLOSE, abs_tol=1e-15)
