"""CBOE's public delayed quotes: whole option chains with Greeks, and the daily history of its indices.

No key; about 15 minutes late. A payload is stamped, in UTC, when it was made; trades in it carry New York time. The
quotes are stated as of the newest trade that the payload shows, in the underlying or in any option: they may be newer,
never older. Implied volatility is a decimal, vega per point, theta per calendar day, as in the store.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import polars as pl

from domain.errors import BadInput, SourceFailed
from domain.market import Absent, Interval
from domain.ports import Clock
from tools import sessions
from tools.market import occ
from tools.market.importers import bar_rows
from tools.market.reference.names import INDICES
from tools.market.sources import payload
from tools.market.sources.client import Client, Refused
from tools.market.store import MOMENT

URL = "https://cdn.cboe.com/api/global/delayed_quotes"
_IV_FLOOR = 1e-3  # 0 where no implied volatility was found
_UNSOUND = 0.01  # a history with more than this share of values that are no prices is refused
_NO_SUCH_FILE = b"<Code>AccessDenied</Code>"
_FIELDS = {
    "bid": "bid",
    "ask": "ask",
    "last_trade_price": "last",
    "bid_size": "bid_size",
    "ask_size": "ask_size",
    "volume": "volume",
    "open_interest": "open_interest",
    "iv": "vendor_iv",
    "delta": "vendor_delta",
    "gamma": "vendor_gamma",
    "theta": "vendor_theta",
    "vega": "vendor_vega",
}
_GREEKS = ("vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega")


class Cboe:
    """Implements `OpenSource`: chains and index histories."""

    name = "cboe"
    delayed = True
    requests = 1

    def __init__(self, clock: Clock, client: Client, url: str = URL) -> None:
        self._clock = clock
        self._client = client
        self._url = url.rstrip("/")

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        """All listed options of a ticker."""
        body = await self._get(f"options/{_symbol(ticker)}.json")
        if body is None:
            return Absent(what=f"a chain of {ticker}", why="unknown symbol")
        now = self._clock.now()
        return await asyncio.to_thread(lambda: chain_rows(payload.as_object(body), ticker, now))

    async def index(self, name: str) -> pl.DataFrame | Absent:
        """Daily values of an index of complete sessions, since it began."""
        body = await self._get(f"charts/historical/{_symbol(name)}.json")
        if body is None:
            return Absent(what=f"daily values of {name}", why="unknown symbol")
        now = self._clock.now()
        return await asyncio.to_thread(lambda: index_rows(payload.as_object(body), name, now))

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"{interval} bars of {ticker}", why="not offered")

    async def rates(self) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what="Treasury yields", why="not offered")

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"events of {ticker}", why="not offered")

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"corporate actions of {ticker}", why="not offered")

    async def ping(self) -> str:
        """The delayed VIX and when it was shown."""
        body = await self._get("quotes/_VIX.json")
        if body is None:
            raise SourceFailed(f"{self._url} knows no VIX; check the setting sources.cboe_url")
        answer = payload.as_object(body)
        payload.same_symbol(answer.get("symbol"), "VIX")
        data = answer.get("data")
        level = payload.number(data.get("current_price") if isinstance(data, dict) else None, "current_price")
        shown = payload.present(
            payload.moment(answer.get("timestamp"), UTC, "timestamp"), self._clock.now(), "timestamp"
        )
        return f"VIX {level}, shown {shown:%Y-%m-%d %H:%M} UTC"

    async def _get(self, path: str) -> bytes | None:
        """A payload; None for a file that does not exist, which CBOE's object store also says by denying access."""
        try:
            return await self._client.get(f"{self._url}/{path}")
        except Refused as refusal:
            if _NO_SUCH_FILE in refusal.body:
                return None
            raise

    async def close(self) -> None:
        """The client is shared; closing it twice does no harm."""
        await self._client.close()


def chain_rows(answer: dict[str, object], ticker: str, now: datetime) -> pl.DataFrame | Absent:
    """A payload as rows of the store's chains. Raises SourceFailed for one that cannot be trusted as a whole."""
    data = answer.get("data")
    if not isinstance(data, dict):
        raise SourceFailed("a payload without data")
    for said in (answer.get("symbol"), data.get("symbol")):
        payload.same_symbol(said, ticker)
    shown_at = payload.present(payload.moment(answer.get("timestamp"), UTC, "timestamp"), now, "timestamp")
    options = payload.rows_of(data.get("options"), "options")
    if not options:
        return Absent(what=f"a chain of {ticker}", why="no options listed")
    spot = payload.number(data.get("current_price"), "current_price")
    if spot is None or spot <= 0:
        raise SourceFailed(f"no price of {ticker} itself: {data.get('current_price')!r}")
    local = sessions.NEW_YORK
    price_time = payload.moment(data.get("last_trade_time"), local, "last_trade_time")
    spot_at = payload.present(price_time, shown_at, f"the time of the last trade in {ticker}")
    traded = [payload.moment(row.get("last_trade_time"), local, "last_trade_time") for row in options]
    quoted_at = payload.present(max([spot_at, *filter(None, traded)]), shown_at, "an option's last trade")
    try:
        terms = occ.parse(pl.Series([row.get("option") for row in options], dtype=pl.String, strict=False))
    except BadInput as error:
        raise SourceFailed(str(error)) from error
    payload.own_roots(terms["root"].unique().to_list(), ticker)
    columns = [payload.numbers((row.get(field) for row in options), field).alias(own) for field, own in _FIELDS.items()]
    uncomputed = pl.all_horizontal(pl.col(name).fill_null(0.0) == 0.0 for name in ("vendor_iv", *_GREEKS))
    return payload.settled(terms.with_columns(*columns, pl.Series("last_trade_at", traded, dtype=MOMENT))).with_columns(
        *(pl.when(~uncomputed).then(pl.col(name)).alias(name) for name in _GREEKS),
        pl.when(pl.col("vendor_iv") > _IV_FLOOR).then(pl.col("vendor_iv")).alias("vendor_iv"),
        payload.positive("ask"),
        payload.positive("last"),
        quoted_at=pl.lit(quoted_at, MOMENT),
        closing=pl.lit(payload.is_closing(quoted_at, shown_at)),
        delayed=pl.lit(True),
        uncertainty_s=pl.lit(0, pl.Int32),
        source=pl.lit("cboe"),
        spot=pl.lit(spot),
        spot_at=pl.lit(spot_at, MOMENT),
    )


def index_rows(answer: dict[str, object], name: str, now: datetime) -> pl.DataFrame | Absent:
    """A history as rows of the shelf `indices`. Raises SourceFailed when it cannot be trusted as a whole."""
    if answer.get("symbol") is not None:
        payload.same_symbol(answer["symbol"], name)
    values = payload.rows_of(answer.get("data"), "daily values")
    if not values:
        return Absent(what=f"daily values of {name}", why="none listed")
    days = [payload.moment(row.get("date"), sessions.NEW_YORK, "date") for row in values]
    for day in days:
        payload.present(day, now, "a day")
    prices = ("open", "high", "low", "close")
    frame = pl.DataFrame(
        [
            pl.Series("date", [payload.day_of(day) for day in days if day is not None], dtype=pl.Date),
            *(payload.numbers((row.get(field) for row in values), field) for field in prices),
        ]
    ).with_columns(ticker=pl.lit(name))
    rows, dropped = bar_rows.index_values(frame, "cboe")
    unsound = dropped.get("no sound prices", 0)
    if unsound > _UNSOUND * len(values):
        raise SourceFailed(f"{unsound} of {len(values)} daily values of {name} are no prices")
    known = rows.filter(pl.col("known_at") <= now)
    if known.height == 0:
        return Absent(what=f"daily values of {name}", why="of no complete session")
    return known.select("day", *prices, "source")


def _symbol(ticker: str) -> str:
    return f"_{ticker}" if ticker in INDICES else ticker
