"""Test vectors of the assignment rule, made by an implementation of its own: hashlib and hmac, nothing of Signpost.

python tests/vectors/generate.py           write tests/vectors/assignment.json
python tests/vectors/generate.py --check   exit 1 if the file differs
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from fractions import Fraction
from pathlib import Path

FILE = Path(__file__).with_name("assignment.json")
K1, K2 = bytes(range(32)), hashlib.sha256(b"signpost vectors").digest()
DAY1, DAY2 = hashlib.sha256(b"day 1").digest(), hashlib.sha256(b"day 2").digest()
FIELDS = {
    "assignments": "key (hex, 32 bytes), session (text, hashed as UTF-8), weights (basis points in file order), traffic "
    "(basis points), closed (indices) -> bucket, traffic_draw (0..9999), unit (hex, 16 bytes), variant (index, null when "
    "left out), reason, redrawn, propensity ([numerator, denominator] of the variant in this phase, null when left out)",
    "pseudonyms": "day_key, unit (hex), experiment, version -> pseudonym (hex, 8 bytes)",
    "shards": "unit (hex), shards -> shard",
    "blocks": "surface, unix_seconds, block_hours -> session (hex)",
}


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def scale(part: bytes, size: int) -> int:
    return int.from_bytes(part, "big") * size >> 64


def owner(position: int, weights: list[int]) -> int:
    for index, weight in enumerate(weights):
        if position < weight:
            return index
        position -= weight
    raise AssertionError


def assignment(
    key: bytes, session: str, weights: list[int], traffic: int = 10_000, closed: tuple[int, ...] = ()
) -> dict:
    raw = session.encode()
    h = mac(key, raw)
    bucket, draw = scale(h[:8], 10_000), scale(h[24:], 10_000)
    variant = owner(bucket, weights)
    redrawn = variant in closed
    opened = [0 if i in closed else w for i, w in enumerate(weights)]
    if redrawn:
        variant = owner(scale(mac(key, b"\x01" + raw)[:8], sum(opened)), opened)
    left_out = draw >= traffic
    share = Fraction(opened[variant], sum(opened))
    return {
        "key": key.hex(), "session": session, "weights": weights, "traffic": traffic, "closed": list(closed),
        "bucket": bucket, "traffic_draw": draw, "unit": h[8:24].hex(),
        "variant": None if left_out else variant, "reason": "out-of-traffic" if left_out else None,
        "redrawn": redrawn and not left_out,
        "propensity": None if left_out else [share.numerator, share.denominator],
    }  # fmt: skip


SESSIONS = [
    "a", "0", " ", "session-1", "A longer session, with spaces and punctuation!", "x" * 64, "y" * 128, "é", "e\u0301",
    "جلسة-١", "会话-一", "सत्र", "🙂", "🙂" * 32, "שלום", "ß" * 64, "tab\tand\nline", "\u200f", "null\x00inside", "ZZZZ",
]  # fmt: skip
WEIGHTS = [
    [5000, 5000], [2500] * 4, [2000] * 5, [0, 10_000], [10_000, 0], [1, 9999], [9999, 1], [0, 1, 9999], [3334, 3333, 3333],
    [834] * 4 + [833] * 8,
]  # fmt: skip


def vectors() -> dict:
    sessions = [f"session-{i}" for i in range(200)]
    found = [assignment(K1, s, [2500] * 4) for s in SESSIONS]
    found += [assignment(K2, s, w) for w in WEIGHTS for s in SESSIONS[:4]]
    found += [assignment(K1, s, [5000, 5000], t) for t in (0, 1, 5000, 9999) for s in SESSIONS[:6]]
    # the same sessions before and after the weights were set anew
    found += [assignment(K2, s, w) for s in sessions[:8] for w in ([2500] * 4, [1000, 4000, 4000, 1000])]
    # closed arms: sessions that land in one are found among the first 200
    for weights, closed in (([2500] * 4, (1,)), ([2500] * 4, (1, 3)), ([1000, 0, 9000], (2,)), ([5000, 4999, 1], (1,))):
        made = [assignment(K1, s, weights, closed=closed) for s in sessions]
        found += [v for v in made if v["redrawn"]][:6] + [v for v in made if not v["redrawn"]][:2]
    units = [bytes.fromhex(v["unit"]) for v in found[:6]]
    named = [
        (d, e, n, u) for d in (DAY1, DAY2) for e, n in (("four-lines-uk", 1), ("four-lines-uk", 12)) for u in units
    ]
    blocks = [
        ("search-uk", 0, 1),
        ("search-uk", 1_795_467_744, 1),
        ("search-uk", 1_795_467_744, 24),
        ("a-b-c", 3599, 1),
    ]
    return {
        "schema": 1,
        "about": "The assignment rule of Signpost. Made by tests/vectors/generate.py; every client must reproduce it.",
        "fields": FIELDS,
        "assignments": found,
        "pseudonyms": [
            {
                "day_key": d.hex(), "experiment": e, "version": n, "unit": u.hex(),
                "pseudonym": mac(d, f"{e}:{n}".encode() + b"\x00" + u)[:8].hex(),
            }
            for d, e, n, u in named
        ],
        "shards": [{"unit": u.hex(), "shards": n, "shard": u[0] % n} for u in units for n in (1, 2, 8, 12)],
        "blocks": [
            {
                "surface": s, "unix_seconds": t, "block_hours": h,
                "session": (s.encode() + b"\x00" + str(t // (3600 * h)).encode()).hex(),
            }
            for s, t, h in blocks
        ],
    }  # fmt: skip


def text() -> str:
    return json.dumps(vectors(), ensure_ascii=True, indent=1) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if FILE.read_text() == text() else 1)
    FILE.write_text(text())
