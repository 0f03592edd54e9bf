"""Early exercise taken out of American chains: exact ones come back, recorded ones agree with themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from domain.market import Exercise, OptionChain, Quotes, RateCurve
from quant.surface import Surface, fit
from quant.vanilla import american, early_exercise
from quant.vanilla.clock import years
from quant.vanilla.forwards import slices

Make = Callable[..., OptionChain]
Rates = Callable[..., RateCurve]
RATE = 0.045


def american_chain(chain: OptionChain, as_of: datetime, dividend: float, shown: float = 1.0) -> OptionChain:
    """The strikes of a chain at American prices on one smile, 22 % - 0.1 k + 0.3 k^2, the spot times `shown`."""
    t = np.array([years(as_of, int(at)) for at in chain.settles_at])
    k = np.log(chain.strike / (chain.spot * np.exp((RATE - dividend) * t)))
    value = american.price(chain.spot, chain.strike, t, smile(k), RATE, dividend, chain.is_call).value
    half = np.maximum(0.002 * value, 0.005)
    return dataclasses.replace(
        chain, exercise=Exercise.AMERICAN, bid=value - half, ask=value + half, spot=shown * chain.spot
    )


def smile(k: np.ndarray) -> np.ndarray:
    return np.asarray(0.22 - 0.1 * k + 0.3 * k * k)


def _misses(surface: Surface, chain: OptionChain) -> np.ndarray:
    """Volatility points between each row and the smile that made it, where time value is five cents and more."""
    off = []
    for one in surface.slices:
        k = np.log(chain.strike[one.rows] / one.forward)
        call, strike = chain.is_call[one.rows], chain.strike[one.rows]
        worth = 0.5 * (chain.bid + chain.ask)[one.rows] - np.where(call, chain.spot - strike, strike - chain.spot)
        sound = np.isfinite(one.row_iv) & (worth > 0.05) & (np.abs(k) < 3.0 * one.atm_vol * np.sqrt(one.t))
        off.append(100.0 * np.abs(one.row_iv - smile(k))[sound])
    return np.concatenate(off)


@pytest.mark.parametrize("dividend", [0.0, 0.012, 0.06])
def test_the_smile_and_the_forward_of_an_exact_american_chain(
    make_black_chain: Make, make_flat_rates: Rates, black_as_of: datetime, dividend: float
) -> None:
    chain = american_chain(make_black_chain(days=(18, 60, 120, 250, 400)), black_as_of, dividend)
    surface = fit(chain, black_as_of, make_flat_rates(RATE))
    assert len(surface.slices) == 5
    for one in surface.slices:
        assert one.forward == pytest.approx(500.0 * np.exp((RATE - dividend) * one.t), rel=2e-5)
        assert "less early exercise" in one.source
    assert np.median(_misses(surface, chain)) < 0.002
    assert np.quantile(_misses(surface, chain), 0.99) < 0.1
    bent = fit(dataclasses.replace(chain, early_exercise=False), black_as_of, make_flat_rates(RATE))
    assert np.quantile(_misses(bent, chain), 0.9) > 5.0 * np.quantile(_misses(surface, chain), 0.9) + 0.2


def test_a_stale_spot_is_not_a_dividend(make_black_chain: Make, make_flat_rates: Rates, black_as_of: datetime) -> None:
    plain = make_black_chain(days=(9, 18, 60, 120, 250))
    chain = american_chain(plain, black_as_of, 0.012, shown=1.003)
    found = slices(chain, black_as_of, make_flat_rates(RATE))
    carry = early_exercise.carry_of(chain, early_exercise.stripped(chain, found))
    assert carry.dividend == pytest.approx(0.012, abs=5e-4)
    assert carry.spot == pytest.approx(500.0, rel=1e-4)
    assert carry.rate == pytest.approx(RATE, abs=1e-9)
    for one in fit(chain, black_as_of, make_flat_rates(RATE)).slices:
        assert one.forward == pytest.approx(500.0 * np.exp((RATE - 0.012) * one.t), rel=3e-5)


def test_one_expiry_reads_its_forward_as_dividends(
    make_black_chain: Make, make_flat_rates: Rates, black_as_of: datetime
) -> None:
    chain = american_chain(make_black_chain(days=(60,)), black_as_of, 0.02)
    carry = early_exercise.carry_of(
        chain, early_exercise.stripped(chain, slices(chain, black_as_of, make_flat_rates(RATE)))
    )
    assert carry.dividend == pytest.approx(0.02, abs=2e-4)
    assert carry.spot == pytest.approx(500.0, rel=1e-9)


@pytest.mark.parametrize(
    "change",
    [{"exercise": Exercise.EUROPEAN}, {"quotes": Quotes.MODEL}, {"quotes": Quotes.NONE}, {"early_exercise": False}],
)
def test_quotes_without_the_premium_are_left_alone(
    make_black_chain: Make, black_as_of: datetime, change: dict[str, object]
) -> None:
    chain = make_black_chain(exercise=Exercise.AMERICAN)
    assert early_exercise.carried(chain)
    assert not early_exercise.carried(dataclasses.replace(chain, **change))  # type: ignore[arg-type]


def test_no_slices_and_no_quotes(make_black_chain: Make, make_flat_rates: Rates, black_as_of: datetime) -> None:
    chain = make_black_chain(exercise=Exercise.AMERICAN)
    assert early_exercise.stripped(chain, ()) == ()
    assert np.isnan(early_exercise.volatilities(chain, (), chain.bid)).all()
    found = slices(chain, black_as_of, make_flat_rates(RATE))
    empty = dataclasses.replace(chain, bid=np.zeros(len(chain)))
    kept = early_exercise.stripped(empty, found)  # nothing to tell a better forward
    assert [one.forward for one in kept] == [one.forward for one in found]


def _agreement(surface: Surface, chain: OptionChain) -> tuple[float, float]:
    """(median |call IV - put IV| within half a deviation of the forward, median put IV - call IV at strikes half to one
    and a half deviations above it, where the put is in the money, past ten weeks), volatility points."""
    near, bent = [], []
    for one in surface.slices:
        rows, vol = one.rows, one.row_iv
        sound = np.isfinite(vol) & ((chain.ask - chain.bid)[rows] < 0.05 * (chain.ask + chain.bid)[rows])
        call, strike = chain.is_call[rows], chain.strike[rows]
        held, at_call, at_put = np.intersect1d(strike[sound & call], strike[sound & ~call], return_indices=True)
        gap = 100.0 * (vol[sound & ~call][at_put] - vol[sound & call][at_call])
        away = np.log(held / one.forward) / (one.atm_vol * np.sqrt(one.t))
        near.append(np.abs(gap)[np.abs(away) < 0.5])
        bent.append(gap[(away > 0.5) & (away < 1.5) & (one.t > 0.2)])
    return float(np.median(np.concatenate(near))), float(np.median(np.concatenate(bent)))


@pytest.mark.data
def test_recorded_calls_and_puts_agree(
    shared_data: Path,
    rates_of: Callable[[date], RateCurve],
    make_chain_of: Callable[[pl.DataFrame, str, datetime, Exercise], OptionChain],
) -> None:
    """Yahoo 2026-02: six American names, three moments each. The bend of puts in the money goes."""
    frame = pl.read_parquet(shared_data / "options" / "yahoo_chain_snapshots_2026-02.parquet")
    for (ticker, stamp), rows in frame.group_by(["underlying", "quote_ts"], maintain_order=True):
        moment = stamp.replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
        chain, rates = make_chain_of(rows, str(ticker), moment, Exercise.AMERICAN), rates_of(moment.date())
        surface = fit(chain, moment, rates)
        near, bent = _agreement(surface, chain)
        raw = fit(dataclasses.replace(chain, early_exercise=False), moment, rates)
        near_raw, bent_raw = _agreement(raw, chain)
        print(f"{ticker} {stamp}: near {near_raw:.3f} -> {near:.3f}, in the money {bent_raw:+.2f} -> {bent:+.2f}")
        assert len(surface.slices) == len(raw.slices)
        assert near < 0.7 * near_raw
        assert near < 0.25
        assert bent_raw > 2.5
        assert abs(bent) < 0.5 * bent_raw
