"""What one process holds: the store, the catalogue, the keys, the help directory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from experiments.catalogue import Catalogue, Live
from experiments.directory import Fallbacks, HelpDirectory
from experiments.errors import StoreUnavailable
from experiments.identity import DayKeys, Keyring
from experiments.model import DAY, day_of
from experiments.store import Store
from experiments.store.acts import UNKNOWN_PAGES, Act, Told, apart
from experiments.store.copy import Copy
from experiments.store.ledger import FULL_PAGE, ROWS_PER_PAGE
from experiments.store.spool import Spool

log = logging.getLogger("signpost")

FIRST_DAY_PAGES = 10_000  # room for a million units of an experiment nobody has seen yet, for 1.4 MB at most
LEAST_PAGES = 64
EARLY_SECONDS = 600


@dataclass
class Runtime:
    """Everything a use case needs apart from the request and the time."""

    store: Store
    keyring: Keyring
    catalogue: Catalogue
    day_keys: DayKeys
    directory: HelpDirectory
    fallbacks: Fallbacks
    spool: Spool | None = None
    trouble: str | None = None
    _rang: bool = False
    shards: int = 0  # of a version that starts; 0: what suits the ledger
    _pages: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def make(
        cls, store: Store, keyring: Keyring, directory: HelpDirectory, fallbacks: Fallbacks, spool: Spool | None = None
    ) -> Runtime:
        """Without a spool, what the ledger cannot take is refused: for commands, which may be repeated."""
        catalogue = Catalogue(store, keyring, Copy(spool.folder) if spool else None)

        def counted(day: int) -> list[str]:
            live = catalogue.snapshot.by_id.values()
            return [one.tags[0] for one in live if any(store.ledger.units_on(tag, day) for tag in one.tags)]

        return cls(store, keyring, catalogue, DayKeys(store.volatile, counted), directory, fallbacks, spool)

    def refresh(self, now: float) -> None:
        """Catch up with the stores: definitions, day keys, the pages of the day. Raises StoreUnavailable."""
        try:
            if self.catalogue.is_loaded:  # at the start, who has units of a day must be known before its key is made
                with suppress(StoreUnavailable):
                    self._refresh_keys(now)  # whatever becomes of the ledger
            self.catalogue.refresh(now)
            self._refresh_keys(now)
            for one in self.catalogue.snapshot.by_id.values():
                for day in self._days_to_open(one, now):
                    for shard in range(len(one.tags)):
                        self.pages(one, shard, day)
            self._pages = {at: n for at, n in list(self._pages.items()) if at[1] > day_of(now) - 8}
        except StoreUnavailable as error:
            self.trouble = error.detail
            raise
        self.trouble = None
        self._ring()

    def _refresh_keys(self, now: float) -> None:
        live = self.catalogue.snapshot.by_id.values()
        self.day_keys.refresh(now, min((one.version.open_days(now)[-1] for one in live), default=day_of(now)))
        for one in live:
            for day in one.version.open_days(now):
                self.day_key(day, now)

    def _days_to_open(self, live: Live, now: float) -> tuple[int, ...]:
        """The open days, and tomorrow a little before it begins: then nobody has to ask for its pages."""
        days = live.version.open_days(now)
        return (days[0] + 1, *days) if now % DAY >= DAY - EARLY_SECONDS else days

    @property
    def degraded(self) -> str | None:
        """What is wrong, in words, while events wait for the ledger or cannot be counted; None when all is well."""
        if self.trouble is not None:
            return self.trouble
        if self.store.ledger.away:
            return "the ledger, or a shard of it, does not answer"
        return self.spool.trouble if self.spool else None

    @property
    def takes_events(self) -> bool:
        """Whether an event has anywhere to go: the ledger, or the spool."""
        away = self.trouble is not None or bool(self.store.ledger.away)
        return not away or (self.spool is not None and self.spool.trouble is None)

    def write(self, act: Act, now: int) -> Told | None:
        """Write an act to the ledger, or to the spool (then None). Raises StoreUnavailable when neither takes it."""
        try:
            return self.store.ledger.write(act)
        except StoreUnavailable:
            if self.spool is None:
                raise
            self.spool.keep([act], now)
            return None

    def write_all(self, acts: Sequence[Act], now: int) -> Sequence[Told | StoreUnavailable | None]:
        """Write acts of one shard together; an answer for each, as `write` gives it, or why it has nowhere to go."""
        try:
            told: Sequence[Told | StoreUnavailable] = self.store.ledger.write_all(acts)
        except StoreUnavailable as error:
            told = [error] * len(acts)
        left = [act for act, one in zip(acts, told, strict=True) if isinstance(one, StoreUnavailable)]
        if not left or self.spool is None:
            return told
        try:
            self.spool.keep(left, now)
        except StoreUnavailable as error:
            return [error if isinstance(one, StoreUnavailable) else one for one in told]
        return [None if isinstance(one, StoreUnavailable) else one for one in told]

    def day_key(self, day: int, now: float) -> bytes:
        """The day's key. One that replaces a lost key is noted with every experiment that has units of the day."""
        key = self.day_keys.key(day, now)
        if self.day_keys.replaced:
            self._note_replaced()
        return key

    def _note_replaced(self) -> None:
        replaced, self.day_keys.replaced = self.day_keys.replaced, []
        while replaced:
            day, tag = replaced[-1]
            try:
                self.store.ledger.write(apart(tag, f"reset.{day}"))
            except StoreUnavailable:
                self.day_keys.replaced += replaced
                raise
            replaced.pop()
            self.day_keys.resets += 1
            log.warning("the key of day %d was lost: sessions of that day that come back may be counted twice", day)

    def pages(self, live: Live, shard: int, day: int) -> int:
        """Number of row pages of a day: fixed by whoever opens it, remembered here."""
        tag = live.tags[shard]
        known = self._pages.get((tag, day))
        if known is None:
            known = self.open_day(tag, day, self._wanted_pages(live, tag, day))
        return known

    def open_day(self, tag: str, day: int, wanted: int | None = None) -> int:
        """Number of row pages of a day in a shard: as fixed already, else as wanted, or as yesterday needed."""
        if wanted is None:
            wanted = self._like_yesterday(tag, day) if self.store.ledger.units_on(tag, day - 1) else FIRST_DAY_PAGES
        self._pages[tag, day] = self.store.ledger.open_day(tag, day, wanted)
        return self._pages[tag, day]

    def pages_if_known(self, live: Live, shard: int, day: int) -> int:
        """As `pages`; UNKNOWN_PAGES while the ledger cannot tell, for acts that then wait in the spool."""
        known = self._pages.get((live.tags[shard], day))
        if known is not None:
            return known
        try:
            return self.pages(live, shard, day)
        except StoreUnavailable:
            return UNKNOWN_PAGES

    @property
    def fullest_page(self) -> int:
        """Rows in the fullest page that this process has written to."""
        return self.store.ledger.fullest_page

    def _ring(self) -> None:
        """Say once when a page is about to outgrow the compact encoding: then a row takes four times the memory."""
        if not self._rang and self.fullest_page >= FULL_PAGE:
            self._rang = True
            log.warning("a page of rows holds %d; at 512 it takes four times the memory", self.fullest_page)

    def _wanted_pages(self, live: Live, tag: str, day: int) -> int:
        """Pages of about 100 rows when the day is like yesterday; five times as many units still stay compact."""
        if live.version.started is None or day <= day_of(live.version.started):
            return max(LEAST_PAGES, FIRST_DAY_PAGES // len(live.tags))
        return self._like_yesterday(tag, day)

    def _like_yesterday(self, tag: str, day: int) -> int:
        return max(LEAST_PAGES, -(-self.store.ledger.units_on(tag, day - 1) // ROWS_PER_PAGE))
