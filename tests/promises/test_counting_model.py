"""Whatever happens in whatever order, the counters say what a small model in plain Python says.

The model keeps one record per unit and counts by looking at all of them. It knows the rules of counting
and none of the store's layout; who gets which variant it asks the assignment rule, which has vectors.
Now and then the ledger is out of reach: what happens then waits in the spool, and counts as if nothing had been.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from experiments import phases, replaying
from experiments.assignment import choose
from experiments.errors import OutcomeRefused, StoreUnavailable, TokenError
from experiments.store.connection import connect
from experiments.store.ledger import Ledger
from experiments.store.spool import Spool

DAY, HOUR = 86_400, 3_600
START = 20_781 * DAY + 21 * HOUR
WINDOW, GRACE, PAUSE, STEP, TOKEN = 2 * HOUR, 2 * HOUR, 60, 10, HOUR
VARIANTS = ("present", "law", "harm")
PLAN = {  # outcomes of the plan: what makes them true, as (outcome, channel, tier)
    "d0": lambda o, c, t: o == "help_sought",
    "d1": lambda o, c, t: o == "help_sought" and c in ("call", "email") and t == "attested",
    "d2": lambda o, c, t: o == "repeat_trigger",
    "d3": lambda o, c, t: o == "left" and t == "reported",
}  # fmt: skip
BITS = {
    ("help_sought", "call", "reported"): "o0", ("help_sought", "call", "attested"): "o1",
    ("help_sought", "email", "attested"): "o3", ("help_sought", "chat", "reported"): "o6",
    ("left", None, "reported"): "o12", ("left", None, "attested"): "o13", ("repeat_trigger", None, "any"): "o16",
}  # fmt: skip
REPEAT = ("repeat_trigger", None, "any")


@dataclass
class Unit:
    """A session on one day."""

    day: int
    variant: int
    phase: int
    locale: str
    since: int  # when it was first shown the message, or last assigned; in steps of ten seconds
    shown: int = 0
    told: bool = False
    done: set = field(default_factory=set)

    def at(self, now: int) -> int:
        return now - (now - self.day * DAY) % STEP

    def first_showing(self, now: int) -> None:
        self.shown, self.since = 1, self.at(now)

    def back_after(self, now: int, seconds: int) -> bool:
        return now >= self.since + STEP - 1 + seconds

    def first_told(self) -> str:
        """The partner's server says that it was shown: its receipt speaks of its own reports only."""
        told, self.told = self.told, True
        return "already" if told else "recorded"

    def shown_again(self, now: int) -> None:
        if self.shown < 3 and self.back_after(now, self.shown * PAUSE):
            self.shown += 1


class Model:
    """All units, and what is counted of them."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.units: dict[tuple[str, int], Unit] = {}
        self.phase, self.weights, self.traffic, self.closed = 0, (5000, 3000, 2000), 10_000, frozenset()
        self.apart: Counter = Counter()

    def sealed(self, day: int, now: int) -> bool:
        return now >= (day + 1) * DAY + WINDOW + GRACE

    def of(self, session: str, now: int):
        """The session's units of days that are not sealed, newest first."""
        days = sorted({day for name, day in self.units if name == session}, reverse=True)
        return [self.units[session, day] for day in days if not self.sealed(day, now)]

    def assign(self, session: str, now: int, locale: str, *, shown: bool) -> tuple[Unit | None, str]:
        today = now // DAY
        for unit in self.of(session, now):
            if unit.day == today or now <= unit.since + (WINDOW if unit.shown else TOKEN):
                return unit, self._back(unit, now, shown=shown)
        choice = choose(self.key, session.encode(), self.weights, self.traffic, self.closed)
        if choice.variant is None:
            return None, "out-of-traffic"
        unit = self.units[session, today] = Unit(today, choice.variant, self.phase, locale, 0)
        unit.since = unit.at(now)
        if shown:
            unit.first_showing(now)
            unit.told = True
        return unit, "recorded"

    def _back(self, unit: Unit, now: int, *, shown: bool) -> str:
        is_closed = unit.variant in self.closed
        if not unit.shown:
            unit.since = unit.at(now)
            if shown and not is_closed:
                unit.first_showing(now)
        elif now <= unit.since + WINDOW + STEP:
            if unit.back_after(now, PAUSE):
                unit.done.add(REPEAT)
            if shown and not is_closed:
                unit.shown_again(now)
        if is_closed:
            return "arm-closed"
        return unit.first_told() if shown else "already"

    def expose(self, unit: Unit, issued: int, now: int) -> str:
        if now - issued > TOKEN:
            return "token-expired"
        if self.sealed(unit.day, now):
            self.apart["late.exposed"] += 1
            return "late"
        if unit.shown:
            unit.shown_again(issued)
        else:
            unit.first_showing(now)
        return unit.first_told()

    def outcome_by_token(self, unit: Unit, issued: int, what: tuple, now: int) -> str:
        if self.sealed(unit.day, now):
            self.apart[f"late.{what[0]}"] += 1
            return "late"
        if now > (unit.since if unit.shown else issued) + WINDOW + STEP:
            return "window-closed"
        if not unit.shown:
            unit.first_showing(issued)
            unit.told = what[2] == "attested"
        return self._record(unit, what)

    def outcome_by_session(self, session: str, what: tuple, now: int) -> str:
        for unit in self.of(session, now):
            if unit.shown:
                return "window-closed" if now > unit.since + WINDOW + STEP else self._record(unit, what)
        return "no-exposure"

    def _record(self, unit: Unit, what: tuple) -> str:
        receipt = "already" if what in unit.done else "recorded"
        unit.done.add(what)
        return receipt

    def change(self, **fields) -> None:
        self.phase += 1
        for name, value in fields.items():
            setattr(self, name, value)

    def counts(self) -> dict[int, Counter]:
        """Count fields by day."""
        found: dict[int, Counter] = {}
        for unit in self.units.values():
            cell = f"{unit.phase}.{unit.variant}.0.0."
            names = [f"{cell}a", f"l.{unit.variant}.{unit.locale}"]
            names += [f"n.{unit.variant}.{time}" for time in range(1, unit.shown + 1)]
            names += [f"{cell}e"] * bool(unit.shown)
            names += [cell + BITS[what] for what in unit.done]
            names += [cell + name for name, is_true in PLAN.items() if any(is_true(*what) for what in unit.done)]
            found.setdefault(unit.day, Counter()).update(names)
        return found


class Machine(RuleBasedStateMachine):
    """Drives the service and the model side by side."""

    sessions = st.sampled_from([f"session {number}" for number in range(5)])
    outcomes = st.sampled_from(sorted(set(BITS) - {REPEAT}, key=str))

    def __init__(self, world, definition, spool: Spool) -> None:
        super().__init__()
        self.world = world
        self.spool = world.runtime.spool = spool
        nowhere = connect("unix:///nowhere", timeout=1)
        self.out_of_reach = replace(world.store, ledger=Ledger(nowhere, nowhere, budget=1))
        self.is_out = False
        self.now = START
        self.live = world.run(definition, START, tags=("0", "1"))
        self.model = Model(self.live.key)
        self.tokens: list[tuple] = []
        self.weights_changed = 0
        self.repeat = lambda: None  # the last thing that somebody sent

    # what people do

    @rule(session=sessions, shown=st.booleans(), locale=st.sampled_from(["en", "de"]))
    def assign(self, session, shown, locale):
        def act():
            told = self.world.assign(session, self.now, shown=shown, locale=locale)
            unit, receipt = self.model.assign(session, self.now, locale, shown=shown)
            if self.is_out:
                assert told.receipt == "spooled"
                self.keep_token(told, unit)
                return
            assert (told.receipt if told.in_experiment else told.reason) == receipt
            if told.in_experiment:
                assert told.variant == VARIANTS[unit.variant]
                assert (told.phase, told.grant.day) == (unit.phase, unit.day)
                self.tokens.append((told, unit, self.now))

        self.send(act)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def expose(self, data):
        told, unit, issued = self.token(data)
        self.send_both(lambda: self.world.expose(told, self.now), lambda: self.model.expose(unit, issued, self.now))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), what=outcomes)
    def outcome_by_token(self, data, what):
        told, unit, issued = self.token(data)
        self.send_both(
            lambda: self.report(told, what), lambda: self.model.outcome_by_token(unit, issued, what, self.now)
        )

    @rule(session=sessions, what=outcomes)
    def outcome_by_session(self, session, what):
        self.send_both(
            lambda: self.report(session, what), lambda: self.model.outcome_by_session(session, what, self.now)
        )

    @rule(times=st.integers(1, 3))
    def the_same_again(self, times):
        before = self.counted_once()
        for _ in range(times):
            self.repeat()
        assert self.counted_once() == before

    # what happens

    @rule(seconds=st.sampled_from([1, 7, 51, 60, 69, 130, 15 * 60, HOUR, HOUR + 1, WINDOW + 11, 5 * HOUR]))
    def time_passes(self, seconds):
        if self.is_out and self.seals_a_day(self.now + seconds):
            self.outage_ends()  # what is sealed meanwhile is late: this model does without
        self.now += seconds
        self.repeat = lambda: None
        self.refresh()

    @rule(seconds=st.integers(-3, 3))
    def midnight(self, seconds):
        self.time_passes(max(1, DAY - self.now % DAY + seconds))

    @initialize(is_out=st.booleans())
    def begin(self, is_out):
        if is_out:
            self.outage_begins()

    @precondition(lambda self: not self.is_out)
    @rule()
    def outage_begins(self):
        self.is_out, self.world.runtime.store = True, self.out_of_reach

    @precondition(lambda self: self.is_out)
    @rule()
    def outage_ends(self):
        self.is_out, self.world.runtime.store = False, self.world.store
        self.refresh()
        replaying.replay(self.world.runtime, lambda: self.now)
        assert self.spool.waiting() == {}

    def teardown(self):
        if self.is_out:
            self.outage_ends()
        self.counters_equal_the_model()
        self.spool.close()

    # what researchers do

    @precondition(lambda self: len(self.model.closed) < 2)
    @rule(data=st.data())
    def close_an_arm(self, data):
        arm = data.draw(st.sampled_from([n for n in (1, 2) if n not in self.model.closed]))
        self.change(phases.close_arm, VARIANTS[arm])
        self.model.change(closed=self.model.closed | {arm})

    @rule(traffic=st.sampled_from([0, 3000, 7000, 10_000]))
    def change_traffic(self, traffic):
        self.change(phases.set_traffic, traffic)
        self.model.change(traffic=traffic)

    @precondition(lambda self: self.now - self.weights_changed >= DAY)
    @rule(weights=st.sampled_from([(5000, 3000, 2000), (1000, 1000, 8000), (9000, 1000, 0)]))
    def change_weights(self, weights):
        self.change(phases.set_weights, list(weights))
        if weights != self.model.weights:
            self.weights_changed = self.now
        self.model.change(weights=weights)

    @precondition(lambda self: not self.is_out)
    @invariant()
    def counters_equal_the_model(self):
        days = self.live.version.days(self.now)
        by_day, apart = self.world.store.ledger.counts(self.live.tags, days)
        assert {day: fields for day, fields in by_day.items() if fields} == self.model.counts()
        assert apart == self.model.apart

    def counted_once(self) -> dict:
        """All counters but the third showings: of the second one no time is kept, so a retry of it may be one."""
        by_day, _ = self.world.store.ledger.counts(self.live.tags, self.live.version.days(self.now))
        return {
            (day, name): n
            for day, fields in by_day.items()
            for name, n in fields.items()
            if not (name.startswith("n.") and name.endswith(".3"))
        }

    def token(self, data) -> tuple:
        """One of the last tokens, by its position: what it holds is too long to be printed."""
        return self.tokens[-1 - data.draw(st.integers(0, min(7, len(self.tokens) - 1)))]

    def keep_token(self, told, unit: Unit | None) -> None:
        """Of an outage: a token that knows nothing of its unit's older row is another matter (`crossed`)."""
        known = unit is not None and (VARIANTS[unit.variant], unit.day)
        if told.in_experiment and (told.variant, told.grant.day) == known:
            self.tokens.append((told, unit, self.now))

    def seals_a_day(self, later: int) -> bool:
        days = range(self.now // DAY - 2, later // DAY + 1)
        return any(self.model.sealed(day, later) and not self.model.sealed(day, self.now) for day in days)

    def refresh(self) -> None:
        with suppress(*[StoreUnavailable] * self.is_out):
            self.world.runtime.refresh(self.now)

    def send(self, act):
        act()
        self.repeat = act

    def send_both(self, act, wanted):
        def compared():
            expected = wanted()
            if self.is_out and expected not in ("late", "token-expired"):
                expected = "spooled"
            assert self.receipt(act) == expected

        self.send(compared)

    def change(self, act, *args):
        self.repeat = lambda: None
        with suppress(*[StoreUnavailable] * self.is_out):
            self.world.change(act, *args, now=self.now)

    def report(self, source, what):
        outcome, channel, tier = what
        return self.world.outcome(source, self.now, outcome=outcome, channel=channel, tier=tier)

    def receipt(self, act) -> str:
        try:
            return act()
        except (OutcomeRefused, TokenError) as error:
            return error.code


@pytest.fixture
def adaptive(definition, document):
    outcomes = document()["outcomes"] | {"guardrails": [
        {"outcome": "repeat_trigger", "better": "lower"},
        {"outcome": "left", "tiers": ["reported"], "better": "higher"},
    ]}  # fmt: skip
    plan = document()["plan"] | {"allocation": "drop-losers"}
    return definition(outcomes=outcomes, plan=plan, window_hours=2, report_grace_hours=2)


@pytest.fixture
def fresh(store, ledger, make_world, adaptive, tmp_path):
    """A factory of machines that begin with empty stores and an empty spool."""
    number = iter(range(10_000))

    def make() -> Machine:
        ledger.clients[0].flushall()
        store.volatile.client.flushall()
        return Machine(make_world(store), adaptive, Spool(tmp_path / str(next(number)), 16))

    return make


def test_counters_equal_the_model(fresh):
    run_state_machine_as_test(fresh, settings=settings(max_examples=25, stateful_step_count=40))


@pytest.mark.slow
def test_counters_equal_the_model_for_long(fresh):
    run_state_machine_as_test(fresh, settings=settings(max_examples=500, stateful_step_count=70))
