"""The simulated market: moves under P (Bates), quoted under Q = P with variance ÷ m, labelled wherever it shows."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import numpy as np

from domain.errors import BadInput, DataAbsent
from domain.market import (
    Absent,
    BarSeries,
    Beta,
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
from domain.structures import Option
from quant.volatility import beta
from tools import sessions
from tools.market import reference
from tools.market.simulated import bars, events, indices, quotes
from tools.market.simulated.carry import YEAR_S, accrued
from tools.market.simulated.paths import grid
from tools.market.simulated.presets import FIRST, LAST, PROFILES, STEP_S, variance_ratio

_CHAINS_HELD = 24
_TENORS = (1 / 12, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class SimulatedMarket:
    """Implements `domain.ports.Market` from a preset and a seed; any moment of 2021-07 to 2026-06 at random access.

    New quotes come every five minutes in session. The preset changes the quotes only: the paths of a seed are the same.
    """

    def __init__(self, preset: str, seed: int) -> None:
        variance_ratio(preset)
        if seed < 0:
            raise BadInput(f"a seed is zero or more, not {seed}")
        self._preset, self._seed = preset, seed
        self.label = f"simulated:{preset}:{seed}"
        self.simulated = True
        self.delayed = False
        self.live = False
        self.one_shot = False
        self._chains: OrderedDict[tuple[str, int, int], OptionChain] = OrderedDict()

    async def refresh(self, tickers: tuple[str, ...], held: Mapping[str, tuple[Option, ...]] | None = None) -> None:
        """A seed's market is what it is."""

    def uses(self, ticker: str) -> tuple[SourceUse, ...]:
        """One source, the simulator."""
        return ()

    async def instrument(self, ticker: str, as_of: datetime) -> Instrument | Absent:
        """Reference data of a simulated ticker: the real company's, with this market's own dividends."""
        absent = self._stranger(ticker)
        if absent is not None:
            return absent
        own = await asyncio.to_thread(events.actions, self._seed, ticker, as_of)
        found = await self._beta(ticker, as_of)
        return dataclasses.replace(reference.instrument(ticker, as_of), actions=own, beta=found)

    async def chain(self, ticker: str, as_of: datetime) -> OptionChain | Absent:
        """The newest quotes at `as_of`, whatever their age."""
        absent = self._stranger(ticker)
        if absent is not None:
            return absent
        about, stamp = grid(), as_of.timestamp()
        session = int(np.searchsorted(about.opens, stamp, side="right")) - 1
        if session < 0:
            return Absent(what=f"a chain of {ticker}", why=f"{self.label} begins on {FIRST}")
        node = int(min((stamp - int(about.opens[session])) // STEP_S, int(about.steps[session])))
        key = (ticker, session, node)
        if key not in self._chains:
            self._chains[key] = await asyncio.to_thread(quotes.chain, self._preset, self._seed, *key)
            while len(self._chains) > _CHAINS_HELD:
                self._chains.popitem(last=False)
        return self._chains[key]

    async def bars(self, ticker: str, interval: Interval, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` bars complete at `as_of`, of any interval."""
        absent = self._stranger(ticker)
        if absent is not None:
            return absent
        found = await asyncio.to_thread(bars.bars, self._seed, ticker, interval, as_of.timestamp(), count)
        return found or Absent(what=f"{interval} bars of {ticker}", why=f"{self.label} begins on {FIRST}")

    async def index(self, name: str, as_of: datetime) -> IndexLevel | Absent:
        """The last daily close of VIX9D, VIX, VIX3M or VIX6M known at `as_of`."""
        history = await self.index_history(name, as_of, 1)
        if isinstance(history, Absent):
            return history
        day = datetime.fromtimestamp(int(history.start[-1]), UTC).astimezone(sessions.NEW_YORK).date()
        known_at = datetime.fromtimestamp(int(history.known_at[-1]), UTC)
        return IndexLevel(name=name, value=float(history.close[-1]), day=day, known_at=known_at)

    async def index_history(self, name: str, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` daily values of an index, from the expected variance of this market's own SPX."""
        if name not in indices.TERMS:
            return Absent(what=f"daily values of {name}", why=f"{self.label} makes {', '.join(indices.TERMS)}")
        found = await asyncio.to_thread(indices.index, self._preset, self._seed, name, as_of.timestamp(), count)
        return found or Absent(what=f"daily values of {name}", why=f"{self.label} begins on {FIRST}")

    async def rates(self, as_of: datetime) -> RateCurve | Absent:
        """The curve of the certain short rate, as of the open of the last session."""
        about = grid()
        session = int(np.searchsorted(about.opens, as_of.timestamp(), side="right")) - 1
        if session < 0:
            return Absent(what="rates", why=f"{self.label} begins on {FIRST}")
        stamp = int(about.opens[session])
        grown = accrued(stamp + YEAR_S * np.array(_TENORS)) - accrued(stamp)
        yields = tuple(float(level) for level in np.expm1(grown / np.array(_TENORS)))
        day = date.fromordinal(int(about.days[session]))
        return RateCurve(tenors=_TENORS, yields=yields, day=day, known_at=datetime.fromtimestamp(stamp, UTC))

    async def calendar(self, ticker: str, as_of: datetime) -> Calendar:
        """Known for every simulated ticker; nothing is known of others."""
        return events.calendar(ticker, as_of) if ticker in PROFILES else Calendar(events=(), unknown=tuple(EventKind))

    async def social(self, ticker: str, as_of: datetime) -> SocialCounts | Absent:
        """Daily mentions of the last 60 days."""
        absent = self._stranger(ticker)
        if absent is not None:
            return absent
        found = await asyncio.to_thread(events.social, self._seed, ticker, as_of)
        return found or Absent(what=f"social counts of {ticker}", why=f"{self.label} begins on {FIRST}")

    def snapshot_time(self, day: date) -> datetime:
        """Fifteen minutes before the close of a session. Raises DataAbsent for a day without one."""
        if not FIRST <= day <= LAST or not sessions.is_session(day):
            raise DataAbsent(f"{self.label} has no session on {day}; it runs from {FIRST} to {LAST}")
        return sessions.open_close(day)[1] - timedelta(minutes=15)

    def snapshot_times(self, start: date, end: date) -> tuple[datetime, ...]:
        """Two ticks a session between two days, inclusive: an hour after its open and fifteen minutes before its close.

        With one alone an order that waits for the next quote would always meet its own session's close first.
        """
        days = sessions.between(max(start, FIRST), min(end, LAST))
        return tuple(
            moment
            for day in days
            for moment in (sessions.open_close(day)[0] + timedelta(hours=1), self.snapshot_time(day))
        )

    def last_session_middle(self) -> datetime:
        """The middle of this market's own last session: where the demo stands, whatever the day."""
        opened, closed = sessions.open_close(LAST)
        return opened + (closed - opened) / 2

    async def _beta(self, ticker: str, as_of: datetime) -> Beta | None:
        """Beta against this market's own SPX, from its daily bars."""
        own, index = [await self.bars(name, Interval.DAY, as_of, beta.LOOKED_AT) for name in (ticker, "SPX")]
        return None if isinstance(own, Absent) or isinstance(index, Absent) else beta.measured(own, index)

    def _stranger(self, ticker: str) -> Absent | None:
        if ticker in PROFILES:
            return None
        return Absent(what=ticker, why=f"{self.label} trades {', '.join(PROFILES)}")
