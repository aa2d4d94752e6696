"""POST /v1/events: many exposures and outcomes of a partner's server at once, a receipt for each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request
from pydantic import ValidationError

from app import access
from app.context import context
from app.contract import content, contract, json_text
from app.problems import KINDS, problem
from app.public.bodies import EventItem, EventsReply
from app.public.metrics import count_receipt
from experiments.bulk import Answer, Assigned, Bulk, ByToken, Happened, Item
from experiments.errors import AccessError, InvalidDefinition, InvalidInput, SignpostError
from experiments.outcomes import Event
from experiments.reading import load_items, load_json
from experiments.violations import violations_of

blueprint = Blueprint("bulk", __name__)

LARGEST = 4 * 1024 * 1024
MOST = 10_000
_PLAIN = {
    name: json.dumps({"receipt": name}, separators=(",", ":"))
    for name in ("recorded", "already", "spooled", "uncounted", "late", "crossed")
}


@blueprint.post("/v1/events")
@contract(
    "Report many exposures and outcomes at once: a JSON array, or a JSON object on each line",
    items=EventItem, gives={200: EventsReply},
    problems=("malformed-json", "body-too-large", "wrong-type", "key-missing", "key-unknown", "key-revoked"),
    voice="server key; what is wrong with an item is told in its receipt",
)  # fmt: skip
def events() -> Response:
    at = context()
    key = access.server_key(at.runtime, at.now)
    if key is None:
        raise AccessError("many events at once need a server key", code="key-missing")
    request.max_content_length = LARGEST
    documents = list(_documents(content()))
    if len(documents) > MOST:
        return problem("body-too-large", f"send at most {MOST} items; these are {len(documents)}, and none was counted")
    answers = Bulk(at.runtime, key, at.now).record([_item(document, at.now) for document in documents])
    _count(answers)
    return json_text(f'{{"receipts":[{",".join(map(_receipt, range(len(answers)), answers))}]}}')


def _documents(body: bytes) -> Iterator[Any]:
    """The items' documents, or what is wrong with a line. Raises InvalidInput for an array that cannot be read."""
    if body.lstrip()[:1] != b"[":
        yield from (_line(line) for line in body.splitlines() if line.strip())
        return
    yield from load_items(body)


def _line(line: bytes) -> Any:
    try:
        return load_json(line)
    except InvalidInput as error:
        return error


def _item(document: Any, now: int) -> Item | SignpostError:
    """What an item's document says, or what is wrong with it."""
    if isinstance(document, SignpostError):
        return document
    try:
        return _read(EventItem.model_validate(document), now)
    except ValidationError as error:
        return InvalidDefinition(tuple(violations_of(error)))
    except InvalidInput as error:
        return error


def _read(body: EventItem, now: int) -> Item:
    event = Event(body.outcome, body.channel, "attested", body.at(now)) if body.outcome is not None else None
    if event is not None:
        event.bit()
    elif body.channel is not None:
        raise InvalidInput("only help_sought has a channel", code="channels-not-allowed", pointer="/channel")
    if body.token is not None:
        return ByToken(body.token, event)
    experiment, unit = body.experiment or "", bytes.fromhex(body.unit or "")
    if event is not None:
        return Happened(experiment, body.version, unit, event)
    return Assigned(
        experiment, body.version, unit, body.variant or "", body.phase or 0, body.surface, body.stratum, body.locale,
        body.at(now),
    )  # fmt: skip


def _receipt(index: int, answer: Answer) -> str:
    if isinstance(answer, str):
        return _PLAIN[answer]
    kind = KINDS.get(answer.code) or KINDS["internal"]
    told = {
        "receipt": "refused", "type": f"{context().base_url}/problems/{answer.code}", "title": kind.title,
        "detail": answer.detail, "pointer": f"/{index}{answer.pointer or ''}",
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False)


def _count(answers: list[Answer]) -> None:
    for receipt, number in Counter(one if isinstance(one, str) else "refused" for one in answers).items():
        count_receipt("event", receipt, number)
