"""Yahoo's finance API on loopback, as yfinance asks it: cookies and crumb, options, charts, quotes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from tests.servers.cboe import symbol
from tests.servers.loopback import Loopback
from tools.sessions import NEW_YORK, open_close

CRUMB = "Kc0lO.x4m2B"


def contract(
    root: str, expiry: date, is_call: bool, strike: float, traded_at: datetime | None, **values: Any
) -> dict[str, Any]:
    """One option as Yahoo writes it; `traded_at` is aware."""
    row: dict[str, Any] = {
        "contractSymbol": symbol(root, expiry, is_call, strike),
        "strike": strike,
        "currency": "USD",
        "lastPrice": 1.1,
        "change": 0.0,
        "percentChange": 0.0,
        "volume": 5,
        "openInterest": 100,
        "bid": 1.0,
        "ask": 1.2,
        "contractSize": "REGULAR",
        "expiration": stamp(expiry),
        "lastTradeDate": None if traded_at is None else int(traded_at.timestamp()),
        "impliedVolatility": 0.2,
        "inTheMoney": False,
    }
    return {**row, **values}


def stamp(day: date) -> int:
    """Midnight UTC, which is how Yahoo writes a day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def meta(yahoo: str, kind: str = "EQUITY", **values: Any) -> dict[str, Any]:
    about = {
        "currency": "USD",
        "symbol": yahoo,
        "exchangeName": "PCX",
        "instrumentType": kind,
        "regularMarketTime": 0,
        "gmtoffset": -18000,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }
    return {**about, **values}


class LoopbackYahoo(Loopback):
    """Holds what it is given by Yahoo's names: options by expiration, bars by interval, quotes."""

    def __init__(self, *, crumb: str = CRUMB) -> None:
        super().__init__()
        self.crumb = crumb
        self.needs_crumb = False  # options and quotes are refused without it
        self.options: dict[str, dict[date, list[dict[str, Any]]]] = {}
        self.quotes: dict[str, dict[str, Any]] = {}
        self.calendars: dict[str, dict[str, Any]] = {}
        self.charts: dict[tuple[str, str], dict[str, Any]] = {}

    def chain(self, yahoo: str, options: list[dict[str, Any]], *, spot: float, spot_at: datetime, **quote: Any) -> None:
        """Options of one underlying (all its expirations), and its quote."""
        pages: dict[date, list[dict[str, Any]]] = {}
        for row in options:
            pages.setdefault(datetime.fromtimestamp(row["expiration"], UTC).date(), []).append(row)
        self.options[yahoo] = pages
        about = {"symbol": yahoo, "currency": "USD", "quoteType": "EQUITY", "regularMarketPrice": spot}
        self.quotes[yahoo] = {**about, "regularMarketTime": int(spot_at.timestamp()), **quote}

    def calendar(
        self,
        yahoo: str,
        earnings: Sequence[datetime] = (),
        estimate: bool | None = None,
        ex_dividend: date | None = None,
        kind: str = "EQUITY",
    ) -> None:
        """The next earnings (one moment, or the two ends of a span) and the ex-dividend date."""
        told: dict[str, Any] = {"earningsDate": [int(moment.timestamp()) for moment in earnings]}
        if estimate is not None:
            told["isEarningsDateEstimate"] = estimate
        self.quotes.setdefault(yahoo, {"symbol": yahoo, "currency": "USD", "quoteType": kind})
        self.calendars[yahoo] = {"maxAge": 1, "earnings": told}
        if ex_dividend is not None:
            self.calendars[yahoo]["exDividendDate"] = stamp(ex_dividend)

    def bars(
        self,
        yahoo: str,
        interval: str,
        rows: Sequence[tuple[datetime | date, float, float, float, float, float | None]],
        *,
        splits: Sequence[tuple[date, float]] = (),
        dividends: Sequence[tuple[date, float]] = (),
        **about: Any,
    ) -> None:
        """Bars (start or day, open, high, low, close, volume) as a chart; splits as new shares for an old one."""
        starts = [_start(row[0]) for row in rows]
        names = ("open", "high", "low", "close", "volume")
        quote = {name: [row[at + 1] for row in rows] for at, name in enumerate(names)}
        events: dict[str, Any] = {}
        for day, ratio in splits:
            row = {"date": _start(day), "numerator": ratio, "denominator": 1.0, "splitRatio": f"{ratio:g}:1"}
            events.setdefault("splits", {})[str(_start(day))] = row
        for day, amount in dividends:
            events.setdefault("dividends", {})[str(_start(day))] = {"amount": amount, "date": _start(day)}
        indicators: dict[str, Any] = {"quote": [quote]}
        if interval == "1d":
            indicators["adjclose"] = [{"adjclose": [None if row[4] is None else row[4] * 0.9 for row in rows]}]
        said = meta(yahoo, dataGranularity=interval, **about)
        if interval != "1d":
            days = sorted({datetime.fromtimestamp(start, NEW_YORK).date() for start in starts})
            said["tradingPeriods"] = [[_period(day)] for day in days]
        self.charts[yahoo, interval] = {"meta": said, "timestamp": starts, "events": events, "indicators": indicators}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, query = request.path, request.query
        if path == "/v1/test/getcrumb":
            return web.Response(text=self.crumb)
        if self.needs_crumb and path.startswith(("/v7/", "/v10/")) and query.get("crumb") != self.crumb:
            error = {"code": "Unauthorized", "description": "Invalid Crumb"}
            return web.json_response({"finance": {"result": None, "error": error}}, status=401)
        if path.startswith("/v7/finance/options/"):
            return self._options(path.rsplit("/", 1)[1], query.get("date"))
        if path.startswith("/v8/finance/chart/"):
            return self._chart(path.rsplit("/", 1)[1], query["interval"])
        if path.startswith("/v10/finance/quoteSummary/"):
            return self._summary(path.rsplit("/", 1)[1])
        return web.Response(status=404, text="not here")

    def _options(self, yahoo: str, asked: str | None) -> web.Response:
        pages = self.options.get(yahoo)
        if pages is None:
            return web.json_response({"optionChain": {"result": [], "error": None}})
        days = sorted(pages)
        chosen = [day for day in days if asked is None or stamp(day) == int(asked)][:1]
        found = [
            {
                "expirationDate": stamp(day),
                "hasMiniOptions": False,
                "calls": [row for row in pages[day] if row["contractSymbol"][-9] == "C"],
                "puts": [row for row in pages[day] if row["contractSymbol"][-9] == "P"],
            }
            for day in chosen
        ]
        result = {
            "underlyingSymbol": yahoo,
            "expirationDates": [stamp(day) for day in days],
            "strikes": [],
            "hasMiniOptions": False,
            "quote": self.quotes[yahoo],
            "options": found,
        }
        return web.json_response({"optionChain": {"result": [result], "error": None}})

    def _chart(self, yahoo: str, interval: str) -> web.Response:
        chart = self.charts.get((yahoo, interval))
        if chart is None:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return web.json_response({"chart": {"result": None, "error": error}}, status=404)
        return web.json_response({"chart": {"result": [chart], "error": None}})

    def _summary(self, yahoo: str) -> web.Response:
        quote = self.quotes.get(yahoo)
        if quote is None:
            error = {"code": "Not Found", "description": f"Quote not found for symbol: {yahoo}"}
            return web.json_response({"quoteSummary": {"result": None, "error": error}}, status=404)
        kind = {"symbol": yahoo, "quoteType": quote["quoteType"]}
        result = {"quoteType": kind, "calendarEvents": self.calendars.get(yahoo, {"maxAge": 1, "earnings": {}})}
        return web.json_response({"quoteSummary": {"result": [result], "error": None}})


def _start(moment: datetime | date) -> int:
    if isinstance(moment, datetime):
        return int(moment.timestamp())
    return int(open_close(moment)[0].timestamp())


def _period(day: date) -> dict[str, Any]:
    opened, closed = open_close(day)
    return {"timezone": "EST", "start": int(opened.timestamp()), "end": int(closed.timestamp()), "gmtoffset": -18000}
