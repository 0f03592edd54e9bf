"""Yahoo through yfinance: option chains, bars, index values, earnings and ex-dividend dates, splits and dividends.

No key. Underlyings are shown at once, options about 15 minutes late, so a chain's `spot_at` is later than its quotes.
Those are stated as of the newest trade in any of the options: they may be newer, never older. Yahoo divides prices and
dividends of the past by every later split; here that is undone, so that a row says what was paid on its day.

yfinance is synchronous and speaks pandas. It runs in threads of its own, so that waiting for a socket keeps no thread
that computes, and is left at this module's edge.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from domain.errors import SourceFailed
from domain.market import Absent, Interval
from domain.ports import Clock
from tools.market.reference.names import INDICES
from tools.market.sources import yahoo_rows
from tools.market.sources.protocol import Transient

if TYPE_CHECKING:
    from tools.market.sources.yahoo_session import YahooSession

URL = "https://query2.finance.yahoo.com"
T = TypeVar("T")

_BARS_OF = {"SPX": "^GSPC"}  # Yahoo keeps the long history of the index there, its options under ^SPX
# How far back bars are asked for: as far as they are of use and Yahoo offers them.
_SPANS = {
    Interval.DAY: ("1d", "max"),
    Interval.HOUR: ("1h", "1y"),
    Interval.FIFTEEN_MINUTES: ("15m", "1mo"),
    Interval.FIVE_MINUTES: ("5m", "1mo"),
    Interval.MINUTE: ("1m", "5d"),
}


class Yahoo:
    """Implements `OpenSource`. One in a process: yfinance keeps one session for all. `at_once` requests are in flight.

    `cache` is the folder of yfinance's own cache (cookies, time zones); None: a temporary one, gone with the process.
    """

    name = "yahoo"
    delayed = True
    requests = 10  # a chain has some 35 expirations, and four are asked for at a time

    def __init__(
        self, clock: Clock, url: str = URL, timeout_s: float = 10.0, cache: Path | None = None, at_once: int = 4
    ) -> None:
        self._clock = clock
        self._url = url
        self._timeout = timeout_s
        self._cache = cache
        self._at_once = at_once
        self._session: YahooSession | None = None
        self._opening = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        """All listed options of a ticker, one request an expiration.

        One expiration that fails fails the chain: half a chain is none.
        """
        what = f"a chain of {ticker}"
        found = await self._call(what, lambda: self._listed(ticker))
        if isinstance(found, Absent):
            return found
        source, expirations = found
        if not expirations:
            return Absent(what=what, why="no options listed")

        async def page(expiration: str) -> tuple[str, Any]:
            answer = await self._call(what, lambda: source.option_chain(expiration))
            if isinstance(answer, Absent) or answer.calls is None:
                raise SourceFailed(f"no options of {expiration}, which it lists")
            return expiration, answer

        try:
            async with asyncio.TaskGroup() as group:
                pages = [group.create_task(page(expiration)) for expiration in expirations]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        now = self._clock.now()
        return await asyncio.to_thread(lambda: yahoo_rows.chain_rows([task.result() for task in pages], ticker, now))

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        """The newest complete bars of regular hours: daily since the beginning, 5-minute over a month."""
        what = f"{interval} bars of {ticker}"
        symbol = _BARS_OF.get(ticker, _symbol(ticker))
        frame = await self._call(what, lambda: self._history(symbol, interval))
        return frame if isinstance(frame, Absent) else yahoo_rows.bar_table(frame, ticker, interval, self._clock.now())

    async def index(self, name: str) -> pl.DataFrame | Absent:
        """Daily values of an index of complete sessions."""
        what = f"daily values of {name}"
        frame = await self._call(what, lambda: self._history(_BARS_OF.get(name, _symbol(name)), Interval.DAY))
        return frame if isinstance(frame, Absent) else yahoo_rows.index_rows(frame, name, self._clock.now())

    async def rates(self) -> pl.DataFrame | Absent:
        """Not offered: Yahoo has yields of four tenors only, which are no par curve."""
        return Absent(what="Treasury yields", why="not offered")

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        """The next earnings of a company, estimated or confirmed, and the ex-dividend date that Yahoo names."""
        what = f"events of {ticker}"
        answer = await self._call(what, lambda: self._summary(_symbol(ticker), ("calendarEvents", "quoteType")))
        return answer if isinstance(answer, Absent) else yahoo_rows.event_rows(answer, ticker)

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        """All splits and dividends; a dividend is in dollars a share of its day."""
        what = f"corporate actions of {ticker}"
        frame = await self._call(what, lambda: self._history(_symbol(ticker), Interval.DAY))
        return frame if isinstance(frame, Absent) else yahoo_rows.action_rows(frame, ticker, self._clock.now())

    async def ping(self) -> str:
        """The newest daily bar of SPY."""
        frame = await self._call("SPY", lambda: self._ticker("SPY").history(period="5d", auto_adjust=False))
        if isinstance(frame, Absent) or len(frame) == 0:
            raise SourceFailed(f"{self._url} knows no SPY; check the setting sources.yahoo_url")
        return f"SPY {float(frame['Close'].iloc[-1]):.2f} of {frame.index[-1]:%Y-%m-%d}"

    async def close(self) -> None:
        """Let the connections go."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        if self._session is not None:
            self._session.close()
            self._session = None

    # In threads

    async def _call(self, what: str, call: Callable[[], T]) -> T | Absent:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._at_once, thread_name_prefix="yahoo")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._guarded, what, call)

    def _guarded(self, what: str, call: Callable[[], T]) -> T | Absent:
        """Run a call into yfinance; whatever it cannot read is a failure of the source."""
        from yfinance.exceptions import YFPricesMissingError, YFRateLimitError

        from tools.market.sources.yahoo_session import UnknownSymbol

        try:
            return call()
        except SourceFailed:
            raise
        except UnknownSymbol:
            return Absent(what=what, why="unknown symbol")
        except YFPricesMissingError:
            return Absent(what=what, why="no prices")
        except YFRateLimitError as error:
            raise Transient("too many requests (HTTP 429)") from error
        except Exception as error:
            raise SourceFailed(f"an answer that makes no sense: {type(error).__name__}: {error}") from error

    def _ticker(self, ticker: str) -> Any:
        import yfinance

        return yfinance.Ticker(_symbol(ticker), session=self._opened())

    def _listed(self, ticker: str) -> tuple[Any, tuple[str, ...]]:
        """yfinance's ticker, and the expirations it lists."""
        source = self._ticker(ticker)
        return source, tuple(source.options)

    def _history(self, symbol: str, interval: Interval) -> Any:
        import yfinance

        length, span = _SPANS[interval]
        found = yfinance.Ticker(symbol, session=self._opened())
        return found.history(interval=length, period=span, auto_adjust=False, prepost=False, timeout=self._timeout)

    def _summary(self, symbol: str, modules: tuple[str, ...]) -> dict[str, Any]:
        """Modules of Yahoo's quote summary. yfinance's own calendar leaves out what is an estimate."""
        from yfinance.data import YfData

        params = {
            "modules": ",".join(modules),
            "formatted": "false",
            "symbol": symbol,
            "corsDomain": "finance.yahoo.com",
        }
        answer = YfData(session=self._opened()).get_raw_json(
            f"{URL}/v10/finance/quoteSummary/{symbol}", params={**params, "lang": "en-US", "region": "US"}
        )
        found: dict[str, Any] = answer["quoteSummary"]["result"][0]
        return found

    def _opened(self) -> YahooSession:
        """The session, opened at first use."""
        with self._opening:
            if self._session is None:
                from tools.market.sources.yahoo_session import YahooSession, set_up

                set_up(self._cache)
                self._session = YahooSession(self._url, self._timeout)
            return self._session


def _symbol(ticker: str) -> str:
    """What Yahoo calls a ticker: ^VIX, BRK-B."""
    return f"^{ticker}" if ticker in INDICES else ticker.replace(".", "-")
