"""Raw SVI against published and high-precision values; derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest

from quant.svi.raw import (
    JumpWings,
    Raw,
    derivatives,
    durrleman,
    durrleman_slope,
    from_jump_wings,
    jump_wings,
    parameter_gradient,
    total_variance,
)

# A. Vogt's slice (Gatheral and Jacquier 2014, section 3), T = 1; w and g to their digits by multi-precision arithmetic.
VOGT = Raw(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
VALUES = (
    (-1.5, 0.1367819611222978, 0.2478306952583731),
    (-0.5, 0.05097657169033439, 0.3568535725377074),
    (0.0, 0.01742625255515912, 1.038649731281797),
    (0.5, 0.02315156561219482, 0.06937921130082887),
    (0.8, 0.05764411607356012, -0.02981846154760266),
    (1.0, 0.08682670975188523, -0.02774169590462629),
    (1.5, 0.1671516998863688, 0.02912386565819858),
)
SLICES = (VOGT, Raw(0.01, 0.1, -0.6, 0.02, 0.15), Raw(0.002, 0.03, 0.97, -0.3, 0.01), Raw(0.04, 0.3, 0.0, 0.1, 0.4))


@pytest.mark.parametrize(("k", "w", "g"), VALUES)
def test_vogts_slice_to_its_digits(k: float, w: float, g: float) -> None:
    assert float(total_variance(k, VOGT)) == pytest.approx(w, rel=1e-14)
    assert float(durrleman(k, VOGT)) == pytest.approx(g, rel=1e-12)


def test_vogts_jump_wings_and_back() -> None:
    """Gatheral-Jacquier print .01742625, -.1752111, .6997381, 1.316798, .0116249."""
    found = jump_wings(VOGT, 1.0)
    expected = (0.0174262525552, -0.175211140809, 0.699738104117, 1.31679821899, 0.0116249032355)
    assert tuple(found) == pytest.approx(expected, rel=1e-11)
    assert tuple(from_jump_wings(found, 1.0)) == pytest.approx(tuple(VOGT), rel=1e-12)
    for one in SLICES[1:]:
        assert tuple(from_jump_wings(jump_wings(one, 0.3), 0.3)) == pytest.approx(tuple(one), rel=1e-9, abs=1e-12)


def test_jump_wings_without_a_slice_are_refused() -> None:
    with pytest.raises(ValueError, match="no convex SVI slice"):
        from_jump_wings(JumpWings(0.04, -5.0, 0.5, 0.5, 0.03), 1.0)
    with pytest.raises(ValueError, match="do not tell sigma"):
        from_jump_wings(JumpWings(0.04, 0.0, 0.5, 0.5, 0.04), 1.0)


def test_quantlibs_variance_at_its_centre() -> None:
    """QuantLib's SviSmileSection example: variance(F e^m) = a + b sigma."""
    assert float(total_variance(0.193, Raw(-0.0666, 0.229, 0.439, 0.193, 0.337))) == pytest.approx(0.010573, abs=1e-9)


@pytest.mark.parametrize("p", SLICES)
def test_derivatives_are_those_of_differences(p: Raw) -> None:
    k, h = np.linspace(-1.0, 1.0, 21), 1e-3
    steps = [total_variance(k + i * h, p) for i in (-2, -1, 0, 1, 2)]
    first, second, _ = derivatives(k, p)
    if p.sigma > 0.05:
        assert np.allclose(first, (steps[0] - 8 * steps[1] + 8 * steps[3] - steps[4]) / (12 * h), rtol=1e-6, atol=1e-8)
        bent = (-steps[0] + 16 * steps[1] - 30 * steps[2] + 16 * steps[3] - steps[4]) / (12 * h * h)
        assert np.allclose(second, bent, rtol=1e-5, atol=1e-7)
    e = 1e-6
    slope = (durrleman(k + e, p) - durrleman(k - e, p)) / (2 * e)
    assert np.allclose(durrleman_slope(k, p), slope, rtol=2e-5, atol=1e-5)
    found = parameter_gradient(k, p)
    for i in range(5):
        moved = [p._replace(**{p._fields[i]: p[i] + sign * e}) for sign in (1, -1)]
        difference = (total_variance(k, moved[0]) - total_variance(k, moved[1])) / (2 * e)
        assert np.allclose(found[:, i], difference, rtol=1e-5, atol=1e-8)
