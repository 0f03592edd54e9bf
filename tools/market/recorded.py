"""A recorded market: one set of chains from the store, with the bars, indices and rates that all sets share."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from domain.errors import BadInput, DataAbsent, SourceFailed
from domain.market import (
    Absent,
    ActionKind,
    BarSeries,
    Beta,
    Calendar,
    IndexLevel,
    Instrument,
    Interval,
    OptionChain,
    Quotes,
    RateCurve,
    SocialCounts,
    SourceUse,
)
from domain.structures import Option
from quant.execution.spreads import SpreadModel
from quant.volatility import beta
from tools import sessions
from tools.market import attention, reference, resample, series
from tools.market.reference import Almanac
from tools.market.reference.stored import stored_facts
from tools.market.spreads import fill_in, for_set
from tools.market.store import CHAIN_KEY, Store

T = TypeVar("T")

_CHAINS_HELD = 16
_ROUND_S = 300  # chains quoted within five minutes of each other belong to one round of collection
_SPAN = {
    Interval.DAY: "daily",
    Interval.HOUR: "hourly",
    Interval.FIFTEEN_MINUTES: "15-minute",
    Interval.FIVE_MINUTES: "5-minute",
    Interval.MINUTE: "1-minute",
}


class RecordedMarket:
    """Implements `domain.ports.Market` over a store. Recorded chains stand in for a real-time feed, as the label says.

    `one_shot` is a fact of the set: True when some session holds a single chain of a ticker, so that an order made on
    it has no later quote to fill against. `almanac` tells what reference data there is beside the store's own (None:
    the shipped facts). Chains without quotes get those of `spreads` where one is given, and the label names it. Raises
    BadInput when the store or the set is not there, or the model knows no such options.
    """

    def __init__(
        self, store_dir: Path, set_name: str, almanac: Almanac | None = None, *, spreads: SpreadModel | None = None
    ) -> None:
        self._store = Store(store_dir)
        self._almanac = almanac or reference.shipped()
        self._set = set_name
        held = self._store.sets()
        if set_name not in held:
            has = f"it holds {', '.join(held)}" if held else "it is empty"
            raise BadInput(
                f"the store {store_dir} has no set {set_name!r}: {has}. Import its files with `parley data import PATH`"
            )
        self._tickers = self._store.tickers(set_name)
        self._frames: dict[tuple[str, str], Any] = {}
        self._spreads = for_set(self._store, set_name, spreads)
        self.label = f"recorded:{set_name}" + (f":{self._spreads.name}" if self._spreads else "")
        self.simulated = False
        self.delayed = any(self._newest_is_delayed(ticker) for ticker in self._tickers)
        self.live = False
        self.one_shot = any(
            len(self._moments_held(ticker, day)) == 1 for ticker in self._tickers for day in self._days(ticker)
        )
        self._chains: OrderedDict[tuple[str, datetime], OptionChain] = OrderedDict()

    def _newest_is_delayed(self, ticker: str) -> bool:
        """True when the source of the ticker's newest chain showed its quotes late: a replay fills as live did."""
        days = self._store.chain_days(self._set, ticker)
        moments = self._store.chain_moments(self._set, ticker, days[-1]) if days else ()
        if not moments:
            return False
        rows = self._store.chain(self._set, ticker, days[-1], moments[-1]).select(pl.col("delayed").any())
        return bool(_collect(rows).item())

    async def refresh(self, tickers: tuple[str, ...], held: Mapping[str, tuple[Option, ...]] | None = None) -> None:
        """The past does not change."""

    def uses(self, ticker: str) -> tuple[SourceUse, ...]:
        """A recorded set has one source and falls back on nothing."""
        return ()

    async def instrument(self, ticker: str, as_of: datetime) -> Instrument | Absent:
        """Reference data of a ticker that the set holds, with its beta where a year of bars tells one."""
        absent = self._stranger(ticker)
        if absent is not None:
            return absent
        almanac = await self._facts(ticker)
        return almanac.instrument(ticker, as_of, await self._beta(ticker, as_of))

    async def chain(self, ticker: str, as_of: datetime) -> OptionChain | Absent:
        """The newest chain known at `as_of`, whatever its age."""
        absent = self._stranger(ticker)
        if absent is not None:
            return absent
        today = as_of.astimezone(sessions.NEW_YORK).date()
        for day in reversed(self._days(ticker)):
            known = [moment for moment in self._moments_held(ticker, day) if moment <= as_of] if day <= today else []
            if known:
                return await self._chain(ticker, day, known[-1])
        return Absent(what=f"a chain of {ticker}", why=f"{self.label} has none from before {as_of:%Y-%m-%d %H:%M} UTC")

    async def bars(self, ticker: str, interval: Interval, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` bars of regular hours known at `as_of`, unbroken by holes or splits.

        Where no bars of the interval reach, they are made of the finest ones that do.
        """
        held = await self._held(f"bars {interval}", ticker, lambda: self._load_bars(ticker, interval))
        return series.select(held, ticker, interval, f"{_SPAN[interval]} bars of {ticker}", as_of, count)

    async def index(self, name: str, as_of: datetime) -> IndexLevel | Absent:
        """The last daily close of an index that was known at `as_of`."""
        history = await self.index_history(name, as_of, 1)
        if isinstance(history, Absent):
            return history
        day = datetime.fromtimestamp(int(history.start[-1]), UTC).astimezone(sessions.NEW_YORK).date()
        known_at = datetime.fromtimestamp(int(history.known_at[-1]), UTC)
        return IndexLevel(name=name, value=float(history.close[-1]), day=day, known_at=known_at)

    async def index_history(self, name: str, as_of: datetime, count: int) -> BarSeries | Absent:
        """At most the last `count` daily values of an index known at `as_of`."""
        held = await self._held("index", name, lambda: self._load_index(name))
        return series.select(held, name, Interval.DAY, f"daily values of {name}", as_of, count, closes=True)

    async def rates(self, as_of: datetime) -> RateCurve | Absent:
        """The last Treasury curve known at `as_of`, whatever its age (its day says it)."""
        curves: tuple[RateCurve, ...] = await self._held("rates", "", self._load_rates)
        known = [curve for curve in curves if curve.known_at <= as_of]
        return known[-1] if known else Absent(what="Treasury yields", why=f"none known on {as_of:%Y-%m-%d}")

    async def calendar(self, ticker: str, as_of: datetime) -> Calendar:
        """Events around a ticker as the almanac and the store's own rows had them."""
        almanac = await self._facts(ticker)
        return almanac.calendar(ticker, as_of)

    async def social(self, ticker: str, as_of: datetime) -> SocialCounts | Absent:
        """The last sixty days of mentions known at `as_of`, from the source with the newest."""
        held: tuple[attention.Counts, ...] = await self._held("social", ticker, lambda: self._load_social(ticker))
        return attention.select(held, ticker, as_of)

    def snapshot_time(self, day: date) -> datetime:
        """The last stated moment of a day's chains. Raises DataAbsent when the set holds no chain of that day."""
        moments = self.snapshot_times(day, day)
        if moments:
            return moments[-1]
        days = sorted({held for ticker in self._tickers for held in self._days(ticker)})
        before = [held for held in days if held < day][-1:]
        after = [held for held in days if held > day][:1]
        near = " and ".join(held.isoformat() for held in (*before, *after))
        raise DataAbsent(f"{self.label} holds no chain of {day}; the nearest are of {near}")

    def snapshot_times(self, start: date, end: date) -> tuple[datetime, ...]:
        """The moments with new chains between two days, inclusive.

        Chains of several tickers stamped less than five minutes apart are one round; its last stamp is the moment. A
        ticker that is quoted again begins a new round.
        """
        stamps = sorted(
            (moment, ticker)
            for ticker in self._tickers
            for day in self._days(ticker)
            if start <= day <= end
            for moment in self._moments_held(ticker, day)
        )
        rounds: list[datetime] = []
        seen: set[str] = set()
        for moment, ticker in stamps:
            if not rounds or ticker in seen or moment - rounds[-1] >= timedelta(seconds=_ROUND_S):
                rounds.append(moment)
                seen = set()
            rounds[-1] = moment
            seen.add(ticker)
        return tuple(rounds)

    def _stranger(self, ticker: str) -> Absent | None:
        if ticker in self._tickers:
            return None
        return Absent(what=ticker, why=f"{self.label} holds {', '.join(self._tickers)}")

    async def _facts(self, ticker: str) -> Almanac:
        """The almanac beside what the store has learnt of a ticker."""
        almanac: Almanac = await self._held("facts", ticker, lambda: self._load_facts(ticker))
        return almanac

    async def _beta(self, ticker: str, as_of: datetime) -> Beta | None:
        """Beta against SPX, else SPY, from the daily bars known at the moment; measured once for each last bar."""
        own = await self._closes(ticker, as_of)
        for name in beta.INDICES if own is not None else ():
            index = await self._closes(name, as_of)
            if own is None or index is None:
                continue
            key = ("beta", f"{ticker} {name} {own.known_at[-1]} {index.known_at[-1]}")
            if key not in self._frames:
                self._frames[key] = beta.measured(own, index)
            found: Beta | None = self._frames[key]
            if found is not None:
                return found
        return None

    async def _closes(self, ticker: str, as_of: datetime) -> BarSeries | None:
        held = await self._held(f"bars {Interval.DAY}", ticker, lambda: self._load_bars(ticker, Interval.DAY))
        found = series.select(held, ticker, Interval.DAY, ticker, as_of, beta.LOOKED_AT, closes=True)
        return None if isinstance(found, Absent) else found

    async def _held(self, kind: str, name: str, load: Callable[[], Any]) -> Any:
        """What `load` gives, read once per market; the disk is read off the event loop."""
        key = (kind, name)
        if key not in self._frames:
            self._frames[key] = await asyncio.to_thread(load)
        return self._frames[key]

    def _days(self, ticker: str) -> tuple[date, ...]:
        key = ("days", ticker)
        if key not in self._frames:
            self._frames[key] = self._store.chain_days(self._set, ticker)
        days: tuple[date, ...] = self._frames[key]
        return days

    def _moments_held(self, ticker: str, day: date) -> tuple[datetime, ...]:
        key = ("moments", f"{ticker} {day}")
        if key not in self._frames:
            self._frames[key] = self._store.chain_moments(self._set, ticker, day)
        moments: tuple[datetime, ...] = self._frames[key]
        return moments

    async def _chain(self, ticker: str, day: date, known_at: datetime) -> OptionChain:
        key = (ticker, known_at)
        if key not in self._chains:
            chain = await asyncio.to_thread(self._load_chain, ticker, day, known_at)
            if self._spreads is not None:
                chain = await asyncio.to_thread(fill_in, chain, self._spreads, await self.rates(known_at))
            self._chains[key] = chain
            while len(self._chains) > _CHAINS_HELD:
                self._chains.popitem(last=False)
        return self._chains[key]

    def _load_chain(self, ticker: str, day: date, known_at: datetime) -> OptionChain:
        rows = _collect(self._store.chain(self._set, ticker, day, known_at))
        rows = rows.unique(CHAIN_KEY, keep="first", maintain_order=True)
        about = self._almanac.instrument(ticker, known_at)
        first = rows.row(0, named=True)
        spot, spot_at, source = self._spot(ticker, rows)

        def numbers(name: str) -> Any:
            return rows[name].fill_null(np.nan).to_numpy()

        epoch = date(1970, 1, 1).toordinal()
        return OptionChain(
            ticker=ticker,
            exercise=about.exercise,
            multiplier=about.multiplier,
            spot=spot,
            quoted_at=first["quoted_at"].astimezone(UTC),
            known_at=known_at.astimezone(UTC),
            source=source,
            closing=first["closing"],
            quotes=Quotes.NONE if rows["bid"].is_null().all() and rows["ask"].is_null().all() else Quotes.MARKET,
            delayed=bool(first["delayed"]),
            spot_at=spot_at,
            uncertainty_s=int(first["uncertainty_s"] or 0),
            bid_size=_sizes(rows["bid_size"]),
            ask_size=_sizes(rows["ask_size"]),
            root=np.array(rows["root"].to_list(), dtype=np.str_),
            expiry=rows["expiry"].dt.epoch("d").to_numpy().astype(np.int64) + epoch,
            settles_at=rows["settles_at"].dt.epoch("s").to_numpy(),
            strike=numbers("strike"),
            is_call=rows["is_call"].to_numpy(),
            **{name: numbers(name) for name in ("bid", "ask", "last", "volume", "open_interest")},
            vendor_iv=numbers("vendor_iv"),
            vendor_delta=numbers("vendor_delta"),
        )

    def _spot(self, ticker: str, rows: pl.DataFrame) -> tuple[float, datetime | None, str]:
        """(price of the underlying, when it was taken if not with the quotes, the chain's source) of a chain's rows.

        Of options on several futures it is the nearest expiry's. Where the source has none it is the close of the
        raw bar that ended last before the quotes, less than its length ago; NaN when no such bar is held.
        """
        first = rows.row(0, named=True)
        priced = rows.drop_nulls("spot").sort("expiry", maintain_order=True)
        if priced.height:
            spot_at = priced["spot_at"][0]
            return priced["spot"][0], None if spot_at is None else spot_at.astimezone(UTC), first["source"]
        moment = first["quoted_at"]
        for interval, seconds in resample.SECONDS.items():
            lazy = self._store.bars(ticker, interval)
            if lazy is None:
                continue
            ended = pl.col("known_at").is_between(moment - timedelta(seconds=seconds), moment, closed="right")
            bars = _collect(lazy.filter(ended & ~pl.col("adjusted")).select("known_at", "close", "source"))
            if bars.height:
                bar = bars.sort("known_at", "source").row(-1, named=True)
                said = (
                    f"{first['source']}; no price of {ticker} in it, taken from {bar['source']} {interval.value} bars"
                )
                return float(bar["close"]), bar["known_at"].astimezone(UTC), said
        return float("nan"), None, first["source"]

    def _load_bars(self, ticker: str, interval: Interval) -> tuple[series.Source, ...]:
        found: list[series.Source] = []
        splits: list[date | series.Split] = [*reference.SPLITS.get(ticker, ()), *self._load_splits(ticker)]
        for finer in resample.FINEST_FIRST[: resample.FINEST_FIRST.index(interval) + 1]:
            lazy = self._store.bars(ticker, finer)
            if lazy is None or (finer is not interval and ticker in reference.ROUND_THE_CLOCK):
                continue
            held = series.sources(_collect(lazy.filter("session")), splits)
            found += held if finer is interval else (series.aggregate(one, finer, interval) for one in held)
        return tuple(found)

    def _load_splits(self, ticker: str) -> tuple[series.Split, ...]:
        """Splits that the store has learnt of, each from when it was known."""
        lazy = self._store.rows("actions", ticker)
        if lazy is None:
            return ()
        rows = _collect(lazy.filter(pl.col("kind") == ActionKind.SPLIT.value).select("day", "known_at"))
        return tuple(series.Split(day, known_at.astimezone(UTC)) for day, known_at in rows.iter_rows())

    def _load_facts(self, ticker: str) -> Almanac:
        events, actions = (self._store.rows(shelf, ticker) for shelf in ("events", "actions"))
        rows = (None if lazy is None else _collect(lazy) for lazy in (events, actions))
        return self._almanac.beside(*stored_facts(ticker, *rows))

    def _load_index(self, name: str) -> tuple[series.Source, ...]:
        lazy = self._store.rows("indices", name)
        if lazy is None:
            return ()
        rows = _collect(lazy)
        opens = [sessions.open_close(day)[0] for day in rows["day"].to_list()]
        start = pl.Series("start", opens, dtype=pl.Datetime("us", "UTC"))
        volume = pl.lit(None, pl.Float64).alias("volume")
        return series.sources(rows.with_columns(start, volume, adjusted=pl.lit(False)))

    def _load_social(self, ticker: str) -> tuple[attention.Counts, ...]:
        lazy = self._store.rows("social", ticker)
        return () if lazy is None else attention.counts(_collect(lazy))

    def _load_rates(self) -> tuple[RateCurve, ...]:
        lazy = self._store.rows("rates")
        if lazy is None:
            return ()
        curves: list[RateCurve] = []
        columns = ("day", "source", "known_at", "tenor", "yield")
        rows = _collect(lazy).select(columns).sort(columns[:4], maintain_order=True).iter_rows()
        for (day, _), of_day in groupby(rows, key=itemgetter(0, 1)):
            said: dict[float, float] = {}
            for known_at, news in groupby(of_day, key=itemgetter(2)):  # a revision is a curve of its own
                said |= {row[3]: row[4] for row in news}
                tenors, yields = zip(*sorted(said.items()), strict=True)
                curves.append(RateCurve(tenors=tenors, yields=yields, day=day, known_at=known_at.astimezone(UTC)))
        return tuple(sorted(curves, key=lambda curve: (curve.day, curve.known_at)))


def _sizes(column: pl.Series) -> Any:
    return None if column.is_null().all() else column.fill_null(np.nan).to_numpy()


def _collect(lazy: pl.LazyFrame) -> pl.DataFrame:
    """Read from disk. Raises SourceFailed when a file is gone or broken."""
    try:
        return lazy.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceFailed(f"the store cannot be read: {error}. Import the set again") from error
