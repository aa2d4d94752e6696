"""From an assignment to what is sent: as JSON, and as the fields of the script-free page."""

from __future__ import annotations

import dataclasses
from typing import Any

from app.context import Context
from experiments.directory import Offer, offers
from experiments.recording import Assignment, Shown


def as_json(found: Assignment, context: Context) -> dict[str, Any]:
    """The body of `AssignmentReply`."""
    sealer = context.runtime.keyring.sealer
    return {
        "experiment": found.experiment,
        "version": found.version,
        "phase": found.phase,
        "variant": found.variant,
        "in_experiment": found.in_experiment,
        "reason": found.reason,
        "receipt": found.receipt,
        "propensity": found.propensity,
        "session": found.session,
        "token": sealer.seal(found.grant, "unit") if found.grant else None,
        **warning(found, context),
    }


def warning(found: Assignment, context: Context) -> dict[str, Any]:
    """`message` and `help`: what every answer to a request for a warning carries, problems included."""
    go = None
    if found.grant is not None:
        go = f"{context.base_url}/v1/go/{context.runtime.keyring.sealer.seal(found.grant, 'go')}"
    offered = offers(found.resources, found.shown.locale, context.now)
    return {"message": message(found.shown), "help": [_help(offer, go, found.shown.locale) for offer in offered]}


def message(shown: Shown) -> dict[str, Any]:
    return {
        "title": shown.message.title,
        "body": shown.message.body,
        "action": shown.message.action,
        "locale": shown.locale,
        "dir": shown.dir,
        "young_people": shown.young_people,
    }


def _help(offer: Offer, go: str | None, locale: str) -> dict[str, Any]:
    fields = dataclasses.asdict(offer)
    address = fields.pop("address")
    return {**fields, "href": f"{go}/{offer.resource}/{offer.channel}?locale={locale}" if go else address}
