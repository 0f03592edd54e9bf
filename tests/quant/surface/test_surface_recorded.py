"""Our implied volatilities against the vendor's on real chains, and the smile inside the quotes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from domain.market import Exercise, OptionChain, RateCurve
from quant.surface import fit

pytestmark = pytest.mark.data

# days whose vendor volatilities of calls and puts miss with opposite signs: its underlying price was stale
VENDOR_OFF = {date(2019, 4, 26), date(2019, 4, 29), date(2019, 5, 9), date(2019, 5, 20)}


def test_spx_2019_agrees_with_the_vendor(
    spx_chain: Callable[[date], OptionChain], spx_days: list[date], rates_of: Callable[[date], RateCurve]
) -> None:
    """DTE >= 2, |delta| .10-.90, spread < 10 % of mid: in vol points, pooled and by day; and smiles inside quotes."""
    pooled, outside = [], []
    for day in spx_days:
        chain = spx_chain(day)
        surface = fit(chain, chain.quoted_at, rates_of(day))
        iv, smile = np.full(len(chain), np.nan), np.full(len(chain), np.nan)
        for one in surface.slices:
            iv[one.rows] = one.row_iv
            smile[one.rows] = one.price(chain.strike[one.rows], chain.is_call[one.rows])
        mid, half = 0.5 * (chain.bid + chain.ask), 0.5 * (chain.ask - chain.bid)
        delta = np.abs(chain.vendor_delta)
        liquid = (chain.expiry - day.toordinal() >= 2) & (delta >= 0.10) & (delta <= 0.90) & (2 * half < 0.10 * mid)
        use = liquid & (chain.vendor_iv > 0.0) & np.isfinite(iv)
        miss = 100.0 * np.abs(iv - chain.vendor_iv)[use]
        pooled.append(miss)
        outside.append(
            float(np.mean(np.abs(smile - mid)[liquid & np.isfinite(smile)] > half[liquid & np.isfinite(smile)]))
        )
        if day not in VENDOR_OFF:
            assert np.median(miss) <= 0.1, day
            assert np.quantile(miss, 0.95) <= 0.5, day
    every = np.concatenate(pooled)
    print(
        f"\nSPX 2019: {len(every)} quotes, median {np.median(every):.3f},"
        f" p95 {np.quantile(every, 0.95):.3f} vol points;"
        f" smile outside the quote on {100 * np.mean(outside):.2f} % of liquid rows"
    )
    assert np.median(every) <= 0.05
    assert np.quantile(every, 0.95) <= 0.5
    assert np.mean(outside) < 0.02


def test_american_sets_are_reported(
    shared_data: Path,
    rates_of: Callable[[date], RateCurve],
    make_chain_of: Callable[[pl.DataFrame, str, datetime, Exercise], OptionChain],
) -> None:
    """Yahoo 2026-02, near the money. Figures; every chain must fit.

    Yahoo's volatilities ignore carry: its calls lie above and its puts below ours, more with maturity, while our own
    calls and puts agree.
    """
    frame = pl.read_parquet(shared_data / "options" / "yahoo_chain_snapshots_2026-02.parquet")
    for (ticker, stamp), rows in frame.group_by(["underlying", "quote_ts"], maintain_order=True):
        moment = stamp.replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
        chain = make_chain_of(rows, ticker, moment, Exercise.AMERICAN)
        surface = fit(chain, moment, rates_of(moment.date()))
        miss, calls, puts, parity = [], [], [], []
        for one in surface.slices:
            k, mine, theirs = np.log(chain.strike[one.rows] / one.forward), one.row_iv, chain.vendor_iv[one.rows]
            mid = 0.5 * (chain.bid + chain.ask)[one.rows]
            sound = (np.abs(k) < 1.5 * one.atm_vol * np.sqrt(one.t)) & ((k > 0) == chain.is_call[one.rows])
            sound &= ((chain.ask - chain.bid)[one.rows] < 0.1 * mid) & np.isfinite(mine) & (one.t > 5 / 365)
            miss.append(100.0 * np.abs(mine - theirs)[sound])
            near = (np.abs(k) < 0.3 * one.atm_vol * np.sqrt(one.t)) & np.isfinite(mine) & (0.1 < one.t < 1.0)
            call = chain.is_call[one.rows]
            calls.append((mine - theirs)[near & call])
            puts.append((mine - theirs)[near & ~call])
            if np.any(near & call) and np.any(near & ~call):
                parity.append(100.0 * abs(np.median(mine[near & call]) - np.median(mine[near & ~call])))
        every = np.concatenate(miss)
        line = f"median {np.median(every):.2f}, p95 {np.quantile(every, 0.95):.2f} vol points over {len(every)}"
        print(f"{ticker} {stamp}: {len(surface.slices)} slices, {line}; ATM 30d {surface.atm_vol():.3f}")
        assert np.median(np.concatenate(calls)) < 0.0 < np.median(np.concatenate(puts))
        assert np.median(parity) < 1.0
        assert len(surface.slices) >= 8
        assert 0.08 < surface.atm_vol() < 1.0
