"""A market behind the quality gate, for whoever trades on its chains without taking a snapshot."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from domain.market import Absent, ActionKind, BarSeries, Interval, OptionChain, RateCurve
from domain.ports import Market
from tools.market.quality import Beside, screen

_DAYS = 300  # daily bars that the gate looks at
_CHAINS_HELD = 8
_BEFORE = timedelta(seconds=1)


class GatedChains:
    """Chains of a market as the quality gate leaves them: what it took the quotes off has none here either.

    Opening orders are held against these at the broker's door and filled on them; an exit takes the market's own, for
    closing must stay possible. Raises what the market raises, and BadChain for a chain that the gate refuses.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._held: dict[tuple[str, datetime], OptionChain] = {}

    async def chain(self, ticker: str, as_of: datetime) -> OptionChain | Absent:
        """The newest chain known at `as_of`, screened."""
        chain = await self._market.chain(ticker, as_of)
        if isinstance(chain, Absent):
            return chain
        key = (ticker, chain.known_at)
        if key not in self._held:
            found = await asyncio.to_thread(screen, chain, await beside(self._market, chain, as_of))
            while len(self._held) >= _CHAINS_HELD:
                self._held.pop(next(iter(self._held)))
            self._held[key] = found[0]
        return self._held[key]


async def beside(market: Market, chain: OptionChain, as_of: datetime) -> Beside:
    """What the gate holds a chain against, asked of the chain's own market."""
    daily = await market.bars(chain.ticker, Interval.DAY, as_of, _DAYS)
    intraday = await market.bars(chain.ticker, Interval.FIVE_MINUTES, as_of, _DAYS)
    rates = await market.rates(as_of)
    instrument = await market.instrument(chain.ticker, as_of)
    actions = () if isinstance(instrument, Absent) else instrument.actions
    previous = None if market.simulated else await market.chain(chain.ticker, chain.known_at - _BEFORE)
    return Beside(
        previous=previous if isinstance(previous, OptionChain) else None,
        daily=daily if isinstance(daily, BarSeries) else None,
        intraday=intraday if isinstance(intraday, BarSeries) else None,
        rates=rates if isinstance(rates, RateCurve) else None,
        splits=tuple(action.day for action in actions if action.kind is ActionKind.SPLIT),
    )
