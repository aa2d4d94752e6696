"""Requests over HTTP as an integrator's server makes them: no redirect is followed, and the time is taken."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

PATIENCE = 10.0  # seconds, for steps in which time is not the question


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP; `took` in milliseconds."""

    status: int
    headers: Message
    text: str
    took: float

    def json(self) -> dict[str, Any]:
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def told(self) -> str:
        """What a problem says, or the status alone."""
        return f"{self.status} {self.json().get('detail') or ''}".strip()


class _Stay(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Where a link leads is looked at, never followed: help is not called for a test."""
        del req, fp, code, msg, headers, newurl
        return None


_OPENER = build_opener(_Stay)


def ask(url: str, body: Any = None, *, key: str | None = None, timeout: float = PATIENCE) -> Answer:
    """Make a request. Raises OSError or ValueError where no whole answer came in time."""
    sent = {"Content-Type": "application/json"} if body is not None else {}
    sent |= {"Authorization": f"Bearer {key}"} if key else {}
    data = json.dumps(body).encode() if body is not None else None
    begun = time.perf_counter()
    try:
        answer: HTTPResponse | HTTPError = _OPENER.open(Request(url, data, sent), timeout=timeout)  # noqa: S310
    except HTTPError as error:
        answer = error
    except HTTPException as error:
        raise ValueError("not HTTP") from error
    with answer:
        text = answer.read().decode("utf-8", "replace")
    return Answer(answer.status or 0, answer.headers, text, 1000 * (time.perf_counter() - begun))
