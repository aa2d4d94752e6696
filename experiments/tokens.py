"""Tokens that prove an assignment: AES-256-GCM, sealed for one purpose, small enough for a URL.

Layout (base64url without padding):

    format 1 byte | key id 1 byte | nonce 12 bytes | ciphertext 27 bytes | tag 16 bytes

The associated data is the format byte and the purpose, which the endpoint knows, so a token for
links cannot be used to report an outcome. The payload names no person: it is what a row holds.
"""

from __future__ import annotations

import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from experiments.errors import TokenError

Purpose = Literal["unit", "go", "override"]

FORMAT = 1
UNCOUNTED = 1  # flag: the assignment could not be written, so nothing that follows may enter an arm
_PAYLOAD = struct.Struct(">IHBH8sBHBBBI")
_NONCE = 12
_HEADER = 2 + _NONCE
NONCES = 128  # drawn at a time
_ASSOCIATED = {purpose: bytes((FORMAT,)) + purpose.encode() for purpose in get_args(Purpose)}
_LENGTH = _HEADER + _PAYLOAD.size + 16


class Grant(NamedTuple):
    """What a token carries: version and partner ids, day (since 1970), row fields, `issued` in unix seconds.

    `stratum` 0 means none, n the n-th declared one; `surface` counts from 0 in file order.
    """

    version_id: int
    partner: int
    shard: int
    day: int
    pseudonym: bytes
    variant: int
    phase: int
    surface: int
    stratum: int
    issued: int
    uncounted: bool = False

    def pack(self) -> bytes:
        flags = UNCOUNTED if self.uncounted else 0
        return _PAYLOAD.pack(
            self.version_id, self.partner, self.shard, self.day, self.pseudonym, self.variant,
            self.phase, self.surface, self.stratum, flags, self.issued,
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> Grant:
        version, partner, shard, day, name, variant, phase, surface, stratum, flags, issued = _PAYLOAD.unpack(data)
        return cls(
            version, partner, shard, day, name, variant, phase, surface, stratum, issued, bool(flags & UNCOUNTED)
        )


_nonces: list[bytes] = []
os.register_at_fork(after_in_child=_nonces.clear)  # else parent and child would use the same ones


def _nonce() -> bytes:
    """A random nonce, never given twice. Drawn many at a time: each call of the system stops all threads."""
    while True:
        try:
            return _nonces.pop()
        except IndexError:
            drawn = os.urandom(_NONCE * NONCES)
            _nonces.extend(drawn[at : at + _NONCE] for at in range(0, len(drawn), _NONCE))


class Sealer:
    """Seals and opens tokens with a ring of 32-byte keys; the highest key id is the current one."""

    def __init__(self, ring: Mapping[int, bytes]) -> None:
        current = max(ring)
        self._ciphers = {kid: AESGCM(key) for kid, key in ring.items()}
        self._encrypt = self._ciphers[current].encrypt
        self._head = bytes((FORMAT, current))

    def seal(self, grant: Grant, purpose: Purpose) -> str:
        nonce = _nonce()
        body = self._encrypt(nonce, grant.pack(), _ASSOCIATED[purpose])
        return urlsafe_b64encode(self._head + nonce + body).rstrip(b"=").decode()

    def open(self, token: str, purpose: Purpose) -> Grant:
        """Return the grant, or raise TokenError (`token-invalid`) for anything that we did not seal for this."""
        raw = _decode(token)
        cipher = self._ciphers.get(raw[1])
        if raw[0] != FORMAT or cipher is None:
            raise _invalid()
        try:
            return Grant.unpack(cipher.decrypt(raw[2:_HEADER], raw[_HEADER:], _ASSOCIATED[purpose]))
        except InvalidTag:
            raise _invalid() from None


def _decode(token: str) -> bytes:
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (Base64Error, UnicodeEncodeError):
        raise _invalid() from None
    # Decoding forgives stray characters and unused bits; one grant has exactly one spelling.
    if len(raw) != _LENGTH or urlsafe_b64encode(raw).rstrip(b"=") != token.encode():
        raise _invalid()
    return raw


def _invalid() -> TokenError:
    return TokenError("the token was not issued by this service for this purpose", pointer="/token")
