"""The surface of researchers: experiments as resources. Until accounts exist it listens on loopback only."""

from __future__ import annotations

from flask import Flask

from app.research import audit, decide, diff, experiments, files, life, protocol


def register(app: Flask) -> None:
    """Add the routes."""
    for module in (experiments, protocol, audit, life, diff, files, decide):
        app.register_blueprint(module.blueprint)
