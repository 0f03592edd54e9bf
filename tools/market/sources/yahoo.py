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
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from domain.errors import BadInput, SourceFailed
from domain.market import Absent, ActionKind, EventKind, Interval
from domain.ports import Clock
from tools import sessions
from tools.market import occ
from tools.market.importers import bar_rows
from tools.market.reference.names import INDICES
from tools.market.sources import payload
from tools.market.sources.protocol import Transient
from tools.market.store import BAR_SCHEMA, MOMENT

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
_DECIMALS = 4  # Yahoo keeps prices in 32 bits
_IV_FLOOR = 1e-3  # 0 or 1e-5 where no implied volatility was found
_FIELDS = {
    "bid": "bid",
    "ask": "ask",
    "lastPrice": "last",
    "volume": "volume",
    "openInterest": "open_interest",
    "impliedVolatility": "vendor_iv",
}
_BAR_COLUMNS = [name for name in BAR_SCHEMA if name != "known_at"]
_OPEN, _CLOSE = time(9, 30), time(16, 0)


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
        return await asyncio.to_thread(lambda: chain_rows([task.result() for task in pages], ticker, now))

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        """The newest complete bars of regular hours: daily since the beginning, 5-minute over a month."""
        what = f"{interval} bars of {ticker}"
        symbol = _BARS_OF.get(ticker, _symbol(ticker))
        frame = await self._call(what, lambda: self._history(symbol, interval))
        if isinstance(frame, Absent):
            return frame
        rows = bars_of(frame, ticker, interval, self._clock.now())
        return rows.select(_BAR_COLUMNS) if rows.height else Absent(what=what, why="none complete")

    async def index(self, name: str) -> pl.DataFrame | Absent:
        """Daily values of an index of complete sessions."""
        what = f"daily values of {name}"
        frame = await self._call(what, lambda: self._history(_BARS_OF.get(name, _symbol(name)), Interval.DAY))
        if isinstance(frame, Absent):
            return frame
        rows, _ = bar_rows.index_values(_plain(frame, name, "date"), "yahoo", _DECIMALS)
        known = _complete(rows, self._clock.now())
        if known.height == 0:
            return Absent(what=what, why="of no complete session")
        return known.select("day", "open", "high", "low", "close", "source")

    async def rates(self) -> pl.DataFrame | Absent:
        """Not offered: Yahoo has yields of four tenors only, which are no par curve."""
        return Absent(what="Treasury yields", why="not offered")

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        """The next earnings of a company, estimated or confirmed, and the ex-dividend date that Yahoo names."""
        what = f"events of {ticker}"
        answer = await self._call(what, lambda: self._summary(_symbol(ticker), ("calendarEvents", "quoteType")))
        return answer if isinstance(answer, Absent) else event_rows(answer, ticker)

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        """All splits and dividends; a dividend is in dollars a share of its day."""
        what = f"corporate actions of {ticker}"
        frame = await self._call(what, lambda: self._history(_symbol(ticker), Interval.DAY))
        return frame if isinstance(frame, Absent) else action_rows(frame, ticker, self._clock.now())

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


def chain_rows(pages: list[tuple[str, Any]], ticker: str, now: datetime) -> pl.DataFrame | Absent:
    """The pages of a chain, (expiration, yfinance's Options) each, as rows of the store's chains."""
    parts: list[pl.DataFrame] = []
    spots: list[tuple[datetime, float]] = []
    for expiration, page in pages:
        spots.append(_spot(page.underlying, ticker, now))
        parts += [_side(page.calls, expiration, True), _side(page.puts, expiration, False)]
    rows = pl.concat(parts)
    if rows.height == 0:
        return Absent(what=f"a chain of {ticker}", why="no options listed")
    payload.own_roots(rows["root"].unique().to_list(), ticker)
    newest = rows["last_trade_at"].max()
    if newest is None:
        raise SourceFailed("no option says when it was last traded, so the age of the quotes is unknown")
    assert isinstance(newest, datetime)
    quoted_at = payload.present(newest.astimezone(UTC), now, "an option's last trade")
    spot_at, spot = max(spots)
    # With both sides of every option at zero, Yahoo shows no quotes at all (outside hours it does so).
    shown = rows.select((pl.col("ask").fill_null(0) != 0).any()).item()
    return payload.settled(rows).with_columns(
        bid=pl.col("bid") if shown else pl.lit(None, pl.Float64),
        ask=payload.positive("ask"),
        last=payload.positive("last"),
        vendor_iv=pl.when(pl.col("vendor_iv") > _IV_FLOOR).then(pl.col("vendor_iv")),
        quoted_at=pl.lit(quoted_at, MOMENT),
        closing=pl.lit(payload.is_closing(quoted_at, now)),
        delayed=pl.lit(True),
        uncertainty_s=pl.lit(0, pl.Int32),
        source=pl.lit("yahoo"),
        spot=pl.lit(spot),
        spot_at=pl.lit(spot_at, MOMENT),
    )


def _spot(quote: dict[str, Any], ticker: str, now: datetime) -> tuple[datetime, float]:
    price = payload.number(quote.get("regularMarketPrice"), "regularMarketPrice")
    if price is None or price <= 0:
        raise SourceFailed(f"no price of {ticker} itself: {quote.get('regularMarketPrice')!r}")
    said = payload.number(quote.get("regularMarketTime"), "regularMarketTime")
    stamp = None if said is None else datetime.fromtimestamp(said, UTC)
    return payload.present(stamp, now, f"the time of the last trade in {ticker}"), price


def _side(options: Any, expiration: str, is_call: bool) -> pl.DataFrame:
    """The calls or puts of one expiration."""
    currencies = {str(currency) for currency in options["currency"].tolist()}
    if currencies - {"USD"}:
        raise SourceFailed(f"options in {', '.join(sorted(currencies))}, not USD")
    try:
        terms = occ.parse(pl.Series(options["contractSymbol"].tolist(), dtype=pl.String, strict=False))
    except BadInput as error:
        raise SourceFailed(str(error)) from error
    columns = [payload.numbers(options[field].tolist(), field).alias(own) for field, own in _FIELDS.items()]
    traded = [None if stamp != stamp else stamp.to_pydatetime() for stamp in options["lastTradeDate"].tolist()]  # NaT
    rows = terms.with_columns(
        *columns,
        payload.numbers(options["strike"].tolist(), "strike").alias("said"),
        pl.Series("last_trade_at", traded, dtype=MOMENT),
    )
    other = rows.filter(
        (pl.col("expiry") != date.fromisoformat(expiration))
        | (pl.col("is_call") != is_call)
        | ((pl.col("strike") - pl.col("said")).abs() > 5e-4).fill_null(True)
    )
    if other.height:
        side = "calls" if is_call else "puts"
        raise SourceFailed(f"{other.height} options among the {side} of {expiration} that are others")
    return rows.drop("said")


def bars_of(frame: Any, ticker: str, interval: Interval, now: datetime) -> pl.DataFrame:
    """yfinance's history as complete bars, with `known_at`."""
    if interval is Interval.DAY:
        rows, _ = bar_rows.daily(_unsplit(_plain(frame, ticker, "date")), "yahoo", pl.lit(False), _DECIMALS)
    else:
        rows, _ = bar_rows.intraday(_unsplit(_plain(frame, ticker, "ts")), interval, "yahoo", _DECIMALS)
    return _complete(rows, now)


def _plain(frame: Any, ticker: str, stamp: str) -> pl.DataFrame:
    """yfinance's history as columns `stamp` (New York, naive), ticker, open .. volume, split, dividend."""
    local = frame.index.tz_convert(sessions.NEW_YORK).tz_localize(None).to_pydatetime().tolist()
    names = ("open", "high", "low", "close", "volume")
    extras = {"Stock Splits": "split", "Dividends": "dividend"}
    plain = pl.DataFrame(
        [
            pl.Series(stamp, local, dtype=pl.Datetime("us")),
            *(payload.numbers(frame[name.capitalize()].tolist(), name) for name in names),
            *(payload.numbers(frame[said].tolist(), said).alias(own) for said, own in extras.items()),
        ]
    ).with_columns(ticker=pl.lit(ticker))
    if ticker in INDICES:
        plain = plain.with_columns(payload.positive("volume"))
    return plain.with_columns(pl.col("date").cast(pl.Date)) if stamp == "date" else plain


def _unsplit(rows: pl.DataFrame) -> pl.DataFrame:
    """Prices and dividends as they were paid: each times all later splits, volume divided by them."""
    stamp = rows.columns[0]
    ordered = rows.sort(stamp).with_columns(split=pl.when(pl.col("split") > 0).then(pl.col("split")).otherwise(1.0))
    later = ordered.group_by(pl.col(stamp).cast(pl.Date).alias("day"), maintain_order=True).agg(
        pl.col("split").product()
    )
    later = later.with_columns(factor=pl.col("split").reverse().cum_prod().reverse() / pl.col("split")).drop("split")
    joined = ordered.with_columns(day=pl.col(stamp).cast(pl.Date)).join(
        later, on="day", how="left", maintain_order="left"
    )
    return joined.with_columns(
        *(pl.col(name) * pl.col("factor") for name in ("open", "high", "low", "close", "dividend")),
        volume=pl.col("volume") / pl.col("factor"),
    ).drop("day", "factor")


def _complete(rows: pl.DataFrame, now: datetime) -> pl.DataFrame:
    newest = rows["start"].max()
    if isinstance(newest, datetime):
        payload.present(newest.astimezone(UTC), now, "the newest bar")
    return rows.filter(pl.col("known_at") <= now)


def event_rows(summary: dict[str, Any], ticker: str) -> pl.DataFrame | Absent:
    """Yahoo's quote summary as rows of the shelf `events`.

    Earnings whose date is an estimate stand at the earliest day of Yahoo's span, and whether they come before the open
    is not said. A date that Yahoo does not call confirmed is an estimate.
    """
    calendar, kind = (_module(summary, name) for name in ("calendarEvents", "quoteType"))
    rows: list[tuple[str, date, bool, bool | None, str]] = []
    earnings = calendar.get("earnings") or {}
    span = [payload.number(stamp, "earningsDate") for stamp in earnings.get("earningsDate") or ()]
    stamps = [stamp for stamp in span if stamp is not None]
    if kind.get("quoteType") == "EQUITY" and stamps:
        local = datetime.fromtimestamp(min(stamps), sessions.NEW_YORK)
        confirmed = earnings.get("isEarningsDateEstimate") is False
        told = confirmed and len(set(stamps)) == 1 and not _OPEN <= local.time() < _CLOSE
        rows.append(
            (EventKind.EARNINGS.value, local.date(), confirmed, local.time() < _OPEN if told else None, "yahoo")
        )
    paid = payload.number(calendar.get("exDividendDate"), "exDividendDate")
    if paid is not None:
        rows.append((EventKind.EX_DIVIDEND.value, datetime.fromtimestamp(paid, UTC).date(), True, None, "yahoo"))
    if not rows:
        return Absent(what=f"events of {ticker}", why="no dates told")
    schema = {
        "kind": pl.String,
        "day": pl.Date,
        "confirmed": pl.Boolean,
        "before_open": pl.Boolean,
        "source": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _module(summary: dict[str, Any], name: str) -> dict[str, Any]:
    found = summary.get(name, {})
    if not isinstance(found, dict):
        raise SourceFailed(f"{name} in another form")
    return found


def action_rows(frame: Any, ticker: str, now: datetime) -> pl.DataFrame | Absent:
    """The splits and dividends of yfinance's daily history as rows of the shelf `actions`."""
    plain = _plain(frame, ticker, "date")
    for day in plain["date"].tail(1):
        payload.present(sessions.new_york(day, 0, 0), now, "the newest bar")
    paid = _unsplit(plain).select("date", "dividend")
    dividends = paid.filter(pl.col("dividend") > 0).select(
        day="date",
        kind=pl.lit(ActionKind.DIVIDEND.value),
        ratio=pl.lit(None, pl.Float64),
        amount=pl.col("dividend").round(6),
    )
    splits = plain.filter((pl.col("split") > 0) & (pl.col("split") != 1)).select(
        day="date", kind=pl.lit(ActionKind.SPLIT.value), ratio="split", amount=pl.lit(None, pl.Float64)
    )
    rows = pl.concat([dividends, splits]).sort("day", "kind")
    if rows.height == 0:
        return Absent(what=f"corporate actions of {ticker}", why="none told")
    return rows.with_columns(note=pl.lit(""), source=pl.lit("yahoo"))


def _symbol(ticker: str) -> str:
    """What Yahoo calls a ticker: ^VIX, BRK-B."""
    return f"^{ticker}" if ticker in INDICES else ticker.replace(".", "-")
