"""Integration panel by panel: over all of it, and up to each node."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as sps

from stats.quadrature import composite, running

EDGES = np.array([-1.0, -0.9, 0.5, 1.0])


@pytest.mark.parametrize("degree", [0, 1, 7, 23])
def test_running_integrals_of_polynomials_are_exact(degree):
    nodes, weights = composite(EDGES)
    found = running(weights * nodes**degree)
    primitive = (nodes ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
    assert found == pytest.approx(primitive, rel=1e-12, abs=1e-13)


def test_running_integrals_of_a_density_are_its_distribution():
    nodes, weights = composite(np.linspace(-9.0, 9.0, 7))
    laws = [sps.norm(0, 1), sps.norm(1, 2)]
    found = running(np.array([law.pdf(nodes) for law in laws]) * weights)
    for row, law in zip(found, laws, strict=True):
        assert row == pytest.approx(law.cdf(nodes) - law.cdf(-9.0), abs=1e-10)
