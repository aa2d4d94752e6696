"""The row's layout: Python and Lua, every field up to its limit."""

from importlib.resources import files
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.spec import MAX_STRATA, MAX_SURFACES, MAX_VARIANTS, OutcomeDefinition
from experiments.store import rows
from experiments.store.rows import Row, bit_name, mask, outcome_bit

LIMITS = Row(variant=31, phase=1023, surface=15, stratum=31, shown=3, step=16_383, bits=2**18 - 1)
any_row = st.builds(
    Row, st.integers(0, 31), st.integers(0, 1023), st.integers(0, 15), st.integers(0, 31), st.integers(0, 3),
    st.integers(0, 16_383), st.integers(0, 2**18 - 1), st.integers(0, 63),
)  # fmt: skip
EXTREMES = [
    Row(*values) for values in product((0, 31), (0, 1023), (0, 15), (0, 20), (0, 3), (0, 16_383), (0, 2**17, 2**18 - 1))
]
IN_LUA = """
local found = {}
for i = 1, #ARGV do
  local row = unpack_row(ARGV[i])
  found[i] = {cell(row), row.variant, row.shown, row.step, row.bits, row.word, pack_row(row)}
end
return found
"""


@given(any_row)
def test_a_row_is_eight_bytes_and_comes_back(row):
    assert len(row.pack()) == 8
    assert Row.unpack(row.pack()) == row
    assert Row.from_words(row.word(), row.step << 18 | row.bits) == row


@pytest.mark.parametrize("field", Row._fields)
def test_fields_do_not_touch_each_other(field):
    alone = Row(**{name: getattr(LIMITS, name) if name == field else 0 for name in Row._fields})
    assert Row.unpack(alone.pack()) == alone


def test_a_definition_fits_into_the_row():
    assert LIMITS.variant >= MAX_VARIANTS - 1
    assert LIMITS.surface >= MAX_SURFACES - 1
    assert LIMITS.stratum >= MAX_STRATA


def test_lua_and_python_mean_the_same(each_server):
    shared = (files("experiments.store") / "lua" / "row.lua").read_text()
    told = each_server.clients[0].eval(shared + IN_LUA, 0, *(row.pack() for row in EXTREMES))
    for row, (cell, variant, shown, step, bits, word, packed) in zip(EXTREMES, told, strict=True):
        assert cell.decode() == f"{row.phase}.{row.variant}.{row.surface}.{row.stratum}."
        assert (variant, shown, step, bits) == (row.variant, row.shown, row.step, row.bits)
        assert Row.from_words(word, 0) == Row(row.variant, row.phase, row.surface, row.stratum)
        assert packed == row.pack()


def test_every_outcome_has_a_bit_of_its_own():
    ways = [("help_sought", channel, tier) for channel in rows.CHANNELS for tier in rows.TIERS]
    ways += [(outcome, None, tier) for outcome in rows.SIMPLE_OUTCOMES for tier in rows.TIERS]
    bits = [outcome_bit(*way) for way in ways]
    assert sorted(bits) == list(range(16))
    assert [bit_name(bit) for bit in bits] == ways
    assert {outcome_bit("repeat_trigger", None, tier) for tier in rows.TIERS} == {rows.REPEAT_BIT}
    assert bit_name(rows.REPEAT_BIT) == ("repeat_trigger", None, None)
    assert bit_name(rows.YOUNG_PEOPLE_BIT) == ("young_people", None, None)


@pytest.mark.parametrize(
    ("fields", "bits"),
    [
        ({"outcome": "help_sought"}, range(10)),
        ({"outcome": "help_sought", "tiers": ["attested"]}, (1, 3, 5, 7, 9)),
        ({"outcome": "help_sought", "channels": ["email", "chat"]}, (2, 3, 6, 7)),
        ({"outcome": "help_sought", "channels": ["call", "call"], "tiers": ["reported"]}, (0,)),
        ({"outcome": "proceeded"}, (10, 11)),
        ({"outcome": "left", "tiers": ["reported"]}, (12,)),
        ({"outcome": "complaint", "tiers": ["attested"]}, (15,)),
        ({"outcome": "repeat_trigger"}, (16,)),
    ],
)
def test_a_definition_names_the_bits_that_fulfil_it(fields, bits):
    assert mask(OutcomeDefinition(**fields)) == sum(1 << bit for bit in bits)


def test_help_for_young_people_fulfils_no_definition():
    every = 0
    for outcome in ("help_sought", "proceeded", "left", "repeat_trigger", "complaint"):
        every |= mask(OutcomeDefinition(outcome=outcome))
    assert not every >> rows.YOUNG_PEOPLE_BIT & 1
