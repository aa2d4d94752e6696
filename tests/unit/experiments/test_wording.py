"""Wording held against rules that are data: each with an example; the library itself has no findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from experiments.directory import LIBRARY, HelpDirectory, load_fallbacks, load_help
from experiments.errors import InvalidDefinition, InvalidInput
from experiments.reading import load_yaml
from experiments.spec import Definition, parse
from experiments.wording import check_message, facts_of, lint, require_kept_promises, rulebook
from experiments.wording.readability import flesch_kincaid, sentences, syllables_en, syllables_es, szigriszt_pazos
from experiments.wording.rulebook import Rule, Rulebook

DOC = Path(__file__).parents[3] / "docs" / "wording.md"
FOUR_LINES = load_yaml((LIBRARY / "four-lines.yml").read_text(encoding="utf-8"))
WITH_PATTERNS = [(rule, locale) for rule in rulebook().rules for locale in rule.patterns]


def experiment(texts: dict[str, str] | None = None, **changes: Any) -> Definition:
    """The four lines, with other texts in the English message of the second variant."""
    variants = [dict(v, messages={"en": v["messages"]["en"]}) for v in FOUR_LINES["variants"]]
    variants[1]["messages"] = {"en": {**variants[1]["messages"]["en"], **(texts or {})}}
    return parse({**FOUR_LINES, "variants": variants, "locales": {}, **changes})


def rules(definition: Definition, *declared: str, directory: HelpDirectory | None = None) -> set[str]:
    return {f.rule for f in lint(definition, directory or load_help(), declared)}


def claiming(body: str) -> Definition:
    return experiment({"body": body + " " + FOUR_LINES["variants"][1]["messages"]["en"]["body"]})


@pytest.mark.parametrize("name", ["four-lines.yml", "theme-by-framing.yml"])
def test_the_library_has_no_findings(name: str) -> None:
    document = load_yaml((LIBRARY / name).read_text(encoding="utf-8"))
    assert lint(parse(document), load_help()) == []


def test_the_fallbacks_have_no_findings() -> None:
    directory = load_help()
    for fallback in load_fallbacks(directory).surfaces.values():
        facts = facts_of([directory.by_key[key] for key in fallback.help])
        for locale, message in fallback.messages.items():
            assert list(check_message(message.model_dump(), locale, facts)) == []


@pytest.mark.parametrize(("rule", "locale"), WITH_PATTERNS, ids=lambda value: getattr(value, "id", value))
def test_each_pattern_finds_its_example(rule: Rule, locale: str) -> None:
    example = rule.examples[locale]
    assert rule.found_in(example, locale)
    assert rule.found_in(example, f"{locale}-XX")
    found = check_message({"title": example, "body": "Hello.", "action": "Go"}, locale, facts_of([]))
    assert (rule.id, "/title") in {(f.rule, f.pointer) for f in found}


@pytest.mark.parametrize(
    "text",
    [
        "Feel free to stop here.",
        "You are free to go.",
        "The call is not free.",
        "People who were worried got help.",
        "It can lead to an arrest.",
        "Grape juice and a parachute.",
        "You can call this what you like.",
        "The line is not anonymous.",
    ],
)
def test_harmless_words_are_let_be(text: str) -> None:
    assert list(check_message({"title": text, "body": text, "action": "Go"}, "en", facts_of([]))) == []


def test_a_finding_has_rule_place_reason_and_source() -> None:
    found = lint(experiment({"title": "Child pornography is illegal"}), load_help())
    assert [f.to_dict() for f in found] == [
        {
            "rule": "term-pornography",
            "severity": "error",
            "pointer": "/variants/1/messages/en/title",
            "reason": "'Child pornography': it likens abuse to something that adults make and watch by consent; "
            "write 'child sexual abuse material'",
            "source": rulebook().sources["luxembourg"],
        }
    ]


@pytest.mark.parametrize(
    ("text", "rule", "fact"),
    [("We can trace you.", "claim-traced", "keeps_addresses"),
     ("This was reported to the police.", "claim-police", "reports_to_police")],
)  # fmt: skip
def test_a_threat_needs_a_fact_of_the_partner(text: str, rule: str, fact: str) -> None:
    assert rule in rules(claiming(text))
    assert rule not in rules(claiming(text), fact)


def test_a_fact_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'traces' is none of the facts keeps_addresses, reports_to_police"):
        lint(experiment(), load_help(), ["traces"])


def test_a_claim_about_help_needs_help_of_which_it_is_true() -> None:
    definition = claiming("Help is free.")
    (some, _differs) = [f for f in lint(definition, load_help()) if f.rule in ("claim-free", "promises-differ")]
    assert some.severity == "warning"
    assert "only Stop It Now UK and Ireland, Troubled Desire does" in some.reason
    assert "claim-free" not in rules(definition.model_copy(update={"help": ["troubled-desire"]}))
    (none,) = [
        f for f in lint(definition.model_copy(update={"help": ["napac"]}), load_help()) if f.rule == "claim-free"
    ]
    assert none.severity == "error"


def test_always_open_needs_a_line_with_hours_of_the_whole_week() -> None:
    whole = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}
    data = load_yaml((LIBRARY / "help.yml").read_text(encoding="utf-8"))
    data["resources"] = [r for r in data["resources"] if r["key"] == "napac"]
    definition = claiming("Help is there 24/7.").model_copy(update={"help": ["napac"]})
    assert "claim-always-open" in rules(definition, directory=HelpDirectory.model_validate(data))
    data["resources"][0]["channels"][0]["hours"] = [whole]
    assert "claim-always-open" not in rules(definition, directory=HelpDirectory.model_validate(data))


@pytest.mark.parametrize(
    ("action", "help_", "is_kept"),
    [
        ("Chat with us", "napac", False),
        ("Chat with us", "stop-it-now-uk", True),
        ("Call us", "troubled-desire", False),
        ("Call us", "napac", True),
        ("E-mail us", "napac", False),
        ("See where you can get help", "napac", True),
    ],
)
def test_a_promise_that_no_resource_keeps_is_refused(action: str, help_: str, is_kept: bool) -> None:
    definition = experiment({"action": action}, help=[help_])
    if is_kept:
        require_kept_promises(definition, load_help())
        return
    with pytest.raises(InvalidDefinition) as refused:
        require_kept_promises(definition, load_help())
    assert [v.pointer for v in refused.value.violations] == ["/variants/1/messages/en/action"]


def test_missing_help_is_found() -> None:
    assert rules(experiment(help=["troubled-desire"])) == {"help-for-young-people"}
    assert {"help-for-adults"} == rules(experiment(help=["childline"]))
    assert "help-in-the-language" in rules(experiment(help=["kein-taeter-werden", "childline"])) | rules(
        experiment(help=["kein-taeter-werden"])
    )


def test_a_served_locale_needs_the_young_peoples_line() -> None:
    directory = load_help()
    assert "young-peoples-line" not in rules(experiment())
    without = directory.model_copy(update={"young_people": {"es": "¿Tienes menos de 18 años?"}})
    assert rules(experiment(), directory=without) == {"young-peoples-line"}


def test_variants_that_differ_beyond_their_factors_are_found() -> None:
    short = {"body": "You can stop here."}
    assert rules(experiment(short)) == {"lengths-differ"}
    assert rules(experiment({"action": "See the help"})) == {"actions-differ"}
    assert rules(claiming("There is a chat.")) == {"promises-differ"}
    same = [dict(v, factors={"theme": "neutral"}) for v in FOUR_LINES["variants"]]
    assert rules(parse({**FOUR_LINES, "variants": same})) == {"factors-differ"}


def test_what_a_factor_declares_may_differ() -> None:
    definition = experiment({"body": "You can stop here. There is a chat.", "action": "See the help"})
    assert rules(definition) == {"lengths-differ", "actions-differ", "promises-differ"}
    declared = [v.model_copy(update={"factors": {"length": v.key, "action": v.key, "promise": v.key}})
                for v in definition.variants]  # fmt: skip
    assert rules(definition.model_copy(update={"variants": declared})) == set()


def test_long_texts_and_shouting_are_found() -> None:
    message = {"title": "word " * 20, "body": "A dog. " * 80, "action": "See " * 12}
    assert {f.rule for f in check_message(message, "ar", facts_of([]))} == {"long-title", "long-body", "long-action"}
    loud = {"title": "STOP NOW", "body": "Stop!!", "action": "Stop"}
    assert [(f.rule, f.pointer) for f in check_message(loud, "en", facts_of([]))] == [
        ("shouting", "/title"), ("shouting", "/body"),
    ]  # fmt: skip


# -------------------------------------------------------------------------------------------- reading level


def test_flesch_kincaid_by_hand() -> None:
    text = "The cat sat on the mat. It was happy."  # 9 words, 2 sentences, 10 syllables
    assert sentences(text) == 2
    assert flesch_kincaid(text) == pytest.approx(0.39 * 9 / 2 + 11.8 * 10 / 9 - 15.59)


def test_szigriszt_pazos_by_hand() -> None:
    text = "El gato duerme. La casa es grande."  # 7 words, 2 sentences, 11 syllables
    assert szigriszt_pazos(text) == pytest.approx(206.835 - 62.3 * 11 / 7 - 7 / 2)


@pytest.mark.parametrize(
    ("word", "count"),
    [("images", 3), ("made", 1), ("table", 2), ("people", 2), ("looked", 1), ("wanted", 2), ("child", 1), ("the", 1)],
)
def test_english_syllables(word: str, count: int) -> None:
    assert syllables_en(word) == count


@pytest.mark.parametrize(
    ("word", "count"),
    [("murciélago", 4), ("país", 2), ("aire", 2), ("guerra", 2), ("ley", 1), ("yo", 1), ("mayo", 2), ("ciudad", 2),
     ("que", 1), ("guía", 2), ("pingüino", 3), ("caer", 2), ("búsqueda", 3)],
)  # fmt: skip
def test_spanish_syllables(word: str, count: int) -> None:
    assert syllables_es(word) == count


def test_hard_texts_are_found_in_english_and_spanish_and_nowhere_else() -> None:
    hard = "Notwithstanding considerable administrative complications, organisational responsibilities necessitate it."
    duro = "La responsabilidad administrativa internacional obstaculiza procedimientos extraordinariamente complicados."
    for locale, text, rule in (("en", hard, ["reading-level-en"]), ("es-MX", duro, ["reading-level-es"])):
        message = {"title": "x", "body": text, "action": "x"}
        assert [f.rule for f in check_message(message, locale, facts_of([]))] == rule
        assert list(check_message(message, "ar", facts_of([]))) == []


# ------------------------------------------------------------------------------------------------ rules are data


def test_every_rule_is_in_the_documentation() -> None:
    text = DOC.read_text(encoding="utf-8")
    for rule in rulebook().rules:
        start = f"| `{rule.id}` | {rule.severity} | {rule.reason[0].upper()}{rule.reason[1:]}."
        row = next(line for line in text.splitlines() if line.startswith(start))
        assert row.endswith(f"| {rule.source} |")
        assert rule.needs is None or f"`{rule.needs}`" in row
        assert all(words in row for words in rule.prefer.values())
    assert all(f"- **{name}**: {source}." in text for name, source in rulebook().sources.items())
    assert text.count("\n| `") == len(rulebook().rules), "and no rule that is not there"


def test_each_rule_has_its_source_and_a_name_of_its_own() -> None:
    book = rulebook()
    assert {rule.source for rule in book.rules} == set(book.sources)
    assert len(book.by_id) == len(book.rules)


@pytest.mark.parametrize(
    "wrong",
    [
        {"patterns": {"en": "("}},
        {"patterns": {"en": "a"}, "examples": {}},
        {"kind": "claim", "needs": "wings"},
        {"kind": "measure"},
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(wrong: dict[str, Any]) -> None:
    rule = {"id": "r", "kind": "phrase", "severity": "error", "reason": "x", "source": "s",
            "patterns": {"en": "a"}, "examples": {"en": "a"}}  # fmt: skip
    Rulebook.model_validate({"schema": 1, "sources": {"s": "x"}, "rules": [rule]})
    with pytest.raises(ValidationError):
        Rulebook.model_validate({"schema": 1, "sources": {"s": "x"}, "rules": [{**rule, **wrong}]})
