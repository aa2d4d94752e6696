"""Acts as bytes, and back: how they lie in a spool."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgpack

from experiments.store.acts import Act, Slot, Terms


def lasting(act: Act, now: int) -> Act:
    """The act with the moment its days are sealed in place of the seconds until then: it holds whenever it is read."""
    slots = tuple(slot._replace(seconds=now + slot.seconds) for slot in act.slots)
    return act._replace(slots=slots, otherwise=act.otherwise and lasting(act.otherwise, now))


def to_bytes(act: Act) -> bytes:
    """Packed, behind its checksum."""
    data = bytes(msgpack.packb(act))
    return zlib.crc32(data).to_bytes(4, "big") + data


def from_bytes(blob: bytes) -> Act | None:
    """The act, or None when it cannot be read: SQLite itself does not notice when a disk changes what is in a row."""
    data = blob[4:]
    if blob[:4] != zlib.crc32(data).to_bytes(4, "big"):
        return None
    try:
        return _act(msgpack.unpackb(data))
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def _act(fields: Sequence[Any]) -> Act:
    kind, tag, slots, terms, carries, what, otherwise = fields
    window, life, pause, masks = terms
    return Act(
        kind, tag, tuple(Slot(*slot) for slot in slots), Terms(window, life, pause, tuple(masks)), tuple(carries), what,
        _act(otherwise) if otherwise else None,
    )  # fmt: skip
