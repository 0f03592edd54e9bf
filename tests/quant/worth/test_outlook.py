"""Implied variance for a stretch of time, read off the chain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import pytest

from domain.market import BarSeries, OptionChain, RateCurve
from quant.surface import Surface, fit
from quant.worth.measure import trading_days_of
from quant.worth.outlook import held_until, implied_variance, thirty_day


@pytest.fixture
def surface(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> Surface:
    return fit(make_black_chain(half_spread=0.001), black_as_of, make_flat_rates())


def test_time_held_takes_its_share_of_implied_variance(surface: Surface) -> None:
    found = implied_variance(surface)
    assert np.all(np.diff(found.years) > 0)
    assert np.all(np.diff(found.total) >= 0)
    index = next(i for i, one in enumerate(surface.slices) if 25 <= one.t * 365 <= 60)
    one = surface.slices[index]
    whole = held_until(surface, index, 0, found)
    assert whole == (trading_days_of(one), 1.0)
    shares = [held_until(surface, index, days, found) for days in (3, 7, 14, 21)]
    assert [item.days for item in shares] == sorted((item.days for item in shares), reverse=True)
    for item in shares:
        assert 0 < item.share < 1
        assert item.share == pytest.approx(item.days / whole.days, abs=0.15)


def test_a_chain_that_encloses_no_month_has_no_thirty_day_variance(surface: Surface) -> None:
    early = tuple(one for one in surface.slices if one.t < 20 / 365)
    assert thirty_day(dataclasses.replace(surface, slices=early)) is None
    assert thirty_day(dataclasses.replace(surface, slices=())) is None


@pytest.mark.data
def test_thirty_day_variance_is_the_vix_of_the_moment(
    spx_chain: Callable[[date], OptionChain], rates_of: Callable[[date], RateCurve], vix_daily: BarSeries
) -> None:
    """2019-05-13, the S&P 500 fell 2.4 %: the VIX went from 16.04 to 20.55, and the chain of 15:55 knew it."""
    day = date(2019, 5, 13)
    chain = spx_chain(day)
    found = thirty_day(fit(chain, chain.quoted_at, rates_of(day)))
    assert found is not None
    assert 100 * found**0.5 == pytest.approx(20.55, abs=1.3)
    row = int(np.searchsorted(vix_daily.known_at, chain.quoted_at.timestamp(), side="right")) - 1
    assert float(vix_daily.close[row]) == pytest.approx(16.04)
