"""The rules of wording, as `library/wording.yml` states them."""

from __future__ import annotations

import re
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

from pydantic import Field, field_validator, model_validator

from experiments.reading import load_yaml
from experiments.spec import Locale, Name, Part

Kind = Literal["phrase", "claim", "measure", "whole"]
Severity = Literal["error", "warning"]
PARTNER_FACTS = ("keeps_addresses", "reports_to_police")  # what a partner may declare of itself
HELP_FACTS = ("always_open", "free", "anonymous", "confidential", "chat", "call", "email")


class Rule(Part):
    """One rule. A phrase or claim has patterns, and an example of each, by language."""

    id: Name
    kind: Kind
    severity: Severity
    reason: str = Field(min_length=1)
    source: Name
    prefer: dict[Locale, str] = Field(default_factory=dict)
    needs: Name | None = None
    limit: float | None = Field(default=None, strict=False)
    patterns: dict[Locale, str] = Field(default_factory=dict)
    examples: dict[Locale, str] = Field(default_factory=dict)

    @field_validator("patterns")
    @classmethod
    def _compile(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern in value.values():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"is no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Rule:
        if (self.kind in ("phrase", "claim")) != bool(self.patterns) or self.patterns.keys() != self.examples.keys():
            raise ValueError("phrases and claims have patterns, and an example of each")
        if (self.kind == "claim") != (self.needs in PARTNER_FACTS + HELP_FACTS):
            raise ValueError(f"claims need one of {', '.join(PARTNER_FACTS + HELP_FACTS)}")
        return self

    def found_in(self, text: str, locale: str) -> str | None:
        """The words of the text that the rule is about."""
        pattern = self.patterns.get(locale.split("-", maxsplit=1)[0])
        found = re.search(pattern, text, re.IGNORECASE) if pattern else None
        return found[0].strip() if found else None


class Rulebook(Part):
    """All rules, and where they come from."""

    format: Literal[1] = Field(alias="schema")
    sources: dict[Name, str]
    rules: list[Rule]

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}


@cache
def rulebook() -> Rulebook:
    """The library's rules."""
    text = (files("experiments") / "library" / "wording.yml").read_text(encoding="utf-8")
    return Rulebook.model_validate(load_yaml(text))
