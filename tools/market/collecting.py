"""Asking the sources that may answer, in their order, and keeping what they gave.

Every datum has its own list of allowed sources. `store`, `file` and `shipped` in such a list are not asked over a
socket: they say that what is held already, or reference data, may stand in when those before them failed.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from domain.errors import BadInput, SourceFailed
from domain.market import Absent, Interval, Kind, SourceUse
from domain.ports import Clock
from domain.structures import Option
from tools.market import reference
from tools.market.recording import Kept, Recorder
from tools.market.snapshot import INDICES
from tools.market.sources.asking import Asker
from tools.market.sources.protocol import OpenSource, Source
from tools.market.store import Store

STANDING = frozenset({"store", "file", "shipped"})
BARS = (Interval.DAY, Interval.FIVE_MINUTES)
QUICK_S = 60.0  # chains and intraday bars of a ticker are asked for at most once in so long
SLOW_S = 1800.0  # the same for what changes daily; after a failure it is asked for again as soon as the quick ones
AT_ONCE = 4  # tickers under way at a time
SHARED = ""  # what all tickers share is noted under no ticker's name
_GREEKS = ("vendor_iv", "vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega")
_CONTRACT = ("root", "expiry", "strike", "is_call")

Rows = pl.DataFrame


class Allowed(NamedTuple):
    """Which sources may answer for a datum, in the order in which they are asked."""

    chains: tuple[str, ...]
    greeks: tuple[str, ...]
    bars: tuple[str, ...]
    indices: tuple[str, ...]
    rates: tuple[str, ...]
    events: tuple[str, ...]


class Round(NamedTuple):
    """What one collection did: what was kept, and where a source was asked in vain (ticker, "" for shared data)."""

    kept: tuple[Kept, ...] = ()
    uses: tuple[tuple[str, SourceUse], ...] = ()

    @classmethod
    def of(cls, rounds: Sequence[Round]) -> Round:
        """Several rounds as one."""
        return cls(tuple(one for made in rounds for one in made.kept), tuple(u for made in rounds for u in made.uses))


class _Datum(NamedTuple):
    """One thing to ask for: its name on the record, who may answer, and how it is asked for, kept and found held."""

    name: str
    allowed: tuple[str, ...]
    every_s: float
    ask: Callable[[Source], Awaitable[Rows | Absent]]
    keep: Callable[[Rows], Kept]
    holds: Callable[[], bool]


class Collector:
    """Asks sources and hands their answers to the recorder; remembers when it asked and who failed.

    Raises BadInput for an allowed source that is not there.
    """

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, OpenSource],
        allowed: Allowed,
        clock: Clock,
        asker: Asker | None = None,
    ) -> None:
        strange = sorted({name for names in allowed for name in names} - sources.keys() - STANDING)
        if strange:
            there = ", ".join(sorted((*sources, *STANDING)))
            raise BadInput(f"setting sources: there is no source {', '.join(strange)}; there are {there}")
        self._store = store
        self._sources = sources
        self._allowed = allowed
        self._clock = clock
        self._asker = asker or Asker(clock)
        self._recorder = Recorder(store, clock)
        self._uses: dict[tuple[str, str], SourceUse] = {}
        self._next: dict[tuple[str, str], datetime] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._watched: set[str] = set()

    @property
    def chain_sources(self) -> tuple[str, ...]:
        """Names of the sources that are asked for chains, in order."""
        return tuple(source.name for source in self._sockets(self._allowed.chains))

    @property
    def delayed(self) -> bool:
        """True when any source of chains shows its quotes late."""
        return any(source.delayed for source in self._sockets(self._allowed.chains))

    async def ping(self) -> tuple[tuple[str, bool, str], ...]:
        """Every source that may be asked for anything: its name, whether it answers, and what it said."""
        used = {name for names in self._allowed for name in names}
        found = []
        for name, source in self._sources.items():
            if name in used:
                try:
                    found.append((name, True, await source.ping()))
                except SourceFailed as error:
                    found.append((name, False, str(error)))
        return tuple(found)

    async def close(self) -> None:
        """Let the sources' connections go."""
        for source in self._sources.values():
            await source.close()

    def uses(self, ticker: str) -> tuple[SourceUse, ...]:
        """Where a source was last asked in vain, for this ticker and for what all tickers share."""
        return tuple(use for (name, _), use in self._uses.items() if name in (ticker, SHARED))

    def watches(self, ticker: str) -> bool:
        """True when the newest chain of the ticker was collected as a watch tick."""
        return ticker in self._watched

    def prune(self, days: int) -> int:
        """Forget watch ticks older than so many days; the number of chains gone."""
        return self._recorder.prune(days)

    async def collect(
        self, tickers: Sequence[str], held: Mapping[str, tuple[Option, ...]], force: bool = False
    ) -> Round:
        """Ask for everything that is due and keep it; of a ticker in `held` the chain is kept as a watch tick.

        Forced, chains and intraday bars are always due; what changes daily keeps its time. A source that fails is
        noted, never raised.
        """
        jobs = (self._one(ticker, held.get(ticker), force) for ticker in dict.fromkeys(tickers))
        return Round.of(await asyncio.gather(self._shared(force), *jobs))

    async def _shared(self, force: bool) -> Round:
        async with self._turn(SHARED):
            data = [*(self._index(name) for name in INDICES), self._rates()]
            return Round.of(await asyncio.gather(*(self._fetch(SHARED, datum, force) for datum in data)))

    async def _one(self, ticker: str, held: Sequence[Option] | None, force: bool) -> Round:
        async with self._turn(ticker), self._places:
            rounds = [await self._chain(ticker, held, force)]
            for datum in self._data(ticker):
                rounds.append(await self._fetch(ticker, datum, force))
            return Round.of(rounds)

    def _turn(self, ticker: str) -> asyncio.Lock:
        return self._turns.setdefault(ticker, asyncio.Lock())

    # What there is to ask for

    def _index(self, name: str) -> _Datum:
        return _Datum(
            name=name,
            allowed=self._allowed.indices,
            every_s=SLOW_S,
            ask=lambda source: source.index(name),
            keep=lambda rows: self._recorder.rows("indices", name, rows),
            holds=lambda: self._store.rows("indices", name) is not None,
        )

    def _rates(self) -> _Datum:
        return _Datum(
            name="rates",
            allowed=self._allowed.rates,
            every_s=SLOW_S,
            ask=lambda source: source.rates(),
            keep=lambda rows: self._recorder.rows("rates", "", rows),
            holds=lambda: self._store.rows("rates") is not None,
        )

    def _bars(self, ticker: str, interval: Interval) -> _Datum:
        return _Datum(
            name=f"{interval.value} bars",
            allowed=self._allowed.bars,
            every_s=SLOW_S if interval is Interval.DAY else QUICK_S,
            ask=lambda source: source.bars(ticker, interval),
            keep=lambda rows: self._recorder.bars(ticker, interval, rows),
            holds=lambda: self._store.bars(ticker, interval) is not None,
        )

    def _data(self, ticker: str) -> list[_Datum]:
        """Everything of a ticker but its chain. An index has no earnings, dividends or splits to ask for."""
        data = [self._bars(ticker, interval) for interval in BARS]
        if reference.kind(ticker) is Kind.INDEX:
            return data
        events = _Datum(
            name="events",
            allowed=self._allowed.events,
            every_s=SLOW_S,
            ask=lambda source: source.events(ticker),
            keep=lambda rows: self._recorder.rows("events", ticker, rows),
            holds=lambda: self._store.rows("events", ticker) is not None,
        )
        actions = events._replace(
            name="actions",
            ask=lambda source: source.actions(ticker),
            keep=lambda rows: self._recorder.rows("actions", ticker, rows),
            holds=lambda: self._store.rows("actions", ticker) is not None,
        )
        return [*data, events, actions]

    # Asking

    def _sockets(self, allowed: Sequence[str]) -> list[Source]:
        return [self._sources[name] for name in allowed if name in self._sources]

    def _due(self, ticker: str, name: str, force: bool) -> bool:
        moment = self._next.get((ticker, name))
        return force or moment is None or moment <= self._clock.now()

    async def _fetch(self, ticker: str, datum: _Datum, force: bool) -> Round:
        """Ask for one datum if it is due, and keep the answer."""
        sockets = self._sockets(datum.allowed)
        first_choice = datum.allowed[:1] == ("store",) and datum.holds()
        forced = force and datum.every_s <= QUICK_S
        if not sockets or first_choice or not self._due(ticker, datum.name, forced):
            return Round()
        asked = await self._asker.ask(datum.name, sockets, datum.ask)
        if not isinstance(asked.answer, pl.DataFrame):
            return self._noted(ticker, datum, asked.use, None)
        return await self._kept(ticker, datum, asked.use, asked.answer)

    async def _kept(self, ticker: str, datum: _Datum, use: SourceUse, rows: Rows) -> Round:
        try:
            kept = await asyncio.to_thread(datum.keep, rows)
        except SourceFailed as error:  # the answer is not one that can be kept
            failed = (*use.failed, f"{use.source}: {error}")
            return self._noted(ticker, datum, dataclasses.replace(use, source="", failed=failed), None)
        return self._noted(ticker, datum, use, kept)

    def _noted(self, ticker: str, datum: _Datum, use: SourceUse, kept: Kept | None) -> Round:
        wait = datum.every_s if kept is not None else min(datum.every_s, QUICK_S)
        self._next[ticker, datum.name] = self._clock.now() + timedelta(seconds=wait)
        if kept is None:
            use = dataclasses.replace(use, source=self._stand_in(datum))
        if not use.failed:
            self._uses.pop((ticker, datum.name), None)
            return Round(() if kept is None else (kept,))
        self._uses[ticker, datum.name] = use
        return Round(() if kept is None else (kept,), ((ticker, use),))

    def _stand_in(self, datum: _Datum) -> str:
        """What answers instead when every socket failed: the first that stands; "" when none does."""
        standing = (name for name in datum.allowed if name in STANDING and (name != "store" or datum.holds()))
        return next(standing, "")

    async def _chain(self, ticker: str, held: Sequence[Option] | None, force: bool) -> Round:
        """Ask for a ticker's chain, put the Greeks in that may stand beside it, and keep it."""
        if held is None and ticker in self._watched:
            force = True  # a watch tick is no chain to decide on
        if not self._due(ticker, "chain", force):
            return Round()
        came: dict[str, Rows] = {}

        async def ask(source: Source) -> Rows | Absent:
            rows = await source.chain(ticker)
            if isinstance(rows, Absent):
                return rows
            came[source.name] = self._sound(source, ticker, rows)
            return came[source.name]

        datum = _Datum(
            name="chain",
            allowed=self._allowed.chains,
            every_s=QUICK_S,
            ask=ask,
            keep=lambda rows: self._recorder.chain(ticker, rows, held),
            holds=lambda: False,
        )
        asked = await self._asker.ask(datum.name, self._sockets(datum.allowed), ask)
        if not isinstance(asked.answer, pl.DataFrame):
            return self._noted(ticker, datum, asked.use, None)
        vain = datum.allowed[: datum.allowed.index(asked.use.source)]
        rows, greeks = await self._with_greeks(ticker, asked.answer, came, vain, ask)
        made = await self._kept(ticker, datum, asked.use, rows)
        if made.kept:
            (self._watched.discard if held is None else self._watched.add)(ticker)
        return Round.of([made, greeks])

    async def _with_greeks(
        self,
        ticker: str,
        chain: Rows,
        came: Mapping[str, Rows],
        vain: Sequence[str],
        ask: Callable[[Source], Awaitable[Rows | Absent]],
    ) -> tuple[Rows, Round]:
        """The chain with the vendor's Greeks of the first allowed source that gives them, matched by contract."""

        async def greeks(source: Source) -> Rows | Absent:
            rows = came[source.name] if source.name in came else await ask(source)
            if isinstance(rows, Absent) or _gives_greeks(rows):
                return rows
            return Absent(what=f"Greeks of {ticker}", why="its chain has none")

        bare = chain.drop(_GREEKS, strict=False)
        sockets = self._sockets(self._allowed.greeks)
        if not sockets:
            return bare, Round()
        asked = await self._asker.ask("Greeks", [one for one in sockets if one.name not in vain], greeks)
        before = tuple(f"{one.name}: failed for the chain" for one in sockets if one.name in vain)
        use = dataclasses.replace(asked.use, failed=before + asked.use.failed)
        if use.failed:
            self._uses[ticker, "Greeks"] = use
        else:
            self._uses.pop((ticker, "Greeks"), None)
        made = Round((), ((ticker, use),) if use.failed else ())
        if not isinstance(asked.answer, pl.DataFrame):
            return bare, made
        beside = asked.answer.select(*_CONTRACT, *(name for name in _GREEKS if name in asked.answer.columns))
        return bare.join(beside.unique(_CONTRACT, keep="first"), on=_CONTRACT, how="left", maintain_order="left"), made

    def _sound(self, source: Source, ticker: str, rows: Rows) -> Rows:
        """A chain that can be kept. Raises SourceFailed for one without rows or stamped later than now."""
        if rows.is_empty():
            raise SourceFailed(f"an empty chain of {ticker}")
        quoted_at, now = rows["quoted_at"].max(), self._clock.now()
        if not isinstance(quoted_at, datetime):
            raise SourceFailed(f"a chain of {ticker} that does not say when it was quoted")
        if quoted_at > now:
            raise SourceFailed(f"a chain of {ticker} stamped {quoted_at:%Y-%m-%d %H:%M:%S} UTC, later than its receipt")
        return rows.with_columns(delayed=pl.lit(source.delayed))


def _gives_greeks(rows: Rows) -> bool:
    return any(name in rows.columns and rows[name].is_not_null().any() for name in ("vendor_iv", "vendor_delta"))
