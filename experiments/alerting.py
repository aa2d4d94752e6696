"""Finds what is worth telling, and keeps it until it is told: `look` each minute, `deliver` what is due.

One process at a time looks and sends (a turn in the volatile store); an alert is kept before it is sent, so that a
process that dies in between costs a second message at worst.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from experiments.alerts import Alert, of_life, of_result, of_store
from experiments.errors import StoreUnavailable
from experiments.model import LIVE
from experiments.results import result
from experiments.runtime import Runtime
from experiments.store.alerts import MOST

log = logging.getLogger("signpost")

TURN_SECONDS = 300  # longer than any round of tries; whoever dies in it keeps the others waiting for so long
AWAY_SECONDS = 60  # until an absence of the store is worth an alert
Channel = Callable[[Alert], str]  # sends, and says what came back; raises Undelivered


class Undelivered(Exception):  # noqa: N818  (it says what became of it)
    """A try that did not arrive; the text says why."""


def look(runtime: Runtime, channels: Mapping[str, Any], now: int) -> list[Alert]:
    """Find what is new, keep it, and return it. Raises StoreUnavailable."""
    documents = runtime.store.documents
    experiments = documents.experiments()
    found = [*of_life(experiments, now), *_of_results(runtime, now)]
    return [alert for alert in found if keep(runtime, alert.addressed(channels))]


def keep(runtime: Runtime, alert: Alert) -> bool:
    """Keep an alert unless it is known; tells whether it was new."""
    return runtime.store.alerts.add(alert.id, alert.model_dump_json())


def history(runtime: Runtime) -> list[Alert]:
    """All alerts that are kept, newest first."""
    found = [Alert.model_validate_json(text) for text in runtime.store.alerts.all()]
    return sorted(found, key=lambda alert: (alert.at, alert.id), reverse=True)


def deliver(runtime: Runtime, channels: Mapping[str, Channel], clock: Callable[[], float]) -> int:
    """Try what is due, and note what came of it; returns how many tries were made."""
    tries = 0
    alerts = history(runtime)
    for alert in alerts:
        if alert.due(int(clock())):
            after = tried(alert, channels, clock)
            tries += sum(one.tries for one in after.deliveries) - sum(one.tries for one in alert.deliveries)
            runtime.store.alerts.save(alert.id, after.model_dump_json())
    if len(alerts) > MOST:
        runtime.store.alerts.forget([alert.id for alert in alerts[MOST:]])
    return tries


def tried(alert: Alert, channels: Mapping[str, Channel], clock: Callable[[], float]) -> Alert:
    """The alert after every delivery that is due was tried once."""
    deliveries = []
    for one in alert.deliveries:
        if one.due is None or one.due > clock():
            deliveries.append(one)
            continue
        try:
            told, arrived = channels[one.channel](alert), True
        except Undelivered as error:
            told, arrived = str(error), False
        except KeyError:
            told, arrived = "this channel is not configured any more", False
        deliveries.append(one.after(told, int(clock()), arrived=arrived))
    return alert.model_copy(update={"deliveries": tuple(deliveries)})


def _of_results(runtime: Runtime, now: int) -> list[Alert]:
    """Of each version that takes outcomes, once for each sealed day: reading a result is work."""
    seen = runtime.store.alerts.seen()
    found: list[Alert] = []
    for live in runtime.catalogue.snapshot.by_id.values():
        version, name = live.version, f"{live.experiment}.{live.version.number}"
        sealed = version.last_sealed(now)
        if version.state not in LIVE or version.simulated or sealed is None or sealed <= seen.get(name, -1):
            continue
        report = result(runtime.store, live.experiment, now=now, version=version.number).to_dict()
        found += of_result(report, now)
        runtime.store.alerts.note_seen(name, sealed)
    return found


class Absence:
    """Notices that the store is away. Its alert cannot be kept there, so it is sent from memory and kept later."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._alert: Alert | None = None

    def watch(self, detail: str | None, channels: Mapping[str, Channel], clock: Callable[[], float]) -> Alert | None:
        """Take note of what is wrong now (None: nothing); returns an alert that is to be kept now."""
        now = int(clock())
        if detail is None:
            over, self._alert, self._since = self._alert, None, None
            return over
        self._since = now if self._since is None else self._since
        if self._alert is None and now - self._since >= AWAY_SECONDS:
            self._alert = of_store(detail, self._since).addressed(channels)
        if self._alert is not None and self._alert.due(now):
            self._alert = tried(self._alert, channels, clock)
        return None


def round_(runtime: Runtime, channels: Mapping[str, Channel], absence: Absence, clock: Callable[[], float]) -> None:
    """What the background does again and again, where it is this process's turn."""
    over = absence.watch(runtime.degraded, channels, clock)
    if runtime.degraded is not None:
        return
    if over is not None:
        keep(runtime, over)
    if not runtime.store.volatile.take_alerts(TURN_SECONDS):
        return
    try:
        look(runtime, channels, int(clock()))
        deliver(runtime, channels, clock)
    finally:
        try:
            runtime.store.volatile.end_alerts()
        except StoreUnavailable:
            log.warning("the turn to send alerts ends by itself: the volatile store does not answer")
