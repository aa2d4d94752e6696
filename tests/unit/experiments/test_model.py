"""Days, seals and documents of experiments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.model import DAY, HOUR, Experiment, Phase, Version, day_of

START = 20_781


@pytest.fixture
def version(definition):
    def make(**fields) -> Version:
        hours = {name: fields.pop(name) for name in ("window_hours", "report_grace_hours") if name in fields}
        fields = {"started": START * DAY + 10, **fields}
        return Version(id=1, number=1, state="running", definition=definition(**hours), definition_hash="", **fields)

    return make


@given(st.integers(0, 2**33))
def test_days_are_counted_in_utc(now):
    assert day_of(now) * DAY <= now < (day_of(now) + 1) * DAY


def test_a_day_is_sealed_after_window_and_grace(version):
    one = version(window_hours=24, report_grace_hours=6)
    assert one.sealed_at(START) == (START + 1) * DAY + 30 * HOUR
    assert not one.is_sealed(START, one.sealed_at(START) - 1)
    assert one.is_sealed(START, one.sealed_at(START))


@given(st.integers(1, 72), st.integers(2, 48), st.integers(0, 12 * DAY))
def test_open_days_are_those_not_sealed_since_the_start(version, window, grace, later):
    one = version(window_hours=window, report_grace_hours=grace)
    now = START * DAY + 10 + later
    expected = [day for day in range(day_of(now), START - 1, -1) if not one.is_sealed(day, now)]
    assert list(one.open_days(now)) == expected
    assert len(expected) <= 6


def test_days_run_from_the_start_to_the_stop(version):
    assert version().days((START + 2) * DAY) == (START, START + 1, START + 2)
    assert version(stopped=(START + 1) * DAY).days((START + 9) * DAY) == (START, START + 1)
    assert version(started=None).days(START * DAY) == ()


def test_the_last_sealed_day_is_one_of_the_version(version):
    one = version(window_hours=24, report_grace_hours=6)
    assert one.last_sealed(one.sealed_at(START) - 1) is None
    assert one.last_sealed(one.sealed_at(START)) == START
    assert one.last_sealed(one.sealed_at(START + 7)) == START + 7
    assert version(stopped=(START + 1) * DAY).last_sealed((START + 90) * DAY) == START + 1
    assert version(started=None).last_sealed((START + 90) * DAY) is None


def test_outcomes_come_in_the_plans_order(version):
    assert [name for name, _ in version().outcomes] == ["primary", "contact", "repeat_trigger"]


def test_an_experiment_survives_being_stored(version):
    one = version(phases=(Phase(number=0, started=1, weights=(1, 9999), traffic=3, closed=frozenset({1})),), key="k")
    experiment = Experiment(key="four-lines", revision=3, versions=(one,))
    text = experiment.model_dump_json(by_alias=True)
    assert '"schema":1' in text
    assert Experiment.model_validate_json(text) == experiment


def test_what_a_newer_release_wrote_is_not_silently_dropped(version):
    text = Experiment(key="four-lines", versions=(version(),)).model_dump_json(by_alias=True)
    with pytest.raises(ValueError, match="Extra inputs"):
        Experiment.model_validate_json(text.replace('"revision"', '"surprise":1,"revision"'))
