"""The gate on recorded chains: it leaves good quotes alone, and names what is wrong with the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadChain
from domain.market import BarSeries, ChainQuality, Interval, OptionChain, Quotes, RateCurve
from tools import sessions
from tools.market.quality import Beside, screen
from tools.market.recorded import RecordedMarket
from tools.market.store import Store

pytestmark = pytest.mark.data

Case = tuple[OptionChain, Beside]


@pytest.fixture
def every(store_dir: Path) -> Callable[..., list[tuple[str, datetime]]]:
    def list_them(set_name: str, *tickers: str) -> list[tuple[str, datetime]]:
        store = Store(store_dir)
        return [
            (ticker, moment)
            for ticker in tickers or store.tickers(set_name)
            for day in store.chain_days(set_name, ticker)
            for moment in store.chain_moments(set_name, ticker, day)
        ]

    return list_them


async def case(market: RecordedMarket, ticker: str, moment: datetime) -> Case:
    chain = await market.chain(ticker, moment)
    assert isinstance(chain, OptionChain)
    previous = await market.chain(ticker, chain.known_at - timedelta(seconds=1))
    daily = await market.bars(ticker, Interval.DAY, moment, 300)
    intraday = await market.bars(ticker, Interval.FIVE_MINUTES, moment, 300)
    rates = await market.rates(moment)
    return chain, Beside(
        previous if isinstance(previous, OptionChain) else None,
        daily if isinstance(daily, BarSeries) else None,
        intraday if isinstance(intraday, BarSeries) else None,
        rates if isinstance(rates, RateCurve) else None,
    )


def lost(chain: OptionChain, screened: OptionChain, quality: ChainQuality) -> np.ndarray:
    """Rows that had a two-sided quote and lost it; the chain must have kept all its rows."""
    assert quality.kept == quality.rows == len(screened)
    return (chain.bid > 0) & (chain.ask >= chain.bid) & np.isnan(screened.bid)


async def test_clean_index_chains_pass_whole(store_dir: Path, every: Callable[..., list[tuple[str, datetime]]]) -> None:
    market = RecordedMarket(store_dir, "spx-2019")
    for ticker, moment in every("spx-2019")[::5]:
        chain, beside = await case(market, ticker, moment)
        _, quality = screen(chain, beside)
        assert quality.kept == quality.rows
        assert sum(count for _, count in quality.unquoted) <= 0.001 * quality.rows, moment


@pytest.mark.parametrize("set_name", ["yahoo-2026-02", "yahoo-2025-11"])
async def test_good_quotes_near_the_money_are_left_alone(
    store_dir: Path, every: Callable[..., list[tuple[str, datetime]]], set_name: str
) -> None:
    """Out of the money and within 10 % of spot hardly a quote goes; what goes is deep in or out of it."""
    market, gone, near, deep = RecordedMarket(store_dir, set_name), 0, 0, []
    for ticker, moment in every(set_name):
        chain, beside = await case(market, ticker, moment)
        crossed = (chain.ask > 0) & (chain.bid > chain.ask)
        chain = dataclasses.replace(chain, ask=np.where(crossed, np.nan, chain.ask))
        screened, quality = screen(chain, beside)
        bad = lost(chain, screened, quality)
        out = (chain.strike >= chain.spot) == chain.is_call
        close = out & (np.abs(chain.strike / chain.spot - 1.0) <= 0.10)
        gone += int((bad & close).sum())
        near += int(((chain.bid > 0) & close).sum())
        inside = np.where(chain.is_call, chain.spot - chain.strike, chain.strike - chain.spot) / chain.spot
        deep.append(inside[bad])
    assert near > 10_000
    assert gone <= 0.003 * near  # single strikes that were not quoted anew, out of order with both neighbours
    assert np.median(np.abs(np.concatenate(deep))) > 0.3


async def test_quotes_from_before_a_split_are_absurd(store_dir: Path) -> None:
    """NVDA divided its shares by ten in June 2024; strikes of before that nobody quotes any more keep their quotes."""
    market = RecordedMarket(store_dir, "yahoo-2025-11")
    chain, beside = await case(market, "NVDA", sessions.new_york(date(2025, 12, 1), 16, 0))
    screened, quality = screen(chain, beside)
    unquoted = dict(quality.unquoted)
    assert 1000 < unquoted["absurd"] + unquoted["stale"] < 1400
    assert int(((chain.strike > 4 * chain.spot) & (chain.bid > 0.5 * chain.spot)).sum()) > 200
    assert not ((screened.strike > 4 * screened.spot) & screened.is_call & (screened.bid > 0.5 * screened.spot)).any()


async def test_a_crossed_thin_chain_is_refused(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "thin-2021")
    chain, beside = await case(market, "SPY", datetime(2021, 9, 17, 21, 0, tzinfo=UTC))
    with pytest.raises(BadChain, match=r"2021-09-17 .* is mostly senseless: 3 of 20 rows left \(17 crossed\)"):
        screen(chain, beside)


async def test_a_source_without_quotes_passes(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "eod-2026")
    chain, beside = await case(market, "SPY", sessions.new_york(date(2026, 6, 15), 17, 0))
    assert chain.quotes is Quotes.NONE
    screened, quality = screen(chain, beside)
    assert len(screened) == quality.kept == quality.rows > 10_000
    assert quality.unquoted == ()


async def test_faults_put_into_a_good_chain_are_named(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "spx-2019")
    chain, beside = await case(market, "SPX", datetime(2019, 5, 22, 21, 0, tzinfo=UTC))
    assert beside.previous is not None
    assert beside.intraday is not None
    yesterday = dataclasses.replace(beside.previous, quoted_at=chain.quoted_at, known_at=chain.known_at)
    with pytest.raises(BadChain, match="is a copy of that of 2019-05-21"):
        screen(yesterday, beside)
    with pytest.raises(BadChain, match=r"the underlying at 285\.\d\d, outside 28\d\d\.\d\d to 28\d\d\.\d\d of 5m bars"):
        screen(dataclasses.replace(chain, spot=chain.spot / 10), beside)  # the ETF's price
    with pytest.raises(BadChain, match=r"not of one moment|no strikes near"):
        screen(dataclasses.replace(chain, spot=chain.spot / 10), beside._replace(intraday=None, daily=None))
    holiday = dataclasses.replace(chain, quoted_at=datetime(2019, 5, 27, 18, 0, tzinfo=UTC))
    with pytest.raises(BadChain, match="Monday 2019-05-27, no trading session"):
        screen(holiday, beside)
    euros = dataclasses.replace(chain, bid=chain.bid * 0.9, ask=chain.ask * 0.9)
    with pytest.raises(BadChain, match="quotes near the money that cannot be"):
        screen(euros, beside)
