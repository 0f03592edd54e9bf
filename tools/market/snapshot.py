"""One ticker's snapshot: everything known about it as of a moment, gathered at once, aligned and screened."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from domain.errors import DataAbsent, SourceFailed, StaleData
from domain.market import (
    Absent,
    ActionKind,
    BarSeries,
    IndexLevel,
    Interval,
    MarketSnapshot,
    OptionChain,
    RateCurve,
    SocialCounts,
)
from domain.ports import Market
from quant.alignment import LagRules, confidence
from quant.execution.quotes import untradable
from tools.market.quality import Beside, screen

DAILY_BARS = 10_000  # back to the first VIX: the variance forecast must have seen more than one crisis
INTRADAY_BARS = {Interval.FIVE_MINUTES: 1560, Interval.HOUR: 840}  # 20 sessions, else 120 sessions of hours
DEFAULT_LAGS = LagRules()
_BEFORE = timedelta(seconds=1)
INDICES = ("VIX", "VIX9D", "VIX3M", "VIX6M", "VVIX", "SKEW", "VIX1D")


async def take_snapshot(
    market: Market,
    ticker: str,
    as_of: datetime,
    *,
    lags: LagRules = DEFAULT_LAGS,
    keep_stale: bool = False,
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
    limit = lags.limit(ticker, instrument.kind)
    behind = lag(chain, as_of, None if keep_stale else limit)
    previous = None if market.simulated else await market.chain(ticker, chain.known_at - _BEFORE)
    beside = Beside(
        previous=previous if isinstance(previous, OptionChain) else None,
        daily=daily if isinstance(daily, BarSeries) else None,
        intraday=intraday if isinstance(intraday, BarSeries) else None,
        rates=rates if isinstance(rates, RateCurve) else None,
        splits=tuple(action.day for action in instrument.actions if action.kind is ActionKind.SPLIT),
    )
    screened, quality = await asyncio.to_thread(screen, chain, beside)
    absent = [item for item in (daily, intraday, vix, rates, social, *levels) if isinstance(item, Absent)]
    snapshot = MarketSnapshot(
        ticker=ticker,
        as_of=as_of,
        market=market.label,
        simulated=market.simulated,
        instrument=instrument,
        spot=screened.spot,
        chain=screened,
        chain_lag_s=behind,
        iv_confidence=confidence(behind, lags.half_life_s),
        lag_limit_s=limit,
        quality=quality,
        sources=market.uses(ticker),
        restrictions=_restrictions(screened, behind, limit),
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


def lag(chain: OptionChain, as_of: datetime, limit_s: float | None) -> float:
    """Seconds from the moment a chain's quotes were due on the screen. A closing chain counts from its stamp.

    A delayed source is late by its declared delay, underlying and options alike: lag is what comes on top, so that a
    source that stopped is as stale as any other. Raises StaleData beyond the limit (None: whatever its age) and
    SourceFailed for a chain from after the moment.
    """
    if max(chain.known_at, chain.quoted_at) > as_of:
        raise SourceFailed(f"{chain.ticker}'s chain is of {chain.quoted_at.isoformat()}, after {as_of.isoformat()}")
    seconds = max(0.0, (as_of - chain.shown_at).total_seconds())
    if limit_s is not None and seconds > limit_s:
        raise StaleData(f"{chain.ticker}'s newest chain is {_age(seconds)} old, limit {limit_s / 60:g} min")
    return seconds


def _age(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def _restrictions(chain: OptionChain, behind: float, limit: float) -> tuple[str, ...]:
    """Why no order that adds risk may rest on a chain, whatever the playbook."""
    stale = (f"the chain is {_age(behind)} old, limit {limit / 60:g} min: evidence only",) if behind > limit else ()
    return (*stale, *untradable(chain))


def _nothing_later(snapshot: MarketSnapshot) -> None:
    """The invariant of every snapshot, checked on the way out: nothing in it became known after its moment."""
    about = snapshot.instrument
    moments = [("instrument", about.known_at), *((action.kind, action.known_at) for action in about.actions)]
    if about.beta is not None:
        moments.append(("beta", about.beta.known_at))
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
