"""What differs between two versions."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import diffing, spec


def test_the_same_differs_in_nothing(definition):
    found = diffing.between(definition(), definition())
    assert not found
    assert (found.texts, found.values) == ((), {})


def test_words_are_marked_on_both_sides():
    old, new = diffing.words("You may be breaking the law.", "You may break the law today.")
    assert old == (("same", "You may "), ("gone", "be breaking"), ("same", " the "), ("gone", "law."))
    assert new == (("same", "You may "), ("new", "break"), ("same", " the "), ("new", "law today."))


@given(st.text(), st.text())
def test_each_side_is_whole_and_what_is_the_same_is_the_same(old, new):
    left, right = diffing.words(old, new)
    assert "".join(piece.text for piece in left) == old
    assert "".join(piece.text for piece in right) == new
    same = ["".join(piece.text for piece in side if piece.kind == "same") for side in (left, right)]
    assert same[0] == same[1]


def changed(document, change) -> spec.Definition:
    made = copy.deepcopy(document)
    change(made)
    return spec.parse(made)


CHANGES = [
    (lambda d: d["variants"][1].update(weight=2999) or d["variants"][2].update(weight=2001), "shares",
     [(("variants", "law", "weight"), "3000", "2999"), (("variants", "harm", "weight"), "2000", "2001")]),
    (lambda d: d.update(traffic=5000), "shares", [(("traffic",), "10000", "5000")]),
    (lambda d: d["variants"][1]["factors"].update(theme="legal"), "factors", [(("variants", "law", "factors", "theme"), "law", "legal")]),
    (lambda d: d["outcomes"]["guardrails"].clear(), "outcomes", [(("outcomes", "guardrails", "repeat_trigger", "outcome"), "repeat_trigger", None), (("outcomes", "guardrails", "repeat_trigger", "better"), "lower", None)]),
    (lambda d: d["outcomes"]["primary"].update(channels=["call"]), "outcomes", [(("outcomes", "primary", "channels"), None, "call")]),
    (lambda d: d["plan"].update(alpha=0.01), "plan", [(("plan", "alpha"), "0.05", "0.01")]),
    (lambda d: d.update(window_hours=48), "plan", [(("window_hours",), "24", "48")]),
    (lambda d: d.update(title="New"), "other", [(("title",), "Which line makes people seek help?", "New")]),
    (lambda d: d["surfaces"].pop(), "other", [(("surfaces",), "search-uk\nsearch-de", "search-uk")]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "section", "values"), CHANGES)
def test_a_change_is_found_in_its_section_and_nowhere_else(document, change, section, values):
    found = diffing.between(spec.parse(document()), changed(document(), change))
    assert {name: [(v.place, v.old, v.new) for v in each] for name, each in found.values.items()} == {section: values}
    assert found.texts == ()


def test_texts_by_variant_locale_and_part(document):
    def change(made):
        made["variants"][2]["messages"]["de"]["body"] = "de neu"

    (text,) = diffing.between(spec.parse(document()), changed(document(), change)).texts
    assert (text.variant, text.locale, text.part) == ("harm", "de", "body")
    assert text.new[-1] == ("new", " neu")


def test_variants_that_come_go_and_move(document):
    def change(made):
        made["variants"].reverse()
        made["variants"][0].update(key="harm-2")

    found = diffing.between(spec.parse(document()), changed(document(), change))
    assert (found.added, found.removed) == (("harm-2",), ("harm",))
    assert {text.variant for text in found.texts} == {"harm", "harm-2"}
    assert all(text.new == () for text in found.texts if text.variant == "harm")
    assert {value.place[1] for values in found.values.values() for value in values} == {"harm", "harm-2"}


@pytest.mark.parametrize(
    ("pointer", "told"),
    [
        ("", "the whole document"), ("/key", "key"), ("/variants/1/messages/en/title", "variant 2 (law), messages, en, title"),
        ("/variants/9/weight", "variant 10, weight"), ("/plan/units_per_variant", "plan, units per variant"),
        ("/outcomes/secondary/0/name", "outcomes, secondary 1 (contact), name"), ("/0", "0"), ("/a~1b/~0", "a/b, ~"),
    ],
)  # fmt: skip
def test_a_place_in_words(document, pointer, told):
    assert diffing.in_words(pointer, document()) == told
    assert isinstance(diffing.in_words(pointer, None), str)
