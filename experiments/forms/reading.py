"""From the fields of the form to the document, and from a place in the document back to its field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from experiments import spec
from experiments.forms.shape import (
    ETHICS,
    GUARDRAIL,
    LINES,
    MESSAGE,
    MOST_ROWS,
    NO,
    OUTCOME,
    PLAN,
    REVIEW,
    SENTENCES,
    TOP,
    VARIANT,
    Entry,
    Fields,
    same,
    value_of,
)
from experiments.violations import pointer

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Form:
    """What a form says.

    document  the experiment's document, defaults left out
    places    JSON pointer -> field, of all that the form can say
    troubles  field -> what is wrong with it that no document could show
    """

    document: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)

    def field_at(self, at: str) -> str | None:
        """The field of a place in the document: its own, else that of the part around it."""
        while at and at not in self.places:
            at = at.rpartition("/")[0]
        return self.places.get(at)


def rows(fields: Fields, family: str) -> list[int]:
    """Numbers of the rows of a kind, such as `variants`, `locales`, `hypotheses`, `outcomes-secondary`."""
    pattern = re.compile(rf"{re.escape(family)}-([0-9]{{1,3}})(?:-|$)")
    found = {int(match[1]) for name in fields if (match := pattern.match(name))}
    return sorted(found)[:MOST_ROWS]


def read(fields: Fields, *, defaults: bool = False) -> Form:
    """Return what the form says. `defaults`: keep values that say no more than their absence would."""
    return _Reading(fields, defaults).form()


class _Reading:
    def __init__(self, fields: Fields, defaults: bool) -> None:  # noqa: FBT001  (one caller, above)
        self.fields, self.defaults = fields, defaults
        self.places: dict[str, str] = {}
        self.troubles: dict[str, str] = {}
        self.tags = self._named("locales", "locales-{}-tag", "locale", self._locale_is_blank)
        self.factors = self._named("factors", "factors-{}", "factor", self._factor_is_blank)

    def form(self) -> Form:
        parts = {
            "schema": 1,
            **self._part("", (), TOP),
            **{name: self._lines(name) for name in LINES},
            **{name: self._list(name, name) for name in SENTENCES},
            "help": self._list("help", "help-0"),
            "variants": self._variants(),
            "locales": self._locales(),
            "outcomes": self._outcomes(),
            "plan": self._plan(),
            "ethics": self._ethics(),
        }
        order = [info.alias or name for name, info in spec.Definition.model_fields.items()]
        # A plan without a field is kept, so that each of its missing fields is told at once.
        document = {name: parts[name] for name in order if name == "plan" or parts.get(name) not in (None, [], {})}
        return Form(document, self.places, self.troubles)

    # ------------------------------------------------------------------------------------------- parts

    def _part(self, prefix: str, path: Path, entries: tuple[Entry, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for entry in entries:
            name = prefix + entry.name
            self.places[pointer([*path, entry.name])] = name
            value = value_of(entry.kind, self.fields.get(name, ""))
            if value is not None and (self.defaults or not same(value, entry.default)):
                found[entry.name] = value
        return found

    def _lines(self, name: str) -> list[str]:
        self.places[pointer([name])] = name
        return [line.strip() for line in self.fields.get(name, "").splitlines() if line.strip()]

    def _list(self, name: str, whole: str) -> list[str]:
        """Rows of one field each; a row that is empty is none."""
        self.places[pointer([name])] = whole
        found: list[str] = []
        for i in rows(self.fields, name):
            text = self.fields.get(f"{name}-{i}", "")
            if text.strip():
                self.places[pointer([name, len(found)])] = f"{name}-{i}"
                found.append(text)
        return found

    def _ratio(self, name: str, path: Path) -> dict[str, Any]:
        self.places[pointer(path)] = name
        value = value_of("number", self.fields.get(name, ""))
        return {} if value is None else {str(path[-1]): {"ratio": value}}

    # ------------------------------------------------------------------- rows that all variants share

    def _named(self, family: str, at: str, what: str, is_blank: Any) -> dict[str, int]:
        """Name -> row."""
        found: dict[str, int] = {}
        for row in rows(self.fields, family):
            name = self.fields.get(at.format(row), "").strip()
            if name in found:
                self.troubles[at.format(row)] = f"the {what} '{name}' is given twice; each is given once"
            elif name or not is_blank(row):
                found[name] = row
        return found

    def _locale_is_blank(self, row: int) -> bool:
        prefixes = [f"variants-{i}-messages-{row}-" for i in rows(self.fields, "variants")]
        return not any(self.fields.get(prefix + entry.name) for prefix in prefixes for entry in MESSAGE)

    def _factor_is_blank(self, row: int) -> bool:
        return not any(self.fields.get(f"variants-{i}-factors-{row}") for i in rows(self.fields, "variants"))

    def _locales(self) -> dict[str, Any]:
        self.places["/locales"] = "locales"
        found: dict[str, Any] = {}
        for tag, row in self.tags.items():
            prefix, path = f"locales-{row}-", ("locales", tag)
            self.places[pointer(path)] = f"{prefix}tag"
            state, who = self.fields.get(f"{prefix}review", ""), self._part(prefix, path, REVIEW)
            if state or who:
                found[tag] = {**self._reviewed(state == NO), **who}
        return found

    def _reviewed(self, is_not: bool) -> dict[str, bool]:  # noqa: FBT001
        return {"reviewed": False} if is_not else {"reviewed": True} if self.defaults else {}

    # ---------------------------------------------------------------------------------------- variants

    def _variants(self) -> list[dict[str, Any]]:
        self.places["/variants"] = "variants"
        return [self._variant(row, position) for position, row in enumerate(rows(self.fields, "variants"))]

    def _variant(self, row: int, position: int) -> dict[str, Any]:
        prefix, path = f"variants-{row}-", ("variants", position)
        self.places[pointer(path)] = f"{prefix}key"
        self.places[pointer([*path, "control"])] = "control"
        part = self._part(prefix, path, VARIANT)
        is_control = self.fields.get("control") == str(row)
        parts = {
            "key": part.get("key"),
            "control": True if is_control else None,
            "weight": part.get("weight"),
            "factors": self._factors(prefix, path),
            "messages": self._messages(prefix, path),
        }
        return {name: value for name, value in parts.items() if value not in (None, {})}

    def _factors(self, prefix: str, path: Path) -> dict[str, Any]:
        first = next(iter(self.factors.values()), None)
        self.places[pointer([*path, "factors"])] = f"{prefix}key" if first is None else f"{prefix}factors-{first}"
        found: dict[str, Any] = {}
        for name, row in self.factors.items():
            at = f"{prefix}factors-{row}"
            self.places[pointer([*path, "factors", name])] = at if name else f"factors-{row}"
            value = value_of("word", self.fields.get(at, ""))
            if value is not None:
                found[name] = value
        return found

    def _messages(self, prefix: str, path: Path) -> dict[str, Any]:
        self.places[pointer([*path, "messages"])] = f"{prefix}messages-{next(iter(self.tags.values()), 0)}-title"
        found: dict[str, Any] = {}
        for tag, row in self.tags.items():
            at, own = f"{prefix}messages-{row}-", (*path, "messages", tag)
            is_tag = re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag)
            self.places[pointer(own)] = f"{at}title" if is_tag else f"locales-{row}-tag"
            message = self._part(at, own, MESSAGE)
            if message:
                found[tag] = message
        return found

    # ------------------------------------------------------------------------------- outcomes and plan

    def _outcomes(self) -> dict[str, Any]:
        self.places["/outcomes"] = "outcomes-primary-outcome"
        self.places["/outcomes/primary"] = "outcomes-primary-outcome"
        parts = {
            "primary": self._part("outcomes-primary-", ("outcomes", "primary"), OUTCOME),
            "secondary": list(self._several("secondary", OUTCOME)),
            "guardrails": list(self._several("guardrails", GUARDRAIL)),
        }
        return {name: value for name, value in parts.items() if value}

    def _several(self, role: str, entries: tuple[Entry, ...]) -> Iterator[dict[str, Any]]:
        for position, row in enumerate(rows(self.fields, f"outcomes-{role}")):
            prefix, path = f"outcomes-{role}-{row}-", ("outcomes", role, position)
            self.places[pointer(path)] = f"{prefix}outcome"
            margin = self._ratio(f"{prefix}margin", (*path, "margin")) if role == "guardrails" else {}
            yield {**self._part(prefix, path, entries), **margin}

    def _plan(self) -> dict[str, Any]:
        self.places["/plan"] = "plan-expected_rate"
        found = self._part("plan-", ("plan",), PLAN)
        found |= self._ratio("plan-minimum_effect", ("plan", "minimum_effect"))
        order = [name for name in spec.Plan.model_fields if name in found]
        return {name: found[name] for name in order}

    def _ethics(self) -> dict[str, Any]:
        self.places["/ethics"] = "ethics-committee"
        found = self._part("ethics-", ("ethics",), ETHICS)
        return {} if found == {"control": "active warning"} else found
