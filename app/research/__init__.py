"""The surface of researchers: experiments as resources. Until accounts exist it listens on loopback only."""

from __future__ import annotations

from flask import Flask

from app.research import experiments


def register(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(experiments.blueprint)
