"""From an assignment to what is sent: as JSON, and as the fields of the script-free page.

What is the same for everybody who is assigned alike is rendered once, and again every minute because help opens and
closes. What differs (receipt, a minted session, tokens) is put in its place.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any, get_args

from app.context import Context
from app.problems import utf_8
from experiments.directory import Offer, offers
from experiments.recording import Assignment, Decided, Receipt, Shown
from experiments.tokens import Grant, Purpose

MINUTE = 60
MOST_RENDERED = 16  # of one kind: a `Host` header is anybody's choice
# Private use characters stand where parts differ; JSON text that holds one by chance is rendered whole instead.
_RECEIPT, _SESSION, _TOKEN, _GO = _PLACES = "\ue000\ue001\ue002\ue003"
_SPLIT = re.compile(f'"?([{_PLACES[:3]}])"?|({_GO})')
_RECEIPTS = {None: b"null"} | {name: b'"%b"' % name.encode() for name in get_args(Receipt)}
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def as_bytes(found: Assignment, context: Context) -> bytes:
    """The body of `AssignmentReply` as JSON in UTF-8."""
    parts = _rendered(found.decided, context) if found.grant and found.reason != "override" else None
    if found.grant is None or parts is None:
        return utf_8(_JSON.encode(as_json(found, context)))
    own = {
        _RECEIPT: _RECEIPTS[found.receipt],
        _SESSION: utf_8(_JSON.encode(found.session)) if found.session else b"null",
        _TOKEN: b'"%b"' % _sealed(found.grant, "unit", context).encode(),
        _GO: _sealed(found.grant, "go", context).encode(),
    }
    return b"".join([own[part] if part.__class__ is str else part for part in parts])  # type: ignore[misc]


def as_json(found: Assignment, context: Context) -> dict[str, Any]:
    """The body of `AssignmentReply`."""
    token = _sealed(found.grant, _purpose(found, "unit"), context) if found.grant else None
    return _document(found.decided, found.receipt, found.session, token) | warning(found, context)


def warning(found: Assignment, context: Context) -> dict[str, Any]:
    """`message` and `help`: what every answer to a request for a warning carries, problems included."""
    go = _sealed(found.grant, _purpose(found, "go"), context) if found.grant else None
    return _warning(found.decided, go, context)


def warning_in(every: Sequence[Shown], found: Assignment, context: Context) -> dict[str, dict[str, Any]]:
    """The same as `warning`, in each of these locales."""
    go = _sealed(found.grant, _purpose(found, "go"), context) if found.grant else None
    alike = ((shown, dataclasses.replace(found.decided, shown=shown, rendered={})) for shown in every)
    return {shown.locale: _warning(decided, go, context) for shown, decided in alike}


def _purpose(found: Assignment, purpose: Purpose) -> Purpose:
    """Of a forced variant, token and links alike are for trying out."""
    return "override" if found.reason == "override" else purpose


def message(shown: Shown) -> dict[str, Any]:
    return {
        "title": shown.message.title,
        "body": shown.message.body,
        "action": shown.message.action,
        "locale": shown.locale,
        "dir": shown.dir,
        "young_people": shown.young_people,
    }


def _rendered(decided: Decided, context: Context) -> list[bytes | str] | None:
    """The reply in parts: fixed bytes, and between them the places of what differs."""
    at = (context.base, context.now // MINUTE)
    parts: list[bytes | str] | None = decided.rendered.get(at)
    if parts is None:
        if len(decided.rendered) >= MOST_RENDERED:
            decided.rendered.clear()
        parts = decided.rendered[at] = _parts(decided, context)
    return parts or None


def _parts(decided: Decided, context: Context) -> list[bytes | str]:
    plain = _JSON.encode(_warning(decided, None, context))
    if any(place in plain for place in _PLACES):
        return []
    whole = _document(decided, _RECEIPT, _SESSION, _TOKEN) | _warning(decided, _GO, context)
    return [part if part in _PLACES else utf_8(part) for part in _SPLIT.split(_JSON.encode(whole)) if part]


def _document(decided: Decided, receipt: str | None, session: str | None, token: str | None) -> dict[str, Any]:
    return {
        "experiment": decided.experiment,
        "version": decided.version,
        "phase": decided.phase,
        "variant": decided.variant,
        "in_experiment": decided.in_experiment,
        "reason": decided.reason,
        "receipt": receipt,
        "propensity": decided.propensity,
        "session": session,
        "token": token,
    }


def _warning(decided: Decided, go: str | None, context: Context) -> dict[str, Any]:
    link = f"{context.base_url}/v1/go/{go}" if go else None
    offered = offers(decided.resources, decided.shown.locale, context.now)
    return {
        "message": message(decided.shown),
        "help": [_help(offer, link, decided.shown.locale) for offer in offered],
    }


def _sealed(grant: Grant, purpose: Purpose, context: Context) -> str:
    return context.runtime.keyring.sealer.seal(grant, purpose)


def _help(offer: Offer, link: str | None, locale: str) -> dict[str, Any]:
    fields = dataclasses.asdict(offer)
    address = fields.pop("address")
    return {**fields, "href": f"{link}/{offer.resource}/{offer.channel}?locale={locale}" if link else address}
