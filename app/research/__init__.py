"""The surface of researchers: experiments as resources. Until accounts exist it listens on loopback only."""

from __future__ import annotations

from flask import Flask

from app.research import audit, decide, diff, editor, experiments, files, life, protocol, publication


def register(app: Flask) -> None:
    """Add the routes."""
    for module in (experiments, protocol, audit, editor, life, diff, files, decide, publication):
        app.register_blueprint(module.blueprint)
