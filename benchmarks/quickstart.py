"""docs/quickstart-integrator.md followed literally on a fresh checkout: each block of code as it stands, timed.

What a reader fills in is filled in: the address, the key that the demo printed, the public id of the browser key, the
token in the page. Blocks for a browser run in Chromium, on a site of an origin of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = "docs/quickstart-integrator.md"
PORT = 8392
EXAMPLE = "https://signpost.example.org"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$|^(## [^\n]*)$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A block of code: under which heading, in which language."""

    heading: str
    language: str
    text: str

    @property
    def kind(self) -> str:
        """What runs it."""
        if self.text == "make demo\n":
            return "demo"
        if self.language == "html" or "document." in self.text:
            return "browser"
        return {"sh": "shell", "python": "python", "js": "node"}[self.language]


def steps(text: str) -> list[Step]:
    """Every block of code of a document, in order."""
    heading, found = "", []
    for language, block, title in _BLOCK.findall(text):
        if title:
            heading = title.removeprefix("## ")
        elif language != "json":
            found.append(Step(heading, language, block))
    return found


@dataclass
class Reader:
    """Somebody who follows the document: where Signpost is, with which key, in which folder, with which browser."""

    address: str
    key: str
    folder: Path
    environment: dict[str, str]
    browser: Any
    project: Path
    public: str = ""
    said: list[str] = field(default_factory=list)

    def follow(self, step: Step) -> str:
        """Run a block; returns what it printed. Raises CalledProcessError or AssertionError."""
        runs: dict[str, Callable[[Step], str]] = {
            "shell": self._shell, "python": self._python, "node": self._node, "browser": self._in_browser,
        }  # fmt: skip
        told = runs[step.kind](step)
        self.said.append(told)
        return told

    def _filled(self, text: str) -> str:
        text = text.replace("http://127.0.0.1:8000", self.address).replace(EXAMPLE, self.address)
        return text.replace("sk_…", self.key).replace("pk_…", self.public)

    def _shell(self, step: Step) -> str:
        text = self._filled(step.text)
        with site(self.folder / "site") as origin:
            text = text.replace("https://www.example.org", origin)
        told = self._run(["bash", "-euo", "pipefail", "-c", f"{text}\nenv -0 > {self.folder}/environment"])
        kept = (self.folder / "environment").read_text().split("\0")
        self.environment |= dict(line.split("=", 1) for line in kept if line.startswith(("SIGNPOST_", "PATH=")))
        self.public = next((line for line in told.splitlines() if line.startswith("pk_")), self.public)
        return told

    def _python(self, step: Step) -> str:
        (self.folder / "block.py").write_text(self._filled(step.text))
        return self._run(["python3", str(self.folder / "block.py")])

    def _node(self, step: Step) -> str:
        (self.folder / "block.mjs").write_text(self._filled(step.text))
        return self._run(["node", str(self.folder / "block.mjs")])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _in_browser(self, step: Step) -> str:
        with site(self.folder / "site") as origin, self.browser.new_context(storage_state=None) as context:
            page, sent = context.new_page(), list[str]()
            page.on("request", lambda asked: sent.append(f"{asked.method} {asked.url} {asked.post_data or ''}"))
            if step.language == "html":
                self._put(self._filled(step.text).replace("AQ…", self._token()))
                page.goto(origin)
                page.click("#leave")
            else:
                self._put("")
                page.goto(origin)
                code = f"async () => {{ const OWN_TEXT = null; {self._filled(step.text)}; return warning }}"
                return str(page.evaluate(code)["message"]["title"])
            page.wait_for_timeout(500)
            return "\n".join(sent)

    def _put(self, body: str) -> None:
        text = f'<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">{body}'
        (self.folder / "site" / "index.html").write_text(text)

    def _token(self) -> str:
        """What the server of the page would have put there."""
        body = json.dumps({"surface": "search-uk", "locale": "en"}).encode()
        sent = {"Authorization": f"Bearer {self.key}"}
        with urllib.request.urlopen(urllib.request.Request(f"{self.address}/v1/assignments", body, sent)) as answer:
            return str(json.load(answer)["token"])


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """A site of one's own, always of the same origin for the same folder."""
    folder.mkdir(exist_ok=True)
    kept = folder.parent / "port"
    port = int(kept.read_text()) if kept.exists() else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    kept.write_text(str(server.server_port))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# ------------------------------------------------------------------------------------------- a fresh checkout


def main() -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="spq-") as name, sync_playwright() as playwright:
        folder, rows = Path(name), list[tuple[str, float]]()
        project = folder / "signpost"
        rows.append(("get a copy", timed(lambda: clone(project))))
        text = (project / DOCUMENT).read_text(encoding="utf-8")
        found = steps(text)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SIGNPOST_") and k != "VIRTUAL_ENV"}
        clean["PORT"] = str(PORT)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        demo = subprocess.Popen(
            ["make", "demo"], cwd=project, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            rows.append((f"{found[0].heading}: make demo, installation included", timed(lambda: ready(project, demo))))
            key = json.loads((project / "var" / "demo-key.json").read_text())["key"]
            reader = Reader(f"http://127.0.0.1:{PORT}", key, folder, dict(clean), browser, project)
            for number, step in enumerate(found[1:], 2):
                rows.append((f"{step.heading}: block {number}, {step.kind}", timed(partial(reader.follow, step))))
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            demo.wait(30)
        browser.close()
    print("| step | seconds |\n|---|---|")
    for told, seconds in rows:
        print(f"| {told} | {seconds:.1f} |")
    total = sum(seconds for _, seconds in rows)
    words = len(text.split())
    print(f"| all | {total:.1f} |\n| reading the page, {words} words at 200 a minute | {words / 200 * 60:.0f} |")
    if total + words / 200 * 60 > 600:
        sys.exit("more than ten minutes")


def clone(project: Path) -> None:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(project)], check=True)


def ready(project: Path, demo: subprocess.Popen[bytes]) -> None:
    """Wait until the demo answers."""
    while True:
        if demo.poll() is not None:
            raise SystemExit("`make demo` ended by itself")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=1):
                if (project / "var" / "demo-key.json").exists():
                    return
        except OSError:
            time.sleep(0.05)


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
