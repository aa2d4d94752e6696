"""What people are told without having looked: what is worth it, and what became of telling them.

An alert says a sentence, never a count: what goes out by e-mail or webhook leaves the house.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from experiments import sentences
from experiments.model import Experiment, Record, Version
from experiments.words import mark

Kind = Literal[
    "verdict-reached", "harm-stop", "traffic-mismatch", "plan-reached", "approval-asked", "store-degraded", "test"
]
KINDS: dict[Kind, str] = {
    "verdict-reached": mark("A verdict is reached"),
    "harm-stop": mark("A message does harm"),
    "traffic-mismatch": mark("The traffic split is broken"),
    "plan-reached": mark("The planned size is reached"),
    "approval-asked": mark("Somebody asks for approval"),
    "store-degraded": mark("The store does not answer"),
    "test": mark("A test"),
}
VERDICTS = frozenset({"winner", "winner-on-clicks", "practically-equal", "no-clear-winner"})
BACK_OFF = (10, 60, 600, 3600)  # seconds after the first, second, … failed try; then it is given up


class Delivery(Record):
    """One way an alert goes. `due` is when to try next (unix seconds), None when it is over."""

    channel: str
    tries: int = 0
    due: int | None
    told: str | None = None
    at: int | None = None
    arrived: bool = False

    def after(self, told: str, now: int, *, arrived: bool) -> Delivery:
        """What it is after one more try."""
        again = None if arrived or self.tries >= len(BACK_OFF) else now + BACK_OFF[self.tries]
        update = {"tries": self.tries + 1, "due": again, "told": told, "at": now, "arrived": arrived}
        return self.model_copy(update=update)


class Alert(Record):
    """`id` is the same for the same news, so that it is told once. `at` in unix seconds."""

    id: str
    kind: Kind
    experiment: str | None = None
    version: int | None = None
    text: str
    at: int
    deliveries: tuple[Delivery, ...] = ()

    def addressed(self, channels: Iterable[str]) -> Alert:
        """The alert on its way to these channels."""
        return self.model_copy(update={"deliveries": tuple(Delivery(channel=name, due=self.at) for name in channels)})

    def due(self, now: int) -> bool:
        """Whether a delivery is to be tried."""
        return any(one.due is not None and one.due <= now for one in self.deliveries)


def of_result(report: dict[str, Any], now: int) -> Iterator[Alert]:
    """What a result is worth telling; takes a result's dict."""

    def alert(kind: Kind, text: str, *news: str) -> Alert:
        number = report["version"]
        name = ":".join((kind, report["experiment"], str(number), *news))
        return Alert(
            id=name, kind=kind, experiment=report["experiment"], version=number, at=now,
            text=f"{report['title']}: {text}",
        )  # fmt: skip

    status, arms = report["status"], report["status_arms"]
    if status in VERDICTS:
        yield alert("verdict-reached", sentences.headline(report), status, *arms)
    if status == "stopped-for-safety":
        yield alert("harm-stop", sentences.headline(report), *arms)
    if report["srm"]["alarm"]:
        yield alert("traffic-mismatch", sentences.HEADLINES["blocked"])
    units = [arm["units"] for arm in report["arms"] if arm["could_be_best"] is not False]
    if report["planned_units"] and units and min(units) >= report["planned_units"]:
        yield alert("plan-reached", "every message that could still be best has reached the planned size.")


def of_life(experiments: Iterable[Experiment], now: int) -> Iterator[Alert]:
    """What waits for a second person: texts that are to be approved, a decision that is to be confirmed."""

    def alert(experiment: Experiment, version: Version, news: str, text: str) -> Alert:
        return Alert(
            id=f"approval-asked:{experiment.key}:{version.number}:{news}", kind="approval-asked",
            experiment=experiment.key, version=version.number, at=now, text=f"{version.definition.title}: {text}",
        )  # fmt: skip

    for experiment in experiments:
        for version in experiment.versions:
            if version.state == "in_review":
                asked = f"{version.submitted_by} asks for approval."
                yield alert(experiment, version, version.definition_hash[:16], asked)
            made = version.decision
            if version.state == "stopped" and made is not None:
                asked = f"{made.proposed_by} has proposed a decision, and asks for a second pair of eyes."
                yield alert(experiment, version, f"decision:{made.proposed_at}", asked)


def of_store(detail: str, since: int) -> Alert:
    """The store has been away for a while, since a time in unix seconds."""
    text = f"The store is in trouble: {detail}. Warnings are served all the same, and what happens waits in the spool."
    return Alert(id=f"store-degraded:{since}", kind="store-degraded", text=text, at=since)


def of_test(who: str, now: int) -> Alert:
    """Sent when somebody wants to see whether alerts arrive."""
    return Alert(
        id=f"test:{now}", kind="test", text=f"This is a test, asked for by {who}. Nothing has happened.", at=now
    )
