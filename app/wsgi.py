"""What the server loads: `build` makes the application from the environment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Flask

from app import create_app
from app.settings import Settings
from experiments import replaying, retention, waiting
from experiments.errors import StoreUnavailable, UnsafeStore
from experiments.runtime import Runtime
from experiments.store import Store
from experiments.store.spool import Spool
from experiments.store.waits import PLAINLY, Waits

log = logging.getLogger("signpost")

STAFF = {"research", "review"}  # never in a process that integrators reach alone
LOOK_SECONDS = 60
ALERT_SECONDS = 10
REPLAY_SECONDS = 1


def build(waits: Waits = PLAINLY) -> Flask:
    """Make the application and start its background refresh. Refuses an unsafe store, waits for none."""
    logging.basicConfig(format="[%(levelname)s] %(message)s")
    log.setLevel(logging.INFO)
    settings = Settings.read()
    store = Store.open(
        settings.ledger_url, settings.volatile_url, budget=settings.store_budget, durability=settings.durability,
        waits=waits,
    )  # fmt: skip
    try:
        check(store)
    except StoreUnavailable:
        log.warning("the store does not answer yet; its settings are checked as soon as it does")
    app = create_app(settings, store=store)
    runtime = app.extensions["signpost"].runtime
    clock = app.extensions["signpost"].clock
    keep_fresh(runtime, clock, settings)
    if runtime.spool is not None:
        keep_replaying(runtime, runtime.spool, clock)
    if settings.tick and set(settings.surfaces) & STAFF:
        keep_ticking(runtime, clock, settings)
        keep_retaining(runtime, clock, settings)
        keep_alerting(runtime, clock, settings)
    if set(settings.surfaces) & STAFF:
        threading.Thread(target=warm_charts, name="signpost-charts", daemon=True).start()
    return app


def warm_charts() -> None:
    """Load what draws pictures before somebody waits for one."""
    from app import charts  # noqa: PLC0415  (integrators' processes draw nothing)

    try:
        charts.warm()
    except Exception:
        log.exception("pictures cannot be drawn")


def check(store: Store) -> None:
    """Tell the log what may be lost. Raises UnsafeStore if that is more than is wanted."""
    condition = store.condition()
    condition.require()
    log.info("ledger: %s, durability %s. %s", condition.server, condition.durability, condition.may_be_lost)


def keep_fresh(runtime: Runtime, clock: Callable[[], float], settings: Settings) -> threading.Event:
    """Refresh in the background until the returned event is set."""
    done = threading.Event()

    def loop() -> None:
        was_away = runtime.degraded is not None
        while not done.wait(settings.refresh):
            try:
                runtime.refresh(clock())
                if was_away:
                    check(runtime.store)
                was_away = False
            except StoreUnavailable:
                was_away = True
            except UnsafeStore as error:
                runtime.trouble = error.detail
            except Exception as error:  # noqa: BLE001  (the loop must outlive any single failure)
                log.error("refresh failed: %s", type(error).__name__)  # noqa: TRY400  (texts may quote data)

    threading.Thread(target=loop, name="signpost-refresh", daemon=True).start()
    return done


def keep_replaying(runtime: Runtime, spool: Spool, clock: Callable[[], float]) -> threading.Event:
    """Write what the spool holds to the ledger as soon as it answers, until the returned event is set."""
    done = threading.Event()

    def loop() -> None:
        spool.check()
        while not done.wait(REPLAY_SECONDS):
            try:
                if spool.trouble is not None:
                    spool.check()
                if number := replaying.replay(runtime, clock):
                    log.info("%d events of the spool were written to the ledger", number)
                if runtime.trouble is None:
                    waiting.tell(runtime, clock())
            except StoreUnavailable as error:
                log.error("the spool could not be replayed: %s", error.detail)  # noqa: TRY400
            except Exception as error:  # noqa: BLE001  (the loop must outlive any single failure)
                log.error("the spool could not be replayed: %s", type(error).__name__)  # noqa: TRY400

    threading.Thread(target=loop, name="signpost-replay", daemon=True).start()
    return done


def keep_ticking(runtime: Runtime, clock: Callable[[], float], settings: Settings) -> threading.Event:
    """Close variants that are ruled out, a while after each sealed day, until the returned event is set.

    Every worker looks, and one of them has the turn. A failure is logged, and tried again ten minutes later.
    """
    from experiments import tick  # noqa: PLC0415  (loads the statistics, which integrators' processes do without)

    def look() -> None:
        if runtime.degraded is not None:
            return
        for turn in tick.due(runtime, clock()):
            _take(turn, clock())

    def _take(turn: tick.Turn, now: float) -> None:
        """One experiment's failure keeps no other one waiting."""
        try:
            found = tick.take(runtime, turn, now)
        except Exception as error:  # noqa: BLE001
            log.error("tick of %s failed: %s", turn.experiment, type(error).__name__)  # noqa: TRY400
            return
        log.info("tick of %s: %s", turn.experiment, found.code)

    return _again_and_again("tick", look, settings)


def keep_retaining(runtime: Runtime, clock: Callable[[], float], settings: Settings) -> threading.Event:
    """Delete what is to be deleted, until the returned event is set: see `experiments.retention`.

    A thread of its own, because large files take minutes. Every worker looks, and one of them has the turn.
    """
    return _again_and_again("retention", lambda: retention.look(runtime, clock()), settings)


def keep_alerting(runtime: Runtime, clock: Callable[[], float], settings: Settings) -> threading.Event:
    """Tell people what they would want to know at once, until the returned event is set."""
    from app.alerts import channels  # noqa: PLC0415  (and the statistics, which integrators' processes do without)
    from experiments import alerting  # noqa: PLC0415

    ways, absence = channels(settings), alerting.Absence()
    return _again_and_again("alerts", lambda: alerting.round_(runtime, ways, absence, clock), settings, ALERT_SECONDS)


def _again_and_again(
    name: str, look: Callable[[], object], settings: Settings, every: float | None = None
) -> threading.Event:
    """Look soon, because something may be overdue, and then again and again."""
    done = threading.Event()

    def loop() -> None:
        seconds = settings.refresh
        while not done.wait(seconds):
            seconds = LOOK_SECONDS if every is None else every
            try:
                look()
            except Exception as error:  # noqa: BLE001  (the loop must outlive any single failure)
                log.error("%s failed: %s", name, type(error).__name__)  # noqa: TRY400  (texts may quote data)

    threading.Thread(target=loop, name=f"signpost-{name}", daemon=True).start()
    return done
