"""When rows are deleted and counts are folded: decisions, without a server."""

from __future__ import annotations

import pytest

from experiments.model import DAY, HOUR, Experiment, LogEntry, Version, day_of
from experiments.retention import FOLD_AFTER, last_conclusion, last_sealing, may_fold, sealed_between

FIRST = 20_781
START = FIRST * DAY + 15 * HOUR


@pytest.fixture
def version(definition):
    """A factory of started versions; window 24 h and grace 6 h unless the definition says otherwise."""

    def make(state="running", started=START, stopped=None, **changes) -> Version:
        return Version(
            id=1, number=1, state=state, definition=definition(**changes), definition_hash="", started=started,
            stopped=stopped,
        )  # fmt: skip

    return make


def sealing(day: int, hours: int = 30) -> int:
    return (day + 1) * DAY + hours * HOUR


def of(*versions: Version) -> list[Experiment]:
    return [Experiment(key=f"e-{number}", versions=(version,)) for number, version in enumerate(versions)]


def test_no_day_was_sealed_yet(version):
    draft = version("draft", started=None)
    assert last_sealing([], START) == 0
    assert last_sealing(of(draft, version()), sealing(FIRST) - 1) == 0


def test_a_running_version_seals_a_day_every_day(version):
    for days in (0, 1, 40):
        at = sealing(FIRST + days)
        assert last_sealing(of(version()), at) == at
        assert last_sealing(of(version()), at + DAY - 1) == at


def test_the_last_sealing_of_all_versions_counts(version):
    soon = version(window_hours=1, report_grace_hours=2)
    both = of(version(), soon)
    assert last_sealing(both, sealing(FIRST, 3)) == sealing(FIRST, 3)
    assert last_sealing(both, sealing(FIRST, 30)) == sealing(FIRST, 30)
    assert last_sealing(both, sealing(FIRST, 29)) == sealing(FIRST + 1, 3), "27 hours after the first day"


@pytest.mark.parametrize("state", ["stopped", "concluded", "archived"])
def test_what_is_over_seals_its_last_day_and_no_more(version, state):
    over = version(state, stopped=START + 2 * DAY)
    last = sealing(FIRST + 2)
    assert last_sealing(of(over), last - 1) == last - DAY
    assert last_sealing(of(over), last + 400 * DAY) == last


def test_the_last_conclusion_counts():
    def entry(at: int, act: str) -> LogEntry:
        return LogEntry(at=at, who="bob", act=act, version=1)

    assert last_conclusion([]) == last_conclusion([entry(9, "stop")]) == 0
    assert last_conclusion([entry(5, "conclude"), entry(9, "archive"), entry(7, "conclude")]) == 7


def test_days_sealed_since_the_last_time(version):
    at = sealing(FIRST + 3)
    assert sealed_between(version(), 0, at) == [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]
    assert sealed_between(version(), at - DAY, at) == [FIRST + 3]
    assert sealed_between(version(), at - DAY - 1, at - 1) == [FIRST + 2]
    assert sealed_between(version(), at, at + DAY - 1) == []
    assert sealed_between(version("draft", started=None), 0, at) == []


@pytest.mark.parametrize("state", ["running", "suspended", "stopped", "approved"])
def test_only_what_is_concluded_is_ever_folded(version, state):
    assert not may_fold(version(state, stopped=START), START + 10_000 * DAY)


@pytest.mark.parametrize("state", ["concluded", "archived"])
def test_it_is_folded_eight_weeks_after_its_last_day_was_sealed(version, state):
    over = version(state, stopped=START + DAY)
    at = sealing(day_of(START + DAY)) + FOLD_AFTER
    assert not may_fold(over, at - 1)
    assert may_fold(over, at)
    assert FOLD_AFTER == 56 * DAY
