"""Where our Flask differs from Flask, it must not differ in what comes out."""

from __future__ import annotations

import pytest
from flask import Flask, Response, request

from app.framework import Signpost, Whole


def routed(kind: type[Flask]) -> Flask:
    app = kind("tested")

    @app.get("/things/<path:name>")
    def thing(name: str) -> dict[str, str]:
        return {"name": name, "url": request.url, "root": request.script_root, "host": request.host}

    @app.get("/slashed/")
    def slashed() -> str:
        return "here"

    return app


@pytest.mark.parametrize(
    ("path", "environ"),
    [
        ("/things/one", {}),
        ("/things/%C3%A9t%C3%A9/a%20b", {}),
        ("/things/%FF", {}),
        ("//things//one", {}),
        ("/things/one?a=1&b=%20", {}),
        ("/slashed", {}),
        ("/slashed?a=1", {"HTTP_HOST": "example.org:8080"}),
        ("/slashed", {"SCRIPT_NAME": "/under", "wsgi.url_scheme": "https"}),
        ("/things/one", {"HTTP_HOST": "a b"}),
        ("/things/one", {"REQUEST_METHOD": "DELETE"}),
        ("/nowhere", {}),
    ],
)
def test_every_path_leads_where_flask_would_lead_it(path, environ):
    answers = [routed(kind).test_client().get(path, environ_overrides=environ) for kind in (Flask, Signpost)]
    plain, ours = [(a.status, a.data, sorted(a.headers)) for a in answers]
    assert ours == plain


def test_a_whole_body_goes_out_with_its_length_and_without_itself_for_head():
    app = Signpost("tested")

    @app.get("/")
    def root() -> Response:
        return Whole("été".encode(), "text/plain; charset=utf-8", 201)

    client = app.test_client()
    told, head = client.get("/"), client.head("/")
    assert (told.status, told.text, told.headers["Content-Length"]) == ("201 CREATED", "été", "5")
    assert (head.status, head.data, head.headers["Content-Length"]) == ("201 CREATED", b"", "5")
    assert told.headers["Content-Type"] == "text/plain; charset=utf-8"
