"""GET /widget.js and its frozen numbered copies: a script that stands in other people's pages."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from app.contract import contract
from experiments.errors import NotFound

blueprint = Blueprint("widget", __name__)

FOLDER = Path(__file__).parents[1] / "static" / "widget"
NEWEST = "public, max-age=300"  # it may change: pages get the new one within minutes
FROZEN = "public, max-age=31536000, immutable"  # a page that names it, and its hash, never gets another


@blueprint.get("/widget.js")
@contract("The widget, in its newest state", gives={200: "text/javascript", 304: "text/javascript"})
def newest() -> Response:
    return _script("widget.js", NEWEST)


@blueprint.get("/widget.<int:number>.js")
@contract(
    "A frozen copy of the widget; its hash is in app/static/widget/integrity.json",
    gives={200: "text/javascript", 304: "text/javascript"},
    problems=("not-found",),
)
def frozen(number: int) -> Response:
    name = f"widget.{number}.js"
    if not (FOLDER / name).is_file():
        raise NotFound(f"there is no copy {number} of the widget")
    return _script(name, FROZEN)


def _script(name: str, keep: str) -> Response:
    body, tag = _read(name)
    response = Response(body, content_type="text/javascript; charset=utf-8")
    response.set_etag(tag)
    response.headers["Cache-Control"] = keep
    # Pages of any origin load it, and may read it: a browser checks a hash only of what it may read.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response.make_conditional(request)  # type: ignore[return-value]


@cache
def _read(name: str) -> tuple[bytes, str]:
    """A file and its hash, which every host tells alike."""
    body = (FOLDER / name).read_bytes()
    return body, hashlib.sha256(body).hexdigest()
