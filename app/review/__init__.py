"""The surface of staff: results, as JSON, CSV and a page of the very same report."""

from __future__ import annotations

from flask import Flask

from app.review import alerts, home, pages, results


def register(app: Flask) -> None:
    """Add the routes."""
    for module in (results, home, pages, alerts):
        app.register_blueprint(module.blueprint)
