"""The last good copy of what the catalogue holds, on this host's disk: for a start while the ledger is away.

It holds what the ledger holds: definitions, K wrapped by the key file, hashes of integrators' keys. It expires, and a
copy that is damaged is set aside as a whole, never read in part.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger("signpost")

FILE = "definitions.json"
EXPIRES_SECONDS = 48 * 3600
RENEWED_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Held:
    """Documents as the ledger holds them: experiments, integrators' keys by id (JSON), and the catalogue's number."""

    number: int
    experiments: tuple[str, ...]
    api_keys: dict[str, str]


class Copy:
    """The copy in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._saved = 0.0

    def save(self, held: Held, now: float) -> None:
        """Replace the copy as a whole. A disk that takes none costs nothing but the copy."""
        body = json.dumps({"schema": 1, "saved": int(now), **asdict(held)})
        temporary = self._path.with_name(f".{FILE}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{_digest(body)}\n{body}")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as error:
            log.warning("no copy of the definitions could be kept: %s", error.strerror)
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        self._saved = now

    def is_due(self, now: float) -> bool:
        """Whether it is time to write it again, so that it does not expire while the ledger answers."""
        return now - self._saved > RENEWED_SECONDS

    def load(self, now: float) -> Held | None:
        """Return the copy; None if there is none, if it has expired, or if it is damaged (then it is set aside)."""
        try:
            found = _checked(self._path.read_text(encoding="utf-8"))
            held = Held(int(found["number"]), tuple(found["experiments"]), dict(found["api_keys"]))
            age = now - float(found["saved"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.set_aside(error)
            return None
        return held if age <= EXPIRES_SECONDS else None

    def set_aside(self, error: Exception) -> None:
        """Move a copy that cannot be used out of the way, for people to look at."""
        log.error("the copy of the definitions cannot be used and was set aside: %s", type(error).__name__)
        with suppress(OSError):
            self._path.replace(self._path.with_name(f"{FILE}.damaged-{int(self._path.stat().st_mtime)}"))


def _checked(text: str) -> dict[str, Any]:
    digest, _, body = text.partition("\n")
    if digest != _digest(body):
        raise ValueError("it was changed or cut off")
    found: dict[str, Any] = json.loads(body)
    if found["schema"] != 1:
        raise ValueError("another release wrote it")
    return found


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
