"""Loads the Lua files and calls them by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from experiments.store.connection import Client, translated

_FOLDER = files("experiments.store") / "lua"
_SHARED = "row.lua"


class Script:
    """One atomic act: a Lua file, sent once to each server and called by its hash."""

    def __init__(self, name: str, *, rows: bool = True) -> None:
        shared = (_FOLDER / _SHARED).read_text() if rows else ""
        self.text = shared + (_FOLDER / f"{name}.lua").read_text()
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: Client, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        """Run it: one round trip, a second one only where the server has not met the script yet."""
        with translated():
            try:
                return client.evalsha(self.sha, len(keys), *keys, *args)
            except NoScriptError:
                # EVAL, not SCRIPT LOAD and again: it runs and caches on the very node that lacked it.
                return client.eval(self.text, len(keys), *keys, *args)
