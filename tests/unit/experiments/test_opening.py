"""When a line is open, and when it opens next: across midnight, over changes of the clock, on holidays."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from pydantic import ValidationError

from experiments.directory import HelpDirectory, Offer, offers
from experiments.opening import DAYS, MONTHS, OPENS, Hours, OtherHours, is_always, is_open, next_opening

WEEKDAYS = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "17:00"}
NIGHTS = {"days": ["fri", "sat"], "from": "22:00", "to": "04:00"}
CHRISTMAS = {"from": "2026-12-25", "to": "2026-12-28"}
EVE = {"from": "2026-12-24", "hours": [{"from": "09:00", "to": "12:00"}]}


def opened(
    moment: str, hours: dict[str, Any], *others: dict[str, Any], zone: str = "Europe/London"
) -> tuple[bool, str | None]:
    at, there = dt.datetime.fromisoformat(moment), ZoneInfo(zone)
    week, other = [Hours.model_validate(hours)], [OtherHours.model_validate(o) for o in others]
    opens = next_opening(week, other, at, there)
    return is_open(week, other, at, there), opens.isoformat() if opens else None


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        ("2026-11-27T22:00:00+00:00", True, "2026-11-28T22:00:00+00:00"),
        ("2026-11-28T03:59:00+00:00", True, "2026-11-28T22:00:00+00:00"),  # Saturday, since Friday night
        ("2026-11-28T04:00:00+00:00", False, "2026-11-28T22:00:00+00:00"),
        ("2026-11-29T03:59:00+00:00", True, "2026-12-04T22:00:00+00:00"),  # Sunday, since Saturday night
        ("2026-11-30T03:00:00+00:00", False, "2026-12-04T22:00:00+00:00"),  # Monday: Sunday night it is closed
    ],
)
def test_hours_after_midnight_belong_to_the_evening_before(moment: str, is_open: bool, opens: str) -> None:
    assert opened(moment, NIGHTS) == (is_open, opens)


@pytest.mark.parametrize(
    ("moment", "is_open", "opens"),
    [
        ("2026-12-24T11:59:00+00:00", True, "2026-12-29T09:00:00+00:00"),
        ("2026-12-24T12:00:00+00:00", False, "2026-12-29T09:00:00+00:00"),
        ("2026-12-25T10:00:00+00:00", False, "2026-12-29T09:00:00+00:00"),
        ("2026-12-28T10:00:00+00:00", False, "2026-12-29T09:00:00+00:00"),  # a Monday
        ("2026-12-29T10:00:00+00:00", True, "2026-12-30T09:00:00+00:00"),
    ],
)
def test_on_a_holiday_other_hours_hold(moment: str, is_open: bool, opens: str) -> None:
    assert opened(moment, WEEKDAYS, EVE, CHRISTMAS) == (is_open, opens)


def test_a_holiday_does_not_end_the_night_before_it() -> None:
    closed = {"from": "2026-11-28"}  # the Saturday
    assert opened("2026-11-28T03:00:00+00:00", NIGHTS, closed)[0]
    assert not opened("2026-11-28T23:00:00+00:00", NIGHTS, closed)[0]
    assert not opened("2026-11-29T03:00:00+00:00", NIGHTS, closed)[0]


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2027-03-27T12:00:00+00:00", "2027-03-29T09:00:00+01:00"),  # clocks go forward on Sunday the 28th
        ("2026-10-24T12:00:00+01:00", "2026-10-26T09:00:00+00:00"),  # and back on Sunday the 25th
    ],
)
def test_the_next_opening_is_by_the_clock_of_that_day(moment: str, opens: str) -> None:
    assert opened(moment, WEEKDAYS) == (False, opens)


def test_the_hour_that_comes_twice_is_open_twice_and_the_one_that_is_left_out_is_short() -> None:
    night = {"days": ["sat", "sun"], "from": "01:00", "to": "02:00"}
    assert opened("2026-10-25T00:30:00+00:00", night)[0], "01:30, first"
    assert opened("2026-10-25T01:30:00+00:00", night)[0], "01:30, again"
    assert not opened("2026-10-25T02:00:00+00:00", night)[0]
    assert not opened("2027-03-28T00:59:00+00:00", night)[0]
    assert not opened("2027-03-28T01:00:00+00:00", night)[0], "there is no 01:30 on that day: it is 02:00"


def test_what_never_opens_again_promises_nothing() -> None:
    assert opened("2026-11-25T08:00:00+00:00", WEEKDAYS, {"from": "2026-11-25", "to": "2030-01-01"}) == (False, None)


def test_a_whole_week_is_always() -> None:
    def covers(**change: Any) -> bool:
        whole = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}
        return is_always([Hours.model_validate({**whole, **change})])

    assert covers()
    assert not covers(to="23:00")
    assert not covers(days=["mon"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "09:00", "to": "09:00"},
        {"from": "24:00", "to": "09:00"},
        {"from": "9:00", "to": "10:00"},
        {"from": "09:00", "to": "25:00"},
    ],
)
def test_hours_that_mean_nothing_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate({"days": ["mon"], **wrong})


def test_other_hours_are_in_order() -> None:
    with pytest.raises(ValidationError, match="not before the first"):
        OtherHours.model_validate({"from": "2026-12-28", "to": "2026-12-25"})


# ---------------------------------------------------------------------------------------- what is offered


def resource(key: str, language: str, **changes: Any) -> dict[str, Any]:
    call = {"channel": "call", "address": "tel:123", "display": "123", "label": {"en": key}, "hours": [WEEKDAYS]}
    web = {"channel": "click", "address": "https://x.example/", "display": "x", "label": {"en": key}}
    return {
        "key": key, "name": key, "countries": [], "languages": [language], "audience": ["adults"],
        "time_zone": "Europe/London", "channels": [call, web], "verified_on": "2026-11-23",
        "source": "https://x.example/", **changes,
    }  # fmt: skip


def offered(moment: str, locale: str, *resources: dict[str, Any]) -> list[Offer]:
    directory = HelpDirectory.model_validate({"schema": 1, "young_people": {"en": "x"}, "resources": list(resources)})
    return list(offers(directory.resources, locale, dt.datetime.fromisoformat(moment).timestamp()))


def test_what_is_open_comes_first_and_of_that_what_speaks_the_language() -> None:
    two = resource("first", "en"), resource("second", "es")
    open_ = offered("2026-11-25T12:00:00+00:00", "es-MX", *two)
    assert [(o.resource, o.channel) for o in open_] == [
        ("second", "call"), ("second", "click"), ("first", "call"), ("first", "click"),
    ]  # fmt: skip
    closed = offered("2026-11-25T20:00:00+00:00", "en", *two)
    assert [(o.resource, o.channel) for o in closed] == [
        ("first", "click"), ("second", "click"), ("first", "call"), ("second", "call"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "locale", "opens"),
    [
        ("2026-11-27T18:00:00+00:00", "en", "opens Monday 09:00 (Europe/London)"),
        ("2026-11-27T18:00:00+00:00", "es", "abre el lunes a las 09:00 (Europe/London)"),
        ("2026-11-27T18:00:00+00:00", "ar", "يفتح الاثنين 09:00 (\u2066Europe/London\u2069)"),
        ("2026-11-27T18:00:00+00:00", "fr", "opens Monday 09:00 (Europe/London)"),
        ("2026-11-25T12:00:00+00:00", "en", None),  # it is open
    ],
)
def test_a_closed_line_says_when_it_opens(moment: str, locale: str, opens: str | None) -> None:
    found = next(o for o in offered(moment, locale, resource("line", "en")) if o.channel == "call")
    assert found.opens == opens
    assert found.opens_at == (opens and "2026-11-30T09:00:00+00:00")


def test_an_opening_a_week_away_has_its_date() -> None:
    away = resource("line", "en", other_hours=[{"from": "2026-12-01", "to": "2027-01-03"}])
    found = next(o for o in offered("2026-11-30T18:00:00+00:00", "en", away) if o.channel == "call")
    assert found.opens == "opens Monday 4 January 09:00 (Europe/London)"


def test_other_hours_close_what_has_hours_or_what_they_name() -> None:
    day = "2026-11-25T12:00:00+00:00"
    every = offered(day, "en", resource("line", "en", other_hours=[{"from": "2026-11-25"}]))
    assert [(o.channel, o.open_now) for o in every] == [("click", True), ("call", False)]
    named = offered(day, "en", resource("line", "en", other_hours=[{"from": "2026-11-25", "channels": ["click"]}]))
    assert [(o.channel, o.open_now) for o in named] == [("call", True), ("click", False)]
    assert named[1].opens_at == "2026-11-26T00:00:00+00:00"


def test_days_and_months_are_called_as_the_cldr_calls_them() -> None:
    for locale in OPENS:
        known = Locale.parse(locale)
        assert DAYS[locale].split() == [known.days["format"]["wide"][i] for i in range(7)]
        assert MONTHS[locale].split() == [known.months["format"]["wide"][i] for i in range(1, 13)]
