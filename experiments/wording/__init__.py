"""The wording of warnings held against rules, which are data: `library/wording.yml`.

rulebook     the rules;   findings: what a rule has found;   readability: how hard a text is
claims       what may be claimed;   texts: one message;   whole: help, and differences between variants
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from experiments.directory import HelpDirectory
from experiments.errors import InvalidDefinition, Violation
from experiments.spec import Definition
from experiments.violations import pointer
from experiments.wording.claims import Facts, facts_of
from experiments.wording.findings import Finding
from experiments.wording.rulebook import HELP_FACTS, rulebook
from experiments.wording.texts import check_message
from experiments.wording.whole import check_differences, check_help


def lint(definition: Definition, directory: HelpDirectory, declared: Collection[str] = ()) -> list[Finding]:
    """Everything that the rules find. `declared` are facts of the partner; an unknown one raises InvalidInput."""
    facts = facts_of([directory.by_key[key] for key in definition.help if key in directory.by_key], declared)
    return [*_texts(definition, facts), *check_help(definition, directory), *check_differences(definition)]


def _texts(definition: Definition, facts: Facts) -> Iterator[Finding]:
    for i, variant in enumerate(definition.variants):
        for locale, message in variant.messages.items():
            yield from check_message(message.model_dump(), locale, facts, pointer(["variants", i, "messages", locale]))


def require_kept_promises(definition: Definition, directory: HelpDirectory) -> None:
    """Raise InvalidDefinition where a message promises what none of its help resources offers."""
    rules = rulebook().by_id
    broken = [f for f in lint(definition, directory) if f.severity == "error" and rules[f.rule].needs in HELP_FACTS]
    if broken:
        raise InvalidDefinition(tuple(Violation(f.pointer, "invalid-value", f.reason) for f in broken))


__all__ = ["Finding", "check_message", "facts_of", "lint", "require_kept_promises", "rulebook"]
