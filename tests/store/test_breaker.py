"""The breaker, on a clock that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import StoreUnavailable
from experiments.store.breaker import FIRST_PAUSE, LONGEST_PAUSE, Breaker


class Clock:
    """Monotonic seconds that stand still until they are moved; halves and quarters, so that sums are exact."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> Breaker:
    return Breaker(clock)


def lets_through(breaker: Breaker) -> bool:
    try:
        breaker.require()
    except StoreUnavailable:
        return False
    return True


def test_it_is_closed_at_first_and_lets_everybody_through(breaker):
    assert not breaker.is_open
    assert all(lets_through(breaker) for _ in range(5))


def test_one_failure_opens_it(breaker):
    breaker.failed()
    assert breaker.is_open
    assert not lets_through(breaker)


def test_after_the_pause_one_tries_and_the_others_do_not_wait(breaker, clock):
    breaker.failed()
    clock.now += FIRST_PAUSE / 2
    assert not lets_through(breaker)
    clock.now += FIRST_PAUSE
    assert [lets_through(breaker) for _ in range(4)] == [True, False, False, False]
    assert breaker.is_open, "a trial is no answer yet"


def test_a_trial_that_never_comes_back_is_followed_by_another(breaker, clock):
    breaker.failed()
    clock.now += 2 * FIRST_PAUSE
    assert lets_through(breaker)
    clock.now += 2 * FIRST_PAUSE
    assert lets_through(breaker)


def test_an_answer_closes_it(breaker, clock):
    breaker.failed()
    clock.now += 1
    breaker.require()
    breaker.worked()
    assert not breaker.is_open
    assert all(lets_through(breaker) for _ in range(5))
    breaker.failed()
    clock.now += 1.5 * FIRST_PAUSE
    assert lets_through(breaker), "it starts with the first pause again"


def test_pauses_double_up_to_the_longest(breaker, clock):
    pauses = []
    for _ in range(7):
        breaker.failed()
        start = clock.now
        while not lets_through(breaker):
            clock.now += 1 / 64
        pauses.append(clock.now - start)
    doubled = [min(LONGEST_PAUSE, FIRST_PAUSE * 2**n) for n in range(7)]
    assert all(wanted <= pause <= wanted + 1 / 32 for pause, wanted in zip(pauses, doubled, strict=True))


@given(st.lists(st.sampled_from(["failed", "worked", "wait", "require"]), max_size=60))
def test_whatever_happened_it_asks_again_soon_and_never_more_than_once_at_a_time(events):
    clock = Clock()
    breaker = Breaker(clock)
    for event in events:
        if event == "wait":
            clock.now += 0.125
        elif event == "require":
            lets_through(breaker)
        else:
            getattr(breaker, event)()
    if breaker.is_open:
        clock.now += 2 * LONGEST_PAUSE
        assert [lets_through(breaker) for _ in range(3)] == [True, False, False]
    else:
        assert all(lets_through(breaker) for _ in range(3))
