"""Help resources: open when they are open, in the person's language, numbers readable in every script."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from experiments.directory import (
    LIBRARY,
    Fallbacks,
    HelpDirectory,
    direction,
    load_fallbacks,
    load_help,
    match,
    offers,
    text_in,
)  # fmt: skip
from experiments.errors import InvalidDefinition
from experiments.reading import load_yaml
from experiments.spec import parse

LINE = {
    "key": "line", "name": "A line", "countries": ["GB"], "languages": ["en"], "audience": ["adults"],
    "time_zone": "Europe/London", "verified_on": "2026-11-23", "source": "https://example.org/",
    "channels": [
        {
            "channel": "call", "address": "tel:+448081000900", "display": "0808 1000 900",
            "label": {"en": "Call 0808 1000 900", "ar": "اتصل على 0808 1000 900 الآن"},
            "hours": [
                {"days": ["mon", "tue", "wed", "thu"], "from": "09:00", "to": "21:00"},
                {"days": ["fri"], "from": "09:00", "to": "17:00"},
            ],
        },
        {"channel": "click", "address": "https://example.org/", "display": "example.org", "label": {"en": "Read"}},
    ],
}  # fmt: skip


def directory(**changes: Any) -> HelpDirectory:
    return HelpDirectory.model_validate(
        {"schema": 1, "young_people": {"en": "Under 18?"}, "resources": [{**LINE, **changes}]}
    )


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T09:00:00+00:00", True),  # a Monday in winter, London is at UTC
        ("2026-11-23T08:59:00+00:00", False),
        ("2026-11-23T20:59:00+00:00", True),
        ("2026-11-23T21:00:00+00:00", False),
        ("2026-11-27T16:59:00+00:00", True),  # Friday
        ("2026-11-27T17:00:00+00:00", False),
        ("2026-11-28T12:00:00+00:00", False),  # Saturday
        ("2026-07-06T08:00:00+00:00", True),  # a Monday in summer, London is an hour ahead
        ("2026-07-06T20:30:00+00:00", False),
    ],
)
def test_a_line_is_open_by_its_own_clock(moment: str, is_open: bool) -> None:
    call, click = sorted(offers(directory().resources, "en", at(moment)), key=lambda offer: offer.channel)
    assert call.open_now is is_open
    assert click.open_now
    assert call.hours == "Mon–Thu 09:00–21:00; Fri 09:00–17:00 (Europe/London)"
    assert click.hours is None


def test_a_number_keeps_its_order_right_to_left() -> None:
    call, click = sorted(offers(directory().resources, "ar", 0), key=lambda offer: offer.channel)
    assert "\u20660808\u00a01000\u00a0900\u2069" in call.label
    assert click.label == "Read", "without a text in the locale, English"
    assert offers(directory().resources, "en", 0)[1].label == "Call 0808 1000 900"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("en", "en"), ("en-GB", "en"), ("EN_us", "en"), ("pt-BR", "pt-BR"), ("pt", None), ("fr", None), (None, "en")],
)
def test_a_locale_is_looked_up_from_long_to_short(wanted: str | None, found: str | None) -> None:
    assert match(wanted, ("en", "pt-BR", "ar")) == found


def test_directions_and_texts() -> None:
    assert [direction(tag) for tag in ("en", "ar", "ar-EG", "he", "es")] == ["ltr", "rtl", "rtl", "rtl", "ltr"]
    assert text_in("ar", {"en": "a", "ar": "b"}) == "b"
    assert text_in("fr", {"es": "c", "en": "a"}) == "a"
    assert text_in("fr", {"es": "c"}) == "c"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"time_zone": "Europe/Londn"}, "/resources/0/time_zone"),
        ({"audience": ["everybody"]}, "/resources/0/audience/0"),
        ({"channels": []}, "/resources/0/channels"),
        ({"source": "somewhere"}, "/resources/0/source"),
        ({"extra": 1}, "/resources/0/extra"),
    ],
)
def test_a_wrong_resource_is_named(tmp_path: Any, change: dict[str, Any], pointer: str) -> None:
    import json

    file = tmp_path / "help.yml"
    file.write_text(json.dumps({"schema": 1, "young_people": {"en": "x"}, "resources": [{**LINE, **change}]}))
    with pytest.raises(InvalidDefinition) as found:
        load_help(file)
    assert pointer in {v.pointer for v in found.value.violations}


def test_a_fallback_names_known_help_and_has_a_reviewed_locale(tmp_path: Any) -> None:
    import json

    texts = {"en": {"title": "t", "body": "b", "action": "a"}}
    surfaces = {"other": {"help": ["nobody"], "messages": texts, "locales": {"en": {"reviewed": False}}}}
    file = tmp_path / "fallback.yml"
    file.write_text(json.dumps({"schema": 1, "surfaces": surfaces}))
    with pytest.raises(InvalidDefinition) as found:
        load_fallbacks(directory(), file)
    assert [v.code for v in found.value.violations] == [
        "missing-field", "unknown-help-resource", "no-reviewed-locale",
    ]  # fmt: skip


def test_the_library_is_sound() -> None:
    helping = load_help()
    fallbacks: Fallbacks = load_fallbacks(helping)
    assert {"default", "search-uk"} <= set(fallbacks.surfaces)
    assert any(resource.for_young_people for resource in helping.resources)
    for resource in helping.resources:
        names = [way.channel for way in resource.channels]
        assert len(names) == len(set(names)), "a link names resource and channel, so a channel stands once"
    always = {r.key for r in helping.resources for way in r.channels if way.channel == "call" and not way.hours}
    assert always <= {"childline", "anar"}, "a call without hours counts as open day and night"


@pytest.mark.parametrize("name", ["four-lines.yml", "theme-by-framing.yml"])
def test_variants_of_the_library_differ_only_where_they_declare_it(name: str) -> None:
    definition = parse(load_yaml((LIBRARY / name).read_text(encoding="utf-8")), help_resources=load_help().by_key)
    for tag in definition.variants[0].messages:
        actions = {variant.messages[tag].action for variant in definition.variants}
        paragraphs = [variant.messages[tag].body.split("\n\n") for variant in definition.variants]
        lengths = [len(variant.messages[tag].body) for variant in definition.variants]
        assert len(actions) == 1
        assert len({(first, last) for first, *_, last in paragraphs}) == 1
        assert max(lengths) <= 1.25 * min(lengths)
    assert definition.served_locales() == ("en",), "translations wait for their review"
