"""Whether a form can say all of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from experiments.forms.filling import fields_of
from experiments.forms.reading import read
from experiments.violations import pointer


def carries(document: Any) -> bool:
    """Whether the form can say everything that the document says, so that nothing is lost on the way through it."""
    said = dict(_leaves(read(fields_of(document), defaults=True).document))
    # A box without a tick says false by saying nothing.
    return all(_equal(said.get(at, False if value is False else None), value) for at, value in _leaves(document))


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, name))
    elif value is not None:
        yield pointer(path), value


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
