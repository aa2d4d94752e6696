"""The surface of staff: results, as JSON, CSV and a page of the very same report."""

from __future__ import annotations

from flask import Flask

from app.review import pages, results


def register(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(results.blueprint)
    app.register_blueprint(pages.blueprint)
