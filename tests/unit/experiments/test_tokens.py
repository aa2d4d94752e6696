"""Tokens: only what we sealed for this purpose opens, whatever is done to it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import TokenError
from experiments.tokens import Grant, Sealer

KEYS = {1: bytes(32), 2: bytes(range(32))}
SEALER = Sealer(KEYS)
GRANT = Grant(
    version_id=7, partner=3, shard=1, day=20_780, pseudonym=b"\x01\x02\x03\x04\x05\x06\x07\x08", variant=4, phase=9,
    surface=2, stratum=5, issued=1_795_467_744,
)  # fmt: skip
LOWEST = Grant(0, 0, 0, 0, bytes(8), 0, 0, 0, 0, 0)
HIGHEST = Grant(2**32 - 1, 2**16 - 1, 255, 2**16 - 1, b"\xff" * 8, 31, 1023, 15, 20, 2**32 - 1, uncounted=True)


@pytest.mark.parametrize("grant", [GRANT, LOWEST, HIGHEST])
@pytest.mark.parametrize("purpose", ["unit", "go", "override"])
def test_what_was_sealed_opens(grant: Grant, purpose: str) -> None:
    token = SEALER.seal(grant, purpose)
    assert SEALER.open(token, purpose) == grant
    assert len(token) <= 80


def test_every_flipped_bit_is_refused() -> None:
    raw = bytearray(urlsafe_b64decode(SEALER.seal(GRANT, "unit") + "=="))
    for bit in range(8 * len(raw)):
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TokenError):
            SEALER.open(urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode(), "unit")
        raw[bit // 8] ^= 1 << bit % 8


def test_every_changed_character_is_refused() -> None:
    token = SEALER.seal(GRANT, "unit")
    for place in range(len(token)):
        for other in "AQ_-z":
            if token[place] != other:
                with pytest.raises(TokenError):
                    SEALER.open(token[:place] + other + token[place + 1 :], "unit")


def test_truncations_and_splices_are_refused() -> None:
    first, second = SEALER.seal(GRANT, "unit"), SEALER.seal(LOWEST, "unit")
    for cut in range(len(first)):
        with pytest.raises(TokenError):
            SEALER.open(first[:cut], "unit")
        spliced = first[:cut] + second[cut:]
        if spliced not in (first, second):
            with pytest.raises(TokenError):
                SEALER.open(spliced, "unit")


@pytest.mark.parametrize(("made", "used"), list(pairwise(["unit", "go", "override", "unit"])))
def test_a_token_serves_one_purpose(made: str, used: str) -> None:
    with pytest.raises(TokenError):
        SEALER.open(SEALER.seal(GRANT, made), used)


def test_the_ring_opens_old_tokens_and_no_strangers() -> None:
    old = Sealer({1: KEYS[1]}).seal(GRANT, "unit")
    assert SEALER.open(old, "unit") == GRANT
    with pytest.raises(TokenError):
        Sealer({3: bytes(range(1, 33))}).open(old, "unit")
    with pytest.raises(TokenError):
        Sealer({1: bytes(range(1, 33))}).open(old, "unit")


def test_two_seals_differ_and_neither_shows_the_pseudonym() -> None:
    first, second = SEALER.seal(GRANT, "unit"), SEALER.seal(GRANT, "unit")
    assert first != second
    assert GRANT.pseudonym not in urlsafe_b64decode(first + "==")


@given(st.text(max_size=200))
def test_garbage_raises_a_token_error_and_nothing_else(text: str) -> None:
    with pytest.raises(TokenError):
        SEALER.open(text, "unit")
