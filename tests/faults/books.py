"""What the ledger holds, read from the side and held against what was acknowledged."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import redis

from experiments.spec import OutcomeDefinition
from experiments.store.rows import Row, mask, outcome_bit
from tests.faults.load import ASSIGNED, HELP, SHOWN, VARIANTS, Notes

CLICKED = 1 << outcome_bit("help_sought", "click", "attested")
BITS = (1 << 18) - 1


@dataclass
class Books:
    """Rows by day and pseudonym; counters and what was counted apart, summed over shards and days."""

    rows: dict[tuple[int, bytes], tuple[int, int]] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    apart: Counter[str] = field(default_factory=Counter)
    double_rows: int = 0

    @classmethod
    def read(cls, servers: Iterable[redis.Redis]) -> Books:
        books = cls()
        for server in servers:
            books._read(server)
        return books

    def _read(self, server: redis.Redis) -> None:
        names = server.scan_iter(match="sp:*", count=5000)
        hashes = [name for name in names if b":r:" in name or b":c:" in name or name.endswith(b":apart")]
        for start in range(0, len(hashes), 2000):
            some = hashes[start : start + 2000]
            pipe = server.pipeline(transaction=False)
            for name in some:
                pipe.hgetall(name)
            for name, fields in zip(some, pipe.execute(), strict=True):
                self._take(name, fields)

    def _take(self, name: bytes, fields: dict[bytes, bytes]) -> None:
        if b":r:" in name:
            day = int(name.split(b":")[-2])
            for pseudonym, row in fields.items():
                self.double_rows += (day, pseudonym) in self.rows
                self.rows[day, pseudonym] = struct.unpack(">II", row)
        else:
            into = self.counters if b":c:" in name else self.apart
            into.update({field.decode(): int(n) for field, n in fields.items()})

    def from_rows(self, plan: Iterable[OutcomeDefinition]) -> Counter[str]:
        """What the rows say the counters must be (the locale is in no row)."""
        masks = [mask(one) for one in plan]
        found: Counter[str] = Counter()
        for (a, bits), n in Counter((a, b & BITS) for a, b in self.rows.values()).items():
            row = Row.from_words(a, bits)
            cell = f"{row.phase}.{row.variant}.{row.surface}.{row.stratum}."
            found[f"{cell}a"] += n
            found[f"{cell}e"] += n * (row.shown > 0)
            found.update({f"{cell}o{bit}": n for bit in range(18) if row.bits >> bit & 1})
            found.update({f"{cell}d{number}": n for number, one in enumerate(masks) if row.bits & one})
            found.update({f"n.{row.variant}.{time}": n for time in range(1, row.shown + 1)})
        return +found

    def differences(self, plan: Iterable[OutcomeDefinition]) -> dict[str, tuple[int, int]]:
        """Counters that say something else than the rows: (counter, rows)."""
        counted = Counter({name: n for name, n in self.counters.items() if name[0] not in "lx"})
        due = self.from_rows(plan)
        return {name: (counted[name], due[name]) for name in counted | due if counted[name] != due[name]}

    def total(self, measure: str) -> int:
        """Units of a measure over all cells."""
        return sum(n for name, n in self.counters.items() if name[0].isdigit() and name.endswith(f".{measure}"))


@dataclass
class Verdict:
    """What is wrong, in numbers; all of them must be 0."""

    lost: int = 0  # units of which something was acknowledged that is not there
    other_variant: int = 0  # another variant in the row than was shown
    twice: int = 0  # units with more than one row
    strange: int = 0  # rows of units that nobody sent


def judge(books: Books, notes: Notes, day_keys: dict[int, bytes], prefix: bytes) -> Verdict:
    """Hold the rows against the notes. `prefix` is what a unit's pseudonym is made of, before the unit."""
    verdict, found = Verdict(strange=len(books.rows)), 0
    for unit in notes.sent:
        held = [
            books.rows[day, name]
            for day, key in day_keys.items()
            if (day, name := hmac.digest(key, prefix + unit, hashlib.sha256)[:8]) in books.rows
        ]
        found += len(held)
        verdict.twice += len(held) > 1
        has = 0
        for a, b in held:
            row = Row.from_words(a, b)
            has |= ASSIGNED | SHOWN * (row.shown > 0) | HELP * bool(row.bits & CLICKED)
            verdict.other_variant += unit in notes.variant and VARIANTS.index(notes.variant[unit]) != row.variant
        verdict.lost += bool(notes.kept.get(unit, 0) & ~has)
    verdict.strange -= found
    verdict.twice += books.double_rows
    return verdict
