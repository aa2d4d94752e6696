"""Sign-in, people, and the gate, put into the application."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import generate_csrf

from app.access import Limiter
from app.staff import account, administration, cookies, sign_in, single_sign_on
from app.staff.gate import guard

ATTEMPTS = 60  # from one network in ten minutes


def register(app: Flask) -> None:
    """Add the routes, and close the gate."""
    at = app.extensions["signpost"]
    app.secret_key = at.runtime.keyring.derived("forms")
    app.session_interface = cookies.Forms()
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the browser is open: people write long texts
    app.add_template_global(generate_csrf, "csrf_token")
    app.extensions["signpost-attempts"] = Limiter(ATTEMPTS)
    for module in (sign_in, account, administration):
        app.register_blueprint(module.blueprint)
    single_sign_on.register(app)
    guard(app)
