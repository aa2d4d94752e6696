"""Counting: acts go to the shard they belong to; counts come back summed over the shards.

Everything that goes in is pseudonymised already; a raw session never reaches this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.errors import StoreUnavailable
from experiments.store import keys
from experiments.store.acts import UNKNOWN_PAGES, Act, Told
from experiments.store.batch import Origin
from experiments.store.connection import Client, translated
from experiments.store.lane import Lane, Spoiled
from experiments.store.waits import PLAINLY, Waits

ROWS_PER_PAGE = 100
FULL_PAGE = 384  # rows; the compact encoding ends at 512
FOR_COPIES = 0.8  # share of the budget that a write may wait for its replica


class Ledger:
    """`client` has the short time-out of a waiting person (`budget`, seconds), `patient` that of a report."""

    def __init__(
        self, client: Client, patient: Client, *, budget: float, replicated: bool = False, waits: Waits = PLAINLY
    ) -> None:
        self._waits = waits
        self.client = client
        self.patient = patient
        self._budget = budget
        self._replicated = FOR_COPIES * budget if replicated else 0.0
        self._lanes: dict[str, Lane] = {}

    def write(self, act: Act) -> Told:
        """Write one act, together with what others write at the same time. Raises StoreUnavailable.

        After a time-out it may be written all the same: acts are safe to repeat.
        """
        _require_pages([act])
        told = self._lane(act.tag).write([act], self._budget)[0]
        if isinstance(told, Spoiled):
            raise told
        return told

    def write_all(self, acts: Sequence[Act]) -> Sequence[Told | Spoiled]:
        """Write some hundred acts of one shard in order, as one; an answer for each. Raises StoreUnavailable.

        Nobody waits for these: they have more time than a single one.
        """
        _require_pages(acts)
        return self._lane(acts[0].tag).write_many(acts)

    def replay(self, acts: Sequence[Act], origin: Origin) -> Sequence[Told | Spoiled]:
        """As `write_all`, from a spool, which is not done twice."""
        return self._lane(acts[0].tag).write_many(acts, origin)

    def _lane(self, tag: str) -> Lane:
        lane = self._lanes.get(tag)
        if lane is None:
            lane = Lane(self.client, tag, self._replicated, self._waits, self.patient)
            lane = self._lanes.setdefault(tag, lane)
        return lane

    @property
    def fullest_page(self) -> int:
        """Most rows in a page that was written to."""
        return max((lane.fullest for lane in self._lanes.values()), default=0)

    @property
    def away(self) -> list[str]:
        """Tags of the shards that did not answer lately."""
        return [tag for tag, lane in self._lanes.items() if lane.is_away]

    def close(self) -> None:
        """Give all connections up."""
        for lane in self._lanes.values():
            lane.close()
        self.client.close()
        self.patient.close()

    def open_day(self, tag: str, day: int, pages: int) -> int:
        """Fix the number of row pages of a day; whoever comes first decides. Returns what holds."""

        def ask() -> int:
            with translated():
                pipe = self.client.pipeline(transaction=False)
                pipe.hsetnx(keys.days(tag), str(day), pages)
                pipe.hget(keys.days(tag), str(day))
                return int(pipe.execute()[1])

        return self._lane(tag).guarded(ask)

    def units_on(self, tag: str, day: int) -> int:
        """Units assigned on a day, in one shard; the day's first request may wait for it."""

        def ask() -> dict[bytes, bytes]:
            with translated():
                return dict(self.client.hgetall(keys.counts(tag, day)))

        fields = self._lane(tag).guarded(ask)
        return sum(int(n) for name, n in fields.items() if name.endswith(b".a"))

    def counts(self, tags: Sequence[str], days: Sequence[int]) -> tuple[dict[int, dict[str, int]], dict[str, int]]:
        """All count fields by day, and the events counted apart, summed over the shards: one pipelined read."""
        with translated():
            pipe = self.patient.pipeline(transaction=False)
            for tag in tags:
                for day in days:
                    pipe.hgetall(keys.counts(tag, day))
                pipe.hgetall(keys.apart(tag))
            answers = pipe.execute()
        by_day: dict[int, dict[str, int]] = {day: {} for day in days}
        apart: dict[str, int] = {}
        width = len(days) + 1
        for position, answer in enumerate(answers):
            index = position % width
            _add(by_day[days[index]] if index < len(days) else apart, answer)
        return by_day, apart


def _require_pages(acts: Sequence[Act]) -> None:
    if any(slot.pages == UNKNOWN_PAGES for act in acts for slot in act.slots):
        raise StoreUnavailable("the pages of the day are not known yet")


def _add(into: dict[str, int], fields: Mapping[bytes, bytes]) -> None:
    for name, number in fields.items():
        text = name.decode()
        into[text] = into.get(text, 0) + int(number)
