"""What differs between two versions, for people to read: texts word by word, everything else place by place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from experiments.spec import Definition

Kind = Literal["same", "gone", "new"]
PARTS = ("title", "body", "action")
# Which parts of the document are shown under which heading; what is named nowhere goes under "other".
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "factors": ("factors",), "shares": ("weight", "control", "traffic"), "outcomes": ("outcomes",),
    "plan": ("plan", "unit", "block_hours", "window_hours", "report_grace_hours", "repeat_after_seconds"),
}  # fmt: skip
OTHER = "other"


class Piece(NamedTuple):
    """A stretch of a text."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text that differs: where it stands, and both sides in pieces; a side that has no such text is empty."""

    variant: str
    locale: str
    part: str
    old: tuple[Piece, ...]
    new: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A place that differs, by its names, and what stands there on either side; None: nothing."""

    place: tuple[str, ...]
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs. `values` by section; variants are known by their keys, so moving one changes nothing."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    texts: tuple[Text, ...]
    values: Mapping[str, tuple[Value, ...]]

    def __bool__(self) -> bool:
        return bool(self.texts or self.values or self.added or self.removed)


def between(old: Definition, new: Definition) -> Diff:
    """Return what differs from one definition to another."""
    before, after = ({v.key: v for v in one.variants} for one in (old, new))
    return Diff(
        tuple(key for key in after if key not in before), tuple(key for key in before if key not in after),
        tuple(_texts(old, new)), _values(old, new),
    )  # fmt: skip


def words(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces: what both have, what is gone from the old one, what is new in the other."""
    one, other = (re.findall(r"\s+|[^\s]+", text) for text in (old, new))
    left: list[Piece] = []
    right: list[Piece] = []
    steps = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    for number, (tag, a, b, c, d) in enumerate(steps):
        # A space between two changed words is changed with them: one mark instead of two.
        same = tag == "equal" and not (0 < number < len(steps) - 1 and "".join(one[a:b]).isspace())
        _add(left, "same" if same else "gone", one[a:b])
        _add(right, "same" if same else "new", other[c:d])
    return tuple(left), tuple(right)


def _add(pieces: list[Piece], kind: Kind, parts: Sequence[str]) -> None:
    if pieces and pieces[-1].kind == kind:
        parts = [pieces.pop().text, *parts]
    if parts:
        pieces.append(Piece(kind, "".join(parts)))


def _texts(old: Definition, new: Definition) -> Iterator[Text]:
    before, after = ({v.key: v.messages for v in one.variants} for one in (old, new))
    for variant in dict.fromkeys([*before, *after]):
        one, other = before.get(variant, {}), after.get(variant, {})
        for locale in dict.fromkeys([*one, *other]):
            for part in PARTS:
                texts = [getattr(side[locale], part) if locale in side else "" for side in (one, other)]
                if texts[0] != texts[1]:
                    yield Text(variant, locale, part, *words(*texts))


def _values(old: Definition, new: Definition) -> dict[str, tuple[Value, ...]]:
    first, second = (dict(_leaves(_comparable(one))) for one in (old, new))
    found: dict[str, list[Value]] = {name: [] for name in (*SECTIONS, OTHER)}
    for place in dict.fromkeys([*first, *second]):
        if first.get(place) != second.get(place):
            found[_section(place)].append(Value(place, first.get(place), second.get(place)))
    return {name: tuple(values) for name, values in found.items() if values}


def _comparable(definition: Definition) -> dict[str, Any]:
    """The document without its texts, variants by key, defaults written out."""
    document = definition.model_dump(mode="json", by_alias=True)
    document["variants"] = {v.pop("key"): v for v in document["variants"]}
    for variant in document["variants"].values():
        del variant["messages"]
    return document


def _leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every value with its place; a list of plain values is one value, a named part of a list goes by its name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*place, str(name)))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _leaves(inner, (*place, inner.get("name") or inner.get("outcome") or str(number)))
    elif value is not None and value != []:
        yield place, _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _section(place: tuple[str, ...]) -> str:
    name = place[2] if place[0] == "variants" and len(place) > 2 else place[0]
    return next((section for section, names in SECTIONS.items() if name in names), OTHER)


def in_words(pointer: str, document: Any) -> str:
    """A place of a document in words: `/variants/1/messages/en/title` is `variant 2 (law), messages, en, title`."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    told: list[str] = []
    at = document
    for part in parts:
        at = _inside(at, part)
        if not part.isdecimal() or not told:
            told.append(part.replace("_", " "))
            continue
        name = at.get("key") or at.get("name") if isinstance(at, dict) else None
        told[-1] = f"{told[-1].removesuffix('s')} {int(part) + 1}{f' ({name})' if isinstance(name, str) else ''}"
    return ", ".join(told) or "the whole document"


def _inside(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    return None
