"""Pages for staff: one experiment's result. Nothing is computed here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from app.access import require_own_host
from app.review.results import found
from app.staff import ROLES, needs
from experiments import sentences
from experiments.directory import direction

blueprint = Blueprint("pages", __name__)
blueprint.before_request(require_own_host)


@blueprint.get("/experiments/<key>")
@needs(*ROLES)
def experiment(key: str) -> str:
    """The result's page: the same dict that the JSON is."""
    result = found(key).to_dict()
    return render_template(
        "review/results.html", result=result, sentences=sentences, direction=direction, scale=_scale(result),
        channel_rows=_channel_rows(result), primary=result["primary_outcome"],
    )  # fmt: skip


def _channel_rows(result: dict[str, Any]) -> list[tuple[tuple[str, str, str], list[int]]]:
    """The channel counts turned: one row per outcome, channel and tier, one column per variant."""
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for row in result["channels"]:
        at = (row["outcome"], row["channel"] or "", row["tier"] or "")
        found.setdefault(at, {})[row["variant"]] = row["units"]
    return [(at, [units.get(arm["variant"], 0) for arm in result["arms"]]) for at, units in sorted(found.items())]


def _scale(result: dict[str, Any]) -> float:
    """Right end of the axis of rates: the highest upper end, so that all intervals fit."""
    ends: list[float] = [arm["rate_ci"][1] for arm in result["arms"] if arm["rate_ci"]]
    return max([*ends, 1e-9]) * 1.05
