"""Document → form → document is the same; what a form cannot say is found out; rows come and go without loss."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import forms, spec
from experiments.directory import LIBRARY
from experiments.errors import InvalidDefinition
from experiments.forms import shape
from experiments.reading import load_yaml
from experiments.writing import dump_yaml

FILES = ("four-lines.yml", "theme-by-framing.yml", "replays/prichard-2021.yml")


def library(name: str) -> dict:
    return load_yaml((LIBRARY / name).read_text(encoding="utf-8"))


# ------------------------------------------------------------------------------ generated documents

names = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)
keys = st.from_regex(r"[a-z0-9-]{3,12}", fullmatch=True)
tags = st.sampled_from(["en", "es", "ar", "pt-BR", "zh-Hant", "de", "no", "he"])
texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), min_size=1, max_size=60)
sentences = texts.filter(str.strip)
awkward = st.sampled_from(
    ["no", "1e3", "2027-12-31", "12", " x", "x ", "a: b", "- a", "~", "\n", "a\n\n b", "#", "ى ١٢"]
)
words = st.one_of(texts, awkward)
rates = st.floats(1e-6, 0.5, exclude_min=True)
ratios = st.floats(1.01, 5)


def maybe(**fields: st.SearchStrategy) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries({}, optional=fields)


def unique(of: st.SearchStrategy, *, most: int, least: int = 0) -> st.SearchStrategy[list]:
    return st.lists(of, unique=True, min_size=least, max_size=most)


@st.composite
def outcome(draw: st.DrawFn, name: str | None, **own: st.SearchStrategy) -> dict:
    kind = draw(st.sampled_from(["help_sought", "proceeded", "left", "complaint"]))
    found = {"outcome": kind, **({"name": name} if name else {})}
    if kind == "help_sought":
        channels = unique(st.sampled_from(["call", "email", "click", "chat", "self_help"]), least=1, most=5)
        found |= draw(maybe(channels=channels))
    tiers = unique(st.sampled_from(["reported", "attested"]), least=1, most=2)
    return found | draw(maybe(tiers=tiers)) | draw(st.fixed_dictionaries({}, optional=own))


@st.composite
def plans(draw: st.DrawFn) -> dict:
    found = {
        "expected_rate": draw(rates), "minimum_effect": {"ratio": draw(ratios)},
        "units_per_variant": draw(st.integers(1, 10**9)),
    }  # fmt: skip
    design = draw(st.sampled_from(["sequential", "fixed", "looks"]))
    found |= {"design": design} | draw(maybe(alpha=st.floats(0.001, 0.4), power=st.floats(0.51, 0.99)))
    if design == "looks":
        found |= draw(maybe(looks=st.integers(2, 20), spending=st.sampled_from(["obrien-fleming", "pocock"])))
    if design == "sequential" and draw(st.booleans()):
        found |= {"allocation": "drop-losers"} | draw(maybe(leader_share=st.booleans()))
    return found


@st.composite
def documents(draw: st.DrawFn) -> dict:
    locales, factors = draw(unique(tags, least=1, most=3)), draw(unique(names, most=2))
    arms = draw(unique(names, least=2, most=5))
    weights = [10_000 - (len(arms) - 1), *[1] * (len(arms) - 1)]
    message = st.fixed_dictionaries({"title": words, "body": words, "action": words})
    control = draw(st.integers(0, len(arms) - 1))
    variants = [
        {
            "key": key, "weight": weight, **({"control": True} if i == control else {}),
            "factors": {name: draw(names) for name in factors},
            "messages": {tag: draw(message) for tag in draw(st.permutations(locales))},
        }
        for i, (key, weight) in enumerate(zip(arms, weights, strict=True))
    ]  # fmt: skip
    review = maybe(
        reviewed=st.booleans(), reviewed_by=words, reviewed_on=st.dates().filter(lambda d: d.year > 999).map(str)
    )
    ethics = st.fixed_dictionaries(
        {"committee": words, "reference": words, "expires": st.sampled_from(["2027-12-31", "2030-01-01"])},
        optional={"control": st.just("active warning")},
    )
    known = {
        "schema": 1, "key": draw(keys), "title": draw(words), "surfaces": draw(unique(keys, least=1, most=3)),
        "variants": variants, "help": draw(unique(keys, least=1, most=3)), "plan": draw(plans()),
        "locales": draw(st.dictionaries(st.sampled_from(locales), review, max_size=2)),
        "outcomes": {
            "primary": draw(outcome(draw(st.sampled_from([None, "first"])))),
            "secondary": [draw(outcome(f"s{i}")) for i in range(draw(st.integers(0, 2)))],
            "guardrails": [
                {"better": "lower", **draw(outcome(f"g{i}", margin=st.fixed_dictionaries({"ratio": ratios})))}
                for i in range(draw(st.integers(0, 2)))
            ],
        },
    }  # fmt: skip
    rest = maybe(
        description=words, question=words, hypotheses=st.lists(sentences, max_size=3), strata=unique(names, most=3),
        exclusions=st.lists(sentences, max_size=2), traffic=st.integers(1, 10_000), window_hours=st.integers(1, 72),
        report_grace_hours=st.integers(2, 48), repeat_after_seconds=st.integers(1, 86_400), ethics=ethics,
    )  # fmt: skip
    unit = draw(st.sampled_from([{}, {"unit": "session"}, {"unit": "view"}]))
    return known | unit | draw(rest)


def canonical(document: dict) -> dict | None:
    """The document as the service keeps it; None if a generated one is refused, as without a reviewed locale."""
    try:
        return spec.parse(document).document()
    except InvalidDefinition:
        return None


# ----------------------------------------------------------------------------------------- round trip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_library_is_the_same_after_the_form(name):
    document = library(name)
    told = forms.read(forms.fields_of(document)).document
    assert told == spec.parse(document).document()
    assert list(told) == list(spec.parse(document).document())
    assert spec.content_hash(spec.parse(told)) == spec.content_hash(spec.parse(document))
    assert forms.carries(document)


@given(documents())
def test_any_document_is_the_same_after_the_form(document):
    kept = canonical(document)
    if kept is None:
        return
    assert forms.carries(document)
    for start in (document, kept):
        told = forms.read(forms.fields_of(start)).document
        assert told == kept
        assert spec.content_hash(spec.parse(told)) == spec.content_hash(spec.parse(document))
        assert spec.parse(told).served_locales() == spec.parse(document).served_locales()


def test_a_box_without_a_tick_carries_a_plain_no():
    document = library(FILES[0])
    document["plan"] |= {"allocation": "drop-losers", "leader_share": False}
    assert forms.carries(document)


@given(documents())
def test_any_document_is_the_same_after_yaml(document):
    assert load_yaml(dump_yaml(document)) == document


@given(documents())
def test_the_fields_are_the_same_after_the_document(document):
    if canonical(document) is not None:
        fields = forms.fields_of(document)
        assert forms.fields_of(forms.read(fields).document) == fields


def test_the_generated_documents_are_mostly_valid():
    valid = []

    @given(documents())
    def count(document):
        valid.append(canonical(document) is not None)

    count()
    assert sum(valid) > len(valid) / 2


def test_every_field_of_the_file_has_its_place_in_the_form():
    """A field that is added to the file is a field that the form would drop."""
    elsewhere = {
        spec.Definition: {"format", "hypotheses", "surfaces", "strata", "variants", "locales", "help", "outcomes", "plan", "exclusions", "ethics"},
        spec.Variant: {"control", "factors", "messages"}, spec.Message: set(), spec.LocaleReview: {"reviewed"},
        spec.OutcomeDefinition: set(), spec.Guardrail: {"margin"}, spec.Plan: {"minimum_effect"}, spec.Ethics: set(),
        spec.Effect: {"ratio"}, spec.Margin: {"ratio"},
    }  # fmt: skip
    parts = {
        spec.Definition: shape.TOP, spec.Variant: shape.VARIANT, spec.Message: shape.MESSAGE,
        spec.LocaleReview: shape.REVIEW, spec.OutcomeDefinition: shape.OUTCOME, spec.Guardrail: shape.GUARDRAIL,
        spec.Plan: shape.PLAN, spec.Ethics: shape.ETHICS, spec.Effect: (), spec.Margin: (),
    }  # fmt: skip
    for model, entries in parts.items():
        assert {entry.name for entry in entries} | elsewhere[model] == set(model.model_fields), model


# ------------------------------------------------------------------- what is wrong, and where it stands


def violations(document: dict) -> list:
    with pytest.raises(InvalidDefinition) as error:
        spec.parse(document)
    return list(error.value.violations)


def at(fields: dict) -> set[str | None]:
    form = forms.read(fields)
    return {form.field_at(found.pointer) for found in violations(form.document)}


@pytest.mark.parametrize(
    ("field", "text"),
    {
        "key": "No Key", "title": "", "traffic": "0", "surfaces": "", "window_hours": "soon", "block_hours": "3",
        "variants-1-key": "present", "variants-2-weight": "many", "variants-3-factors-0": "",
        "variants-1-messages-0-title": "", "variants-4-messages-2-body": "x" * 1201, "help-1": "stop-it-now-uk",
        "locales-0-review": "no", "locales-0-reviewed_on": "yesterday", "outcomes-primary-outcome": "",
        "outcomes-secondary-0-outcome": "proceeded", "outcomes-guardrails-0-better": "", "plan-alpha": "2",
        "outcomes-guardrails-0-margin": "-1", "plan-minimum_effect": "0.9", "plan-looks": "5",
        "plan-units_per_variant": "1.5", "plan-leader_share": "1", "ethics-expires": "never",
        "ethics-control": "no warning", "control": "",
    }.items(),
)  # fmt: skip
def test_each_error_finds_its_field(field, text):
    elsewhere = {
        "surfaces": "surfaces", "locales-0-review": "locales", "control": "variants",
        "variants-3-factors-0": "variants-3-factors-0", "ethics-control": "ethics-reason",
        "outcomes-secondary-0-outcome": "outcomes-secondary-0-channels",
    }  # fmt: skip
    fields = forms.fields_of(library("four-lines.yml")) | {field: text}
    assert elsewhere.get(field, field) in at(fields)


def test_a_text_without_a_tag_is_about_the_tag():
    fields = forms.fields_of(library("four-lines.yml"))
    fields = forms.changed(fields, "add-locale") | {"variants-0-messages-3-title": "Hallo"}
    assert "locales-3-tag" in at(fields)


@pytest.mark.parametrize(("family", "field"), [("locale", "locales-{}-tag"), ("factor", "factors-{}")])
def test_a_name_given_twice_is_told_and_overwrites_nothing(family, field):
    fields = forms.changed(forms.fields_of(library("four-lines.yml")), f"add-{family}")
    number = 3 if family == "locale" else 1
    form = forms.read(fields | {field.format(number): fields[field.format(0)]})
    assert set(form.troubles) == {field.format(number)}
    assert form.document == spec.parse(library("four-lines.yml")).document()


def test_numbers_may_be_grouped_and_what_is_no_number_comes_back():
    fields = forms.fields_of(library("four-lines.yml")) | {"plan-units_per_variant": "57 000", "plan-alpha": "0,05"}
    plan = forms.read(fields).document["plan"]
    assert plan["units_per_variant"] == 57_000
    assert plan["alpha"] == "0,05"


@pytest.mark.parametrize(
    "junk",
    [None, [], "x", 5, {"variants": 3}, {"variants": [1, {"messages": []}], "plan": [], "outcomes": {"secondary": {}}},
     {"locales": [], "help": {}, "title": ["x"], "ethics": 1, 5: 6, "variants": [{"messages": {1: 2}}]}],
)  # fmt: skip
def test_any_document_fills_the_form_as_far_as_it_goes(junk):
    assert isinstance(forms.read(forms.fields_of(junk)).document, dict)


@pytest.mark.parametrize(
    "change",
    [{"titel": "x"}, {"title": 5}, {"traffic": "5000"}, {"description": ""}, {"schema": 2},
     {"help": ["childline", "childline", 3]}, {"variants": [{"key": "a", "extra": 1}]}],
)  # fmt: skip
def test_what_the_form_cannot_say_is_found_out(change):
    document = spec.parse(library("four-lines.yml")).document()
    assert forms.carries(document)
    assert not forms.carries(document | change)


# ------------------------------------------------------------------------------------ rows come and go


def test_removing_a_variant_moves_the_rest_up_and_keeps_the_control():
    document = spec.parse(library("four-lines.yml")).document()
    fields = forms.changed(forms.fields_of(document), "remove-variant-1")
    wanted = copy.deepcopy(document)
    del wanted["variants"][1]
    assert forms.read(fields).document == wanted
    assert forms.changed(fields, "remove-variant-0")["control"] == ""
    del wanted["variants"][0]["control"]
    moved = forms.changed(forms.fields_of(document) | {"control": "3"}, "remove-variant-1")
    assert forms.read(moved).document["variants"][2]["control"] is True


def test_removing_a_locale_takes_its_texts_and_review_along():
    document = spec.parse(library("four-lines.yml")).document()
    fields = forms.changed(forms.fields_of(document), "remove-locale-1")
    told = forms.read(fields).document
    assert [set(v["messages"]) for v in told["variants"]] == [{"en", "ar"}] * 5
    assert set(told["locales"]) == {"en", "ar"}
    assert told["variants"][2]["messages"]["ar"] == document["variants"][2]["messages"]["ar"]


@pytest.mark.parametrize("kind", ["variant", "locale", "factor", "secondary", "guardrail"])
def test_a_row_that_is_added_and_removed_leaves_no_trace(kind):
    fields = forms.fields_of(library("theme-by-framing.yml"))
    families = {"variant": "variants", "locale": "locales", "factor": "factors"}
    family = families.get(kind) or {"secondary": "outcomes-secondary", "guardrail": "outcomes-guardrails"}[kind]
    more = forms.changed(fields, f"add-{kind}")
    number = forms.rows(more, family)[-1]
    assert len(forms.rows(more, family)) == len(forms.rows(fields, family)) + 1
    assert forms.changed(more, f"remove-{kind}-{number}") == fields


@pytest.mark.parametrize("act", ["", "save", "add-", "add-planet", "remove-variant", "remove-variant-x", "remove-"])
def test_an_unknown_act_changes_nothing(act):
    fields = forms.fields_of(library("theme-by-framing.yml"))
    assert forms.changed(fields, act) == fields


@given(st.integers(1, 40))
def test_equal_shares_sum_to_the_whole(count):
    fields = {f"variants-{i}-key": "x" for i in range(count)}
    weights = [int(forms.changed(fields, "equal-weights")[f"variants-{i}-weight"]) for i in range(count)]
    assert sum(weights) == 10_000
    assert max(weights) - min(weights) <= 1


def test_there_is_always_an_empty_row_to_write_in():
    fields = forms.padded(forms.fields_of({}))
    assert {fields["hypotheses-0"], fields["exclusions-0"], fields["help-0"]} == {""}
    assert forms.padded(fields) == fields
    assert forms.padded(fields | {"help-0": "childline"})["help-1"] == ""
