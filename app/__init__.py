"""HTTP and pages. `create_app` is the composition root; a surface is imported only when it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import headers, problems
from app.context import Context
from app.framework import Signpost
from app.settings import Settings
from experiments.directory import load_fallbacks, load_help
from experiments.errors import StoreUnavailable
from experiments.identity import Keyring
from experiments.runtime import Runtime
from experiments.store import Store
from experiments.store.spool import Spool

LARGEST_BODY = 8 * 1024


def create_app(
    settings: Settings,
    *,
    store: Store,
    surfaces: Sequence[str] | None = None,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """Put the application together. Waits for no store: what cannot be read now is read later."""
    app = Signpost("app")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    directory = load_help(settings.help_file)
    chosen = surfaces or settings.surfaces
    runtime = Runtime.make(
        store, Keyring.at(settings.key_file), directory, load_fallbacks(directory, settings.fallback_file),
        Spool(settings.spool, settings.spool_megabytes, store.waits) if "public" in chosen else None,
    )  # fmt: skip
    runtime.shards = settings.shards
    app.extensions["signpost"] = Context(runtime, settings, clock)
    problems.register(app)
    headers.register(app)
    if set(chosen) - {"public"}:
        import_module("app.pages").register(app)
    for name in chosen:
        import_module(f"app.{name}").register(app)
    if set(chosen) - {"public"}:
        import_module("app.staff").register(app)  # last: it closes the gate around all views of staff
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, *[settings.trusted_proxies] * 3)  # type: ignore[method-assign]
    try:
        runtime.refresh(clock())
    except StoreUnavailable:
        known = "the definitions of its last copy" if runtime.catalogue.recall(clock()) else "the fallback only"
        app.logger.warning("the store does not answer yet; starting without it, with %s", known)
    return app
