"""The recorded market on the real sets: what is known when, what is absent, and that the future changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from domain.codec import digest
from domain.errors import BadInput, DataAbsent, SourceFailed, StaleData
from domain.market import Absent, EventKind, Exercise, Interval, Kind, OptionChain
from tools import sessions
from tools.market.recorded import RecordedMarket
from tools.market.snapshot import take_snapshot
from tools.market.store import Store

pytestmark = pytest.mark.data

SIX = ("SPY", "QQQ", "NVDA", "TSLA", "AAPL", "AMZN")
ONE_PM = sessions.new_york(date(2026, 2, 12), 13, 0)
HALF_PAST = sessions.new_york(date(2026, 2, 11), 12, 28)


@pytest.fixture(scope="module")
def yahoo(store_dir: Path) -> RecordedMarket:
    return RecordedMarket(store_dir, "yahoo-2026-02")


@pytest.fixture(scope="module")
def spx(store_dir: Path) -> RecordedMarket:
    return RecordedMarket(store_dir, "spx-2019")


@pytest.fixture(scope="module")
def cboe(store_dir: Path) -> RecordedMarket:
    return RecordedMarket(store_dir, "cboe-2022")


def test_labels(yahoo: RecordedMarket, spx: RecordedMarket, cboe: RecordedMarket) -> None:
    assert (yahoo.label, spx.label) == ("recorded:yahoo-2026-02", "recorded:spx-2019")
    for market in (yahoo, spx, cboe):
        assert (market.simulated, market.delayed, market.one_shot) == (False, False, True)


async def test_at_one_all_six_chains_are_one_to_two_minutes_old(yahoo: RecordedMarket) -> None:
    for ticker in SIX:
        snapshot = await take_snapshot(yahoo, ticker, ONE_PM)
        assert 60 <= snapshot.chain_lag_s <= 120
        assert snapshot.iv_confidence == pytest.approx(0.5 ** (snapshot.chain_lag_s / 300))
        assert snapshot.chain is not None
        assert snapshot.spot == snapshot.chain.spot


async def test_earlier_three_of_them_are_stale(yahoo: RecordedMarket) -> None:
    ages = {}
    for ticker in ("SPY", "QQQ", "NVDA"):
        with pytest.raises(StaleData, match=rf"{ticker}'s newest chain is \d+ min old, limit 10 min") as caught:
            await take_snapshot(yahoo, ticker, HALF_PAST)
        ages[ticker] = int(str(caught.value).split(" is ")[1].split()[0])
    assert ages["SPY"] == 69
    assert all(57 <= age <= 69 for age in ages.values())
    for ticker in ("TSLA", "AAPL", "AMZN"):
        assert (await take_snapshot(yahoo, ticker, HALF_PAST)).chain_lag_s <= 120


async def test_names_without_bars_say_where_they_end(yahoo: RecordedMarket) -> None:
    for ticker in ("NVDA", "TSLA", "AAPL", "AMZN"):
        snapshot = await take_snapshot(yahoo, ticker, ONE_PM)
        assert snapshot.daily is None
        assert snapshot.intraday is None
        assert f"no 5-minute bars of {ticker} after 2025-12-31" in {item.why for item in snapshot.absent}
        assert not snapshot.calendar.earnings_known
        assert snapshot.instrument.sector is not None


async def test_adjusted_bars_are_marked_and_today_is_not_known(yahoo: RecordedMarket) -> None:
    snapshot = await take_snapshot(yahoo, "SPY", ONE_PM)
    assert snapshot.daily is not None
    assert snapshot.daily.adjusted
    assert snapshot.daily.known_at.max() <= ONE_PM.timestamp()
    newest = datetime.fromtimestamp(int(snapshot.daily.start[-1]), UTC).date()
    assert newest == date(2026, 2, 11)
    assert snapshot.calendar.earnings_known
    assert EventKind.EARNINGS not in {event.kind for event in snapshot.calendar.events}
    bars = await yahoo.bars("SPY", Interval.HOUR, ONE_PM, 4)
    assert not isinstance(bars, Absent)
    assert not bars.adjusted
    traded = bars.close[-1]
    assert abs(traded / snapshot.spot - 1) < 0.01
    assert (
        0.003 < 1 - snapshot.daily.close[-1] / _traded_close(bars) < 0.008
    )  # the level of adjusted bars is not traded


def _traded_close(bars: object) -> float:
    """SPY's last hourly close of 2026-02-11 among the raw bars."""
    start, close = bars.start, bars.close  # type: ignore[attr-defined]
    day = sessions.new_york(date(2026, 2, 12), 0, 0).timestamp()
    return float(close[start < day][-1])


async def test_indices_and_rates_are_of_the_day_before(yahoo: RecordedMarket) -> None:
    snapshot = await take_snapshot(yahoo, "QQQ", ONE_PM)
    levels = {level.name: level for level in snapshot.indices}
    assert {"VIX", "VIX9D", "VIX3M", "VIX6M", "VVIX", "SKEW", "VIX1D"} == set(levels)
    assert (levels["VIX"].value, levels["VIX"].day) == (17.65, date(2026, 2, 11))
    assert levels["VIX"].known_at == datetime(2026, 2, 11, 21, 15, tzinfo=UTC)
    assert snapshot.rates is not None
    assert snapshot.rates.day == date(2026, 2, 10)  # of the 11th: published on the 12th after the close
    assert 0.03 < snapshot.rates.at(0.25) < 0.04
    assert snapshot.vix_history is not None
    assert snapshot.vix_history.source == "cboe vix"
    after = await yahoo.index("VIX", sessions.daily_known_at(date(2026, 2, 12)))
    assert not isinstance(after, Absent)
    assert after.day == date(2026, 2, 12)


async def test_spx_by_date_alone(spx: RecordedMarket) -> None:
    as_of = spx.snapshot_time(date(2019, 5, 21))
    assert as_of == datetime(2019, 5, 21, 20, 10, tzinfo=UTC)
    snapshot = await take_snapshot(spx, "SPX", as_of)
    chain = snapshot.chain
    assert chain is not None
    assert (snapshot.chain_lag_s, snapshot.spot, chain.exercise) == (0.0, 2864.37, Exercise.EUROPEAN)
    assert snapshot.instrument.kind is Kind.INDEX
    assert "stated 16:10 New York matched" in chain.source
    monthly = (chain.root == "SPX") & (chain.expiry == date(2019, 6, 21).toordinal())
    weekly = (chain.root == "SPXW") & (chain.expiry == date(2019, 6, 21).toordinal())
    assert monthly.sum() > 100
    assert weekly.sum() > 100
    assert set(chain.settles_at[monthly]) == {int(datetime(2019, 6, 21, 13, 30, tzinfo=UTC).timestamp())}
    assert set(chain.settles_at[weekly]) == {int(datetime(2019, 6, 21, 20, 0, tzinfo=UTC).timestamp())}
    assert chain.root.dtype.kind == "U"
    assert snapshot.daily is not None
    assert not snapshot.daily.adjusted
    assert len(snapshot.daily) == 7403  # every session since 1990
    assert snapshot.intraday is not None
    assert snapshot.intraday.interval is Interval.FIVE_MINUTES
    assert abs(snapshot.intraday.close[-1] / snapshot.spot - 1) < 5e-4


async def test_every_session_of_spx_gives_a_snapshot(spx: RecordedMarket) -> None:
    times = spx.snapshot_times(date(2019, 4, 1), date(2019, 7, 1))
    assert len(times) == 41
    for moment in times:
        snapshot = await take_snapshot(spx, "SPX", moment)
        chain = snapshot.chain
        assert chain is not None
        assert len(chain) > 12_000
        assert snapshot.intraday is not None
        assert (chain.settles_at > moment.timestamp()).all()


async def test_closing_quotes_are_marked(cboe: RecordedMarket) -> None:
    closing = {}
    for day in (date(2022, 1, 7), date(2022, 3, 23), date(2022, 7, 12), date(2023, 12, 8)):
        chain = await cboe.chain("SPX", cboe.snapshot_time(day))
        assert isinstance(chain, OptionChain)
        closing[day] = chain.closing
    assert list(closing.values()) == [True, False, False, True]
    at = cboe.snapshot_time(date(2022, 1, 7))
    assert (await take_snapshot(cboe, "SPX", at + timedelta(minutes=15))).chain_lag_s == 900
    with pytest.raises(StaleData, match="limit 15 min"):
        await take_snapshot(cboe, "SPX", at + timedelta(minutes=16))


def test_snapshot_times(yahoo: RecordedMarket, spx: RecordedMarket) -> None:
    stamps = yahoo.snapshot_times(date(2026, 2, 12), date(2026, 2, 12))
    assert [f"{moment.astimezone(sessions.NEW_YORK):%H:%M}" for moment in stamps] == ["10:10", "12:59"]
    assert yahoo.snapshot_time(date(2026, 2, 12)) == stamps[-1]
    with pytest.raises(DataAbsent, match="no chain of 2019-05-10; the nearest are of 2019-05-09 and 2019-05-13"):
        spx.snapshot_time(date(2019, 5, 10))


async def test_what_the_set_has_not_is_absent(yahoo: RecordedMarket) -> None:
    before = await yahoo.chain("SPY", sessions.new_york(date(2026, 2, 11), 11, 18))
    assert isinstance(before, Absent)
    for answer in (await yahoo.chain("GME", ONE_PM), await yahoo.instrument("GME", ONE_PM)):
        assert isinstance(answer, Absent)
        assert "holds AAPL, AMZN" in answer.why
    with pytest.raises(DataAbsent, match="GME"):
        await take_snapshot(yahoo, "GME", ONE_PM)
    assert isinstance(await yahoo.index("VXN", ONE_PM), Absent)
    assert isinstance(await yahoo.rates(datetime(1999, 1, 1, tzinfo=UTC)), Absent)
    assert isinstance(await yahoo.social("SPY", ONE_PM), Absent)


async def test_a_broken_store_is_a_failed_source(yahoo: RecordedMarket, store_dir: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    rows = Store(store_dir).chains("yahoo-2026-02", "SPY").collect()
    store.put_chain("small", "SPY", date(2026, 2, 12), rows.filter(pl.col("known_at") == pl.col("known_at").max()), "x")
    market = RecordedMarket(tmp_path, "small")
    (broken,) = (tmp_path / "small" / "chains" / "ticker=SPY" / "date=2026-02-12").glob("*.parquet")
    broken.write_bytes(b"PAR1")
    with pytest.raises(SourceFailed, match="Import the set again"):
        await RecordedMarket.chain(market, "SPY", ONE_PM)


def test_a_missing_set_says_what_to_do(tmp_path: Path, store_dir: Path) -> None:
    with pytest.raises(BadInput, match="parley data import PATH"):
        RecordedMarket(tmp_path / "nothing", "spx-2019")
    with pytest.raises(BadInput, match="it holds cboe-2022"):
        RecordedMarket(store_dir, "spx-2020")


async def test_one_market_answers_the_same_twice(store_dir: Path, yahoo: RecordedMarket) -> None:
    first = digest(await take_snapshot(yahoo, "TSLA", ONE_PM))
    assert digest(await take_snapshot(yahoo, "TSLA", ONE_PM)) == first
    fresh = RecordedMarket(store_dir, "yahoo-2026-02")
    assert digest(await take_snapshot(fresh, "TSLA", ONE_PM)) == first


@pytest.mark.parametrize(
    ("set_name", "tickers", "moment"),
    [
        ("yahoo-2026-02", SIX, sessions.new_york(date(2026, 2, 12), 10, 15)),
        ("spx-2019", ("SPX",), datetime(2019, 5, 21, 20, 10, tzinfo=UTC)),
        ("cboe-2022", ("SPX", "NDX"), datetime(2022, 2, 4, 21, 15, tzinfo=UTC)),
    ],
)
async def test_cutting_off_the_future_changes_nothing(
    store_dir: Path, cut: Callable[[Path, datetime], Path], set_name: str, tickers: tuple[str, ...], moment: datetime
) -> None:
    whole, past = RecordedMarket(store_dir, set_name), RecordedMarket(cut(store_dir, moment), set_name)
    for ticker in tickers:
        seen = await take_snapshot(whole, ticker, moment)
        assert digest(seen) == digest(await take_snapshot(past, ticker, moment)), ticker


async def test_the_gate_counts_what_it_drops(yahoo: RecordedMarket) -> None:
    snapshot = await take_snapshot(yahoo, "QQQ", ONE_PM)
    raw = await yahoo.chain("QQQ", ONE_PM)
    assert isinstance(raw, OptionChain)
    assert snapshot.chain is not None
    assert len(raw) - len(snapshot.chain) == int((raw.bid > raw.ask).sum()) == 7
    assert snapshot.quality is not None
    assert ("crossed", 7) in snapshot.quality.dropped
    assert not (snapshot.chain.bid > snapshot.chain.ask).any()
    assert np.isnan(raw.ask).sum() == 95


async def test_vendor_rows_survive_the_way_through_the_store(shared_data: Path, yahoo: RecordedMarket) -> None:
    vendor = pl.read_parquet(shared_data / "options" / "yahoo_chain_snapshots_2026-02.parquet").filter(
        (pl.col("underlying") == "AMZN") & (pl.col("quote_ts") == datetime.fromisoformat("2026-02-12 12:58"))
    )
    chain = await yahoo.chain("AMZN", ONE_PM)
    assert isinstance(chain, OptionChain)
    assert len(chain) == vendor.height
    for name in ("strike", "bid", "volume", "open_interest"):
        assert np.nansum(getattr(chain, name)) == pytest.approx(vendor[name].sum())
    assert chain.is_call.sum() == (vendor["right"] == "C").sum()
