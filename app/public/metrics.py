"""Prometheus: how much, and how often in trouble.

Never a label that names an experiment, a variant, an outcome or a channel.
"""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from app.context import context
from app.contract import contract

REGISTRY = CollectorRegistry()
REQUESTS = Counter("signpost_requests", "Requests by route and status", ["route", "status"], registry=REGISTRY)
RECEIPTS = Counter("signpost_receipts", "What became of writes, by act", ["act", "receipt"], registry=REGISTRY)
DEGRADED = Gauge("signpost_degraded", "1 while the store does not answer", registry=REGISTRY)
FULLEST_PAGE = Gauge("signpost_fullest_page_rows", "Most rows seen in a page; alarm at 384", registry=REGISTRY)
DAY_KEY_RESETS = Gauge("signpost_day_key_resets", "Day keys lost in the middle of their day", registry=REGISTRY)

blueprint = Blueprint("metrics", __name__)


@cache
def _receipts(act: str, receipt: str) -> Counter:
    return RECEIPTS.labels(act, receipt)


@cache
def _requests(route: str, status: int) -> Counter:
    return REQUESTS.labels(route, str(status))


def count_receipt(act: str, receipt: str, number: int = 1) -> None:
    _receipts(act, receipt).inc(number)


def register(app: Flask) -> None:
    """Count every request by its route's pattern."""

    @app.after_request
    def _count(response: Response) -> Response:
        rule = request.url_rule
        _requests(rule.rule if rule else "unknown", response.status_code).inc()
        return response


@blueprint.get("/metrics")
@contract("Figures for Prometheus", gives={200: "text/plain"})
def metrics() -> Response:
    runtime = context().runtime
    DEGRADED.set(1 if runtime.degraded else 0)
    FULLEST_PAGE.set(runtime.fullest_page)
    DAY_KEY_RESETS.set(runtime.day_keys.resets)
    return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
