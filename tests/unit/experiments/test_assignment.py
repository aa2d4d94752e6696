"""The assignment rule against its vectors, an implementation of a few lines, and its statistical promises."""

from __future__ import annotations

import importlib.util
import json
import math
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from experiments import assignment

FOLDER = Path(__file__).parents[2] / "vectors"
VECTORS = json.loads((FOLDER / "assignment.json").read_text())
KEY = bytes(range(32))
MANY = 100_000


@pytest.fixture(scope="module")
def independent() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_what_the_independent_implementation_makes(independent: ModuleType) -> None:
    assert (FOLDER / "assignment.json").read_text() == independent.text()


def test_there_are_enough_vectors_of_every_kind() -> None:
    found = VECTORS["assignments"]
    assert len(found) >= 120
    assert sum(v["redrawn"] for v in found) >= 20
    assert {v["reason"] for v in found} == {None, "out-of-traffic"}
    assert {len(v["session"].encode()) for v in found} >= {1, 64, 128}
    assert all(VECTORS[kind] for kind in ("pseudonyms", "shards", "blocks"))


@pytest.mark.parametrize("vector", VECTORS["assignments"], ids=lambda v: ascii(v["session"])[:20])
def test_an_assignment_vector(vector: dict) -> None:
    key, session = bytes.fromhex(vector["key"]), vector["session"].encode()
    closed = frozenset(vector["closed"])
    drawn = assignment.draw(key, session)
    assert (drawn.bucket, drawn.traffic, drawn.unit.hex()) == (
        vector["bucket"], vector["traffic_draw"], vector["unit"],
    )  # fmt: skip
    choice = assignment.choose(key, session, vector["weights"], vector["traffic"], closed)
    assert (choice.variant, choice.reason) == (vector["variant"], vector["reason"])
    if choice.variant is not None:
        wanted = Fraction(*vector["propensity"])
        assert assignment.propensity(vector["weights"], closed, choice.variant) == pytest.approx(
            float(wanted), abs=1e-15
        )


def test_pseudonyms_shards_and_blocks() -> None:
    for v in VECTORS["pseudonyms"]:
        made = assignment.pseudonym(
            bytes.fromhex(v["day_key"]), v["experiment"], v["version"], bytes.fromhex(v["unit"])
        )
        assert made.hex() == v["pseudonym"]
    for v in VECTORS["shards"]:
        assert assignment.shard(bytes.fromhex(v["unit"]), v["shards"]) == v["shard"]
    for v in VECTORS["blocks"]:
        assert assignment.block_session(v["surface"], v["unix_seconds"], v["block_hours"]).hex() == v["session"]


@pytest.fixture(scope="module")
def draws() -> list[assignment.Draw]:
    return [assignment.draw(KEY, f"s{i}".encode()) for i in range(MANY)]


def test_buckets_and_traffic_draws_are_uniform_and_independent(draws: list[assignment.Draw]) -> None:
    """Chi-square over 100 cells each; a fixed seed (the key), refused below p = 1e-4."""
    cells = [[0] * 10 for _ in range(10)]
    for d in draws:
        cells[d.bucket // 1000][d.traffic // 1000] += 1
    assert sps.chisquare([sum(row) for row in cells]).pvalue > 1e-4
    assert sps.chisquare([n for row in cells for n in row]).pvalue > 1e-4


def test_the_split_keeps_to_the_weights(draws: list[assignment.Draw]) -> None:
    """Each arm within 4.5 standard deviations of its share of 100 000."""
    weights = (5000, 3000, 1990, 10)
    seen = [0] * 4
    for d in draws:
        seen[assignment.variant_at(d.bucket, weights)] += 1
    for got, weight in zip(seen, weights, strict=True):
        share = weight / 10_000
        assert abs(got - MANY * share) < 4.5 * math.sqrt(MANY * share * (1 - share))


def test_raising_traffic_moves_nobody() -> None:
    for i in range(2000):
        session = f"s{i}".encode()
        low, high = (assignment.choose(KEY, session, (5000, 5000), t).variant for t in (2000, 9000))
        assert low is None or low == high


def test_closing_an_arm_moves_only_its_own_units_and_in_proportion() -> None:
    weights, closed = (2000, 2000, 6000), frozenset({0})
    moved = [0, 0, 0]
    for i in range(20_000):
        session = f"s{i}".encode()
        before = assignment.choose(KEY, session, weights, 10_000).variant
        after = assignment.choose(KEY, session, weights, 10_000, closed).variant
        assert after != 0
        if before == 0:
            moved[after or 0] += 1
        else:
            assert after == before
    # 2000 : 6000 among the moved, within 4.5 standard deviations
    total = sum(moved)
    assert abs(moved[1] - total / 4) < 4.5 * math.sqrt(total * 3 / 16)


def test_two_experiments_assign_independently() -> None:
    other = bytes(reversed(range(32)))
    cells = [0] * 4
    for i in range(20_000):
        session = f"s{i}".encode()
        first, second = (assignment.choose(k, session, (5000, 5000), 10_000).variant or 0 for k in (KEY, other))
        cells[2 * first + second] += 1
    assert sps.chisquare(cells).pvalue > 1e-4


@given(
    weights=st.lists(st.integers(0, 10_000), min_size=1, max_size=11),
    closed=st.sets(st.integers(0, 11), max_size=4),
    session=st.binary(min_size=1, max_size=128),
)
def test_a_choice_is_open_and_propensities_sum_to_one(weights: list[int], closed: set[int], session: bytes) -> None:
    total = sum(weights)
    scaled = [w * 10_000 // max(total, 10_000) for w in weights]
    scaled.append(10_000 - sum(scaled))
    shut = frozenset(c for c in closed if c < len(scaled))
    if not any(w for i, w in enumerate(scaled) if i not in shut):
        shut = frozenset()
    variant = assignment.choose(KEY, session, scaled, 10_000, shut).variant
    assert variant is not None
    assert variant not in shut
    assert scaled[variant] > 0
    assert sum(assignment.propensity(scaled, shut, i) for i in range(len(scaled))) == pytest.approx(1)
