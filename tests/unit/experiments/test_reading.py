"""YAML and JSON become plain values, or an error that a person can act on."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import InvalidInput
from experiments.reading import DEEPEST, load_json, load_yaml

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("12", 12), ("-3", -3), ("010", 10), ("1_000", "1_000"), ("0x10", "0x10"),
        ("10:30", "10:30"), ("1:30.5", "1:30.5"), ("1.5", 1.5), ("1e-3", 0.001), ("+.5", 0.5), ("1.2.3", "1.2.3"),
        ("2027-12-31", "2027-12-31"), ("2027-13-45", "2027-13-45"), ("=", "="),
    ],
)  # fmt: skip
def test_yaml_has_no_surprises(text, value):
    found = load_yaml(f"field: {text}")["field"]
    assert found == value
    assert type(found) is type(value)


def test_norwegian_is_a_locale():
    assert load_yaml("messages:\n  no: {title: Stopp}\n  en: {title: Stop}") == {
        "messages": {"no": {"title": "Stopp"}, "en": {"title": "Stop"}}
    }


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [("a: 1\nb: 2\na: 3", 3, "a"), ("v:\n  - key: x\n    weight: 1\n    key: y", 4, "key"), ("{1: a, 1: b}", 1, "1")],
)
def test_a_field_given_twice_in_yaml(text, line, name):
    with pytest.raises(InvalidInput) as caught:
        load_yaml(text)
    assert caught.value.code == "duplicate-key"
    assert caught.value.detail.startswith(f"line {line}: the field '{name}'")


@pytest.mark.parametrize(
    "text",
    [
        "a: [", "a: 'x", "\ta: 1", "a: b: c", "? [a, b]\n: c", "? {a: 1}\n: c", "a: !!int x", "a: !!int ''",
        "a: !!bool maybe", "a: !!timestamp x", "a: !!float x", "a: !!binary 'x'", "a: !!python/object:os.system x",
        "a: &a [*a]", "a: *nothing", "a: 1\n---\nb: 2", "a: \x00", "a: " + "9" * 5000, "[" * 100_000,
        "a: " + "{a: " * 100 + "1" + "}" * 100, "\ud800",
    ],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)  # fmt: skip
def test_bad_yaml_is_refused_whatever_it_is(text):
    with pytest.raises(InvalidInput) as caught:
        load_yaml(text)
    assert caught.value.code == "malformed-yaml"


def test_nesting_has_a_limit_that_no_document_needs():
    assert load_yaml("[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(InvalidInput, match="nesting"):
        load_yaml("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


@given(st.text(alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"#%@` \n\t0.~<=é"), max_size=40))
def test_any_text_is_a_document_or_an_error(text):
    with suppress(InvalidInput):
        load_yaml(text)


@given(values)
def test_json_comes_back(value):
    assert load_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('{"a": 1, "a": 1}', "/a"), ('{"v": [{"x": 1}, {"k": 1, "k": 2}]}', "/v/1/k"),
        ('{"a/b": {"~": 1, "~": 2}}', "/a~1b/~0"), ('[{"a": {"b": 1, "b": 2}}]', "/0/a/b"),
    ],
)  # fmt: skip
def test_a_field_given_twice_in_json(text, pointer):
    with pytest.raises(InvalidInput) as caught:
        load_json(text)
    assert (caught.value.code, caught.value.pointer) == ("duplicate-key", pointer)


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "NaN", "[Infinity]", "-Infinity", "1e999", "'a'", b"\xff", "[" * 100_000, "9" * 5000, '{"a": 1,}'],
    ids=lambda text: str(text)[:12],
)
def test_bad_json_is_refused_whatever_it_is(text):
    with pytest.raises(InvalidInput) as caught:
        load_json(text)
    assert caught.value.code == "malformed-json"
