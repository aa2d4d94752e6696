"""Runs what docs/recipes/ says: each block of code that begins with the name of a file, just as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.browser.conftest import browser, chromium  # noqa: F401
from tests.http.conftest import DOCUMENT, Service, empty, files, make_service, server, service  # noqa: F401
from tests.proxy import free_port, is_open, nginx, until

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"(?:#|//|<!--) (\S+\.\w+)")


def blocks(document: str) -> list[tuple[str, str]]:
    """Language and text of each block of code in a document, in order."""
    return _BLOCK.findall((ROOT / "docs" / document).read_text(encoding="utf-8"))


def recipe(name: str) -> dict[str, str]:
    """The blocks of a recipe that begin with the name of a file, by that name."""
    named = ((_NAME.match(text), text) for _, text in blocks(f"recipes/{name}.md"))
    return {found[1]: text for found, text in named if found}


def loaded(name: str, text: str) -> types.ModuleType:
    """A module of this text."""
    module = types.ModuleType(name)
    exec(compile(text, f"docs/recipes: {name}", "exec"), module.__dict__)
    return module


@pytest.fixture
def python(server, monkeypatch) -> Callable[..., types.ModuleType]:  # noqa: F811
    """Load a recipe's Python file with the running Signpost in its environment, or another address."""

    def load(document: str, file: str, **environment: str) -> types.ModuleType:
        given = {"SIGNPOST_ADDRESS": server.base, "SIGNPOST_KEY": server.key, "SIGNPOST_SURFACE": "search-uk"}
        for name, value in (given | {"LISTED_TERMS": "listed"} | environment).items():
            monkeypatch.setenv(name, value)
        # 300 ms are for people, and what is wanted in tests of time; a busy machine is no outage
        return loaded(file.partition(".")[0], recipe(document)[file].replace("timeout=0.3", "timeout=5"))

    return load


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """A WSGI application at an address of its own."""
    made = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = Thread(target=made.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


@contextmanager
def in_nginx(text: str, folder: Path) -> Iterator[int]:
    """What belongs into the http part of nginx, served; `8080` becomes a free port, which is returned."""
    port = free_port()
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    whole = f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; access_log off;
    {text}
}}"""
    (folder / "whole.conf").write_text(whole)
    command = [nginx(), "-p", str(folder), "-c", str(folder / "whole.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: is_open(port) or process.poll() is not None, "nginx did not start")
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            yield port
        finally:
            process.terminate()


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("no Node on this machine (see .ci/system-packages)")
    return found


def signpost(environment: dict[str, str], *words: str) -> str:
    """Run the command line; returns what it prints."""
    command = [sys.executable, "-m", "app", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def environment(files, ledger, volatile_server) -> dict[str, str]:  # noqa: F811
    """Of the command line, on the stores of `server`."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {**files, "SIGNPOST_LEDGER_URL": ledger.url, "SIGNPOST_VOLATILE_URL": volatile_server.url, "PATH": path}


HOSTILE = "</h1><script>alert(1)</script><img src=x onerror=alert(1)> & \"'"


@pytest.fixture
def hostile(service: Service) -> Service:  # noqa: F811
    """A service whose messages look like markup; ask for it before `server`."""
    document = {**DOCUMENT, "variants": [{**one, "messages": {}} for one in DOCUMENT["variants"]]}
    for one in document["variants"]:
        one["messages"] = {tag: {"title": HOSTILE, "body": HOSTILE, "action": HOSTILE[:80]} for tag in ("en", "de")}
    service.run(document)
    return service
