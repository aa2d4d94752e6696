"""Help resources, the young people's line and the fallback messages: what every warning carries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator

from experiments.errors import InvalidDefinition, Violation
from experiments.reading import load_yaml
from experiments.spec import Channel, Key, Locale, LocaleReview, Message, Part
from experiments.violations import violations_of

LIBRARY = files("experiments") / "library"
RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})
ISOLATE, END_ISOLATE = "\u2066", "\u2069"  # Unicode: left-to-right isolate, pop directional isolate
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Audience = Literal["adults", "under_18", "relatives", "survivors"]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
Texts = dict[Locale, str]
_Model = TypeVar("_Model", bound=Part)


class Hours(Part):
    """Opening hours on some weekdays, local to the resource's time zone."""

    days: list[Weekday] = Field(min_length=1)
    opens: Clock = Field(alias="from")
    closes: Clock = Field(alias="to")

    def open_at(self, local: dt.datetime) -> bool:
        return WEEK[local.weekday()] in self.days and self.opens <= local.strftime("%H:%M") < self.closes

    def __str__(self) -> str:
        days = self.days
        positions = [WEEK.index(d) for d in days]
        in_a_row = len(days) > 2 and positions == list(range(positions[0], positions[0] + len(days)))
        names = f"{days[0].title()}–{days[-1].title()}" if in_a_row else ", ".join(d.title() for d in days)
        return f"{names} {self.opens}–{self.closes}"


class HelpChannel(Part):
    """One way to reach a resource."""

    channel: Channel
    address: str = Field(pattern=r"^(tel:\+?[0-9]+|mailto:[^\s<>\"]+@[^\s<>\"]+|https://[^\s<>\"]+)$")
    display: str = Field(min_length=1, max_length=120)
    label: Texts = Field(min_length=1)
    hours: list[Hours] | None = None


class HelpResource(Part):
    """A help line or site: who it is for, what is true of it, when that was checked."""

    key: Key
    name: str
    countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]]
    languages: list[Locale] = Field(min_length=1)
    audience: list[Audience] = Field(min_length=1)
    confidentiality: Texts = Field(default_factory=dict)
    time_zone: str
    channels: list[HelpChannel] = Field(min_length=1)
    verified_on: dt.date = Field(strict=False)
    source: str = Field(pattern=r"^https?://")
    note: str | None = None

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("must be an IANA time zone such as Europe/London") from None
        return value

    @property
    def for_young_people(self) -> bool:
        """For under-18s alone; what is sought here is counted apart, never in an outcome of the plan."""
        return "under_18" in self.audience and "adults" not in self.audience

    def channel(self, name: str) -> HelpChannel | None:
        return next((c for c in self.channels if c.channel == name), None)


class HelpDirectory(Part):
    """All help resources and the line for young people, by locale."""

    format: Literal[1] = Field(alias="schema")
    young_people: Texts = Field(min_length=1)
    resources: list[HelpResource] = Field(min_length=1)

    @cached_property
    def by_key(self) -> dict[str, HelpResource]:
        return {r.key: r for r in self.resources}


class Fallback(Part):
    """The approved default message of a surface."""

    help: list[Key] = Field(min_length=1)
    locales: dict[Locale, LocaleReview] = Field(default_factory=dict)
    messages: dict[Locale, Message] = Field(min_length=1)

    def served(self) -> tuple[str, ...]:
        return tuple(t for t in self.messages if t not in self.locales or self.locales[t].reviewed)


class Fallbacks(Part):
    """Fallbacks by surface; `default` serves every other one."""

    format: Literal[1] = Field(alias="schema")
    surfaces: dict[Key, Fallback]

    def of(self, surface: str | None) -> Fallback:
        return self.surfaces.get(surface or "default") or self.surfaces["default"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to help, ready to be shown: texts in one locale, hours for people, open or not right now."""

    resource: str
    name: str
    channel: Channel
    label: str
    address: str
    display: str
    open_now: bool
    hours: str | None
    young_people: bool


def match(wanted: str | None, available: Sequence[str]) -> str | None:
    """Look a locale up as RFC 4647 does: exact, then shorter and shorter; None asked takes the first."""
    if wanted is None:
        return available[0] if available else None
    lower = {tag.lower(): tag for tag in available}
    parts = wanted.lower().replace("_", "-").split("-")[:8]
    return next((lower[tag] for n in range(len(parts), 0, -1) if (tag := "-".join(parts[:n])) in lower), None)


def direction(locale: str) -> Literal["ltr", "rtl"]:
    """Return the writing direction of a locale."""
    return "rtl" if locale.split("-", maxsplit=1)[0].lower() in RIGHT_TO_LEFT else "ltr"


def text_in(locale: str, texts: Mapping[str, str]) -> str:
    """The text in the locale, else in English, else the first there is."""
    return texts[match(locale, tuple(texts)) or ("en" if "en" in texts else next(iter(texts)))]


def offers(resources: Sequence[HelpResource], locale: str, now: float) -> tuple[Offer, ...]:
    """Every channel of the resources, in their order, with what is open at `now` (unix seconds)."""
    return tuple(_offer(r, c, locale, now) for r in resources for c in r.channels)


def _label(channel: HelpChannel, locale: str) -> str:
    """The label; right to left, a number in groups is kept together, or its groups would be read backwards."""
    text = text_in(locale, channel.label)
    if direction(locale) == "ltr":
        return text
    number = channel.display.replace(" ", "\u00a0")
    return text.replace(channel.display, f"{ISOLATE}{number}{END_ISOLATE}")


def _offer(resource: HelpResource, channel: HelpChannel, locale: str, now: float) -> Offer:
    local = dt.datetime.fromtimestamp(now, ZoneInfo(resource.time_zone))
    hours = channel.hours
    return Offer(
        resource=resource.key, name=resource.name, channel=channel.channel, label=_label(channel, locale),
        address=channel.address, display=channel.display,
        open_now=hours is None or any(h.open_at(local) for h in hours),
        hours=None if hours is None else "; ".join(map(str, hours)) + f" ({resource.time_zone})",
        young_people=resource.for_young_people,
    )  # fmt: skip


def load_help(source: Traversable | None = None) -> HelpDirectory:
    """Read the help directory, the library's own by default; every violation at once."""
    return _load(HelpDirectory, source or LIBRARY / "help.yml")


def load_fallbacks(directory: HelpDirectory, source: Traversable | None = None) -> Fallbacks:
    """Read the fallbacks and hold them against the directory."""
    found = _load(Fallbacks, source or LIBRARY / "fallback.yml")
    _check_fallbacks(found, directory)
    return found


def _load(model: type[_Model], source: Traversable) -> _Model:
    try:
        return model.model_validate(load_yaml(source.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InvalidDefinition(tuple(violations_of(error))) from None


def _check_fallbacks(fallbacks: Fallbacks, directory: HelpDirectory) -> None:
    problems: list[Violation] = []
    if "default" not in fallbacks.surfaces:
        problems.append(Violation("/surfaces", "missing-field", "the surface 'default' is required"))
    for surface, fallback in fallbacks.surfaces.items():
        at = f"/surfaces/{surface}"
        problems += [
            Violation(f"{at}/help/{i}", "unknown-help-resource", f"no help resource '{key}'")
            for i, key in enumerate(fallback.help)
            if key not in directory.by_key
        ]
        if not fallback.served():
            problems.append(Violation(f"{at}/locales", "no-reviewed-locale", "a fallback needs a reviewed locale"))
    if problems:
        raise InvalidDefinition(tuple(problems))
