"""Butterfly and calendar arbitrage: found where it is, proven where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from quant.svi.arbitrage import butterfly, certified, crossing
from quant.svi.raw import JumpWings, Raw, durrleman, from_jump_wings, jump_wings, total_variance
from tests.quant.svi.test_raw import VOGT


def random_slices(n: int, seed: int = 5) -> list[Raw]:
    rng = np.random.default_rng(seed)
    made = []
    while len(made) < n:
        sd = rng.uniform(0.01, 0.8)
        b, rho, m = sd * rng.uniform(0.05, 2.0), rng.uniform(-0.98, 0.98), sd * rng.uniform(-2, 2)
        sigma = sd * 10 ** rng.uniform(-1.5, 0.6)
        p = Raw(sd * sd - b * (-rho * m + np.hypot(m, sigma)), b, rho, m, sigma)
        if p.least > 0.01 * sd * sd:
            made.append(p)
    return made


def test_vogts_slice_is_flagged_with_its_interval() -> None:
    found = butterfly(VOGT)
    assert not found.free
    assert found.least == pytest.approx(-0.032863573453623, rel=1e-12)
    assert found.at == pytest.approx(0.879262541622068, rel=1e-12)
    (interval,) = found.intervals
    assert interval == pytest.approx((0.642407877869381, 1.25691299193213), rel=1e-12)
    assert not certified(np.array([VOGT]))[0]


def test_gatheral_and_jacquiers_two_repairs_hold() -> None:
    """Their slice with c' = p + 2 psi and its least variance, and the one that they found by optimisation."""
    j = jump_wings(VOGT, 1.0)
    c = j.p + 2.0 * j.psi
    least = j.v * 4.0 * j.p * c / (j.p + c) ** 2
    assert (c, least) == pytest.approx((0.349315822499, 0.0154818248407), rel=1e-11)
    for wing, floor in ((c, least), (0.8564763, 0.0116249)):
        p = from_jump_wings(JumpWings(j.v, j.psi, j.p, wing, floor), 1.0)
        assert butterfly(p).free
        assert certified(np.array([p]))[0]


def test_the_proof_and_the_roots_agree_with_a_dense_look() -> None:
    slices = random_slices(400)
    holds = certified(np.array(slices))
    assert 40 < holds.sum() < 360
    for p, proven in zip(slices, holds, strict=True):
        found = butterfly(p)
        k = p.m + p.sigma * np.sinh(np.linspace(-8.0, 8.0, 20_001))
        g = durrleman(k, p)
        assert found.least <= g.min() + 1e-9 * max(1.0, abs(g.min()))
        assert bool(proven) == found.free, (p, found)
        inside = np.zeros(len(k), dtype=bool)
        for a, b in found.intervals:
            inside |= (k > a) & (k < b)
        clear = np.abs(g) > 1e-9
        assert np.array_equal((g < 0.0)[clear], inside[clear])


def test_a_wing_steeper_than_two_is_arbitrage_however_far_out() -> None:
    found = butterfly(Raw(0.5, 1.2, 0.75, 0.0, 0.5))
    assert found.steep[1] == pytest.approx(2.1)
    assert not found.free
    assert found.intervals[-1][1] == np.inf
    assert not certified(np.array([Raw(0.5, 1.2, 0.75, 0.0, 0.5)]))[0]


def test_a_slice_that_falls_below_zero_is_flagged_where_it_does() -> None:
    p = Raw(-0.05, 0.1331, 0.3060, 0.3586, 0.4153)
    p = p._replace(a=-0.06)
    found = butterfly(p)
    assert not found.positive
    assert not found.free
    assert total_variance(np.array(found.intervals[0]), p) == pytest.approx([0.0, 0.0], abs=1e-15)
    assert not certified(np.array([p]))[0]


def test_flat_slices_are_free() -> None:
    assert butterfly(Raw(0.04, 0.0, 0.0, 0.0, 1.0)).free
    assert certified(np.array([Raw(0.04, 0.0, 0.0, 0.0, 1.0)]))[0]
    assert not certified(np.array([Raw(np.nan, 0.1, 0.0, 0.0, 1.0)]))[0]


def test_crossings_are_found_where_they_are() -> None:
    rng = np.random.default_rng(11)
    crossed = 0
    for early, late in zip(random_slices(300, 1), random_slices(300, 2), strict=True):
        late = late._replace(a=late.a + rng.uniform(0.0, 0.3))
        found = crossing(early, late, 3.0)
        k = np.linspace(-3.0, 3.0, 60_001)[1:-1]
        gap = total_variance(k, late) - total_variance(k, early)
        if found is None:
            assert gap.min() >= -1e-9
            continue
        crossed += 1
        inside = np.zeros(len(k), dtype=bool)
        for a, b in found.intervals:
            inside |= (k > a) & (k < b)
        clear = np.abs(gap) > 1e-8
        assert np.array_equal((gap < 0.0)[clear], inside[clear])
        assert found.deepest == pytest.approx(-gap.min(), rel=1e-3, abs=1e-4)  # the reach itself lies off the grid
    assert 50 < crossed < 295


def test_four_crossings_of_two_slices() -> None:
    """Two slices may cross four times: all four are found."""
    early, late = Raw(1.8, 0.8, 0.0, -5.0, 0.5), Raw(1.0, 1.0, -0.5, -3.0, 0.5)
    k = np.linspace(-40.0, 40.0, 400_001)
    gap = total_variance(k, late) - total_variance(k, early)
    changes = k[:-1][np.diff(np.sign(gap)) != 0]
    found = crossing(early, late, 40.0)
    assert found is not None
    ends = sorted(end for pair in found.intervals for end in pair if abs(end) < 40.0)
    assert ends == pytest.approx(changes.tolist(), abs=3e-4)


def test_wings_cross_beyond_any_reach() -> None:
    found = crossing(Raw(0.01, 0.2, -0.5, 0.0, 0.1), Raw(0.05, 0.1, -0.5, 0.0, 0.1))
    assert found is not None
    assert found.deepest == np.inf
    assert crossing(Raw(0.01, 0.1, -0.3, 0.0, 0.1), Raw(0.02, 0.1, -0.3, 0.0, 0.1)) is None
