"""What two documents say differently, and whether a form can say all of a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from experiments.forms.filling import fields_of
from experiments.forms.reading import read
from experiments.violations import pointer


@dataclass(frozen=True, slots=True)
class Difference:
    """A place, in words, and what stands there in each of two documents; None: nothing."""

    place: str
    one: str | None
    other: str | None


def carries(document: Any) -> bool:
    """Whether the form can say everything that the document says, so that nothing is lost on the way through it."""
    said = dict(_leaves(read(fields_of(document), defaults=True).document))
    return all(at in said and _equal(said[at], value) for at, value in _leaves(document))


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Difference]:
    """Return every place where two documents differ, in the order of the first; variants are known by their keys."""
    first, second = (dict(_leaves(_by_key(document))) for document in (one, other))
    return [
        Difference(_words(at), _shown(first.get(at)), _shown(second.get(at)))
        for at in dict.fromkeys([*first, *second])
        if not _equal(first.get(at), second.get(at))
    ]


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, name))
    elif value is not None:
        yield pointer(path), value


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _by_key(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its variants as a mapping, and short lists as text, as people compare them."""
    found: dict[str, Any] = dict(document)
    found["variants"] = {variant.get("key", i): variant for i, variant in enumerate(document.get("variants", []))}
    for name in ("surfaces", "strata", "help"):
        found[name] = ", ".join(map(str, document.get(name, []))) or None
    return found


def _words(at: str) -> str:
    parts = [part.replace("~1", "/").replace("~0", "~").replace("_", " ") for part in at.split("/")[1:]]
    return " › ".join(str(int(part) + 1) if part.isdigit() else part for part in parts)


def _shown(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)
