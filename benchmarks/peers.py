"""What Signpost is compared with, under the same server.

`bare` is the least that a JSON route in Flask can be. `obvious` is the same call as Signpost's assignment, written
as one would without further thought: one command of redis-py after the other. It is helped where it can be: the
definition and the key are in memory, the key's check costs one hash, and the message is rendered once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from typing import Any

import redis
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask, Response, request

VARIANTS = ("present", "law", "harm", "consequences", "help")
KEPT = 54 * 3600  # seconds: the day, its window and its grace
LEAST = {"title": "A title", "body": "Text. " * 100, "action": "Get help", "locale": "en", "dir": "ltr"}
HELP = [{"resource": f"r{n}", "channel": "call", "label": "By phone", "href": "tel:+4400000000"} for n in range(6)]


def bare() -> Flask:
    """A route that reads JSON and answers with a small dict."""
    app = _app()

    @app.post("/v1/assignments")
    def assignments() -> dict[str, Any]:
        body = request.get_json()
        return {"variant": "law", "session": body["session"]}

    return app


def obvious() -> Flask:
    """The obvious implementation of an assignment with exposure."""
    app = _app()
    ledger = redis.Redis.from_url(os.environ["PEER_LEDGER_URL"], decode_responses=True)
    secret = hashlib.sha256(os.environ["PEER_KEY"].encode()).digest()
    salt, sealer = os.urandom(32), AESGCM(os.urandom(32))

    @app.post("/v1/assignments")
    def assignments() -> dict[str, Any] | tuple[dict[str, Any], int]:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(hashlib.sha256(sent.encode()).digest(), secret):
            return {"error": "key-unknown"}, 401
        body = request.get_json()
        wrong = _violation(body)
        if wrong:
            return {"error": wrong}, 422
        digest = hmac.digest(salt, body["session"].encode(), "sha256")
        unit, now = digest[8:16].hex(), int(time.time())
        known = ledger.hget(f"unit:{unit}", "variant")
        if known is None:
            known = VARIANTS[int.from_bytes(digest[:8], "big") * len(VARIANTS) >> 64]
            ledger.hset(f"unit:{unit}", mapping={"variant": known, "at": now, "exposed": 1})
            ledger.expire(f"unit:{unit}", KEPT)
            day = now // 86_400
            ledger.hincrby(f"counts:{day}", f"{known}.assigned", 1)
            ledger.hincrby(f"counts:{day}", f"{known}.exposed", 1)
            ledger.hincrby(f"counts:{day}", f"{known}.locale.en", 1)
            ledger.hincrby(f"counts:{day}", f"{known}.shown.1", 1)
        return _reply(sealer, unit, known, now)

    return app


def _violation(body: Any) -> str | None:
    if not isinstance(body, dict):
        return "the body must be an object"
    if set(body) - {"surface", "session", "expose", "locale", "stratum"}:
        return "unknown field"
    if body.get("surface") != "search-uk":
        return "unknown surface"
    if not isinstance(body.get("session"), str) or not 1 <= len(body["session"].encode()) <= 128:
        return "session: 1 to 128 bytes"
    return None if isinstance(body.get("expose", False), bool) else "expose: true or false"


def _reply(sealer: AESGCM, unit: str, variant: str, now: int) -> dict[str, Any]:
    nonce = os.urandom(12)
    payload = json.dumps({"unit": unit, "variant": variant, "issued": now}).encode()
    token = base64.urlsafe_b64encode(nonce + sealer.encrypt(nonce, payload, b"unit")).decode()
    return {
        "experiment": "four-lines-uk", "version": 1, "phase": 0, "variant": variant, "in_experiment": True,
        "reason": None, "receipt": "recorded", "propensity": 0.2, "session": None, "token": token,
        "message": LEAST, "help": HELP,
    }  # fmt: skip


def _app() -> Flask:
    app = Flask("peer")

    @app.get("/readyz")
    def ready() -> Response:
        return Response("ok")

    return app
