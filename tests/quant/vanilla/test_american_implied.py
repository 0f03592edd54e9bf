"""Implied volatilities of American prices: round trips, reasons, the exact rows of one slice."""

from __future__ import annotations

import numpy as np
import pytest

from quant.vanilla import american
from quant.vanilla.american import FINE, NO_VOLATILITY
from quant.vanilla.implied import implied_vol as european_vol


def _slices(count: int, rows: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    t = np.repeat(np.exp(rng.uniform(np.log(2 / 365), np.log(2.5), count)), rows)
    r, q = np.repeat(rng.uniform(0.01, 0.06, count), rows), np.repeat(rng.uniform(0.0, 0.06, count), rows)
    sigma = rng.uniform(0.08, 0.9, count * rows)
    strike = 600.0 * np.exp(rng.uniform(-2.0, 2.0, count * rows) * sigma * np.sqrt(t))
    return strike, t, r, q, sigma, rng.random(count * rows) < 0.5


def test_round_trip_of_whole_chains() -> None:
    strike, t, r, q, sigma, call = _slices(20, 200, 31)
    value = american.price(600.0, strike, t, sigma, r, q, call, scheme=FINE).value
    found = american.implied_vol(value, 600.0, strike, t, r, q, call)
    waits = value - np.maximum(np.where(call, 600.0 - strike, strike - 600.0), 0.0) > 1e-3
    assert not found.reason[waits].any()
    error = np.abs(found.sigma - sigma)[waits]
    assert np.quantile(error, 0.99) < 2e-5
    assert error.max() < 1e-3
    solved = found.reason == 0
    again = american.price(600.0, strike, t, found.sigma, r, q, call, scheme=FINE).value
    assert np.abs((again - value) / strike)[solved].max() < 1e-5


def test_order_of_rows_does_not_matter() -> None:
    strike, t, r, q, sigma, call = _slices(4, 30, 32)
    value = american.price(600.0, strike, t, sigma, r, q, call).value
    order = np.random.default_rng(1).permutation(len(t))
    straight = american.implied_vol(value, 600.0, strike, t, r, q, call)
    mixed = american.implied_vol(value[order], 600.0, strike[order], t[order], r[order], q[order], call[order])
    assert mixed.sigma.tobytes() == straight.sigma[order].tobytes()


def test_without_early_exercise_it_is_the_european_volatility() -> None:
    value, spot, strike, t = np.array([4.0, 9.0, 25.0]), 100.0, np.array([105.0, 98.0, 80.0]), 0.5
    ours = american.implied_vol(value, spot, strike, t, 0.04, 0.0, True)
    theirs = european_vol(value, spot * np.exp(0.02), strike, t, np.exp(-0.02), True)
    assert ours.sigma.tobytes() == theirs.sigma.tobytes()


def test_the_european_volatility_of_an_american_price_is_too_high() -> None:
    value = float(american.price(100.0, 110.0, 1.0, 0.2, 0.05, 0.0, False).value)
    naive = float(european_vol(value, 100.0 * np.exp(0.05), 110.0, 1.0, np.exp(-0.05), False).sigma[0])
    assert naive > 0.23
    assert float(american.implied_vol(value, 100.0, 110.0, 1.0, 0.05, 0.0, False).sigma[0]) == pytest.approx(
        0.2, abs=1e-6
    )


def test_reasons() -> None:
    value = np.array([30.0, 29.0, 101.0, np.nan, 0.0, 31.0])
    strike = np.array([130.0, 130.0, 100.0, 100.0, 100.0, 130.0])
    t = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    found = american.implied_vol(value, 100.0, strike, t, 0.05, 0.0, False)
    assert [NO_VOLATILITY[code] for code in found.reason] == [
        "below_intrinsic", "below_intrinsic", "above_bound", "bad_input", "nonpositive_price", "no_time",
    ]  # fmt: skip
    assert np.isnan(found.sigma).all()
    double = american.implied_vol(25.0, 100.0, 110.0, 1.0, -0.02, -0.05, False)
    assert [NO_VOLATILITY[code] for code in double.reason] == ["unsolved"]
