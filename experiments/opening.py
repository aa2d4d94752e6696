"""When a line is open: weekly hours by its own clock, other hours on given days, and the next opening.

A span of hours belongs to the day on which it begins, also where it ends after midnight: a holiday's closure ends no
span that began the evening before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from experiments.spec import Channel, Part

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = dt.timedelta(days=1)
FARTHEST = 366  # days in which an opening is looked for
# What is said of a line that is closed, by locale: {day} is a weekday, with the date if it is a week away or more.
# Names of days and months are those of the CLDR; they stand here since its data would cost every process 5 MiB.
OPENS = {
    "en": "opens {day} {time} ({zone})",
    "es": "abre el {day} a las {time} ({zone})",
    "ar": "يفتح {day} {time} ({zone})",
}
DATED = {"en": "{weekday} {day} {month}", "es": "{weekday} {day} de {month}", "ar": "{weekday} {day} {month}"}
DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "ar": "الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد",
}
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "ar": "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
}
ISOLATE, END_ISOLATE = "\u2066", "\u2069"  # Unicode: left-to-right isolate, pop directional isolate

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Opening = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, 00:00 to 23:59")]
Closing = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", description="HH:MM, up to 24:00")]
Span = tuple[dt.datetime, dt.datetime]


class Between(Part):
    """From one time of day to another; to an earlier one: after midnight."""

    opens: Opening = Field(alias="from")
    closes: Closing = Field(alias="to")

    @model_validator(mode="after")
    def _lasts(self) -> Between:
        if self.opens == self.closes:
            raise ValueError("hours end at another time than they begin; the whole day is 00:00 to 24:00")
        return self

    def on(self, day: dt.date, zone: ZoneInfo) -> Span:
        """The moments at which it opens and closes, where it opens on this day."""
        after = self.closes == "24:00" or self.closes < self.opens
        closes = "00:00" if self.closes == "24:00" else self.closes
        return _moment(day, self.opens, zone), _moment(day + DAY if after else day, closes, zone)


class Hours(Between):
    """Opening hours on some weekdays, local to the resource's time zone."""

    days: list[Weekday] = Field(min_length=1)

    def __str__(self) -> str:
        days = self.days
        positions = [WEEK.index(d) for d in days]
        in_a_row = len(days) > 2 and positions == list(range(positions[0], positions[0] + len(days)))
        names = f"{days[0].title()}–{days[-1].title()}" if in_a_row else ", ".join(d.title() for d in days)
        return f"{names} {self.opens}–{self.closes}"


class OtherHours(Part):
    """Days, such as holidays, on which other hours hold; without hours it is closed.

    They hold for every channel that has hours; `channels` names those that they hold for instead.
    """

    first: dt.date = Field(alias="from", strict=False)
    last: dt.date | None = Field(default=None, alias="to", strict=False, description="absent: one day")
    hours: list[Between] = Field(default_factory=list)
    channels: list[Channel] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> OtherHours:
        if self.last is not None and self.last < self.first:
            raise ValueError("the last day is not before the first")
        return self

    def hold(self, day: dt.date) -> bool:
        return self.first <= day <= (self.last or self.first)


def is_open(hours: Sequence[Hours] | None, others: Sequence[OtherHours], now: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether it is open at `now`; without hours it always is, but on days that say otherwise."""
    today = now.astimezone(zone).date()
    return any(start <= now < end for day in (today - DAY, today) for start, end in _spans(hours, others, day, zone))


def next_opening(
    hours: Sequence[Hours] | None, others: Sequence[OtherHours], now: dt.datetime, zone: ZoneInfo
) -> dt.datetime | None:
    """The next moment after `now` at which it opens, by its own clock; None: not within a year."""
    today = now.astimezone(zone).date()
    for ahead in range(FARTHEST):
        later = [start for start, _ in _spans(hours, others, today + ahead * DAY, zone) if start > now]
        if later:
            return min(later).astimezone(zone)
    return None


def in_words(opens: dt.datetime, now: dt.datetime, locale: str, zone: str) -> str:
    """`opens Monday 09:00 (Europe/London)`, in one of the locales of `OPENS`."""
    is_far = (opens.date() - now.astimezone(opens.tzinfo).date()).days >= len(WEEK)
    day = DAYS[locale].split()[opens.weekday()]
    if is_far:
        day = DATED[locale].format(weekday=day, day=opens.day, month=MONTHS[locale].split()[opens.month - 1])
    shown = f"{ISOLATE}{zone}{END_ISOLATE}" if locale == "ar" else zone
    return OPENS[locale].format(day=day, time=f"{opens:%H:%M}", zone=shown)


def is_always(hours: Sequence[Hours]) -> bool:
    """Whether weekly hours cover every minute of the week."""
    whole = {day for h in hours if (h.opens, h.closes) == ("00:00", "24:00") for day in h.days}
    return whole == set(WEEK)


def _spans(hours: Sequence[Hours] | None, others: Sequence[OtherHours], day: dt.date, zone: ZoneInfo) -> Iterator[Span]:
    """The spans that begin on a day of its own calendar; of several that hold for a day, the first is followed."""
    other = next((o for o in others if o.hold(day)), None)
    if other is not None:
        yield from (part.on(day, zone) for part in other.hours)
    elif hours is None:
        yield _moment(day, "00:00", zone), _moment(day + DAY, "00:00", zone)
    else:
        yield from (part.on(day, zone) for part in hours if WEEK[day.weekday()] in part.days)


def _moment(day: dt.date, clock: str, zone: ZoneInfo) -> dt.datetime:
    """A time of day there, in UTC: two times of one zone compare by their clocks, also where clocks are put back."""
    return dt.datetime.combine(day, dt.time.fromisoformat(clock), zone).astimezone(dt.UTC)
