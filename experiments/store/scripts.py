"""Loads the Lua files and calls them by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from experiments.store.connection import Client, translated

_FOLDER = files("experiments.store") / "lua"


class Script:
    """What happens at once: Lua files, one behind the other, sent once to each server and called by their hash."""

    def __init__(self, *names: str) -> None:
        self.text = "".join((_FOLDER / f"{name}.lua").read_text() for name in names)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: Client, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run it: one round trip, a second one only where the server has not met the script yet."""
        with translated():
            try:
                return client.evalsha(self.sha, len(keys), *keys, *args)
            except NoScriptError:
                # EVAL, not SCRIPT LOAD and again: it runs and caches on the very node that lacked it.
                return client.eval(self.text, len(keys), *keys, *args)

    def by_hash(self, keys: Sequence[str], argument: bytes) -> tuple[str | int | bytes, ...]:
        """The command that runs it where the server knows it."""
        return ("EVALSHA", self.sha, len(keys), *keys, argument)

    def by_text(self, keys: Sequence[str], argument: bytes) -> tuple[str | int | bytes, ...]:
        """The command that runs it where the server has not met it yet, and makes it known there."""
        return ("EVAL", self.text, len(keys), *keys, argument)
