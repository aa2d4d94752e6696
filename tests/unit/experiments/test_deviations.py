"""What differs from the locked plan, from phases and log."""

import pytest

from experiments import deviations, lifecycle, phases
from experiments.lifecycle import Actor
from experiments.model import DAY, day_of
from experiments.phases import Adaptation

NOW = 20_781 * DAY + 43_200


class Life:
    """An experiment that runs, with its log."""

    def __init__(self, definition):
        self.log = []
        self.experiment = None
        self.take_in(definition)

    def take_in(self, definition, now=NOW):
        number = len(self.experiment.versions) + 1 if self.experiment else 1
        self.keep(lifecycle.apply(self.experiment, definition, Actor("ann", now), version_id=number))
        for name, who in (("submit", "ann"), ("approve", "bob")):
            self.do(name, who, now)
        self.do("start", "bob", now, key="1.wrapped")

    def do(self, name, who="bob", now=NOW, why=None, **options):
        act = getattr(phases, name, None) or getattr(lifecycle, name)
        self.keep(act(self.experiment, Actor(who, now, why), **options))

    def keep(self, change):
        self.experiment = change.experiment
        self.log.append(change.entry)

    def found(self, number=1, **options):
        found = deviations.of(self.experiment, self.experiment.version(number), self.log, **options)
        return [(d.at - NOW, d.who, d.what, d.why) for d in found]


@pytest.fixture
def life(definition):
    return Life(definition())


@pytest.fixture
def adaptive(definition, document):
    return Life(definition(plan=document()["plan"] | {"allocation": "drop-losers"}))


def test_a_run_as_planned_has_none(life):
    assert life.found() == []
    life.do("stop", now=NOW + DAY)
    assert life.found() == []


def test_a_version_that_has_not_started_has_none(definition):
    life = Life(definition())
    life.keep(lifecycle.apply(life.experiment, definition(title="Two"), Actor("ann", NOW), version_id=2))
    assert life.found(2) == []


def test_what_people_change_while_it_runs(life):
    life.do("set_traffic", now=NOW + 10, traffic=2500, why="too many calls")
    life.do("close_arm", "cid", NOW + 20, variant="law")
    life.do("suspend", now=NOW + 30, why="a wrong number")
    life.do("resume", now=NOW + 40)
    assert life.found() == [
        (10, "bob", "Traffic was changed from 100 % to 25 %.", "too many calls"),
        (20, "cid", "The variant 'law' was closed by hand.", None),
        (30, "bob", "The experiment was suspended: everybody was shown the fallback message.", "a wrong number"),
        (40, "bob", "The experiment was resumed.", None),
    ]


def test_what_the_plan_does_itself_is_none(adaptive):
    wanted = Adaptation(version=1, phase=0, sealed=day_of(NOW), weights=(500, 0, 9500), closed=frozenset({1}))
    adaptive.do("adapt", "signpost tick", NOW + 30 * DAY, wanted=wanted)
    assert adaptive.found() == []


def test_weights_that_people_set_are_one(adaptive):
    adaptive.do("set_weights", now=NOW + DAY, weights=[2000, 6000, 2000])
    assert adaptive.found() == [(DAY, "bob", "The shares were changed to present 20 %, law 60 %, harm 20 %.", None)]


def test_an_early_stop(life):
    life.do("stop", now=NOW + DAY, why="no budget")
    [(at, who, what, why)] = life.found(early=True)
    assert (at, who, why) == (DAY, "bob", "no budget")
    assert what == "It was stopped before its planned size of 1,000 units per variant, and without a verdict."


def test_a_version_that_the_next_one_stopped(life, definition):
    life.take_in(definition(title="Two"), NOW + DAY)
    assert life.found() == [(DAY, "bob", "It was stopped by the start of version 2.", None)]
    assert life.found(2) == []


def test_acts_of_other_versions_are_not_its_own(life, definition):
    life.take_in(definition(title="Two"), NOW + DAY)
    life.do("suspend", now=NOW + 2 * DAY)
    assert [what for _, _, what, _ in life.found()] == ["It was stopped by the start of version 2."]
    assert len(life.found(2)) == 1


def test_a_change_is_found_even_if_the_log_says_nothing(life):
    life.do("set_traffic", now=NOW + 10, traffic=2500)
    life.log.pop()
    assert life.found() == [(10, "unknown", "Traffic was changed from 100 % to 25 %.", None)]


def test_ethics_that_end_while_it_runs(definition):
    life = Life(definition(ethics={"committee": "REC", "reference": "2026/7", "expires": "2026-11-30"}))
    end = (20_781 + 7) * DAY  # 2026-12-01
    assert life.found(now=end - 1) == []
    assert life.found(now=end) == [
        (end - NOW, "nobody", "The ethics approval 2026/7 expired on 2026-11-30 while the experiment ran.", None)
    ]
    life.do("stop", now=NOW + DAY)
    assert life.found(now=end) == []
