"""What stands around a report: the evidence's level, dates that can be read, what ended early."""

from types import SimpleNamespace

import pytest

from experiments import surroundings
from experiments.kept import Kept, fingerprint
from experiments.model import DAY, HOUR


def report(log10_e, *, decisive=False, alpha=0.05, **fields):
    return SimpleNamespace(
        path=[SimpleNamespace(log10_e=log10_e)], alpha=alpha, global_=SimpleNamespace(decisive=decisive), **fields
    )


@pytest.mark.parametrize(
    ("log10_e", "level", "share"),
    [(-3, 0, 0), (0, 0, 0), (0.01, 1, 0.008), (0.43, 1, 0.33), (0.44, 2, 0.338), (0.87, 3, 0.669), (1.3, 3, 0.999),
     (1.3011, 4, 1), (40, 4, 1)],
)  # fmt: skip
def test_levels_are_thirds_of_what_is_needed(log10_e, level, share):
    found = surroundings.evidence(report(log10_e))
    assert (found.level, found.reached) == (level, level == 4)
    assert found.share == pytest.approx(share, abs=0.002)


def test_enough_once_is_enough_and_no_path_is_no_evidence():
    assert surroundings.evidence(report(0.2, decisive=True)).level == 4
    assert surroundings.evidence(report(None)) is None
    assert surroundings.evidence(SimpleNamespace(path=[])) is None


def version(**fields):
    return SimpleNamespace(state="running", stopped=None, sealed_at=lambda day: (day + 1) * DAY + 30 * HOUR, **fields)


def test_a_forecast_says_on_which_day_it_can_be_read():
    forecast = SimpleNamespace(periods=(1, 10, None), planned_periods=4)
    found = surroundings.expected(SimpleNamespace(forecast=forecast), version(), 0)
    assert found.verdict == ("1970-01-04", "1970-01-13", None), "day 1 ends on the 3rd, and is sealed on the 4th"
    assert found.planned_size == "1970-01-07"


@pytest.mark.parametrize("state", ["suspended", "stopped", "concluded"])
def test_nothing_is_expected_while_nobody_is_shown_a_message(state):
    forecast = SimpleNamespace(forecast=SimpleNamespace(periods=(1, 2, 3), planned_periods=4))
    other = version()
    other.state = state
    assert surroundings.expected(forecast, other, 0) is None
    assert surroundings.expected(SimpleNamespace(forecast=None), version(), 0) is None


@pytest.mark.parametrize(
    ("stopped", "status", "early"), [(None, "collecting", False), (1, "collecting", True), (1, "winner", False)]
)
def test_ended_early(stopped, status, early):
    found = surroundings.ended_early(SimpleNamespace(status=status), SimpleNamespace(stopped=stopped))
    assert found is early


class TestKept:
    def of(self, days_sealed):
        return SimpleNamespace(
            id=1, tags=("0",), definition_hash="x", phases=(), state="running",
            is_sealed=lambda day, now: now >= days_sealed[day],
        )  # fmt: skip

    def test_a_day_is_read_again_until_an_hour_after_it_was_sealed(self):
        now, asked = [1000.0], []
        kept = Kept(lambda: now[0])

        def read(days):
            asked.append(list(days))
            return {day: {"0.0.0.0.a": len(asked)} for day in days}, {}

        one = self.of({0: 0, 1: 5000})
        for moment in (1000.0, 3599.0, 3600.0, 9000.0):
            now[0] = moment
            kept.counts(one, (0, 1), read)
        assert asked == [[0, 1], [0, 1], [0, 1], [1]], "day 0 settles at 3600, and is not read after that"
        by_day, _ = kept.counts(one, (0, 1), read)
        assert by_day == {0: {"0.0.0.0.a": 3}, 1: {"0.0.0.0.a": 4}}
        assert asked[-1] == []

    def test_the_same_counts_are_made_once(self):
        now, made = [1000.0], []
        kept = Kept(lambda: now[0])

        def make():
            made.append(1)
            return len(made)

        one = self.of({})
        assert kept.made(one, {0: {"a": 1}}, {}, make) == (1, True)
        assert kept.made(one, {0: {"a": 1}}, {}, make) == (1, True)
        assert kept.made(one, {0: {"a": 2}}, {}, make) == (2, True)
        one.state = "suspended"
        assert kept.made(one, {0: {"a": 1}}, {}, make) == (3, True)

    def test_while_open_days_change_it_is_made_once_a_minute(self):
        now, made = [1000.0], []
        kept, one = Kept(lambda: now[0]), self.of({})

        def make():
            made.append(1)
            return len(made)

        assert kept.made(one, {}, {1: {"a": 1}}, make) == (1, True)
        now[0] = 1059.0
        assert kept.made(one, {}, {1: {"a": 2}}, make) == (1, False), "of other open days"
        assert kept.made(one, {}, {1: {"a": 1}}, make) == (1, True)
        now[0] = 1060.0
        assert kept.made(one, {}, {1: {"a": 2}}, make) == (2, True)

    def test_only_the_latest_are_kept(self):
        kept = Kept()
        for number in range(40):
            kept.keep((f"e{number}", None), number)
        assert kept.last(("e0", None)) is None
        assert kept.last(("e39", None)) == 39

    def test_a_fingerprint_tells_days_and_values_apart(self):
        prints = {fingerprint(by) for by in ({0: {"a": 1}}, {1: {"a": 1}}, {0: {"a": 2}}, {0: {"b": 1}}, {})}
        assert len(prints) == 5
        assert fingerprint({0: {"a": 1}}) == fingerprint({0: {"a": 1}})
