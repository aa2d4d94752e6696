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
    """Ready while definitions are known: without the store the same variants are served, uncounted."""
    runtime = context().runtime
    if not runtime.catalogue.is_loaded:
        told = {"status": "unavailable", "detail": "no definition is known yet; only the fallback is served"}
        response = reply(told, 503)
        response.headers["Retry-After"] = RETRY_AFTER[503]
        return response
    if runtime.degraded:
        return reply({"status": "degraded", "detail": runtime.degraded})
    return reply({"status": "ok"})
