"""Secrets and what hides people: the key file, the versions' keys K, the day keys.

The key file is kept apart from the ledger and its backups. Without it nobody can recompute which
variant a session was shown; without the day's key nobody can link a session to a row at all.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from experiments.errors import InvalidInput, StoreUnavailable
from experiments.model import DAY, HOUR, day_of
from experiments.store.volatile import Volatile
from experiments.tokens import Sealer

SESSION_BYTES = 128
_LONGEST_OPEN = 72 * HOUR + 48 * HOUR  # the longest window and grace a definition may ask for
_NOON = 12 * HOUR


class Keyring:
    """The key file: `wrap` hides the versions' keys, `tokens` is the ring that seals tokens."""

    def __init__(self, wrap: dict[int, bytes], tokens: dict[int, bytes]) -> None:
        self._wrap = {kid: AESGCM(key) for kid, key in wrap.items()}
        self._current = max(wrap)
        self._root = wrap[self._current]
        self.sealer = Sealer(tokens)

    @classmethod
    def at(cls, path: Path) -> Keyring:
        """Read the key file; make it (readable by the owner only) if there is none."""
        try:
            return cls._read(path)
        except FileNotFoundError:
            _create(path)
            return cls._read(path)
        except OSError as error:
            raise InvalidInput(f"the key file {path} cannot be read: {error.strerror}") from None

    @classmethod
    def _read(cls, path: Path) -> Keyring:
        try:
            held = json.loads(path.read_text())
            rings = [{int(kid): bytes.fromhex(key) for kid, key in held[ring].items()} for ring in ("wrap", "tokens")]
            return cls(*rings)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InvalidInput(f"{path} is not a key file of Signpost; restore it from its own backup") from error

    def derived(self, purpose: str) -> bytes:
        """A key for another purpose, 32 bytes: the same in every process that reads this file."""
        return HKDF(SHA256(), 32, None, f"signpost:{purpose}".encode()).derive(self._root)

    def wrap(self, key: bytes, experiment: str, version: int) -> str:
        """Hide a version's K for storage; bound to that version."""
        nonce = os.urandom(12)
        sealed = self._wrap[self._current].encrypt(nonce, key, f"{experiment}:{version}".encode())
        return f"{self._current}.{b64encode(nonce + sealed).decode()}"

    def unwrap(self, text: str, experiment: str, version: int) -> bytes:
        """Return K, or raise InvalidInput when the key file is not the one that hid it."""
        kid, _, body = text.partition(".")
        try:
            raw = b64decode(body)
            return self._wrap[int(kid)].decrypt(raw[:12], raw[12:], f"{experiment}:{version}".encode())
        except (InvalidTag, KeyError, ValueError):
            raise InvalidInput(
                f"the key of {experiment} version {version} was hidden by another key file; use that one"
            ) from None


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"schema": 1, "wrap": {"1": secrets.token_hex(32)}, "tokens": {"1": secrets.token_hex(32)}}
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())  # what it hides will be on disk, so it must be too
    try:
        os.link(temporary, path)  # whoever comes first decides; nobody reads half a file
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def session_bytes(session: str) -> bytes:
    """Return the session as UTF-8, or raise InvalidInput: 1 to 128 bytes."""
    try:
        raw = session.encode()
    except UnicodeEncodeError:
        raise InvalidInput("a session is valid Unicode text", code="session-length", pointer="/session") from None
    if not 1 <= len(raw) <= SESSION_BYTES:
        raise InvalidInput(
            f"a session has 1 to {SESSION_BYTES} bytes; this one has {len(raw)}",
            code="session-length", pointer="/session",
        )  # fmt: skip
    return raw


class DayKeys:
    """The random keys of open days, in memory, shared through the volatile store."""

    def __init__(self, volatile: Volatile, counted: Callable[[int], list[str]] = lambda _: []) -> None:
        """`counted` returns the tags that have units of a day: a key made for such a day replaces one that was lost."""
        self._volatile = volatile
        self._counted = counted
        self._held: dict[int, bytes] = {}
        self.replaced: list[tuple[int, str]] = []  # day and tag, until somebody notes it
        self.resets = 0

    def key(self, day: int, now: float) -> bytes:
        """The day's key; made if nobody has one. Raises StoreUnavailable when it can be had from nowhere."""
        held = self._held.get(day)
        if held is None:
            held = self._held[day] = self._volatile.held_key(day) or self._made(day, now)
        return held

    def _made(self, day: int, now: float) -> bytes:
        # Asked first: as soon as there is a key, others count with it. A day that is to come has no units.
        before = self._counted(day) if day <= day_of(now) else []
        proposal = secrets.token_bytes(32)
        held = self._volatile.day_key(day, proposal, _seconds(day, now))
        if held == proposal:
            self.replaced += [(day, tag) for tag in before]
        return held

    def refresh(self, now: float, still_open: int) -> None:
        """Re-seed the store, make tomorrow's key from noon on, drop the keys of days before `still_open`."""
        today = day_of(now)
        if now % DAY >= _NOON:
            self.key(today + 1, now)
        self.key(today, now)
        for day, mine in list(self._held.items()):
            if day < still_open:
                self._forget(day)
                continue
            shared = self._volatile.day_key(day, mine, _seconds(day, now))
            if shared != mine:
                self._held[day] = shared
                self.resets += 1

    def _forget(self, day: int) -> None:
        self._held.pop(day, None)
        try:
            self._volatile.forget(day)
        except StoreUnavailable:
            return  # it expires by itself


def _seconds(day: int, now: float) -> int:
    return int((day + 1) * DAY + _LONGEST_OPEN - now)
