"""The live market: sources are asked, their answers recorded, and every question is answered from the record.

No answer comes off the wire. A refresh appends what came to the store, with the moment from which it can be read; a
read as of a moment then finds it there like any recorded chain. So a run that is resumed sees the same market, and
`recorded:live` replays what a live run saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path

from domain.errors import DataAbsent, SourceFailed
from domain.market import (
    Absent,
    BarSeries,
    Calendar,
    EventKind,
    IndexLevel,
    Instrument,
    Interval,
    OptionChain,
    RateCurve,
    SocialCounts,
    SourceUse,
)
from domain.ports import Clock, Market
from domain.structures import Option
from tools.market.collecting import Collector, Round
from tools.market.recording import LIVE, WATCH
from tools.market.sources.asking import ABSENT
from tools.market.store import Store


class LiveMarket:
    """Implements `domain.ports.Market` over a collector and a store.

    `recorded` opens the market over a set of the store by the set's name, here `live` or `live-watch`.
    """

    label = "live"
    simulated = False
    live = True
    one_shot = False

    def __init__(
        self,
        store_dir: Path,
        collector: Collector,
        clock: Clock,
        recorded: Callable[[str], Market],
        watch_days: int = 30,
    ) -> None:
        self._store = Store(store_dir)
        self._collector = collector
        self._clock = clock
        self._open = recorded
        self._watch_days = watch_days
        self._markets: dict[str, Market | None] = {}
        self.delayed = collector.delayed
        self._asked_at: datetime | None = None

    async def refresh(
        self, tickers: tuple[str, ...], held: Mapping[str, tuple[Option, ...]] | None = None, *, force: bool = False
    ) -> None:
        """Ask the sources what they have and keep it; a moment at or after the return sees it.

        Of a ticker in `held` (contracts, by ticker) the chain is a watch tick. Chains and intraday bars asked for a
        minute ago are not asked for again unless forced, nor is what changes daily within half an hour. A source that
        fails is noted, never raised.
        """
        await self.collect(tickers, held, force=force)

    async def collect(
        self, tickers: tuple[str, ...], held: Mapping[str, tuple[Option, ...]] | None = None, *, force: bool = False
    ) -> Round:
        """The same, telling what it did."""
        made = await self._collector.collect(tickers, held or {}, force)
        if held:
            await asyncio.to_thread(self._collector.prune, self._watch_days)
        self._markets.clear()  # they keep what they have read, and another process may have recorded as well
        self._asked_at = self._clock.now()
        if made.kept:
            await self._clock.sleep_until(max(one.known_at for one in made.kept))
        return made

    async def ping(self) -> str:
        """What each source says of itself, in one line. Raises SourceFailed when none that has chains answers."""
        found = await self._collector.ping()
        words = "; ".join(f"{name}: {said}" if ok else f"{name} fails: {said}" for name, ok, said in found)
        if not any(ok and name in self._collector.chain_sources for name, ok, _ in found):
            raise SourceFailed(f"no source of chains answers: {words or 'the setting sources names none'}")
        return words

    async def close(self) -> None:
        """Let the sources' connections go."""
        await self._collector.close()

    def uses(self, ticker: str) -> tuple[SourceUse, ...]:
        """Where a source was last asked in vain, for this ticker and for what all tickers share."""
        return self._collector.uses(ticker)

    def _recorded(self, set_name: str = LIVE) -> Market | None:
        """The market over a set; None while the store has no such set."""
        if set_name not in self._markets:
            self._markets[set_name] = self._open(set_name) if set_name in self._store.sets() else None
        return self._markets[set_name]

    def _unheard(self, what: str) -> Absent:
        """Nothing of the kind was ever received."""
        return Absent(what=what, why="nothing was received yet")

    def _no_chain(self, what: str, ticker: str, as_of: datetime) -> Absent:
        """No chain was received by then: why, in the sources' own words. Raises SourceFailed when one failed."""
        if self._asked_at is None or as_of < self._asked_at:
            return self._unheard(what)  # what the sources said since says nothing of that moment
        notes = [note for use in self.uses(ticker) if use.datum == "chain" for note in use.failed]
        if any(ABSENT not in note for note in notes):
            raise SourceFailed(f"no chain of {ticker}: {'; '.join(notes)}")
        return Absent(what=what, why="; ".join(notes) or "nothing was received yet")

    async def instrument(self, ticker: str, as_of: datetime) -> Instrument | Absent:
        """Reference data of a ticker that was ever received."""
        market = self._recorded()
        found = await market.instrument(ticker, as_of) if market else self._no_chain(ticker, ticker, as_of)
        return self._no_chain(ticker, ticker, as_of) if isinstance(found, Absent) else found

    async def chain(self, ticker: str, as_of: datetime) -> OptionChain | Absent:
        """The newest chain received by `as_of`, whatever its age; of a ticker that is only watched, its watch tick."""
        names = (LIVE, WATCH) if self._collector.watches(ticker) else (LIVE,)
        markets = [market for name in names if (market := self._recorded(name)) is not None]
        found = [await market.chain(ticker, as_of) for market in markets]
        chains = [chain for chain in found if not isinstance(chain, Absent)]
        if chains:
            return max(chains, key=lambda chain: chain.known_at)
        return self._no_chain(f"a chain of {ticker}", ticker, as_of)

    async def bars(self, ticker: str, interval: Interval, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` bars complete at `as_of`, from the store."""
        market = self._recorded()
        what = f"{interval.value} bars of {ticker}"
        return await market.bars(ticker, interval, as_of, count) if market else self._unheard(what)

    async def index(self, name: str, as_of: datetime) -> IndexLevel | Absent:
        """The last daily close known at `as_of`, from the store."""
        market = self._recorded()
        return await market.index(name, as_of) if market else self._unheard(f"daily values of {name}")

    async def index_history(self, name: str, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` daily values known at `as_of`, from the store."""
        market = self._recorded()
        return await market.index_history(name, as_of, count) if market else self._unheard(f"daily values of {name}")

    async def rates(self, as_of: datetime) -> RateCurve | Absent:
        """The last Treasury curve known at `as_of`, from the store."""
        market = self._recorded()
        return await market.rates(as_of) if market else self._unheard("Treasury yields")

    async def calendar(self, ticker: str, as_of: datetime) -> Calendar:
        """Events known at `as_of`; while nothing was received every kind is unknown."""
        market = self._recorded()
        return await market.calendar(ticker, as_of) if market else Calendar(events=(), unknown=tuple(EventKind))

    async def social(self, ticker: str, as_of: datetime) -> SocialCounts | Absent:
        """Social counts known at `as_of`, from the store."""
        market = self._recorded()
        return await market.social(ticker, as_of) if market else self._unheard(f"social counts of {ticker}")

    def snapshot_time(self, day: date) -> datetime:
        """The last moment of a day at which chains were received. Raises DataAbsent when none were."""
        market = self._recorded()
        if market is None:
            raise DataAbsent(f"nothing was received on {day} or any other day; `parley record` starts it")
        return market.snapshot_time(day)

    def snapshot_times(self, start: date, end: date) -> tuple[datetime, ...]:
        """The moments between two days, inclusive, at which chains were received."""
        market = self._recorded()
        return market.snapshot_times(start, end) if market else ()
