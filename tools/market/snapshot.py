"""One ticker's snapshot: everything known about it as of a moment, gathered at once, aligned and screened."""

from __future__ import annotations

import asyncio
from datetime import datetime

from domain.errors import DataAbsent, SourceFailed
from domain.market import (
    Absent,
    BarSeries,
    IndexLevel,
    Interval,
    Kind,
    MarketSnapshot,
    RateCurve,
    SocialCounts,
)
from domain.ports import Market
from tools.market.alignment import HALF_LIFE_S, INDEX_LAG_LIMIT_S, LAG_LIMIT_S, confidence, lag
from tools.market.quality import screen

DAILY_BARS = 10_000  # back to the first VIX: the variance forecast must have seen more than one crisis
INTRADAY_BARS = {Interval.FIVE_MINUTES: 1560, Interval.HOUR: 840}  # 20 sessions, else 120 sessions of hours
INDICES = ("VIX", "VIX9D", "VIX3M", "VIX6M", "VVIX", "SKEW", "VIX1D")


async def take_snapshot(
    market: Market,
    ticker: str,
    as_of: datetime,
    *,
    lag_limit_s: float = LAG_LIMIT_S,
    index_lag_limit_s: float = INDEX_LAG_LIMIT_S,
    half_life_s: float = HALF_LIFE_S,
) -> MarketSnapshot:
    """Everything the market knows of a ticker as of a moment; what it has not is named in `absent`.

    Raises DataAbsent without instrument or chain, StaleData for a chain older than its limit (indices have their own),
    BadChain for one too poor to use, and SourceFailed when a source fails or hands over something later than `as_of`.
    """
    (instrument, chain, calendar), (daily, intraday, vix, rates, social), levels = await asyncio.gather(
        asyncio.gather(
            market.instrument(ticker, as_of),
            market.chain(ticker, as_of),
            market.calendar(ticker, as_of),
        ),
        asyncio.gather(
            market.bars(ticker, Interval.DAY, as_of, DAILY_BARS),
            _intraday(market, ticker, as_of),
            market.index_history("VIX", as_of, DAILY_BARS),
            market.rates(as_of),
            market.social(ticker, as_of),
        ),
        asyncio.gather(*(market.index(name, as_of) for name in INDICES)),
    )
    if isinstance(instrument, Absent):
        raise DataAbsent(f"{instrument.what}: {instrument.why}")
    if isinstance(chain, Absent):
        raise DataAbsent(f"{chain.what}: {chain.why}")
    limit = index_lag_limit_s if instrument.kind is Kind.INDEX else lag_limit_s
    behind = lag(chain, as_of, limit)
    screened, quality = screen(chain)
    absent = [item for item in (daily, intraday, vix, rates, social, *levels) if isinstance(item, Absent)]
    if quality.dropped:
        absent.append(Absent(what=f"{quality.rows - quality.kept} rows of {ticker}'s chain", why=quality.text()))
    snapshot = MarketSnapshot(
        ticker=ticker,
        as_of=as_of,
        market=market.label,
        simulated=market.simulated,
        instrument=instrument,
        spot=screened.spot,
        chain=screened,
        chain_lag_s=behind,
        iv_confidence=confidence(behind, half_life_s),
        daily=daily if isinstance(daily, BarSeries) else None,
        intraday=intraday if isinstance(intraday, BarSeries) else None,
        vix_history=vix if isinstance(vix, BarSeries) else None,
        indices=tuple(level for level in levels if isinstance(level, IndexLevel)),
        rates=rates if isinstance(rates, RateCurve) else None,
        calendar=calendar,
        social=social if isinstance(social, SocialCounts) else None,
        absent=tuple(absent),
    )
    _nothing_later(snapshot)
    return snapshot


async def _intraday(market: Market, ticker: str, as_of: datetime) -> BarSeries | Absent:
    """The finest intraday bars that the market has; when it has none, what it said of the finest."""
    said: list[Absent] = []
    for interval, count in INTRADAY_BARS.items():
        bars = await market.bars(ticker, interval, as_of, count)
        if not isinstance(bars, Absent):
            return bars
        said.append(bars)
    return said[0]


def _nothing_later(snapshot: MarketSnapshot) -> None:
    """The invariant of every snapshot, checked on the way out: nothing in it became known after its moment."""
    moments = [("instrument", snapshot.instrument.known_at)]
    moments += [(level.name, level.known_at) for level in snapshot.indices]
    moments += [(event.kind, event.known_at) for event in snapshot.calendar.events]
    if snapshot.rates is not None:
        moments.append(("rates", snapshot.rates.known_at))
    if snapshot.social is not None:
        moments.append(("social counts", snapshot.social.known_at))
    late = [what for what, known_at in moments if known_at > snapshot.as_of]
    stamp = snapshot.as_of.timestamp()
    for name in ("daily", "intraday", "vix_history"):
        bars: BarSeries | None = getattr(snapshot, name)
        if bars is not None and len(bars) and float(bars.known_at.max()) > stamp:
            late.append(f"{name} bars")
    if late:
        raise SourceFailed(f"{snapshot.market} gave {', '.join(late)} of {snapshot.ticker} from after {snapshot.as_of}")
