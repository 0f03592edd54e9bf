"""The zero-gamma level: found where it is known, four ways, and not found where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from quant.flow.exposure import Dealers, OpenExpiry, net_gamma
from quant.flow.zero_gamma import ZeroGamma, crossing, zero_gamma


def pair(days: float, put: float, call: float, tilt: float = 0.0) -> OpenExpiry:
    """Equal open interest in one put and one call; the smile is 20 % with a linear tilt in k."""
    t, strikes = days / 365.0, np.array([put, call])
    return OpenExpiry(
        t=t,
        forward=100.0,
        discount=1.0,
        strike=strikes,
        is_call=np.array([False, True]),
        sigma=0.2 + tilt * np.log(strikes / 100.0),
        open_interest=np.array([1_000.0, 1_000.0]),
        knots_k=np.array([-1.0, 1.0]),
        knots_vol=np.array([0.2 - tilt, 0.2 + tilt]),
    )


def test_symmetric_strikes_cross_at_their_geometric_mean() -> None:
    """Equal gammas of two strikes at one flat volatility: |d1| equal, so S = √(K1 K2)·exp(-σ²T/2)."""
    level = np.sqrt(90.0 * 110.0) * np.exp(-0.5 * 0.04 * 30.0 / 365.0)
    found = zero_gamma((pair(30, 90.0, 110.0),), 100.0, 100)
    assert found[:4] == pytest.approx((level,) * 4, abs=0.02)


def test_net_gamma_vanishes_at_the_level_that_was_found() -> None:
    chain = (pair(20, 93.0, 104.0, -0.2), pair(80, 85.0, 112.0, -0.2))
    level = zero_gamma(chain, 100.0, 100).strike_all
    assert level is not None
    moved = tuple(one._replace(forward=level) for one in chain)
    there, here = net_gamma(moved, level, 100), net_gamma(chain, 100.0, 100)
    assert abs(there.net) < 0.01 * here.gross


def test_front_leaves_out_what_expires_later() -> None:
    chain = (pair(20, 93.0, 104.0), pair(80, 85.0, 112.0))
    found = zero_gamma(chain, 100.0, 100)
    assert found.strike_front == zero_gamma(chain[:1], 100.0, 100).strike_all
    assert found.strike_front != found.strike_all


def test_smile_dynamics_matter_only_with_a_skew() -> None:
    flat, tilted = (
        zero_gamma((pair(30, 90.0, 108.0),), 100.0, 100),
        zero_gamma((pair(30, 90.0, 108.0, -0.3),), 100.0, 100),
    )
    assert flat.strike_all == pytest.approx(flat.moneyness_all, abs=1e-9)
    assert tilted.strike_all is not None
    assert tilted.moneyness_all is not None
    assert abs(tilted.strike_all - tilted.moneyness_all) > 0.01


def test_spot_inside_the_four_is_undetermined() -> None:
    found = ZeroGamma(99.0, 101.0, 100.5, 100.2, net_front=1e6, net_all=1e6)
    assert found.undetermined(100.0)
    assert not found.undetermined(98.0)
    assert not found.undetermined(102.0)


def test_a_way_without_a_level_has_a_sign_all_the_same() -> None:
    found = ZeroGamma(None, 101.0, None, 101.5, net_front=2e6, net_all=1e6)
    assert not found.undetermined(103.0)
    assert found._replace(net_front=-2e6).undetermined(103.0)
    assert not found._replace(net_front=0.0).undetermined(103.0)  # nothing is open up to 45 days


def test_one_sided_dealers_have_no_zero() -> None:
    found = zero_gamma((pair(30, 90.0, 110.0),), 100.0, 100, Dealers(calls=1.0, puts=1.0))
    assert found.levels == ()
    assert not found.undetermined(100.0)
    assert found.net_all == pytest.approx(net_gamma((pair(30, 90.0, 110.0),), 100.0, 100, Dealers(1.0, 1.0)).net)
    assert zero_gamma((), 100.0, 100).levels == ()


def test_the_crossing_nearest_to_spot_is_taken() -> None:
    levels = np.array([80.0, 90.0, 100.0, 110.0, 120.0])
    assert crossing(levels, np.array([-1.0, 1.0, 1.0, -3.0, -3.0]), 99.0) == pytest.approx(102.5)
    assert crossing(levels, np.array([-1.0, 1.0, 1.0, -3.0, -3.0]), 85.0) == pytest.approx(85.0)
    assert crossing(levels, np.array([1.0, 1.0, 0.0, -1.0, -1.0]), 99.0) == 100.0
    assert crossing(levels, np.zeros(5), 99.0) is None
