from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from domain.errors import SourceFailed
from domain.market import Absent, Interval
from tests.servers import cboe as made
from tests.servers import loopback
from tests.servers.cboe import LoopbackCboe
from tests.servers.loopback import Behaviour
from tools.clock import ManualClock
from tools.market.sources.cboe import Cboe
from tools.market.sources.client import Client
from tools.market.store import CHAIN_SCHEMA
from tools.sessions import NEW_YORK

NOW = datetime(2023, 9, 14, 15, 0, tzinfo=NEW_YORK)
SHOWN = NOW - timedelta(seconds=40)
TRADED = NOW - timedelta(minutes=15, seconds=50)
WEEKLY, MONTHLY = date(2023, 9, 20), date(2023, 10, 20)


@pytest.fixture
async def server() -> AsyncIterator[LoopbackCboe]:
    async with LoopbackCboe() as running:
        yield running


@pytest.fixture
async def source(server: LoopbackCboe) -> AsyncIterator[Cboe]:
    opened = Cboe(ManualClock(NOW), Client(1.0), server.url)
    yield opened
    await opened.close()


def options() -> list[dict[str, Any]]:
    return [
        made.option("SPXW", WEEKLY, True, 4500.0, TRADED, bid=41.2, ask=41.6, iv=0.1234, theta=-2.5, vega=3.1),
        made.option("SPXW", WEEKLY, False, 4500.0, TRADED - timedelta(hours=1), bid=0.0, bid_size=0.0),
        made.option("SPX", MONTHLY, True, 4500.0, None, bid=0.0, ask=0.0, iv=0.0, last_trade_price=0.0),
        made.option("SPX", MONTHLY, False, 9000.5, None, iv=0.0, delta=0.0, gamma=0.0, theta=0.0, vega=0.0),
    ]


def payload(**values: Any) -> dict[str, Any]:
    about = {"spot": 4501.25, "shown_at": SHOWN, "spot_at": TRADED - timedelta(seconds=5)}
    return made.chain("SPX", values.pop("options", options()), **{**about, **values})


async def chain(source: Cboe, server: LoopbackCboe, answer: dict[str, Any] | Behaviour) -> pl.DataFrame | Absent:
    server.chain("SPX", answer)
    return await source.chain("SPX")


async def rows_of(source: Cboe, server: LoopbackCboe, answer: dict[str, Any] | Behaviour) -> pl.DataFrame:
    rows = await chain(source, server, answer)
    assert isinstance(rows, pl.DataFrame)
    return rows


async def test_a_chain_in_the_columns_of_the_store(source: Cboe, server: LoopbackCboe) -> None:
    rows = await rows_of(source, server, payload())
    assert set(rows.columns) == set(CHAIN_SCHEMA) - {"known_at"}
    assert {name: rows.schema[name] for name in rows.columns} == {name: CHAIN_SCHEMA[name] for name in rows.columns}
    assert server.asked == ["/options/_SPX.json"]
    first = rows.row(0, named=True)
    assert (first["root"], first["expiry"], first["is_call"], first["strike"]) == ("SPXW", WEEKLY, True, 4500.0)
    assert (first["bid"], first["ask"], first["last"]) == (41.2, 41.6, 1.1)
    assert (first["bid_size"], first["ask_size"], first["volume"], first["open_interest"]) == (10, 12, 5, 100)
    assert (first["vendor_iv"], first["vendor_theta"], first["vendor_vega"]) == (0.1234, -2.5, 3.1)
    assert (first["vendor_delta"], first["vendor_gamma"]) == (0.5, 0.01)
    assert rows["spot"].unique().to_list() == [4501.25]
    assert rows["delayed"].all()
    assert rows["source"].unique().to_list() == ["cboe"]


async def test_zeros_that_mean_none_are_null_and_a_zero_bid_is_a_fact(source: Cboe, server: LoopbackCboe) -> None:
    rows = await rows_of(source, server, payload())
    assert rows["bid"].to_list() == [41.2, 0.0, 0.0, 1.0]
    assert rows["ask"].to_list()[2] is None
    assert rows["last"].to_list()[2] is None
    assert rows["vendor_iv"].to_list()[2:] == [None, None]
    assert rows["vendor_delta"].to_list()[2:] == [0.5, None]  # a delta that was computed stays; all zeros were not


async def test_the_quotes_are_of_the_newest_trade_shown_in_new_york_time(source: Cboe, server: LoopbackCboe) -> None:
    rows = await rows_of(source, server, payload())
    assert rows["quoted_at"].unique().to_list() == [TRADED.astimezone(UTC)]
    assert rows["spot_at"].unique().to_list() == [(TRADED - timedelta(seconds=5)).astimezone(UTC)]
    assert rows["last_trade_at"].to_list()[:3] == [TRADED, TRADED - timedelta(hours=1), None]
    assert not rows["closing"].any()
    # Third Friday, SPX: 09:30 New York; SPXW: the close.
    assert rows.filter(pl.col("root") == "SPX")["settles_at"][0] == datetime(2023, 10, 20, 13, 30, tzinfo=UTC)
    assert rows.filter(pl.col("root") == "SPXW")["settles_at"][0] == datetime(2023, 9, 20, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(("shown", "closing"), [((16, 10), False), ((16, 16), True), ((19, 30), True)])
async def test_quotes_shown_after_the_close_are_closing_quotes(
    server: LoopbackCboe, shown: tuple[int, int], closing: bool
) -> None:
    at = datetime(2023, 9, 14, *shown, tzinfo=NEW_YORK)
    traded = datetime(2023, 9, 14, 15, 54, tzinfo=NEW_YORK)
    source = Cboe(ManualClock(at), Client(1.0), server.url)
    rows = await rows_of(
        source,
        server,
        payload(options=[made.option("SPXW", WEEKLY, True, 4500.0, traded)], shown_at=at, spot_at=traded),
    )
    assert rows["closing"].to_list() == [closing]
    assert rows["quoted_at"].to_list() == [traded]
    await source.close()


async def test_yesterdays_chain_is_passed_on_as_it_is(source: Cboe, server: LoopbackCboe) -> None:
    day = timedelta(days=1)
    old = [made.option("SPXW", WEEKLY, True, 4500.0, TRADED - day)]
    rows = await rows_of(source, server, payload(options=old, shown_at=SHOWN - day, spot_at=TRADED - day))
    assert rows["quoted_at"].to_list() == [TRADED - day]
    assert not rows["closing"].any()


async def test_duplicates_negative_and_crossed_quotes_are_left_to_the_gate(source: Cboe, server: LoopbackCboe) -> None:
    row = made.option("SPXW", WEEKLY, True, 4500.0, TRADED, bid=-1.0, ask=-2.0)
    rows = await rows_of(source, server, payload(options=[row, row]))
    assert rows["bid"].to_list() == [-1.0, -1.0]
    assert rows["ask"].to_list() == [-2.0, -2.0]


async def test_numbers_as_text_are_numbers_and_nan_is_none(source: Cboe, server: LoopbackCboe) -> None:
    row = made.option("SPXW", WEEKLY, True, 4500.0, TRADED, bid="41.2", volume=float("nan"), open_interest=None)
    rows = await rows_of(source, server, payload(options=[row], current_price="4501.25"))
    assert rows.select("bid", "volume", "open_interest", "spot").row(0) == (41.2, None, None, 4501.25)


async def test_a_missing_field_is_null(source: Cboe, server: LoopbackCboe) -> None:
    row = made.option("SPXW", WEEKLY, True, 4500.0, TRADED)
    for field in ("vega", "bid_size", "open_interest"):
        del row[field]
    rows = await rows_of(source, server, payload(options=[row]))
    assert rows.select("vendor_vega", "bid_size", "open_interest").row(0) == (None, None, None)


async def test_what_is_not_there_is_absent(source: Cboe, server: LoopbackCboe) -> None:
    assert await source.chain("XYZ") == Absent(what="a chain of XYZ", why="unknown symbol")
    assert server.asked == ["/options/XYZ.json"]
    assert await chain(source, server, loopback.denied()) == Absent(what="a chain of SPX", why="unknown symbol")
    with pytest.raises(SourceFailed, match=r"refuses \(HTTP 403\)"):
        await chain(source, server, loopback.status(403))
    empty = await chain(source, server, payload(options=[]))
    assert empty == Absent(what="a chain of SPX", why="no options listed")
    for other in (
        source.bars("SPX", Interval.DAY),
        source.rates(),
        source.events("AAPL"),
        source.actions("AAPL"),
    ):
        answer = await other
        assert isinstance(answer, Absent)
        assert answer.why == "not offered"


def _broken(change: str) -> dict[str, Any]:
    answer = payload()
    data: dict[str, Any] = answer["data"]
    first: dict[str, Any] = data["options"][0]
    match change:
        case "another symbol":
            answer["symbol"] = "_NDX"
        case "another symbol inside":
            data["symbol"] = "SPY"
        case "no symbol":
            del answer["symbol"]
        case "another root":
            first["option"] = made.symbol("NDXP", WEEKLY, True, 4500.0)
        case "a root that begins alike":
            first["option"] = made.symbol("SPXL", WEEKLY, True, 45.0)
        case "no OCC symbol":
            first["option"] = "SPXW 4500 C"
        case "no timestamp":
            del answer["timestamp"]
        case "timestamp ahead":
            answer["timestamp"] = f"{NOW.astimezone(UTC) + timedelta(minutes=5):%Y-%m-%d %H:%M:%S}"
        case "timestamp in words":
            answer["timestamp"] = "just now"
        case "a trade after the payload":
            first["last_trade_time"] = made.local(SHOWN + timedelta(minutes=5))
        case "no time of the price":
            data["last_trade_time"] = None
        case "no price":
            data["current_price"] = 0.0
        case "price in words":
            data["current_price"] = "n/a"
        case "infinite":
            first["ask"] = float("inf")
        case "a bid in words":
            first["bid"] = "wide"
        case "a bid that is a flag":
            first["bid"] = True
        case "options in another form":
            data["options"] = {"SPXW": 1}
        case "no data":
            answer["data"] = []
    return answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("another symbol", "answers for _NDX, not SPX"),
        ("another symbol inside", "answers for SPY, not SPX"),
        ("no symbol", "does not say which symbol"),
        ("another root", "options of NDXP among those of SPX"),
        ("a root that begins alike", "options of SPXL among those of SPX"),
        ("no OCC symbol", "1 of 4 option symbols are no OCC symbols: 'SPXW 4500 C'"),
        ("no timestamp", "timestamp is not said"),
        ("timestamp ahead", "timestamp lies ahead"),
        ("timestamp in words", "timestamp 'just now', which is no date and time"),
        ("a trade after the payload", "an option's last trade lies ahead"),
        ("no time of the price", "the time of the last trade in SPX is not said"),
        ("no price", "no price of SPX itself"),
        ("price in words", "current_price 'n/a', which is no number"),
        ("infinite", "ask inf, which is not finite"),
        ("a bid in words", "bid 'wide', which is no number"),
        ("a bid that is a flag", "bid True, which is no number"),
        ("options in another form", "options that are no list of rows"),
        ("no data", "a payload without data"),
    ],
)
async def test_a_payload_that_cannot_be_trusted_is_refused(
    source: Cboe, server: LoopbackCboe, change: str, words: str
) -> None:
    with pytest.raises(SourceFailed, match=words):
        await chain(source, server, _broken(change))


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.half(payload()), "a payload of .* bytes that is no JSON"),
        (loopback.page(), "a page instead of data"),
        (loopback.raw(b""), "a payload of 0 bytes that is no JSON"),
        (loopback.raw(b"\xff\xfe\x00garbage"), "no JSON"),
        (loopback.raw(b"[1, 2]"), "a payload of another form"),
    ],
)
async def test_what_is_no_payload_is_refused(
    source: Cboe, server: LoopbackCboe, behaviour: Behaviour, words: str
) -> None:
    with pytest.raises(SourceFailed, match=words):
        await chain(source, server, behaviour)


def test_the_time_of_a_winter_trade_is_an_hour_later_in_utc() -> None:
    from tools.market.sources import payload as reading

    assert reading.moment("2026-02-11T10:00:00", NEW_YORK, "t") == datetime(2026, 2, 11, 15, 0, tzinfo=UTC)
    assert reading.moment("2026-07-15T10:00:00.25", NEW_YORK, "t") == datetime(
        2026, 7, 15, 14, 0, 0, 250000, tzinfo=UTC
    )
    assert reading.moment("1969-12-31T19:00:00", NEW_YORK, "t") is None


async def test_an_equity_is_asked_by_its_own_name_and_its_adjusted_contracts_are_its_own(
    source: Cboe, server: LoopbackCboe
) -> None:
    rows = [made.option(root, MONTHLY, True, 450.0, TRADED) for root in ("SPY", "SPY1")]
    server.chain("SPY", made.chain("SPY", rows, spot=450.0, shown_at=SHOWN, spot_at=TRADED))
    answer = await source.chain("SPY")
    assert isinstance(answer, pl.DataFrame)
    assert answer["root"].to_list() == ["SPY", "SPY1"]
    server.chain(
        "SPY",
        made.chain(
            "SPY", [made.option("SPYW", MONTHLY, True, 450.0, TRADED)], spot=450.0, shown_at=SHOWN, spot_at=TRADED
        ),
    )
    with pytest.raises(SourceFailed, match="options of SPYW"):
        await source.chain("SPY")


# Index histories

VIX = [
    (date(2023, 9, 11), 14.04, 14.40, 13.78, 13.80),
    (date(2023, 9, 12), 13.95, 14.45, 13.89, 14.23),
    (date(2023, 9, 13), 14.20, 14.33, 13.48, 13.48),
    (date(2023, 9, 14), 13.30, 13.46, 12.84, 12.90),
]


async def test_daily_values_of_complete_sessions(source: Cboe, server: LoopbackCboe) -> None:
    server.history("VIX", made.history("VIX", VIX))
    rows = await source.index("VIX")
    assert isinstance(rows, pl.DataFrame)
    assert server.asked == ["/charts/historical/_VIX.json"]
    assert rows.columns == ["day", "open", "high", "low", "close", "source"]
    assert rows.row(-1) == (date(2023, 9, 13), 14.20, 14.33, 13.48, 13.48, "cboe")  # today's is not complete
    assert rows.height == 3


async def test_todays_value_is_known_fifteen_minutes_after_the_close(server: LoopbackCboe) -> None:
    server.history("VIX", made.history("VIX", VIX))
    known: list[date] = []
    for minute in (14, 15):
        source = Cboe(ManualClock(datetime(2023, 9, 14, 16, minute, tzinfo=NEW_YORK)), Client(), server.url)
        rows = await source.index("VIX")
        assert isinstance(rows, pl.DataFrame)
        known.append(rows["day"][-1])
        await source.close()
    assert known == [date(2023, 9, 13), date(2023, 9, 14)]


async def test_a_history_of_closes_alone_is_one(source: Cboe, server: LoopbackCboe) -> None:
    closes = [(day, 0.0, 0.0, 0.0, close) for day, *_, close in VIX]
    server.history("VVIX", made.history("VVIX", closes))
    rows = await source.index("VVIX")
    assert isinstance(rows, pl.DataFrame)
    assert rows["high"].to_list() == rows["close"].to_list() == [13.80, 14.23, 13.48]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": "_VIX9D"}, "answers for _VIX9D, not VIX"),
        ({"data": "none"}, "daily values that are no list of rows"),
        ({"data": [{"date": "2023-09-15", "close": "13"}]}, "a day lies ahead"),
        ({"data": [{"date": "Monday", "close": "13"}]}, "date 'Monday', which is no date and time"),
        ({"data": [{"close": "13"}]}, "a day is not said"),
        (
            {"data": [{"date": f"2023-09-{day:02}", "close": "0"} for day in (11, 12)]},
            "2 of 2 daily values of VIX are no",
        ),
    ],
)
async def test_a_history_that_cannot_be_trusted_is_refused(
    source: Cboe, server: LoopbackCboe, change: dict[str, Any], words: str
) -> None:
    server.history("VIX", {**made.history("VIX", VIX), **change})
    with pytest.raises(SourceFailed, match=words):
        await source.index("VIX")


async def test_an_unknown_or_empty_history_is_absent(source: Cboe, server: LoopbackCboe) -> None:
    assert await source.index("VIX6M") == Absent(what="daily values of VIX6M", why="unknown symbol")
    server.history("VIX", made.history("VIX", []))
    assert await source.index("VIX") == Absent(what="daily values of VIX", why="none listed")
    server.history("VIX", made.history("VIX", VIX[-1:]))
    assert await source.index("VIX") == Absent(what="daily values of VIX", why="of no complete session")


async def test_ping(source: Cboe, server: LoopbackCboe) -> None:
    server.quote("VIX", made.chain("VIX", [], spot=13.1, shown_at=SHOWN, spot_at=TRADED))
    assert await source.ping() == "VIX 13.1, shown 2023-09-14 18:59 UTC"
    server.quote("VIX", loopback.status(404))
    with pytest.raises(SourceFailed, match=r"sources\.cboe_url"):
        await source.ping()


# Recorded chains, sent as CBOE would have sent them


@pytest.mark.data
async def test_a_recorded_chain_survives_the_wire(shared_data: Path, server: LoopbackCboe) -> None:
    """SPX of 2023-09-14, whole: what arrives is what was sent, in the store's units."""
    held = pl.read_parquet(shared_data / "options" / "cboe_quotedata_snapshots_2022-2023.parquet").filter(
        (pl.col("underlying") == "SPX") & (pl.col("quote_ts").dt.date() == date(2023, 9, 14))
    )
    shown = datetime(2023, 9, 14, 16, 31, tzinfo=NEW_YORK)
    sent = [
        made.option(
            row["root"],
            row["expiration"].date() if isinstance(row["expiration"], datetime) else row["expiration"],
            row["right"] == "C",
            row["strike"],
            datetime(2023, 9, 14, 16, 14, tzinfo=NEW_YORK),
            **{name: row[name] for name in ("bid", "ask", "iv", "delta", "gamma", "volume", "open_interest")},
        )
        for row in held.iter_rows(named=True)
    ]
    spot = float(held["underlying_price"][0])
    server.chain("SPX", made.chain("SPX", sent, spot=spot, shown_at=shown, spot_at=shown - timedelta(minutes=16)))
    source = Cboe(ManualClock(shown), Client(), server.url)
    rows = await source.chain("SPX")
    await source.close()
    assert isinstance(rows, pl.DataFrame)
    assert rows.height == held.height > 10_000
    assert rows["closing"].all()
    assert rows["strike"].to_list() == held["strike"].to_list()
    for own, said in (("bid", "bid"), ("open_interest", "open_interest"), ("volume", "volume")):
        assert rows[own].to_list() == held[said].cast(pl.Float64).to_list()
    assert set(rows["root"].unique()) == {"SPX", "SPXW"}


@pytest.mark.data
def test_cboes_vega_is_per_point_and_its_theta_per_calendar_day(shared_data: Path) -> None:
    """The units that are taken over as they are, held against Black-Scholes on recorded CBOE Greeks of AAPL."""
    import numpy as np
    from scipy.stats import norm

    held = pl.read_parquet(shared_data / "options" / "yahoo_cboe_greeks_snapshots_2026-07_08.parquet")
    days = (pl.col("expiration").cast(pl.Date) - pl.col("quote_ts").cast(pl.Date)).dt.total_days()
    near = held.with_columns(years=days / 365).filter(
        (pl.col("underlying") == "AAPL")
        & pl.col("years").is_between(0.05, 1.0)
        & (pl.col("iv") > 0.05)
        & ((pl.col("strike") / pl.col("underlying_price") - 1).abs() < 0.1)
    )
    spot, strike, years, iv = (
        near[name].to_numpy().astype(float) for name in ("underlying_price", "strike", "years", "iv")
    )
    d1 = (np.log(spot / strike) + (0.04 + iv * iv / 2) * years) / (iv * np.sqrt(years))
    vega = spot * norm.pdf(d1) * np.sqrt(years)
    decay = spot * norm.pdf(d1) * iv / (2 * np.sqrt(years))
    assert np.median(near["vega"].to_numpy() / vega) == pytest.approx(1 / 100, rel=0.02)
    assert np.median(-near["theta"].to_numpy() / decay) == pytest.approx(1 / 365, rel=0.10)
