"""POST /v1/exposures and /v1/outcomes. Partners' servers get exact receipts, browsers learn nothing."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response
from pydantic import BaseModel

from app import access
from app.context import Context, context
from app.contract import contract, reply
from app.problems import problem
from app.public.bodies import EmptyReply, ExposureRequest, OutcomeRequest, ReceiptReply
from app.public.metrics import count_receipt
from experiments.access import ApiKey
from experiments.errors import AccessError, InvalidInput, OutcomeRefused, StoreUnavailable, TokenError
from experiments.outcomes import Event, Receipt, expose, outcome_by_session, outcome_by_token

blueprint = Blueprint("events", __name__)

STATUS = {"recorded": 201, "already": 200, "spooled": 202, "uncounted": 202}
BODY = (
    "malformed-json", "body-too-large", "unknown-field", "missing-field", "wrong-type", "invalid-value",
    "duplicate-key",
)  # fmt: skip
TOKEN = ("key-unknown", "key-revoked", "token-invalid", "token-foreign", "token-expired", "late", "crossed")
GIVES: dict[int, type[BaseModel] | str] = {201: ReceiptReply, 200: ReceiptReply, 202: EmptyReply}


@blueprint.post("/v1/exposures")
@contract(
    "Report that the message was shown",
    takes=ExposureRequest, gives=GIVES, problems=(*BODY, *TOKEN, "store-unavailable"),
    voice="anyone with a token; a server key gets an exact receipt",
)  # fmt: skip
def exposures(body: ExposureRequest) -> Response:
    at = context()
    key = access.server_key(at.runtime, at.now)
    partner = key.partner_number if key else None
    return _answer("expose", key, lambda: expose(at.runtime, body.token, partner, at.now))


@blueprint.post("/v1/outcomes")
@contract(
    "Report what happened after the message was shown",
    takes=OutcomeRequest, gives=GIVES,
    problems=(
        *BODY, *TOKEN, "session-length", "unknown-channel", "unknown-outcome", "channels-not-allowed",
        "outcome-needs-session", "unknown-experiment", "key-missing", "scope-missing", "no-exposure",
        "window-closed", "store-unavailable",
    ),
    voice="anyone with a token; a server key gets an exact receipt and may report by session",
)  # fmt: skip
def outcomes(body: OutcomeRequest) -> Response:
    at = context()
    key = access.server_key(at.runtime, at.now)
    if key is None and body.occurred_at is not None:
        raise InvalidInput("only a server key may say when it happened", pointer="/occurred_at")
    event = Event(body.outcome, body.channel, "attested" if key else "reported", body.at(at.now))
    event.bit()  # a wrong channel is told to everybody; it says nothing about anybody
    if body.token is not None:
        token, partner = body.token, key.partner_number if key else None
        return _answer("outcome", key, lambda: outcome_by_token(at.runtime, token, event, partner, at.now))
    return _answer("outcome", key, lambda: _by_session(at, key, body, event))


def _by_session(at: Context, key: ApiKey | None, body: OutcomeRequest, event: Event) -> Receipt:
    if key is None:
        raise AccessError("reporting by session needs a server key", code="key-missing")
    live = at.runtime.catalogue.snapshot.by_key.get(body.experiment or "")
    if live is not None and not any(_may(key, surface) for surface in live.version.definition.surfaces):
        raise AccessError("this key is for none of the experiment's surfaces", code="scope-missing")
    return outcome_by_session(at.runtime, body.experiment or "", body.session or "", event, at.now)


def _may(key: ApiKey, surface: str) -> bool:
    return "*" in key.surfaces or surface in key.surfaces


def _answer(act: str, key: ApiKey | None, write: Callable[[], Receipt]) -> Response:
    """Partners get the receipt; browsers get 202 and nothing, whether new, used, late or forged."""
    try:
        receipt = write()
    except (TokenError, OutcomeRefused, InvalidInput):
        count_receipt(act, "refused")
        if key is not None:
            raise
        if not context().runtime.takes_events:
            raise StoreUnavailable("nothing can be taken right now") from None  # forged or not, the same answer
        return reply({}, 202)
    count_receipt(act, receipt)
    if key is None:
        return reply({}, 202)
    if receipt in STATUS:
        return reply({"receipt": receipt}, STATUS[receipt])
    return problem(receipt, receipt=receipt)
