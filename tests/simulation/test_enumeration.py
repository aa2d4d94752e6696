"""Every e-process has mean 1 under its null: exactly, over all label sequences, with shares that change at each event."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from stats import evidence

ARMS, EVENTS = 3, 8
SEQUENCES = np.array(list(product(range(ARMS), repeat=EVENTS)))
# One row for each event; in CLOSING, arms are closed and open again on the way.
CHANGING = np.array(
    [
        [0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3], [0.6, 0.1, 0.3], [0.05, 0.9, 0.05],
        [0.25, 0.5, 0.25], [0.1, 0.2, 0.7], [0.45, 0.45, 0.1], [0.8, 0.15, 0.05],
    ]
)  # fmt: skip
CLOSING = np.array(
    [
        [0.2, 0.3, 0.5], [0.5, 0.0, 0.5], [0.6, 0.1, 0.3], [0.0, 0.9, 0.1],
        [0.3, 0.7, 0.0], [0.1, 0.2, 0.7], [1.0, 0.0, 0.0], [0.8, 0.0, 0.2],
    ]
)  # fmt: skip


def followed(rho, better):
    """The engine's path over all 6,561 sequences at once; units make the lead change with the labels."""
    labels = np.eye(ARMS)[SEQUENCES]
    units = labels + np.array([40, 25, 60]) * (1 + np.arange(EVENTS)[:, None] % 3)
    state = evidence.start(len(SEQUENCES), ARMS, 0.05, better)
    return evidence.follow(state, labels, units, rho[None])[1]


def means(log_values, rho, rates=(1.0, 1.0, 1.0)):
    """Mean of e-values (sequence, event, ..) after each event, where labels follow rho times the rates."""
    chance = rho * rates
    chance = chance / chance.sum(axis=1, keepdims=True)
    weights = chance[np.arange(EVENTS), SEQUENCES].prod(axis=1)
    assert weights.sum() == pytest.approx(1, abs=1e-13)
    return np.tensordot(weights, np.exp(log_values), axes=1)


@pytest.fixture(scope="module", params=[(CHANGING, "higher"), (CHANGING, "lower"), (CLOSING, "higher")], ids=str)
def path(request):
    rho, better = request.param
    return followed(rho, better), rho, better


def test_pair_evidence(path):
    steps, rho, _ = path
    np.testing.assert_allclose(means(steps.log_e, rho), 1, rtol=0, atol=1e-12)


def test_static_mean_against_each_arm(path):
    steps, rho, _ = path
    pairs = np.exp(steps.log_e) * ~np.eye(ARMS, dtype=bool)
    static = np.log(pairs.sum(axis=-2) / (ARMS - 1))
    np.testing.assert_allclose(means(static, rho), 1, rtol=0, atol=1e-12)


def test_dynamic_wealth_against_each_arm(path):
    steps, rho, _ = path
    np.testing.assert_allclose(means(steps.log_wealth, rho), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["log_mean", "log_dirichlet", "log_global"])
def test_global_evidence(path, name):
    steps, rho, _ = path
    np.testing.assert_allclose(means(getattr(steps, name), rho), 1, rtol=0, atol=1e-12)


def test_the_mean_is_below_one_inside_the_null_and_above_outside():
    """Arm 2 is the best: evidence that another is better than it, or that it is not the best, must not grow."""
    steps = followed(CHANGING, "higher")
    rates = np.array([1.0, 1.0, 1.5])
    pairs = means(steps.log_e, CHANGING, rates)
    assert (np.diff(pairs[:, :2, 2], axis=0) < 0).all()
    assert (np.diff(pairs[:, 2, :2], axis=0) > 0).all()
    wealth = means(steps.log_wealth, CHANGING, rates)
    assert (np.diff(wealth[:, 2]) < 0).all()
    assert (wealth[-1, :2] > 1).all()


def test_better_lower_is_the_mirror():
    higher, lower = followed(CHANGING, "higher"), followed(CHANGING, "lower")
    np.testing.assert_array_equal(lower.log_e, np.swapaxes(higher.log_e, -1, -2))


def test_looking_once_or_at_every_event_ends_at_the_same_pair_evidence():
    """Merging events of the same shares into one batch changes no pair evidence, and keeps every mean at 1."""
    rho = np.repeat(CHANGING[:2], 4, axis=0)
    single = followed(rho, "higher")
    labels = np.eye(ARMS)[SEQUENCES]
    merged = np.stack([labels[:, :4].sum(axis=1), labels[:, 4:].sum(axis=1)], axis=1)
    state = evidence.start(len(SEQUENCES), ARMS, 0.05)
    steps = evidence.follow(state, merged, merged + 100, rho[None, ::4])[1]
    np.testing.assert_allclose(steps.log_e[:, -1], single.log_e[:, -1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(means(steps.log_wealth[:, -1], rho), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(means(steps.log_dirichlet[:, -1], rho), 1, rtol=0, atol=1e-12)
