"""What can be said of an experiment as a whole: its help, and how its variants differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from experiments.directory import HelpDirectory, HelpResource, match
from experiments.spec import Definition, Message, Variant
from experiments.wording.findings import Finding, found
from experiments.wording.rulebook import rulebook
from experiments.wording.texts import FIELDS


def check_help(definition: Definition, directory: HelpDirectory) -> Iterator[Finding]:
    """Whether everybody who sees the warning finds help for them, in their language."""
    shown = [directory.by_key[key] for key in definition.help if key in directory.by_key]
    if not any("adults" in r.audience for r in shown):
        yield found("help-for-adults", "/help")
    if not any(r.for_young_people for r in shown):
        yield found("help-for-young-people", "/help")
    for locale in definition.served_locales():
        yield from _in_locale(shown, directory, locale)


def _in_locale(shown: Sequence[HelpResource], directory: HelpDirectory, locale: str) -> Iterator[Finding]:
    if match(locale, tuple(directory.young_people)) is None:
        yield found("young-peoples-line", "/help", f"none is in '{locale}'", after=True)
    if not any(match(locale, r.languages) for r in shown):
        yield found("help-in-the-language", "/help", f"none in '{locale}'", after=True)


def check_differences(definition: Definition) -> Iterator[Finding]:
    """Whether variants differ beyond their declared factors."""
    yield from _same_factors(definition.variants)
    declared = {name for variant in definition.variants for name in variant.factors}
    locales = dict.fromkeys(tag for v in definition.variants for tag in v.messages)
    for locale in locales:
        texts = {i: v.messages[locale] for i, v in enumerate(definition.variants) if locale in v.messages}
        yield from _differing(texts, locale, declared)


def _same_factors(variants: Sequence[Variant]) -> Iterator[Finding]:
    for (_, one), (j, other) in combinations(enumerate(variants), 2):
        if one.factors == other.factors:
            yield found("factors-differ", f"/variants/{j}/factors", f"here '{one.key}' and '{other.key}'", after=True)


def _differing(texts: Mapping[int, Message], locale: str, declared: set[str]) -> Iterator[Finding]:
    first = next(iter(texts.values()))
    lengths = {i: len(message.body) for i, message in texts.items()}
    longest, shortest = max(lengths, key=lengths.__getitem__), min(lengths.values())
    ratio = lengths[longest] / shortest
    if "length" not in declared and ratio > (rulebook().by_id["lengths-differ"].limit or 0):
        at = f"/variants/{longest}/messages/{locale}/body"
        yield found("lengths-differ", at, f"the longest is {ratio:.2f} times the shortest", after=True)
    for i, message in texts.items():
        at = f"/variants/{i}/messages/{locale}"
        if "action" not in declared and message.action != first.action:
            yield found("actions-differ", f"{at}/action")
        odd = _promises(message, locale) ^ _promises(first, locale)
        if "promise" not in declared and odd:
            yield found("promises-differ", at, f"here {', '.join(sorted(odd))}", after=True)


def _promises(message: Message, locale: str) -> set[str]:
    """The claims that a message makes, true or not."""
    claims = [rule for rule in rulebook().rules if rule.kind == "claim"]
    return {r.id for r in claims if any(r.found_in(getattr(message, name), locale) for name in FIELDS)}
