"""What every process knows by heart: running versions, their keys, integrators' keys.

Refreshed in the background whenever the ledger's catalogue number moves, so that no request reads a
definition. When the ledger is away, what was known stays known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from experiments.access import ApiKey
from experiments.errors import InvalidInput
from experiments.identity import Keyring
from experiments.model import EXPOSURE_SECONDS, HOUR, LIVE, Experiment, Version
from experiments.spec import Message
from experiments.store import Store
from experiments.store.acts import NEVER, Terms
from experiments.store.copy import Copy, Held
from experiments.store.keys import tag
from experiments.store.rows import mask


@dataclass(frozen=True)
class Live:
    """A version that takes outcomes (running, suspended or stopped), with what a request needs at hand.

    `decided` is for `recording`: what it has made of the definition so far.
    """

    experiment: str
    version: Version
    key: bytes
    terms: Terms
    locales: tuple[str, ...]
    tags: tuple[str, ...]
    decided: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    _open: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict, compare=False, repr=False)

    def open_days(self, now: int) -> tuple[tuple[int, int], ...]:
        """The open days, newest first, each with the moment it is sealed. Both change on the hour, as windows do."""
        hour = now // HOUR
        held = self._open.get(hour)
        if held is None:
            version = self.version
            self._open.clear()
            held = tuple((day, version.sealed_at(day)) for day in version.open_days(hour * HOUR))
            self._open[hour] = held
        return held


@dataclass(frozen=True)
class Snapshot:
    """One consistent view. `adopted` maps a surface to the text that was adopted for it, by locale."""

    number: int = -1
    on_surface: Mapping[str, Live] = field(default_factory=dict)
    by_key: Mapping[str, Live] = field(default_factory=dict)
    by_id: Mapping[int, Live] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    surfaces: frozenset[str] = frozenset()
    adopted: Mapping[str, Mapping[str, Message]] = field(default_factory=dict)
    api_keys: Mapping[str, ApiKey] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def versions(self, experiment: str) -> list[Live]:
        """All versions of an experiment that take outcomes, newest first."""
        found = [one for one in self.by_id.values() if one.experiment == experiment]
        return sorted(found, key=lambda one: one.version.number, reverse=True)


class Catalogue:
    """Holds the current snapshot; replaced as a whole, so that readers need no lock."""

    def __init__(self, store: Store, keyring: Keyring, copy: Copy | None = None) -> None:
        """`copy` is where the last good copy is kept on disk, and read from when the ledger is away at the start."""
        self._store = store
        self._keyring = keyring
        self._copy = copy
        self._is_recalled = False
        self.snapshot = Snapshot()

    @property
    def is_loaded(self) -> bool:
        return self.snapshot.number >= 0

    def refresh(self, now: float = 0.0) -> bool:
        """Load anew if anything changed; returns whether it did. Raises StoreUnavailable."""
        number = self._store.documents.catalogue_number()
        is_new = self._is_recalled or number != self.snapshot.number
        if is_new or (self._copy is not None and self._copy.is_due(now)):
            held = self._store.documents.held(number)
            self.snapshot, self._is_recalled = self._load(held), False
            if self._copy is not None:
                self._copy.save(held, now)
        return is_new

    def recall(self, now: float) -> bool:
        """Take the copy on disk, for a start while the ledger is away; returns whether there was one to be used."""
        held = self._copy.load(now) if self._copy is not None else None
        if held is None or self._copy is None:
            return False
        try:
            self.snapshot = self._load(held)
        except ValueError as error:
            self._copy.set_aside(error)
            return False
        self._is_recalled = True
        return True

    def _load(self, held: Held) -> Snapshot:
        experiments = [Experiment.model_validate_json(text) for text in held.experiments]
        problems: list[str] = []
        live = list(self._live(experiments, problems))
        running = [one for one in live if one.version.state in ("running", "suspended")]
        return Snapshot(
            number=held.number,
            on_surface=MappingProxyType({s: one for one in running for s in one.version.definition.surfaces}),
            by_key=MappingProxyType({one.experiment: one for one in live}),
            by_id=MappingProxyType({one.version.id: one for one in live}),
            known=frozenset(e.key for e in experiments),
            surfaces=frozenset(s for e in experiments for v in e.versions for s in v.definition.surfaces),
            adopted=MappingProxyType(_adopted(experiments)),
            api_keys=MappingProxyType({kid: ApiKey.model_validate_json(text) for kid, text in held.api_keys.items()}),
            problems=tuple(problems),
        )

    def _live(self, experiments: Iterable[Experiment], problems: list[str]) -> Iterable[Live]:
        for experiment in experiments:
            for version in experiment.versions:
                if version.state in LIVE and version.key is not None:
                    try:
                        key = self._keyring.unwrap(version.key, experiment.key, version.number)
                    except InvalidInput as error:
                        problems.append(error.detail)
                        continue
                    yield make_live(experiment.key, version, key)


def make_live(experiment: str, version: Version, key: bytes) -> Live:
    """Gather what requests need of a version."""
    return Live(
        experiment=experiment, version=version, key=key, terms=_terms(version),
        locales=version.definition.served_locales(),
        tags=tuple(tag(experiment, version.number, suffix) for suffix in version.tags),
    )  # fmt: skip


def _terms(version: Version) -> Terms:
    # Units that cannot be recognised again have no repeated triggers.
    pause = version.definition.repeat_after_seconds if version.definition.unit == "session" else NEVER
    masks = tuple(mask(definition) for _, definition in version.outcomes)
    return Terms(version.window, EXPOSURE_SECONDS, pause, masks)


def _adopted(experiments: Iterable[Experiment]) -> dict[str, dict[str, Message]]:
    """Texts adopted by the latest decision on each surface."""
    decided = [
        ((version.decision and version.decision.confirmed_at) or version.stopped or 0, version)
        for experiment in experiments
        for version in experiment.versions
        if version.adopted is not None
    ]
    found: dict[str, dict[str, Message]] = {}
    for _, version in sorted(decided, key=lambda pair: pair[0]):
        definition = version.definition
        texts = next(v.messages for v in definition.variants if v.key == version.adopted)
        served = {tag: texts[tag] for tag in definition.served_locales()}
        found |= dict.fromkeys(definition.surfaces, served)
    return found
