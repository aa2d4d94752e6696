"""GET /healthz and /readyz: whether the process lives, whether it can serve."""

from __future__ import annotations

from flask import Blueprint, Response

from app.context import context
from app.contract import contract, reply
from app.problems import RETRY_AFTER
from app.public.bodies import Health

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@contract("Does the process live?", gives={200: Health})
def healthz() -> Response:
    return reply({"status": "ok"})


@blueprint.get("/readyz")
@contract("Can it serve? `degraded` while the store is away", gives={200: Health, 503: Health})
def readyz() -> Response:
    """Ready while a definition is known and an event has somewhere to go: nobody waits for the ledger."""
    runtime = context().runtime
    missing = None
    if not runtime.catalogue.is_loaded:
        missing = "no definition is known yet; only the fallback is served"
    elif not runtime.takes_events:
        missing = "neither the ledger nor the spool takes events; warnings are served, nothing is counted"
    if missing is not None:
        told = {"status": "unavailable", "detail": missing}
        response = reply(told, 503)
        response.headers["Retry-After"] = RETRY_AFTER[503]
        return response
    if runtime.degraded:
        return reply({"status": "degraded", "detail": runtime.degraded})
    return reply({"status": "ok"})
