"""What the server loads: `build` makes the application from the environment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Flask

from app import create_app
from app.settings import Settings
from experiments.errors import StoreUnavailable, UnsafeStore
from experiments.runtime import Runtime
from experiments.store import Store

log = logging.getLogger("signpost")

STAFF = {"research", "review"}  # never in a process that integrators reach alone
LOOK_SECONDS = 60


def build() -> Flask:
    """Make the application and start its background refresh. Refuses an unsafe store, waits for none."""
    settings = Settings.read()
    store = Store.open(settings.ledger_url, settings.volatile_url, budget=settings.store_budget)
    try:
        store.condition().require(settings.durability)
    except StoreUnavailable:
        log.warning("the store does not answer yet; its settings are checked as soon as it does")
    app = create_app(settings, store=store)
    runtime = app.extensions["signpost"].runtime
    clock = app.extensions["signpost"].clock
    keep_fresh(runtime, clock, settings)
    if settings.tick and set(settings.surfaces) & STAFF:
        keep_ticking(runtime, clock, settings)
    return app


def keep_fresh(runtime: Runtime, clock: Callable[[], float], settings: Settings) -> threading.Event:
    """Refresh in the background until the returned event is set."""
    done = threading.Event()

    def loop() -> None:
        was_away = runtime.degraded is not None
        while not done.wait(settings.refresh):
            try:
                runtime.refresh(clock())
                if was_away:
                    runtime.store.condition().require(settings.durability)
                was_away = False
            except StoreUnavailable:
                was_away = True
            except UnsafeStore as error:
                runtime.degraded = error.detail
            except Exception as error:  # noqa: BLE001  (the loop must outlive any single failure)
                log.error("refresh failed: %s", type(error).__name__)  # noqa: TRY400  (texts may quote data)

    threading.Thread(target=loop, name="signpost-refresh", daemon=True).start()
    return done


def keep_ticking(runtime: Runtime, clock: Callable[[], float], settings: Settings) -> threading.Event:
    """Close variants that are ruled out, a while after each sealed day, until the returned event is set.

    Every worker looks, and one of them has the turn. A failure is logged, and tried again ten minutes later.
    """
    from experiments import tick  # noqa: PLC0415  (loads the statistics, which integrators' processes do without)

    done = threading.Event()

    def loop() -> None:
        seconds = settings.refresh  # at first: something may be overdue
        while not done.wait(seconds):
            seconds = LOOK_SECONDS
            if runtime.degraded is not None:
                continue
            try:
                for turn in tick.due(runtime, clock()):
                    _take(runtime, turn, clock())
            except Exception as error:  # noqa: BLE001  (the loop must outlive any single failure)
                log.error("tick failed: %s", type(error).__name__)  # noqa: TRY400  (texts may quote data)

    def _take(runtime: Runtime, turn: tick.Turn, now: float) -> None:
        """One experiment's failure keeps no other one waiting."""
        try:
            found = tick.take(runtime, turn, now)
        except Exception as error:  # noqa: BLE001
            log.error("tick of %s failed: %s", turn.experiment, type(error).__name__)  # noqa: TRY400
            return
        log.info("tick of %s: %s", turn.experiment, found.code)

    threading.Thread(target=loop, name="signpost-tick", daemon=True).start()
    return done
