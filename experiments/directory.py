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

from experiments import opening
from experiments.errors import InvalidDefinition, Violation
from experiments.opening import END_ISOLATE, ISOLATE, Hours, OtherHours
from experiments.reading import load_yaml
from experiments.spec import Channel, Key, Locale, LocaleReview, Message, Part
from experiments.violations import violations_of

LIBRARY = files("experiments") / "library"
RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})

Audience = Literal["adults", "under_18", "relatives", "survivors"]
Promise = Literal["free", "anonymous", "confidential"]
Texts = dict[Locale, str]
_Model = TypeVar("_Model", bound=Part)


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
    says_it_is: list[Promise] = Field(default_factory=list, description="what it says of itself, and a text may repeat")
    time_zone: str
    channels: list[HelpChannel] = Field(min_length=1)
    other_hours: list[OtherHours] = Field(default_factory=list)
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

    def others(self, channel: HelpChannel) -> list[OtherHours]:
        """The other hours that hold for a channel: those that name it, and where it has hours those for all."""
        has_hours = channel.hours is not None
        return [o for o in self.other_hours if (channel.channel in o.channels if o.channels else has_hours)]

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
    """One way to help, ready to be shown: texts in one locale, hours for people, open or not right now.

    `opens_at` is when a closed one opens next (RFC 3339, by its own clock), `opens` the same for people.
    """

    resource: str
    name: str
    channel: Channel
    label: str
    address: str
    display: str
    open_now: bool
    opens_at: str | None
    opens: str | None
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
    """Every channel of the resources at `now` (unix seconds): what is open first, of that what speaks the language.

    Otherwise their order stays. It is the same for all variants.
    """
    ways = [(_offer(r, c, locale, now), match(locale, r.languages) is not None) for r in resources for c in r.channels]
    return tuple(offer for offer, _ in sorted(ways, key=lambda way: (not way[0].open_now, not way[1])))


def _label(channel: HelpChannel, locale: str) -> str:
    """The label; right to left, a number in groups is kept together, or its groups would be read backwards."""
    text = text_in(locale, channel.label)
    if direction(locale) == "ltr":
        return text
    number = channel.display.replace(" ", "\u00a0")
    return text.replace(channel.display, f"{ISOLATE}{number}{END_ISOLATE}")


def _offer(resource: HelpResource, channel: HelpChannel, locale: str, now: float) -> Offer:
    hours, opens = channel.hours, _opens(resource, channel, now)
    return Offer(
        resource=resource.key, name=resource.name, channel=channel.channel, label=_label(channel, locale),
        address=channel.address, display=channel.display,
        open_now=opens == "now",
        opens_at=opens.isoformat() if isinstance(opens, dt.datetime) else None,
        opens=_in_words(opens, now, locale, resource.time_zone) if isinstance(opens, dt.datetime) else None,
        hours=None if hours is None else "; ".join(map(str, hours)) + f" ({resource.time_zone})",
        young_people=resource.for_young_people,
    )  # fmt: skip


def _opens(resource: HelpResource, channel: HelpChannel, now: float) -> dt.datetime | Literal["now"] | None:
    """When it opens next; None: nobody knows."""
    zone, at, others = ZoneInfo(resource.time_zone), dt.datetime.fromtimestamp(now, dt.UTC), resource.others(channel)
    if opening.is_open(channel.hours, others, at, zone):
        return "now"
    return opening.next_opening(channel.hours, others, at, zone)


def _in_words(opens: dt.datetime, now: float, locale: str, zone: str) -> str:
    known = match(locale, tuple(opening.OPENS)) or "en"
    return opening.in_words(opens, dt.datetime.fromtimestamp(now, dt.UTC), known, zone)


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
