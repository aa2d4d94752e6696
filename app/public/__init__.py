"""The surface of integrators. Loads no statistics, waits for no store, never leaves a person without a warning."""

from __future__ import annotations

from flask import Flask

from app.access import Limiter
from app.context import Context
from app.public import assignments, bulk, description, events, health, links, metrics, warnings, widget


def register(app: Flask) -> None:
    """Add the routes of the public HTTP API."""
    context: Context = app.extensions["signpost"]
    app.extensions["signpost-limiter"] = Limiter(context.settings.browser_requests)
    metrics.register(app)
    for module in (assignments, events, bulk, links, warnings, widget, health, metrics, description):
        app.register_blueprint(module.blueprint)
