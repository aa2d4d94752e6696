"""Each message as the visitor will see it, made of the very parts of the warning's page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments import forms
from experiments.directory import HelpDirectory, HelpResource, direction, offers, text_in
from experiments.forms import Fields
from experiments.wording import check_message, facts_of

Shown = dict[str, Any]


def previews(fields: Fields, directory: HelpDirectory, now: int) -> dict[str, Shown]:
    """`variants-I-messages-J` -> what templates of the warning take, and `wording`: findings. Nothing is counted."""
    return dict(_each(fields, directory, now))


def _each(fields: Fields, directory: HelpDirectory, now: int) -> Iterator[tuple[str, Shown]]:
    resources = _chosen(fields, directory.by_key)
    facts = facts_of(resources)
    for j in forms.rows(fields, "locales"):
        locale = fields.get(f"locales-{j}-tag", "").strip() or "en"
        around = {
            "locale": locale, "dir": direction(locale), "young_people": text_in(locale, directory.young_people),
        }  # fmt: skip
        help_ = [_inert(offer) for offer in offers(resources, locale, now)]
        for i in forms.rows(fields, "variants"):
            at = f"variants-{i}-messages-{j}"
            texts = {name: fields.get(f"{at}-{name}", "") for name in ("title", "body", "action")}
            is_empty = not any(text.strip() for text in texts.values())
            found = [] if is_empty else list(check_message(texts, locale, facts))
            yield at, {"message": {**texts, **around}, "help": help_, "is_empty": is_empty, "wording": found}


def _chosen(fields: Fields, known: Mapping[str, HelpResource]) -> Sequence[HelpResource]:
    keys = [fields.get(f"help-{i}", "") for i in forms.rows(fields, "help")]
    return [known[key] for key in keys if key in known]


def _inert(offer: Any) -> dict[str, Any]:
    """An offer that leads nowhere: nobody leaves the form by it, and nobody is counted."""
    return {**dataclasses.asdict(offer), "href": None}
