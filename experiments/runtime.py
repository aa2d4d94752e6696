"""What one process holds: the store, the catalogue, the keys, the help directory."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from experiments.catalogue import Catalogue, Live
from experiments.directory import Fallbacks, HelpDirectory
from experiments.errors import StoreUnavailable
from experiments.identity import DayKeys, Keyring
from experiments.model import day_of
from experiments.store import Store
from experiments.store.ledger import FULL_PAGE, ROWS_PER_PAGE

log = logging.getLogger("signpost")

FIRST_DAY_PAGES = 10_000  # room for a million units of an experiment nobody has seen yet, for 1.4 MB at most
LEAST_PAGES = 64


@dataclass
class Runtime:
    """Everything a use case needs apart from the request and the time."""

    store: Store
    keyring: Keyring
    catalogue: Catalogue
    day_keys: DayKeys
    directory: HelpDirectory
    fallbacks: Fallbacks
    degraded: str | None = None
    fullest_page: int = 0
    _pages: dict[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def make(cls, store: Store, keyring: Keyring, directory: HelpDirectory, fallbacks: Fallbacks) -> Runtime:
        catalogue = Catalogue(store, keyring)

        def counted(day: int) -> list[str]:
            live = catalogue.snapshot.by_id.values()
            return [one.tags[0] for one in live if any(store.ledger.units_on(tag, day) for tag in one.tags)]

        return cls(store, keyring, catalogue, DayKeys(store.volatile, counted), directory, fallbacks)

    def refresh(self, now: float) -> None:
        """Catch up with the stores: definitions, day keys, the pages of the day. Raises StoreUnavailable."""
        try:
            self.catalogue.refresh()
            live = self.catalogue.snapshot.by_id.values()
            today = day_of(now)
            self.day_keys.refresh(now, min((one.version.open_days(now)[-1] for one in live), default=today))
            for one in live:
                for day in one.version.open_days(now):
                    self.day_key(day, now)
                    for shard in range(len(one.tags)):
                        self.pages(one, shard, day)
            self._pages = {at: n for at, n in list(self._pages.items()) if at[1] > today - 8}
        except StoreUnavailable as error:
            self.degraded = error.detail
            raise
        self.degraded = None

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
                self.store.ledger.count_apart(tag, f"reset.{day}")
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
            known = self.store.ledger.open_day(tag, day, self._wanted_pages(live, tag, day))
            self._pages[tag, day] = known
        return known

    def note_page(self, rows: int) -> None:
        """Ring before a page outgrows the compact encoding: from there on a row takes four times the memory."""
        if rows > self.fullest_page:
            self.fullest_page = rows
            if rows == FULL_PAGE:
                log.warning("a page of rows holds %d; at 512 it takes four times the memory until tomorrow", rows)

    def _wanted_pages(self, live: Live, tag: str, day: int) -> int:
        """Pages of about 100 rows when the day is like yesterday; five times as many units still stay compact."""
        if live.version.started is None or day <= day_of(live.version.started):
            return FIRST_DAY_PAGES
        return max(LEAST_PAGES, -(-self.store.ledger.units_on(tag, day - 1) // ROWS_PER_PAGE))
