"""From a fresh clone to the first answered assignment with `make demo`, and a second start; installation included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

PORT = 8391
BASE = f"http://127.0.0.1:{PORT}"


def main() -> None:
    here = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory(prefix="spb-") as folder:
        project = Path(folder) / "signpost"
        subprocess.run(["git", "clone", "-q", str(here), str(project)], check=True)
        print(f"fresh clone to first answered assignment: {start(project):.1f} s")
        print(f"second start: {start(project):.1f} s")


def start(project: Path) -> float:
    """Run `make demo` until an assignment is answered, then stop it by Ctrl-C; seconds until the answer."""
    began = time.monotonic()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SIGNPOST_")} | {"PORT": str(PORT)}
    demo = subprocess.Popen(
        ["make", "demo"], cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while not answered(project):
            if demo.poll() is not None:
                raise SystemExit("`make demo` ended by itself")
            time.sleep(0.05)
        return time.monotonic() - began
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(30)


def answered(project: Path) -> bool:
    try:
        key = json.loads((project / "var" / "demo-key.json").read_text())["key"]
        body = json.dumps({"surface": "search-uk", "session": "benchmark"}).encode()
        request = urllib.request.Request(
            f"{BASE}/v1/assignments", body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=1) as answer:
            return bool(json.load(answer)["in_experiment"])
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    main()
