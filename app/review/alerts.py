"""/alerts: what was told to whom, and whether it arrived."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.access import require_own_host
from app.alerts import channels
from app.context import context
from app.staff import needs, person, sees
from experiments import alerting
from experiments.alerts import KINDS, of_test

blueprint = Blueprint("alerts", __name__)
blueprint.before_request(require_own_host)


@blueprint.get("/alerts")
@needs("approver", "administrator")
def alerts() -> str:
    at = context()
    told = [alert for alert in alerting.history(at.runtime) if alert.experiment is None or sees(alert.experiment)]
    ways = list(channels(at.settings))
    return render_template("alerts/alerts.html", alerts=told, channels=ways, kinds=KINDS)


@blueprint.post("/alerts/test")
@needs("administrator")
def test() -> Response:
    at = context()
    alerting.keep(at.runtime, of_test(person().name, at.now).addressed(channels(at.settings)))
    return redirect(url_for("alerts.alerts"), 303)
