"""Yahoo through yfinance itself, against a loopback server in Yahoo's shape."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from aiohttp import web

from domain.errors import SourceFailed
from domain.market import Absent, Interval
from tests.servers import loopback
from tests.servers.loopback import Behaviour
from tests.servers.yahoo import LoopbackYahoo, contract, meta
from tools.clock import ManualClock
from tools.market.sources.protocol import Transient
from tools.market.sources.yahoo import Yahoo
from tools.market.store import BAR_SCHEMA, CHAIN_SCHEMA, SHELVES
from tools.sessions import NEW_YORK

NOW = datetime(2026, 2, 11, 15, 30, 20, tzinfo=NEW_YORK)
TRADED = datetime(2026, 2, 11, 15, 14, 51, tzinfo=NEW_YORK)
PRICED = datetime(2026, 2, 11, 15, 30, 12, tzinfo=NEW_YORK)
NEAR, FAR = date(2026, 2, 13), date(2026, 3, 20)
OPTIONS = "/v7/finance/options/SPY"


@pytest.fixture
async def server() -> AsyncIterator[LoopbackYahoo]:
    async with LoopbackYahoo() as running:
        yield running


@pytest.fixture
async def source(server: LoopbackYahoo) -> AsyncIterator[Yahoo]:
    opened = Yahoo(ManualClock(NOW), server.url, 1.0)
    yield opened
    await opened.close()


def contracts(root: str = "SPY") -> list[dict[str, Any]]:
    return [
        contract(root, NEAR, True, 690.0, TRADED, bid=6.1, ask=6.2, volume=None, impliedVolatility=0.1312),
        contract(root, NEAR, False, 690.0, TRADED - timedelta(days=2), bid=0.0, impliedVolatility=1e-5),
        contract(root, FAR, True, 700.0, TRADED - timedelta(hours=1)),
        contract(root, FAR, False, 700.0, None, bid=0.0, ask=0.0, lastPrice=0.0),
    ]


def put(server: LoopbackYahoo, options: list[dict[str, Any]] | None = None, **quote: Any) -> None:
    about = {"spot": 691.5, "spot_at": PRICED}
    server.chain("SPY", contracts() if options is None else options, **{**about, **quote})


async def rows_of(source: Yahoo) -> pl.DataFrame:
    rows = await source.chain("SPY")
    assert isinstance(rows, pl.DataFrame)
    return rows


# Chains


async def test_a_chain_of_all_expirations_in_the_columns_of_the_store(source: Yahoo, server: LoopbackYahoo) -> None:
    put(server)
    rows = await rows_of(source)
    missing = {"known_at", "bid_size", "ask_size", "vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega"}
    assert set(rows.columns) == set(CHAIN_SCHEMA) - missing
    assert {name: rows.schema[name] for name in rows.columns} == {name: CHAIN_SCHEMA[name] for name in rows.columns}
    terms = rows.sort("expiry", "is_call").select("root", "expiry", "is_call", "strike").rows()
    assert terms == [
        ("SPY", NEAR, False, 690.0),
        ("SPY", NEAR, True, 690.0),
        ("SPY", FAR, False, 700.0),
        ("SPY", FAR, True, 700.0),
    ]
    call = rows.row(by_predicate=pl.col("is_call") & (pl.col("expiry") == NEAR), named=True)
    assert (call["bid"], call["ask"], call["last"], call["volume"]) == (6.1, 6.2, 1.1, None)
    assert (call["open_interest"], call["vendor_iv"]) == (100.0, 0.1312)
    assert call["settles_at"] == datetime(2026, 2, 13, 21, 0, tzinfo=UTC)
    assert rows["delayed"].all()
    assert not rows["closing"].any()


async def test_the_quotes_are_older_than_the_price_and_both_are_said(source: Yahoo, server: LoopbackYahoo) -> None:
    put(server)
    rows = await rows_of(source)
    assert rows["quoted_at"].unique().to_list() == [TRADED]
    assert rows["spot_at"].unique().to_list() == [PRICED]
    assert rows["spot"].unique().to_list() == [691.5]


async def test_what_yahoo_has_not_is_null(source: Yahoo, server: LoopbackYahoo) -> None:
    put(server)
    rows = (await rows_of(source)).sort("expiry", "is_call")
    assert rows["vendor_iv"].to_list()[0] is None  # Yahoo's 1e-5
    assert rows.select("bid", "ask", "last", "last_trade_at").row(2) == (0.0, None, None, None)
    assert rows["bid"].to_list()[0] == 0.0  # beside an ask a bid of zero is a fact


async def test_zeros_throughout_are_no_quotes(source: Yahoo, server: LoopbackYahoo) -> None:
    put(server, [{**row, "bid": 0.0, "ask": 0.0} for row in contracts()])
    rows = await rows_of(source)
    assert rows["bid"].null_count() == rows["ask"].null_count() == rows.height


async def test_after_the_close_the_quotes_are_of_the_close(server: LoopbackYahoo) -> None:
    put(server)
    source = Yahoo(ManualClock(datetime(2026, 2, 11, 20, 0, tzinfo=NEW_YORK)), server.url, 1.0)
    assert (await rows_of(source))["closing"].all()
    await source.close()


async def test_an_index_by_its_yahoo_name_with_its_weeklies(source: Yahoo, server: LoopbackYahoo) -> None:
    server.chain("^SPX", [*contracts("SPXW"), *contracts("SPX")], spot=6941.0, spot_at=PRICED)
    rows = await source.chain("SPX")
    assert isinstance(rows, pl.DataFrame)
    assert sorted(rows["root"].unique()) == ["SPX", "SPXW"]
    server.chain("BRK-B", contracts("BRKB"), spot=500.0, spot_at=PRICED)
    assert isinstance(await source.chain("BRK.B"), pl.DataFrame)


async def test_expirations_are_asked_at_most_so_many_at_once(server: LoopbackYahoo) -> None:
    put(server, [contract("SPY", NEAR + timedelta(days=week), True, 690.0, TRADED) for week in range(0, 84, 7)])
    flying: list[int] = [0, 0]

    async def slow(request: web.Request) -> web.StreamResponse:
        flying[0] += 1
        flying[1] = max(flying)
        await asyncio.sleep(0.01)
        flying[0] -= 1
        return await server.answer(request)

    server.on(OPTIONS, slow)
    source = Yahoo(ManualClock(NOW), server.url, 1.0, at_once=3)
    assert (await rows_of(source)).height == 12
    assert 2 <= flying[1] <= 3
    assert server.count(OPTIONS) == 13
    await source.close()


async def test_cookies_and_crumb(source: Yahoo, server: LoopbackYahoo) -> None:
    """The library's own dance: a refusal, a new crumb, and the question once more."""
    from yfinance.data import YfData

    await source._call("", source._opened)
    YfData(session=source._session)._crumb = "stale"
    server.needs_crumb = True
    put(server)
    assert (await rows_of(source)).height == 4
    assert server.count("/v1/test/getcrumb") >= 1
    assert any("crumb=stale" in asked for asked in server.asked)


async def test_a_refusal_that_a_new_crumb_does_not_cure_is_one(source: Yahoo, server: LoopbackYahoo) -> None:
    put(server)
    server.on(OPTIONS, loopback.status(401))
    with pytest.raises(SourceFailed, match=r"refuses \(HTTP 401\)"):
        await source.chain("SPY")
    assert server.count(OPTIONS) == 2


async def test_an_unknown_symbol_and_an_empty_list_are_absent(source: Yahoo, server: LoopbackYahoo) -> None:
    assert await source.chain("XYZ") == Absent(what="a chain of XYZ", why="unknown symbol")
    put(server, [])
    assert await source.chain("SPY") == Absent(what="a chain of SPY", why="no options listed")


@pytest.mark.parametrize(
    ("behaviour", "words", "wait_s"),
    [
        (loopback.status(429), r"too many requests \(HTTP 429\)", None),
        (loopback.status(429, Retry_After="17"), "asks to wait 17 s", 17.0),
        (loopback.status(503), r"a server error \(HTTP 503\)", None),
        (loopback.hang(), r"no answer within 0\.2 s", None),
        (loopback.drip(b'{"optionChain": {"result": []}}', 0.02), r"no answer within 0\.2 s", None),
        (loopback.break_off(b'{"optionChain": {"result": []}}'), "no whole answer", None),
    ],
)
async def test_what_may_pass_is_transient(
    server: LoopbackYahoo, behaviour: Behaviour, words: str, wait_s: float | None
) -> None:
    source = Yahoo(ManualClock(NOW), server.url, 0.2)
    server.on(OPTIONS, behaviour)
    with pytest.raises(Transient, match=words) as caught:
        await source.chain("SPY")
    assert caught.value.wait_s == wait_s
    assert server.count(OPTIONS) == 1  # one question, one attempt: asking again is not the library's to decide
    await source.close()


async def test_nobody_there_is_transient() -> None:
    async with LoopbackYahoo() as server:
        url = server.url
    source = Yahoo(ManualClock(NOW), url, 0.5)
    with pytest.raises(Transient, match="cannot be reached"):
        await source.chain("SPY")
    await source.close()


def envelope(**result: Any) -> dict[str, Any]:
    quote = {"symbol": "SPY", "currency": "USD"}
    whole = {"underlyingSymbol": "SPY", "expirationDates": [], "quote": quote, "options": [], **result}
    return {"optionChain": {"result": [whole], "error": None}}


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.page(), "a page instead of data"),
        (loopback.half(envelope()), "no JSON"),
        (loopback.rubbish_gzip(), "cannot be unpacked"),
        (loopback.status(204), r"answers with nothing \(HTTP 204\)"),
        (loopback.status(403), r"refuses \(HTTP 403\)"),
        (loopback.raw(b"[]"), "a payload of another form"),
        (loopback.say({"finance": {"error": {"code": "x"}}}), "no optionChain in the payload: {'code': 'x'}"),
        (loopback.say({"optionChain": {"result": None, "error": None}}), "optionChain results that are no list"),
        (loopback.say({"optionChain": {"result": None, "error": {"code": "Bad"}}}), "an error instead of optionChain"),
        (loopback.say(envelope(underlyingSymbol="QQQ")), "answers for QQQ, not SPY"),
        (loopback.say(envelope(underlyingSymbol=None)), "does not say which symbol"),
        (loopback.say(envelope(quote={"symbol": "QQQ", "currency": "USD"})), "answers for QQQ, not SPY"),
        (loopback.say(envelope(quote={"symbol": "SPY", "currency": "EUR"})), "SPY in EUR, not USD"),
        (loopback.say(envelope(quote={"symbol": "SPY"})), "SPY in no stated currency, not USD"),
        (loopback.say(envelope(quote=None)), "does not say what it is about"),
        (loopback.say(envelope(expirationDates="soon")), "an answer that makes no sense"),
    ],
)
async def test_an_answer_that_cannot_be_trusted_is_refused(
    source: Yahoo, server: LoopbackYahoo, behaviour: Behaviour, words: str
) -> None:
    server.on(OPTIONS, behaviour)
    with pytest.raises(SourceFailed, match=words) as caught:
        await source.chain("SPY")
    assert not isinstance(caught.value, Transient)


def _first(**values: Any) -> Callable[[LoopbackYahoo], None]:
    def change(server: LoopbackYahoo) -> None:
        rows = contracts()
        rows[0] |= values
        put(server, rows)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_first(currency="EUR"), "options in EUR, not USD"),
        (_first(contractSymbol="SPY260213C00695000"), "1 options among the calls of 2026-02-13 that are others"),
        (_first(contractSymbol="SPY260320C00690000"), "1 options among the calls of 2026-02-13 that are others"),
        (_first(contractSymbol="QQQ260213C00690000"), "options of QQQ among those of SPY"),
        (_first(contractSymbol="SPYC00690000"), "1 of 1 option symbols are no OCC symbols: 'SPYC00690000'"),
        (_first(bid="Infinity"), "bid 'Infinity', which is not finite"),
        (_first(bid=float("inf")), "an answer that makes no sense|bid inf, which is not finite"),
        (_first(bid="wide"), "bid 'wide', which is no number"),
        (_first(lastTradeDate=int((NOW + timedelta(hours=1)).timestamp())), "an option's last trade lies ahead"),
        (lambda server: put(server, regularMarketPrice=0.0), "no price of SPY itself"),
        (lambda server: put(server, regularMarketTime=None), "the time of the last trade in SPY is not said"),
        (
            lambda server: put(server, spot_at=NOW + timedelta(minutes=10)),
            "the time of the last trade in SPY lies ahead",
        ),
        (
            lambda server: put(server, [contract("SPY", NEAR, True, 690.0, None)]),
            "no option says when it was last traded",
        ),
    ],
)
async def test_options_that_cannot_be_trusted_are_refused(
    source: Yahoo, server: LoopbackYahoo, change: Callable[[LoopbackYahoo], None], words: str
) -> None:
    change(server)
    with pytest.raises(SourceFailed, match=words):
        await source.chain("SPY")


@pytest.mark.parametrize(
    "fault", [loopback.status(500), loopback.page(), loopback.say({"optionChain": {"result": []}})]
)
async def test_half_a_chain_is_none(source: Yahoo, server: LoopbackYahoo, fault: Behaviour) -> None:
    put(server)
    server.on(OPTIONS, server.answer, server.answer, fault)
    with pytest.raises(SourceFailed):
        await source.chain("SPY")


async def test_yesterdays_chain_is_passed_on_as_it_is(source: Yahoo, server: LoopbackYahoo) -> None:
    day = timedelta(days=1)
    put(server, [contract("SPY", NEAR, True, 690.0, TRADED - day)], spot_at=PRICED - day)
    rows = await rows_of(source)
    assert rows["quoted_at"].to_list() == [TRADED - day]
    assert rows["closing"].all()


# Bars

DAYS = [date(2026, 2, 6), date(2026, 2, 9), date(2026, 2, 10), date(2026, 2, 11)]


def daily(factor: float = 1.0) -> list[tuple[date, float, float, float, float, float]]:
    return [(day, 100.0 * factor, 101.0 * factor, 99.0 * factor, 100.5 * factor, 1000.0) for day in DAYS]


def five_minutes(day: date, count: int) -> list[tuple[datetime, float, float, float, float, float]]:
    opened = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
    return [(opened + timedelta(minutes=5 * n), 100.0, 101.0, 99.0, 100.5, 10.0 + n) for n in range(count)]


async def bars_of(source: Yahoo, interval: Interval = Interval.DAY, ticker: str = "NVDA") -> pl.DataFrame:
    rows = await source.bars(ticker, interval)
    assert isinstance(rows, pl.DataFrame)
    return rows


async def test_daily_bars_of_complete_sessions_as_they_were_traded(source: Yahoo, server: LoopbackYahoo) -> None:
    server.bars("NVDA", "1d", daily())
    rows = await bars_of(source)
    assert rows.schema == {name: kind for name, kind in BAR_SCHEMA.items() if name != "known_at"}
    assert rows["start"].to_list() == [datetime(2026, 2, day, 14, 30, tzinfo=UTC) for day in (6, 9, 10)]
    assert rows.select("open", "high", "low", "close", "volume").row(0) == (100.0, 101.0, 99.0, 100.5, 1000.0)
    assert not rows["adjusted"].any()  # close, not the dividend-adjusted close beside it
    assert rows["session"].all()


async def test_splits_of_later_days_are_undone(source: Yahoo, server: LoopbackYahoo) -> None:
    """Ten for one on the 10th: what Yahoo shows as 100 before it was traded at 1000, a tenth of the shares."""
    server.bars("NVDA", "1d", daily(), splits=[(DAYS[2], 10.0)])
    rows = await bars_of(source)
    assert rows["close"].to_list() == [1005.0, 1005.0, 100.5]
    assert rows["volume"].to_list() == [100.0, 100.0, 1000.0]
    server.bars("NVDA", "1d", daily(), splits=[(DAYS[1], 2.0), (DAYS[2], 10.0)])
    assert (await bars_of(source))["close"].to_list() == [2010.0, 1005.0, 100.5]


async def test_five_minute_bars_that_have_ended(source: Yahoo, server: LoopbackYahoo) -> None:
    server.bars("NVDA", "5m", [*five_minutes(DAYS[2], 78), *five_minutes(DAYS[3], 73)])
    rows = await bars_of(source, Interval.FIVE_MINUTES)
    assert rows.height == 78 + 72
    assert rows["start"][-1] == datetime(2026, 2, 11, 15, 25, tzinfo=NEW_YORK)
    assert rows["session"].all()


async def test_a_split_today_reaches_back_into_yesterdays_minutes(source: Yahoo, server: LoopbackYahoo) -> None:
    server.bars("NVDA", "5m", [*five_minutes(DAYS[2], 2), *five_minutes(DAYS[3], 2)], splits=[(DAYS[3], 4.0)])
    rows = await bars_of(source, Interval.FIVE_MINUTES)
    assert rows["close"].to_list() == [402.0, 402.0, 100.5, 100.5]


async def test_a_half_day_ends_at_one(server: LoopbackYahoo) -> None:
    day = date(2025, 11, 28)
    server.bars("NVDA", "5m", five_minutes(day, 42))
    server.bars("NVDA", "1d", [(day, 100.0, 101.0, 99.0, 100.5, 1000.0)])
    source = Yahoo(ManualClock(datetime(2025, 11, 28, 13, 15, tzinfo=NEW_YORK)), server.url, 1.0)
    assert (await bars_of(source, Interval.FIVE_MINUTES)).height == 42
    assert (await bars_of(source)).height == 1
    await source.close()


@pytest.mark.parametrize("interval", [Interval.MINUTE, Interval.FIFTEEN_MINUTES, Interval.HOUR])
async def test_other_lengths(source: Yahoo, server: LoopbackYahoo, interval: Interval) -> None:
    server.bars("NVDA", {"1m": "1m", "15m": "15m", "1h": "1h"}[interval.value], five_minutes(DAYS[2], 1))
    assert (await bars_of(source, interval)).height == 1


async def test_bars_without_prices_are_left_out(source: Yahoo, server: LoopbackYahoo) -> None:
    rows: list[Any] = [*daily()[:2], (DAYS[2], None, None, None, None, None)]
    server.bars("NVDA", "1d", rows)
    assert (await bars_of(source)).height == 2
    server.bars("NVDA", "1d", rows[2:])
    assert await source.bars("NVDA", Interval.DAY) == Absent(what="1d bars of NVDA", why="none complete")
    assert await source.actions("NVDA") == Absent(what="corporate actions of NVDA", why="none told")


async def test_no_bars_are_absent(source: Yahoo, server: LoopbackYahoo) -> None:
    assert await source.bars("XYZ", Interval.DAY) == Absent(what="1d bars of XYZ", why="unknown symbol")
    server.bars("NVDA", "1d", daily()[-1:])
    assert await source.bars("NVDA", Interval.DAY) == Absent(what="1d bars of NVDA", why="none complete")
    empty = {"meta": meta("NVDA"), "timestamp": [], "events": {}, "indicators": {"quote": [{}]}}
    server.charts["NVDA", "1d"] = empty
    assert await source.bars("NVDA", Interval.DAY) == Absent(what="1d bars of NVDA", why="no prices")


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"currency": "EUR"}, "NVDA in EUR, not USD"),
        ({"currency": None}, "NVDA in no stated currency, not USD"),
        ({"symbol": "NVD.DE"}, "answers for NVD.DE, not NVDA"),
    ],
)
async def test_bars_of_something_else_are_refused(
    source: Yahoo, server: LoopbackYahoo, about: dict[str, Any], words: str
) -> None:
    server.bars("NVDA", "1d", daily(), **about)
    with pytest.raises(SourceFailed, match=words):
        await source.bars("NVDA", Interval.DAY)


async def test_bars_ahead_are_refused(source: Yahoo, server: LoopbackYahoo) -> None:
    server.bars("NVDA", "1d", [*daily(), (date(2026, 2, 12), 1.0, 1.0, 1.0, 1.0, 1.0)])
    with pytest.raises(SourceFailed, match="the newest bar lies ahead"):
        await source.bars("NVDA", Interval.DAY)
    with pytest.raises(SourceFailed, match="the newest bar lies ahead"):
        await source.actions("NVDA")


async def test_an_index_from_where_yahoo_keeps_it(source: Yahoo, server: LoopbackYahoo) -> None:
    server.bars("^GSPC", "1d", [(day, 6900.0, 6950.0, 6890.0, 6941.0, 0.0) for day in DAYS], instrumentType="INDEX")
    rows = await bars_of(source, ticker="SPX")
    assert rows["close"][-1] == 6941.0
    assert rows["volume"].null_count() == rows.height  # an index trades no shares
    server.bars(
        "^VIX", "1d", [(day, 17.0, 18.0, 16.5, 17.4, 0.0) for day in DAYS], instrumentType="INDEX", currency=None
    )
    levels = await source.index("VIX")
    assert isinstance(levels, pl.DataFrame)
    assert levels.columns == ["day", "open", "high", "low", "close", "source"]
    assert levels.row(-1) == (date(2026, 2, 10), 17.0, 18.0, 16.5, 17.4, "yahoo")
    assert await source.index("VVIX") == Absent(what="daily values of VVIX", why="unknown symbol")


# Events and actions


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK)


REPORT = date(2026, 4, 30)


@pytest.mark.parametrize(
    ("earnings", "estimate", "row"),
    [
        ([at(REPORT, 16)], False, ("earnings", REPORT, True, False)),
        ([at(REPORT, 7)], False, ("earnings", REPORT, True, True)),
        ([at(REPORT, 11)], False, ("earnings", REPORT, True, None)),
        ([at(REPORT, 16)], True, ("earnings", REPORT, False, None)),
        ([at(REPORT, 16)], None, ("earnings", REPORT, False, None)),
        ([at(date(2026, 5, 4), 16), at(REPORT, 16)], False, ("earnings", REPORT, True, None)),
        ([at(REPORT, 22)], False, ("earnings", REPORT, True, False)),  # already May in UTC
    ],
)
async def test_earnings_estimated_or_confirmed_before_or_after(
    source: Yahoo,
    server: LoopbackYahoo,
    earnings: list[datetime],
    estimate: bool | None,
    row: tuple[str, date, bool, bool | None],
) -> None:
    server.calendar("AAPL", earnings, estimate)
    rows = await source.events("AAPL")
    assert isinstance(rows, pl.DataFrame)
    assert rows.select("kind", "day", "confirmed", "before_open").rows() == [row]
    shelf = SHELVES["events"].schema
    assert rows.schema == {name: kind for name, kind in shelf.items() if name != "known_at"}


async def test_ex_dividend_dates_and_none_told(source: Yahoo, server: LoopbackYahoo) -> None:
    server.calendar("AAPL", [at(REPORT, 16)], True, date(2026, 2, 9))
    rows = await source.events("AAPL")
    assert isinstance(rows, pl.DataFrame)
    assert rows.select("kind", "day", "confirmed").row(1) == ("ex_dividend", date(2026, 2, 9), True)
    server.calendar("SPY", [at(REPORT, 16)], False, kind="ETF")  # a fund reports nothing
    assert await source.events("SPY") == Absent(what="events of SPY", why="no dates told")
    assert await source.events("XYZ") == Absent(what="events of XYZ", why="unknown symbol")


async def test_events_of_another_company_are_refused(source: Yahoo, server: LoopbackYahoo) -> None:
    result = {"quoteType": {"symbol": "MSFT", "quoteType": "EQUITY"}, "calendarEvents": {}}
    answer = {"quoteSummary": {"result": [result], "error": None}}
    server.on("/v10/finance/quoteSummary/AAPL", loopback.say(answer))
    with pytest.raises(SourceFailed, match="answers for MSFT, not AAPL"):
        await source.events("AAPL")


async def test_splits_and_dividends_in_dollars_of_their_day(source: Yahoo, server: LoopbackYahoo) -> None:
    """Yahoo divides the dividend of the 9th by the split of the 10th: 0.025 shown, 0.25 paid."""
    server.bars("NVDA", "1d", daily(), splits=[(DAYS[2], 10.0)], dividends=[(DAYS[1], 0.025), (DAYS[3], 0.03)])
    rows = await source.actions("NVDA")
    assert isinstance(rows, pl.DataFrame)
    assert rows.select("kind", "day", "ratio", "amount").rows() == [
        ("dividend", DAYS[1], None, 0.25),
        ("split", DAYS[2], 10.0, None),
        ("dividend", DAYS[3], None, 0.03),
    ]
    shelf = SHELVES["actions"].schema
    assert {name: kind for name, kind in shelf.items() if name != "known_at"} == dict(rows.schema)
    server.bars("NVDA", "1d", daily())
    assert await source.actions("NVDA") == Absent(what="corporate actions of NVDA", why="none told")


# The library


_ALONE = """
import asyncio, sys
from datetime import date, datetime
from pathlib import Path
from domain.market import Interval
from tests.servers.yahoo import LoopbackYahoo
from tools.clock import ManualClock
from tools.market.sources.yahoo import Yahoo
from tools.sessions import NEW_YORK

async def main():
    async with LoopbackYahoo() as server:
        server.bars("NVDA", "1d", [(date(2026, 2, day), 1.0, 1.0, 1.0, 1.0, 1.0) for day in (9, 10)])
        clock = ManualClock(datetime(2026, 2, 11, 12, 0, tzinfo=NEW_YORK))
        cache = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        source = Yahoo(clock, server.url, 5.0, cache=cache)
        print((await source.bars("NVDA", Interval.DAY)).height)
        print((await source.bars("XYZ", Interval.DAY)).why)
        await source.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("named", [True, False])
def test_it_keeps_still_and_writes_into_its_cache_only(tmp_path: Path, named: bool) -> None:
    home, cache, temporary = (tmp_path / name for name in ("home", "cache", "tmp"))
    for folder in (home, temporary):
        folder.mkdir()
    environment = {"HOME": str(home), "TMPDIR": str(temporary), "NO_PROXY": "127.0.0.1", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", _ALONE, *([str(cache)] if named else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\nunknown symbol\n", "")
    assert list(home.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert cache.is_dir() is named


async def test_every_host_of_yahoos_is_pointed_at_the_base() -> None:
    from tools.market.sources.yahoo_session import point_at

    base = "http://127.0.0.1:8000/y"
    assert point_at("https://query1.finance.yahoo.com/v1/x?a=1", base) == "http://127.0.0.1:8000/y/v1/x?a=1"
    assert point_at("https://fc.yahoo.com", base) == "http://127.0.0.1:8000/y"
    assert point_at("http://127.0.0.1:8000/y/v1", base) == "http://127.0.0.1:8000/y/v1"
    assert point_at("https://notyahoo.com/x", base) == "https://notyahoo.com/x"
    own = "https://query1.finance.yahoo.com/v1/x"
    assert point_at(own, "https://query2.finance.yahoo.com") == own


async def test_ping(source: Yahoo, server: LoopbackYahoo) -> None:
    with pytest.raises(SourceFailed, match=r"sources\.yahoo_url"):
        await source.ping()
    server.bars("SPY", "1d", daily())
    assert await source.ping() == "SPY 100.50 of 2026-02-11"


async def test_yields_are_not_offered(source: Yahoo) -> None:
    assert await source.rates() == Absent(what="Treasury yields", why="not offered")


@pytest.mark.data
async def test_a_recorded_chain_survives_the_wire(shared_data: Path, server: LoopbackYahoo) -> None:
    """SPY of a February afternoon, whole: what arrives is what was sent."""
    held = pl.read_parquet(shared_data / "options" / "yahoo_chain_snapshots_2026-02.parquet").filter(
        pl.col("underlying") == "SPY"
    )
    moment = held["quote_ts"].max()
    held = held.filter(pl.col("quote_ts") == moment, pl.col("expiration").cast(pl.Date) >= moment.date())
    now = moment.replace(tzinfo=NEW_YORK) + timedelta(minutes=15)
    sent = [
        contract(
            row["root"],
            row["expiration"].date() if isinstance(row["expiration"], datetime) else row["expiration"],
            row["right"] == "C",
            row["strike"],
            now - timedelta(minutes=15),
            bid=row["bid"],
            ask=row["ask"],
            lastPrice=row["last"],
            volume=row["volume"],
            openInterest=row["open_interest"],
            impliedVolatility=row["iv"],
        )
        for row in held.iter_rows(named=True)
    ]
    server.chain("SPY", sent, spot=float(held["underlying_price"][0]), spot_at=now)
    source = Yahoo(ManualClock(now), server.url, 5.0)
    rows = await rows_of(source)
    await source.close()
    assert rows.height == held.height > 5_000
    keys = ["expiry", "is_call", "strike"]
    own = rows.sort(keys)
    said = held.with_columns(expiry=pl.col("expiration").cast(pl.Date), is_call=pl.col("right") == "C").sort(keys)
    assert own["bid"].to_list() == said["bid"].cast(pl.Float64).to_list()
    assert own["strike"].to_list() == said["strike"].to_list()
    assert own["open_interest"].sum() == pytest.approx(said["open_interest"].cast(pl.Float64).fill_nan(None).sum())
