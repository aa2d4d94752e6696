"""The 8-byte row of a unit, and the outcome bits in it. `lua/row.lua` holds the same layout.

Two big-endian 32-bit words:

    A   variant 5 bits | phase 10 | surface 4 | stratum 5 | times shown 2 | told by partner 6
    B   step 14 bits   | outcome bits 18

`step` counts 10-second steps from the start of the row's day: of the assignment until the message was
shown, of the first exposure from then on. `times shown` is 0…3, 3 meaning three or more. Stratum 0
is "none", n the n-th declared one. `told by partner` says what the partner's own server has reported where the
outcome bits cannot: bit 0 the exposure, bit 1 repeat_trigger; receipts depend on it, counts do not. Its bit 2 says that
a report contradicted the row, which is counted once.

Outcome bits: 2 per channel of help_sought (reported, attested; channels in the order of CHANNELS),
then 2 each for proceeded, left and complaint, then repeat_trigger, then help for young people (kept
apart: it belongs to no outcome of any plan).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from experiments.spec import OutcomeDefinition

STEP_SECONDS = 10
CHANNELS = ("call", "email", "click", "chat", "self_help")
TIERS = ("reported", "attested")
SIMPLE_OUTCOMES = ("proceeded", "left", "complaint")
REPEAT_BIT = 16
YOUNG_PEOPLE_BIT = 17
_ROW = struct.Struct(">II")


class Row(NamedTuple):
    """An unpacked row; see the module's docstring for units."""

    variant: int
    phase: int
    surface: int
    stratum: int
    shown: int = 0
    step: int = 0
    bits: int = 0
    told: int = 0

    def word(self) -> int:
        """Word A."""
        return (
            self.variant << 27 | self.phase << 17 | self.surface << 13 | self.stratum << 8 | self.shown << 6 | self.told
        )

    def pack(self) -> bytes:
        return _ROW.pack(self.word(), self.step << 18 | self.bits)

    @classmethod
    def unpack(cls, data: bytes) -> Row:
        return cls.from_words(*_ROW.unpack(data))

    @classmethod
    def from_words(cls, a: int, b: int) -> Row:
        return cls(
            variant=a >> 27, phase=a >> 17 & 1023, surface=a >> 13 & 15, stratum=a >> 8 & 31, shown=a >> 6 & 3,
            told=a & 63,
            step=b >> 18, bits=b & 0x3FFFF,
        )  # fmt: skip


def outcome_bit(outcome: str, channel: str | None, tier: str) -> int:
    """Position (0…17) of the bit that says this happened."""
    if outcome == "repeat_trigger":
        return REPEAT_BIT
    if outcome == "help_sought":
        return 2 * CHANNELS.index(channel or "") + TIERS.index(tier)
    return 10 + 2 * SIMPLE_OUTCOMES.index(outcome) + TIERS.index(tier)


def bit_name(bit: int) -> tuple[str, str | None, str | None]:
    """Outcome, channel and tier of a bit; the inverse of `outcome_bit`."""
    if bit == REPEAT_BIT:
        return "repeat_trigger", None, None
    if bit == YOUNG_PEOPLE_BIT:
        return "young_people", None, None
    if bit < 10:
        return "help_sought", CHANNELS[bit // 2], TIERS[bit % 2]
    return SIMPLE_OUTCOMES[(bit - 10) // 2], None, TIERS[bit % 2]


def mask(definition: OutcomeDefinition) -> int:
    """Bits of which any one makes the outcome definition true."""
    if definition.outcome == "repeat_trigger":
        return 1 << REPEAT_BIT
    channels = (definition.channels or CHANNELS) if definition.outcome == "help_sought" else (None,)
    tiers = definition.tiers or TIERS
    return sum({1 << outcome_bit(definition.outcome, channel, tier) for channel in channels for tier in tiers})
