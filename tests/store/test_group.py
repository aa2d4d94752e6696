"""Group commit: whoever waits is served, with its own answers, whoever writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.errors import StoreUnavailable
from experiments.store.group import Group

LONG = 20.0


class Writer:
    """Takes items and answers each with itself, negative; writes down every batch, and may be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.error: BaseException | None = None
        self.busy = threading.Lock()

    def __call__(self, items: list[int]) -> list[int]:
        assert self.busy.acquire(blocking=False), "two write at once"
        try:
            self.batches.append(items)
            self.started.release()
            assert self.gate.wait(LONG)
            if self.error is not None:
                raise self.error
            return [-item for item in items]
        finally:
            self.busy.release()


class Caller(threading.Thread):
    """One call in a thread of its own: its answers or what it raised."""

    def __init__(self, group: Group, items: list[int], seconds: float = LONG) -> None:
        super().__init__(daemon=True)
        self.group, self.items, self.seconds = group, items, seconds
        self.answers: list[int] | None = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.answers = list(self.group.submit(self.items, self.seconds))
        except BaseException as error:  # noqa: BLE001  (a thread's failure is the test's)
            self.error = error

    def done(self) -> Caller:
        self.join(LONG)
        assert not self.is_alive(), "it waits for ever"
        return self


def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def writer() -> Writer:
    return Writer()


@contextmanager
def held_up(writer: Writer, group: Group) -> Iterator[Caller]:
    """A write that is under way and does not end before the block does."""
    writer.gate.clear()
    first = Caller(group, [1])
    assert writer.started.acquire(timeout=LONG)
    yield first
    writer.gate.set()


def queued(group: Group, *calls: list[int], seconds: float = LONG) -> list[Caller]:
    """Calls that wait behind the present write, in this order."""
    found = []
    for items in calls:
        before = len(group._waiting)
        found.append(Caller(group, items, seconds))
        until(lambda n=before: len(group._waiting) > n)
    return found


def test_a_lone_call_writes_itself(writer):
    assert list(Group(writer, most=10).submit([3, 4], LONG)) == [-3, -4]
    assert writer.batches == [[3, 4]]


def test_nothing_is_answered_with_nothing(writer):
    assert list(Group(writer, most=10).submit([], LONG)) == []


def test_what_comes_meanwhile_goes_out_together(writer):
    group = Group(writer, most=100)
    with held_up(writer, group) as first:
        others = queued(group, [2, 3], [4], [5, 6, 7])
    assert [one.done().answers for one in (first, *others)] == [[-1], [-2, -3], [-4], [-5, -6, -7]]
    assert writer.batches == [[1], [2, 3, 4, 5, 6, 7]]


def test_a_batch_has_a_limit_and_order_is_kept(writer):
    group = Group(writer, most=4)
    with held_up(writer, group):
        others = queued(group, [2, 3], [4, 5, 6], [7], [8, 9, 10, 11, 12, 13], [14])
    assert [one.done().answers for one in others][-1] == [-14]
    assert writer.batches == [[1], [2, 3], [4, 5, 6, 7], [8, 9, 10, 11, 12, 13], [14]]


def test_who_waits_too_long_is_told_and_not_written(writer):
    group = Group(writer, most=10)
    with held_up(writer, group) as first:
        late = queued(group, [2], seconds=0.05)[0].done()
        patient = queued(group, [3])[0]
    assert isinstance(late.error, StoreUnavailable)
    assert "in time" in late.error.detail
    assert (first.done().answers, patient.done().answers) == ([-1], [-3])
    assert writer.batches == [[1], [3]]


def test_who_is_being_written_may_give_up_and_costs_the_others_nothing():
    batches: list[list[int]] = []
    gates = [threading.Event(), threading.Event()]

    def write(items: list[int]) -> list[int]:
        batches.append(items)
        if len(batches) <= len(gates):
            assert gates[len(batches) - 1].wait(LONG)
        return [-item for item in items]

    group: Group[int, int] = Group(write, most=10)
    first = Caller(group, [1])
    until(lambda: batches)
    leader = queued(group, [2])[0]
    follower = queued(group, [3], seconds=1.5)[0]
    gates[0].set()
    follower.done()
    gates[1].set()
    assert isinstance(follower.error, StoreUnavailable), "it may be written all the same"
    assert (first.done().answers, leader.done().answers) == ([-1], [-2])
    assert batches == [[1], [2, 3]]
    assert list(group.submit([4], LONG)) == [-4]


def test_a_failure_is_everybodys_and_then_over(writer):
    """Those that wait would meet the same; each gets an error of its own to raise."""
    group = Group(writer, most=10)
    writer.error = StoreUnavailable("it is away")
    with held_up(writer, group) as first:
        others = queued(group, [2], [3])
    errors = [one.done().error for one in (first, *others)]
    assert [getattr(error, "detail", None) for error in errors] == ["it is away"] * 3
    assert len({id(error) for error in errors}) == 3
    assert writer.batches == [[1]], "nobody waits for it a second time"
    writer.error = None
    assert list(group.submit([4], LONG)) == [-4]


def test_an_unforeseen_failure_is_raised_as_it_is(writer):
    group = Group(writer, most=10)
    writer.error = KeyError("a bug")
    with pytest.raises(KeyError):
        group.submit([1], LONG)
    writer.error = None
    assert list(group.submit([2], LONG)) == [-2]


def test_an_interrupted_leader_leaves_nobody_waiting(writer):
    group = Group(writer, most=10)
    writer.error = SystemExit()
    with held_up(writer, group) as first:
        other = queued(group, [2])[0]
    assert isinstance(first.done().error, SystemExit)
    assert isinstance(other.done().error, StoreUnavailable)
    writer.error = None
    assert list(group.submit([3], LONG)) == [-3]


calls = st.lists(st.integers(0, 4), min_size=1, max_size=6)  # how many items in each call of a thread


@settings(max_examples=40)
@given(
    threads=st.lists(calls, min_size=1, max_size=8), most=st.integers(1, 9),
    pauses=st.lists(st.sampled_from([0.0, 0.0003, 0.001]), min_size=1, max_size=20),
)  # fmt: skip
def test_everybody_gets_exactly_its_own_answers(threads, most, pauses):
    written: list[int] = []
    sizes: list[int] = []

    def write(items: list[int]) -> list[int]:
        time.sleep(pauses[len(sizes) % len(pauses)])
        written.extend(items)
        sizes.append(len(items))
        return [item * 7 for item in items]

    group: Group[int, int] = Group(write, most=most)
    ready, answers = threading.Barrier(len(threads)), {}

    def run(seed: int, wanted: list[int]) -> None:
        ready.wait(LONG)
        at = 1_000 * seed
        for size in wanted:
            items = list(range(at, at + size))
            answers[at, size] = list(group.submit(items, LONG)) == [item * 7 for item in items]
            at += 10

    workers = [threading.Thread(target=run, args=(seed, wanted)) for seed, wanted in enumerate(threads)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(LONG)
    sent = [
        1_000 * seed + 10 * n + k
        for seed, mine in enumerate(threads)
        for n, size in enumerate(mine)
        for k in range(size)
    ]
    assert sorted(written) == sorted(sent), "each item once"
    assert all(answers.values())
    assert len(answers) == sum(map(len, threads))
    assert max(sizes, default=0) <= max(most, *(size for mine in threads for size in mine))
    for seed in range(len(threads)):
        mine = [item for item in written if item // 1_000 == seed]
        assert mine == sorted(mine), "in the order in which its caller sent them"


def test_hardly_patient_callers_leave_no_trace():
    """Time-outs that race with everything else: whoever got answers got its own, and the group still works."""

    def write(items: list[int]) -> list[int]:
        time.sleep(0.002)
        return [-item for item in items]

    group: Group[int, int] = Group(write, most=5)
    outcomes: list[bool | None] = []

    def run(seed: int) -> None:
        for n in range(30):
            try:
                outcomes.append(list(group.submit([1_000 * seed + n], 0.001 * (n % 6))) == [-(1_000 * seed + n)])
            except StoreUnavailable:
                outcomes.append(None)

    workers = [threading.Thread(target=run, args=(seed,)) for seed in range(12)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(LONG)
    assert len(outcomes) == 360
    assert set(outcomes) == {True, None}
    assert list(group.submit([5], LONG)) == [-5]
    assert not group._waiting
    assert not group._busy
