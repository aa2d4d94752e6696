"""What can be said of one message in one locale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from experiments.wording.claims import Facts
from experiments.wording.findings import Finding, found
from experiments.wording.readability import flesch_kincaid, szigriszt_pazos, words
from experiments.wording.rulebook import Rule, rulebook

FIELDS = ("title", "body", "action")
SHOUTED = re.compile(r"\b[A-Z]{4,}\b(?:\W+\b[A-Z]{2,}\b)+|!\s*!")


def check_message(message: Mapping[str, str], locale: str, facts: Facts, at: str = "") -> Iterator[Finding]:
    """Everything about the texts of a message; `at` is its JSON pointer."""
    for field in FIELDS:
        for rule in rulebook().rules:
            yield from _in_text(rule, message.get(field, ""), locale, facts, f"{at}/{field}")
    yield from _lengths(message, at)
    yield from _reading(message, locale, at)


def _in_text(rule: Rule, text: str, locale: str, facts: Facts, at: str) -> Iterator[Finding]:
    said = rule.found_in(text, locale)
    if said is None:
        return
    if rule.kind == "phrase":
        instead = rule.prefer.get(locale.split("-", maxsplit=1)[0])
        yield found(rule.id, at, f"'{said}': {rule.reason}" + (f"; write '{instead}'" if instead else ""))
    elif rule.needs is not None and rule.needs not in facts.all:
        only = facts.some.get(rule.needs)
        if only:
            yield found(rule.id, at, f"'{said}': {rule.reason}; of the help here only {only} does", "warning")
        else:
            yield found(rule.id, at, f"'{said}': {rule.reason}")


def _lengths(message: Mapping[str, str], at: str) -> Iterator[Finding]:
    for field, size in (
        ("title", len(message.get("title", ""))),
        ("body", len(words(message.get("body", "")))),
        ("action", len(message.get("action", ""))),
    ):
        if size > (rulebook().by_id[f"long-{field}"].limit or 0):
            yield found(f"long-{field}", f"{at}/{field}", f"it has {size}", after=True)
        if SHOUTED.search(message.get(field, "")):
            yield found("shouting", f"{at}/{field}")


def _reading(message: Mapping[str, str], locale: str, at: str) -> Iterator[Finding]:
    """The level of title and body together; no measure is used for other languages."""
    text, language = f"{message.get('title', '')}\n\n{message.get('body', '')}", locale.split("-", maxsplit=1)[0]
    if language == "en" and (grade := flesch_kincaid(text)) > (rulebook().by_id["reading-level-en"].limit or 0):
        yield found("reading-level-en", f"{at}/body", f"it is {grade:.1f}", after=True)
    if language == "es" and (ease := szigriszt_pazos(text)) < (rulebook().by_id["reading-level-es"].limit or 0):
        yield found("reading-level-es", f"{at}/body", f"it is {ease:.0f}", after=True)
