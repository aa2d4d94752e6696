"""The same message in every language that it has: for who cannot know which one the person reads."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.recording import Assignment, Shown, fallback_messages, shown_as
from experiments.runtime import Runtime
from experiments.spec import Message


def in_every_locale(runtime: Runtime, found: Assignment, surface: str | None) -> list[Shown]:
    """What was decided, in each locale that may be served; the one that was asked for comes first."""
    messages = _messages(runtime, found, surface)
    rest = [shown_as(runtime, message, tag) for tag, message in messages.items() if tag != found.shown.locale]
    return [found.shown, *rest]


def _messages(runtime: Runtime, found: Assignment, surface: str | None) -> Mapping[str, Message]:
    versions = runtime.catalogue.snapshot.versions(found.experiment or "")
    live = next((one for one in versions if one.version.number == found.version), None)
    if live is None or found.variant is None:
        return fallback_messages(runtime, surface)
    variant = next(one for one in live.version.definition.variants if one.key == found.variant)
    return {tag: variant.messages[tag] for tag in live.locales}
