"""The books see what they are for: a lost row, a lost bit, a unit counted twice, a counter that is off, a stranger."""

from __future__ import annotations

from dataclasses import asdict

from tests.faults.books import Verdict
from tests.faults.load import HELP
from tests.faults.world import World


def test_the_books_see_every_fault(world: World) -> None:
    world.start_store().serve()
    world.load(visitors=2).reach(60).stop(world.notes)
    world.settle()
    world.check()
    ledger = world.ledger.client
    page, *others = ledger.scan_iter(match="sp:*:r:*", count=1000)
    (pseudonym, row), *_ = ledger.hgetall(page).items()

    def seen() -> dict[str, int]:
        return {name: n for name, n in asdict(world.verdict(world.books())).items() if n}

    ledger.hdel(page, pseudonym)
    assert seen() == {"lost": 1}
    assert world.books().differences(world.plan)
    ledger.hset(page, pseudonym, row)
    ledger.hset(others[0], pseudonym, row)
    assert seen() == {"twice": 1}
    ledger.hdel(others[0], pseudonym)
    ledger.hset(others[0], b"stranger", row)
    assert seen() == {"strange": 1}
    ledger.hdel(others[0], b"stranger")
    ledger.hset(page, pseudonym, bytes([row[0] ^ 8]) + row[1:])
    assert seen() == {"other_variant": 1}
    ledger.hset(page, pseudonym, row)

    unit = next(unit for unit, bits in world.notes.kept.items() if not bits & HELP)
    world.notes.keep(unit, HELP)
    assert seen() == {"lost": 1}
    world.notes.kept[unit] -= HELP
    (counter,) = ledger.scan_iter(match="sp:*:c:*", count=1000)
    field = next(name for name in ledger.hkeys(counter) if name.endswith(b".a"))
    ledger.hincrby(counter, field, 1)
    assert list(world.books().differences(world.plan)) == [field.decode()]
    ledger.hincrby(counter, field, -1)
    assert world.verdict(world.check_counters()) == Verdict()
