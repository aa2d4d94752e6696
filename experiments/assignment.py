"""Who gets which variant: a keyed hash and nothing else. Pure; no clock, no store.

`K` is the version's random 32-byte key. With h = HMAC-SHA-256(K, session):

    bucket        (int(h[0:8]) * 10000) >> 64     0…9999, decides the variant
    unit          h[8:24]                         16 bytes, from which pseudonym and shard come
    traffic draw  (int(h[24:32]) * 10000) >> 64   0…9999, a unit is left out when draw >= traffic

Integers are big endian. The same rule in any language is checked by `tests/vectors/assignment.json`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

BUCKETS = 10_000
REDRAW_PREFIX = b"\x01"


class Draw(NamedTuple):
    """What the hash says about a session: `bucket` and `traffic` in 0…9999, `unit` 16 bytes."""

    bucket: int
    unit: bytes
    traffic: int


class Choice(NamedTuple):
    """The chosen variant's index in file order, or None with the reason, and the draw it came from."""

    variant: int | None
    reason: str | None
    draw: Draw


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _scaled(eight_bytes: bytes, size: int) -> int:
    """Map 8 random bytes to 0…size-1 by multiplication (bias below size / 2^64)."""
    return (int.from_bytes(eight_bytes, "big") * size) >> 64


def draw(key: bytes, session: bytes) -> Draw:
    """Hash a session (1–128 bytes) under the version's key."""
    h = _mac(key, session)
    return Draw(_scaled(h[0:8], BUCKETS), h[8:24], _scaled(h[24:32], BUCKETS))


def variant_at(position: int, weights: Sequence[int]) -> int:
    """Index of the variant that owns `position` when variants own consecutive ranges of `weights`."""
    for index, end in enumerate(accumulate(weights)):
        if position < end:
            return index
    raise ValueError(f"position {position} lies outside the weights, whose sum is {sum(weights)}")


def redraw(key: bytes, session: bytes, weights: Sequence[int], closed: frozenset[int]) -> int:
    """Draw again among the open variants, for a unit whose own range belongs to a closed arm."""
    open_weights = [0 if i in closed else w for i, w in enumerate(weights)]
    eight = _mac(key, REDRAW_PREFIX + session)[0:8]
    return variant_at(_scaled(eight, sum(open_weights)), open_weights)


def choose(
    key: bytes, session: bytes, weights: Sequence[int], traffic: int, closed: frozenset[int] = frozenset()
) -> Choice:
    """Assign a session within one phase.

    `weights` are basis points in file order and sum to 10 000, `traffic` is in basis points, `closed`
    holds the indices of closed arms. Ranges do not move when an arm is closed, so nobody else is moved.
    """
    drawn = draw(key, session)
    if drawn.traffic >= traffic:
        return Choice(None, "out-of-traffic", drawn)
    index = variant_at(drawn.bucket, weights)
    if index in closed:
        index = redraw(key, session, weights, closed)
    return Choice(index, None, drawn)


def propensity(weights: Sequence[int], closed: frozenset[int], variant: int) -> float:
    """Probability of the variant in a phase: its weight over the open weights' sum (0 when closed).

    Exact under the redraw rule: with S the open sum and C the closed one (S + C = 10 000), a variant is
    reached directly or by redraw, w/(S+C) + C/(S+C) · w/S = w/S.
    """
    if variant in closed:
        return 0.0
    return weights[variant] / sum(w for i, w in enumerate(weights) if i not in closed)


def pseudonym(day_key: bytes, experiment: str, version: int, unit: bytes) -> bytes:
    """Return the 8 bytes a unit is stored as for one day; meaningless once the day key is gone."""
    message = f"{experiment}:{version}".encode() + b"\x00" + unit
    return _mac(day_key, message)[0:8]


def shard(unit: bytes, shards: int) -> int:
    """Shard of a unit: never from the pseudonym, else one unit's rows would lie in several slots."""
    return unit[0] % shards


def block_session(surface: str, unix_seconds: int, block_hours: int) -> bytes:
    """Session of a time block (`unit: block`): the same for everybody on a surface during the block."""
    number = unix_seconds // (3600 * block_hours)
    return surface.encode() + b"\x00" + str(number).encode()
