"""Constant maturities, slopes, forward volatility and skew."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import BadInput
from quant.volatility.term import bracket, constant_maturity, forward_vol, skew, slope


def test_interpolation_is_linear_in_total_variance() -> None:
    t, vol = np.array([20.0, 50.0]) / 365.0, np.array([0.20, 0.26])
    third = (2.0 * 0.20**2 * 20.0 + 0.26**2 * 50.0) / 3.0
    assert constant_maturity(t, vol, 30.0) == pytest.approx(np.sqrt(third / 30.0))
    assert constant_maturity(t[::-1], vol[::-1], 30.0) == constant_maturity(t, vol, 30.0)
    assert constant_maturity(t, vol, 20.0) == pytest.approx(0.20)


def test_a_flat_term_structure_stays_flat() -> None:
    t = np.array([5.0, 12.0, 33.0, 90.0]) / 365.0
    for days in (7.0, 30.0, 60.0, 90.0):
        assert constant_maturity(t, np.full(4, 0.18), days) == pytest.approx(0.18)


def test_no_maturity_is_invented() -> None:
    t, vol = np.array([20.0, 50.0]) / 365.0, np.array([0.20, 0.26])
    assert constant_maturity(t, vol, 90.0) is None
    assert constant_maturity(t, vol, 10.0) is None
    assert constant_maturity(t, vol, 52.0) == 0.26  # within three days of a quoted one
    assert constant_maturity(t, vol, 18.0) == 0.20
    assert constant_maturity(t, np.array([np.nan, np.nan]), 30.0) is None
    assert constant_maturity(np.empty(0), np.empty(0), 30.0) is None
    assert constant_maturity(t, np.array([0.20, np.nan]), 30.0) is None
    with pytest.raises(BadInput):
        constant_maturity(t, vol[:1], 30.0)


def test_bracket_names_the_two_maturities_around_a_tenor() -> None:
    t = np.array([60.0, 10.0, 28.0, 35.0]) / 365.0
    assert bracket(t, 30.0) == (2, 3)
    assert bracket(t, 5.0) == (1,)
    assert bracket(t, 100.0) == (0,)
    assert bracket(np.empty(0), 30.0) == ()


def test_slope_and_skew() -> None:
    assert slope(0.20, 0.22) == pytest.approx(0.10)
    assert slope(0.30, 0.24) == pytest.approx(-0.20)
    assert skew(0.25, 0.19, 0.21) == pytest.approx(0.06 / 0.21)
    for bad in ((0.0, 0.2), (0.2, np.nan), (-0.1, 0.2)):
        with pytest.raises(BadInput):
            slope(*bad)
    with pytest.raises(BadInput):
        skew(0.2, 0.2, 0.0)


def test_forward_volatility_joins_two_tenors() -> None:
    between = forward_vol(0.20, 30.0, 0.22, 60.0)
    assert between is not None
    assert 0.20**2 * 30.0 + between**2 * 30.0 == pytest.approx(0.22**2 * 60.0)
    assert forward_vol(0.30, 30.0, 0.20, 60.0) is None
    with pytest.raises(BadInput):
        forward_vol(0.2, 60.0, 0.2, 30.0)
