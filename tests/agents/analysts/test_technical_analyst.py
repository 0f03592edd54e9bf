"""technical: degenerate histories make it abstain; adjusted bars give returns, never a level."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from agents.analysts.technical import read
from agents.words import amount
from domain.market import BarSeries, MarketSnapshot
from domain.units import Unit
from domain.views import Abstained, Signal

Spoil = Callable[..., MarketSnapshot]
Bars = Callable[..., BarSeries]
Walk = Callable[..., np.ndarray]


def test_an_uptrend_reads_up_and_its_mirror_down(spoiled: Spoil, make_bars: Bars, make_walk: Walk) -> None:
    up = read(spoiled(daily=make_bars(make_walk(400, 0.05, 2, drift=0.0012))), None).signal
    down = read(spoiled(daily=make_bars(make_walk(400, 0.05, 2, drift=-0.0012))), None).signal
    assert isinstance(up, Signal)
    assert isinstance(down, Signal)
    assert up.direction * up.direction_conviction > 0.05
    assert down.direction * down.direction_conviction < -0.05
    assert (up.volatility, up.volatility_conviction) == (0.0, 0.0)


@pytest.mark.parametrize("count", [1, 5, 250])
def test_too_few_bars_abstain(count: int, spoiled: Spoil, make_bars: Bars, make_walk: Walk) -> None:
    signal = read(spoiled(daily=make_bars(make_walk(count, 0.1, 1))), None).signal
    assert isinstance(signal, Abstained)
    assert f"{count} unbroken daily bars" in signal.why


@pytest.mark.parametrize("bad", [np.nan, 0.0, -5.0])
def test_a_hole_in_the_middle_starts_history_anew(bad: float, spoiled: Spoil, make_bars: Bars, make_walk: Walk) -> None:
    close = make_walk(700, 0.1, 1)
    broken = close.copy()
    broken[300] = bad
    late = read(spoiled(daily=make_bars(broken)), None)
    assert late == read(spoiled(daily=make_bars(close[301:])), None)
    broken[600] = bad
    signal = read(spoiled(daily=make_bars(broken)), None).signal
    assert isinstance(signal, Abstained)
    assert "99 unbroken" in signal.why
    broken[-1] = bad
    assert isinstance(read(spoiled(daily=make_bars(broken)), None).signal, Abstained)


def test_bars_that_ended_weeks_ago_say_nothing_about_today(spoiled: Spoil, make_bars: Bars, make_walk: Walk) -> None:
    signal = read(spoiled(daily=make_bars(make_walk(400, 0.1, 1), last=date(2024, 1, 31))), None).signal
    assert isinstance(signal, Abstained)
    assert "days old" in signal.why


def test_a_year_long_gap_is_not_bridged(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    daily = snapshot.daily
    assert daily is not None
    start = daily.start.copy()
    start[:200] -= 365 * 86_400
    signal = read(spoiled(daily=dataclasses.replace(daily, start=start)), None).signal
    assert isinstance(signal, Abstained)
    assert "200 unbroken" in signal.why


def test_a_frozen_price_has_no_momentum_and_no_rsi(spoiled: Spoil, make_bars: Bars) -> None:
    reading = read(spoiled(daily=make_bars(np.full(400, 5000.0))), None)
    names = {item.name for item in reading.evidence}
    assert not {"rsi_14", "momentum_20d", "bollinger_percent_b"} & names


def test_scaling_adjusted_bars_changes_nothing_and_no_level_is_told(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    daily = snapshot.daily
    assert daily is not None
    prices = {name: getattr(daily, name) * 0.5 for name in ("open", "high", "low", "close")}
    adjusted = dataclasses.replace(daily, adjusted=True)
    one = read(spoiled(daily=adjusted), None)
    half = read(spoiled(daily=dataclasses.replace(adjusted, **prices)), None)
    assert one == half
    assert all(item.unit not in (Unit.PRICE, Unit.DOLLARS) for item in one.evidence)
    assert all(item.note == "dividend-adjusted bars" for item in one.evidence)


def test_values_by_hand(snapshot: MarketSnapshot) -> None:
    daily = snapshot.daily
    assert daily is not None
    found = {item.name: item for item in read(snapshot, None).evidence}
    close = daily.close
    assert found["sma50_over_sma200"].value == pytest.approx(
        100 * (close[-50:].mean() / close[-200:].mean() - 1), abs=0.01
    )
    assert found["momentum_20d"].value == pytest.approx(100 * (close[-1] / close[-21] - 1), abs=0.01)
    middle, sd = close[-20:].mean(), close[-20:].std()
    assert found["bollinger_percent_b"].value == pytest.approx((close[-1] - middle + 2 * sd) / (4 * sd), abs=1e-3)
    assert 0.0 < found["rsi_14"].value < 100.0
    assert amount(found["rsi_14"].value, found["rsi_14"].unit) == f"{found['rsi_14'].value:.1f}"  # no %, no sign
