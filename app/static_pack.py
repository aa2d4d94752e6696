"""The static pack: a surface's fallback as files that any web server can hand out, and that call nobody.

Each page is one file with its style in it, so that it can be the answer at any address that is blocked.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from experiments.approval import HOLDS_DAYS
from experiments.directory import offers
from experiments.errors import InvalidInput
from experiments.model import DAY
from experiments.recording import fallback, fallback_messages, shown_as
from experiments.runtime import Runtime
from experiments.spec import content_hash

LONGEST_DAYS = HOLDS_DAYS  # as long as an approval of texts holds
MANIFEST = "manifest.json"
TEMPLATES = Path(__file__).parent / "templates"

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Told:
    """What a pack says of itself: hash of texts and help, first and last day (UTC), locales with the default first."""

    surface: str
    sha256: str
    made: str
    expires: str
    locales: tuple[str, ...]


def pack(runtime: Runtime, surface: str, now: int, days: int = LONGEST_DAYS) -> tuple[Told, Files]:
    """Return what the pack says of itself, and its files by name. Raises InvalidInput for `days` out of range."""
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"a pack holds 1 to {LONGEST_DAYS} days, as an approval of its texts does", pointer="--days")
    warnings = _warnings(runtime, surface, now)
    told = Told(surface, content_hash(warnings), _day(now), _day(now + days * DAY), tuple(warnings))
    env, files = _environment(), dict[str, str]()
    for locale, warning in warnings.items():
        files[f"{locale}.html"] = _page(env, told, warning)
        files[f"{locale}.txt"] = env.get_template("public/warning.txt").render(warning).strip() + "\n"
    files["index.html"] = files[f"{told.locales[0]}.html"]
    texts = {locale: files[f"{locale}.txt"].strip() for locale in told.locales}
    files["matrix-error.json"] = _json({"errcode": "M_FORBIDDEN", "error": texts[told.locales[0]], "messages": texts})
    files["nginx-languages.conf"] = env.get_template("publication/block-languages.conf").render(told=told)
    files["README.md"] = env.get_template("publication/block-readme.md").render(told=told)
    files[MANIFEST] = _json({"schema": 1, **asdict(told), "files": sorted([*files, "SHA256SUMS", MANIFEST])})
    done = {name: text.encode() for name, text in files.items()}
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(done.items()))
    return told, {**done, "SHA256SUMS": sums.encode()}


def _warnings(runtime: Runtime, surface: str, now: int) -> dict[str, dict[str, Any]]:
    """What templates of the warning take, by locale. Nobody can say there what is open now; the hours stand there."""
    resources = fallback(runtime, surface, None, "not-running").resources
    found = {}
    for locale, message in fallback_messages(runtime, surface).items():
        shown = shown_as(runtime, message, locale)
        texts = {**message.model_dump(), "locale": locale, "dir": shown.dir, "young_people": shown.young_people}
        help_ = [
            {**asdict(offer), "href": offer.address, "open_now": None, "opens_at": None, "opens": None}
            for offer in sorted(offers(resources, locale, now), key=lambda offer: _place(resources, offer))
        ]
        found[locale] = {"message": texts, "help": help_}
    return found


def _place(resources: Any, offer: Any) -> tuple[int, int]:
    """As the directory has them: which is open first would be true of one moment only."""
    keys = [one.key for one in resources]
    channels = [one.channel for one in resources[keys.index(offer.resource)].channels]
    return keys.index(offer.resource), channels.index(offer.channel)


def _page(env: Environment, told: Told, warning: Mapping[str, Any]) -> str:
    style = (TEMPLATES / "publication" / "block.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return env.get_template("publication/block.html").render(told=told, style=style, digest=digest, **warning)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=select_autoescape(("html",)), undefined=StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _day(now: int) -> str:
    return dt.datetime.fromtimestamp(now, dt.UTC).date().isoformat()


def write(files: Mapping[str, bytes], folder: Path, surface: str) -> None:
    """Write a pack into a new or empty folder, or over an older pack of the same surface.

    Each file is replaced whole, so that a web server may go on serving meanwhile. Raises InvalidInput.
    """
    older = _older(folder, surface)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            part = folder / f".{name}.part"
            part.write_bytes(content)
            part.replace(folder / name)
        for name in older - set(files):
            (folder / os.path.basename(name)).unlink(missing_ok=True)  # noqa: PTH119  (a manifest names no other place)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}", pointer="--out") from None


def _older(folder: Path, surface: str) -> set[str]:
    """Names of the files of the pack that is there; none, if nothing is. Raises InvalidInput for anything else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return set()
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if found["surface"] == surface:
            return {str(name) for name in found["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InvalidInput(f"{folder} is there and holds no pack of surface '{surface}'; name another one", pointer="--out")
