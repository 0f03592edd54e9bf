"""Reference data of a recorded market: the almanac's and the store's own rows together, and a beta from its bars."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from apps.markets import market_named
from apps.settings import Settings, Sources
from domain.errors import BadInput
from domain.market import ActionKind, EventKind, Instrument, Interval, Kind
from tools import sessions
from tools.market.recorded import RecordedMarket
from tools.market.store import Store

DAY = date(2026, 6, 1)
NOON = sessions.new_york(DAY, 12, 0)


def bar_rows(days: tuple[date, ...], returns: np.ndarray) -> pl.DataFrame:
    close = 100.0 * np.exp(np.cumsum(returns))
    return pl.DataFrame(
        {
            "start": [sessions.open_close(day)[0] for day in days],
            "known_at": [sessions.daily_known_at(day) for day in days],
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": 1.0,
            "session": True,
            "adjusted": False,
            "source": "test",
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set with one chain each of AMZN and XBI, 180 daily bars of AMZN, 300 of SPX, and rows from two sources."""
    store = Store(tmp_path / "store")
    for ticker in ("AMZN", "XBI"):
        chain = {
            "quoted_at": [NOON],
            "known_at": [NOON],
            "closing": [False],
            "delayed": [False],
            "source": ["test"],
            "spot": [100.0],
            "root": [ticker],
            "expiry": [date(2026, 6, 18)],
            "settles_at": [sessions.settles_at(ticker, date(2026, 6, 18))],
            "strike": [100.0],
            "is_call": [True],
            "bid": [1.0],
            "ask": [1.1],
        }
        store.put_chain("small", ticker, DAY, pl.DataFrame(chain), "x")
    days = sessions.between(date(2025, 3, 1), DAY - timedelta(days=1))[-300:]
    index = 0.01 * np.sin(0.7 * np.arange(300) ** 1.3)
    store.put_bars("SPX", Interval.DAY, "x", bar_rows(days, index))
    store.put_bars("AMZN", Interval.DAY, "x", bar_rows(days[-180:], 1.3 * index[-180:]))
    told = {
        "kind": ["earnings", "earnings"],
        "day": [date(2026, 7, 29), date(2026, 7, 30)],
        "confirmed": [False, True],
        "before_open": [None, False],
        "known_at": [datetime(2026, 5, 20, 14, tzinfo=UTC), datetime(2026, 6, 2, 14, tzinfo=UTC)],
        "source": ["yahoo", "yahoo"],
    }
    store.put_rows("events", "AMZN", "x", pl.DataFrame(told))
    done = {
        "kind": ["split", "dividend"],
        "day": [date(2022, 6, 6), date(2026, 3, 10)],
        "ratio": [20.0, None],
        "amount": [None, 0.25],
        "note": ["", ""],
        "known_at": [datetime(2022, 6, 6, 13, 30, tzinfo=UTC), datetime(2026, 3, 10, 13, 30, tzinfo=UTC)],
        "source": ["yahoo", "yahoo"],
    }
    store.put_rows("actions", "AMZN", "x", pl.DataFrame(done))
    return store.folder


async def resolved(market: RecordedMarket, ticker: str, at: datetime) -> Instrument:
    about = await market.instrument(ticker, at)
    assert isinstance(about, Instrument)
    return about


async def test_what_the_store_knows_stands_beside_what_ships(folder: Path) -> None:
    about = await resolved(RecordedMarket(folder, "small"), "AMZN", NOON)
    assert (about.company, about.sector) == ("Amazon.com, Inc.", "Consumer Discretionary")
    assert [(one.kind, one.day, one.source) for one in about.actions] == [
        (ActionKind.SPLIT, date(2022, 6, 6), "company announcement of 2022-03-09, as reported that day"),
        (ActionKind.DIVIDEND, date(2026, 3, 10), "yahoo"),
    ]


async def test_beta_is_of_the_bars_known_at_the_moment(folder: Path) -> None:
    market = RecordedMarket(folder, "small")
    beta = (await resolved(market, "AMZN", NOON)).beta
    assert beta is not None
    assert beta.value == pytest.approx(1.3)
    assert (beta.against, beta.sessions) == ("SPX", 179)
    assert beta.known_at == sessions.daily_known_at(date(2026, 5, 29))
    earlier = (await resolved(market, "AMZN", NOON - timedelta(days=30))).beta
    assert earlier is not None
    assert earlier.sessions < beta.sessions
    assert earlier.known_at <= NOON - timedelta(days=30)
    assert (await resolved(market, "AMZN", NOON - timedelta(days=120))).beta is None, "fewer than 126 sessions"
    assert (await resolved(market, "XBI", NOON)).beta is None, "no bars at all"


async def test_a_live_date_counts_from_its_receipt(folder: Path) -> None:
    market = RecordedMarket(folder, "small")

    async def ahead(at: datetime) -> list[tuple[date, bool, str]]:
        events = (await market.calendar("AMZN", at)).events
        return [(one.day, one.confirmed, one.source) for one in events if one.kind is EventKind.EARNINGS]

    assert await ahead(NOON - timedelta(days=20)) == []
    assert not (await market.calendar("AMZN", NOON - timedelta(days=20))).earnings_known
    assert await ahead(NOON) == [(date(2026, 7, 29), False, "yahoo")]
    assert await ahead(NOON + timedelta(days=2)) == [(date(2026, 7, 30), True, "yahoo")]
    told = await market.calendar("AMZN", NOON)
    assert told.earnings_known
    assert [one.day for one in told.events if one.kind is EventKind.EX_DIVIDEND] == [date(2026, 3, 10)]


OWN = """[file]
source = "me"
stated = 2026-05-01

[[instrument]]
ticker = "XBI"
kind = "etf"

[[event]]
ticker = "AMZN"
kind = "earnings"
day = 2026-07-23
"""


async def test_a_file_of_ones_own_reaches_the_market(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    market = market_named(Settings(store_dir=folder, reference_file=path), "recorded:small")
    about = await market.instrument("XBI", NOON)
    assert isinstance(about, Instrument)
    assert about.kind is Kind.ETF
    assert (await market.calendar("XBI", NOON)).earnings_known
    told = [one for one in (await market.calendar("AMZN", NOON)).events if one.kind is EventKind.EARNINGS]
    assert [(one.day, one.confirmed, one.source) for one in told] == [
        (date(2026, 7, 23), True, "me"),
        (date(2026, 7, 29), False, "yahoo"),
    ]
    without = Settings(store_dir=folder, reference_file=path, sources=Sources(events=("shipped",)))
    deaf = await market_named(without, "recorded:small").calendar("AMZN", NOON)
    assert not deaf.earnings_known, "neither source may tell of events"


def test_a_wrong_file_is_refused_before_anything_runs(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace("2026-07-23", '"soon"'))
    with pytest.raises(BadInput, match=r"mine\.toml, line 12, \[\[event\]\] number 1, day"):
        market_named(Settings(store_dir=folder, reference_file=path), "recorded:small")
    with pytest.raises(BadInput, match="cannot be read"):
        market_named(Settings(store_dir=folder, reference_file=tmp_path / "none.toml"), "simulated")


@pytest.mark.data
async def test_splits_and_dividends_of_the_recorded_names(store_dir: Path) -> None:
    """AAPL as of 2020-12: the split of August is told once, and the dividends of the year are those paid."""
    store = Store(store_dir)
    market = RecordedMarket(store_dir, next(name for name in store.sets() if "AAPL" in store.tickers(name)))
    about = await resolved(market, "AAPL", datetime(2020, 12, 1, 17, tzinfo=UTC))
    splits = [(one.day, one.ratio) for one in about.actions if one.kind is ActionKind.SPLIT]
    assert splits[-1] == (date(2020, 8, 31), 4.0)
    assert len({day for day, _ in splits}) == len(splits)
    paid = [one for one in about.actions if one.kind is ActionKind.DIVIDEND]
    assert [one.day for one in paid][-1] == date(2020, 11, 6)
    assert paid[-1].amount == pytest.approx(0.205, abs=0.002)


@pytest.mark.data
async def test_the_funds_rule_met_its_recorded_distributions(store_dir: Path) -> None:
    """SPY's ex-dates of 1998-2021 in the factor file: every one of them is the third Friday of its quarter."""
    from tools.market.reference.rules import third_friday

    lazy = Store(store_dir).rows("actions", "SPY")
    assert lazy is not None
    days = lazy.filter(pl.col("kind") == "dividend").collect()["day"].unique().sort().to_list()
    recent = [day for day in days if day.year >= 2005]
    assert len(recent) > 60
    assert all(day == third_friday(day.year, day.month) for day in recent)
