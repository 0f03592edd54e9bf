"""The total variance that P is scaled against, on real chains: our 30-day log contract against the VIX of the day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from domain.market import BarSeries, OptionChain, RateCurve
from quant.surface import fit
from quant.worth.measure import density

pytestmark = pytest.mark.data


def test_thirty_day_log_contract_is_the_vix(
    spx_chain: Callable[[date], OptionChain],
    spx_days: list[date],
    rates_of: Callable[[date], RateCurve],
    vix_daily: BarSeries,
) -> None:
    """VIX is the same contract from the same chain (Cboe VIX methodology): ours lies in the day's range, +- a point."""
    misses = []
    for day in spx_days:
        chain = spx_chain(day)
        surface = fit(chain, chain.quoted_at, rates_of(day))
        near = [one for one in surface.slices if 20 / 365 < one.t < 40 / 365]
        total = []
        for one in near:
            nodes, weights = density(one)
            total.append(-2.0 * float(weights @ np.log(nodes / one.forward)))
        ours = 100.0 * float(np.sqrt(np.interp(30 / 365, [one.t for one in near], total) / (30 / 365)))
        at = int(np.searchsorted(vix_daily.start, chain.quoted_at.timestamp())) - 1
        misses.append(ours - vix_daily.close[at])
        assert vix_daily.low[at] - 1.0 <= ours <= vix_daily.high[at] + 1.0, day
    print(f"\n30-day log contract less VIX close: median {np.median(misses):+.2f}, sd {np.std(misses):.2f} vol points")
    assert abs(np.median(misses)) < 0.5
