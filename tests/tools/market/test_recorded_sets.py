"""The recorded market on the sets with gaps and defects of their own: no quotes, no spot, few contracts, futures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from domain.codec import digest
from domain.errors import BadChain
from domain.market import Absent, BarSeries, Exercise, Interval, Kind, OptionChain, Quotes, SocialCounts
from tools import sessions
from tools.market import attention
from tools.market.recorded import RecordedMarket
from tools.market.snapshot import take_snapshot

pytestmark = pytest.mark.data

JUNE_10 = sessions.new_york(date(2026, 6, 10), 16, 0)


@pytest.fixture(scope="module")
def archive(store_dir: Path) -> RecordedMarket:
    return RecordedMarket(store_dir, "eod-2026")


async def chain_of(market: RecordedMarket, ticker: str, as_of: datetime) -> OptionChain:
    found = await market.chain(ticker, as_of)
    assert isinstance(found, OptionChain)
    return found


async def test_the_daily_archive_has_no_quotes_and_stands_at_the_close(archive: RecordedMarket) -> None:
    days = archive.snapshot_times(date(2026, 5, 1), date(2026, 8, 31))
    assert len(days) == 47
    assert {f"{moment.astimezone(sessions.NEW_YORK):%H:%M}" for moment in days} == {"16:00"}
    assert archive.one_shot
    chain = await chain_of(archive, "SPY", JUNE_10)
    assert (chain.quotes, chain.uncertainty_s, chain.spot) == (Quotes.NONE, 300, 725.43)
    assert np.isnan(chain.bid).all()
    assert chain.bid_size is None
    assert np.isfinite(chain.vendor_iv).mean() > 0.9
    assert (chain.settles_at > JUNE_10.timestamp()).all()
    assert isinstance(await archive.chain("SPY", JUNE_10 - timedelta(seconds=1)), OptionChain)
    assert (await chain_of(archive, "SPY", JUNE_10 - timedelta(seconds=1))).quoted_at.date() == date(2026, 6, 9)


async def test_a_missing_spot_is_taken_from_a_bar_that_says_so_or_is_refused(archive: RecordedMarket) -> None:
    filled = await chain_of(archive, "QQQ", JUNE_10)
    assert filled.spot == pytest.approx(693.71, abs=1e-3)  # close of the bar that ended at 16:00
    assert filled.spot_at == JUNE_10
    assert "no price of QQQ in it, taken from yahoo 5m bars" in filled.source
    bare_at = sessions.new_york(date(2026, 6, 30), 16, 0)
    bare = await chain_of(archive, "MSFT", bare_at)  # no bars of MSFT reach this day
    assert np.isnan(bare.spot)
    assert "taken from" not in bare.source
    with pytest.raises(BadChain):
        await take_snapshot(archive, "MSFT", bare_at)


async def test_quotes_within_the_day_carry_their_sizes(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "lean-5min-2015")
    moments = market.snapshot_times(date(2015, 12, 24), date(2015, 12, 24))
    assert len(moments) == 43
    assert not market.one_shot
    chains = [await chain_of(market, "GOOG", moment) for moment in moments]
    sizes = [len(chain) for chain in chains]
    assert sizes[:-3] == sorted(sizes[:-3])  # once quoted, a contract stays
    assert sizes[40] == 2192
    assert sizes[-2:] == [2192 - 176, 2192 - 176]  # at 13:00 that day's options settled
    first = chains[0]
    assert first.bid_size is not None
    assert first.ask_size is not None
    assert np.nanmax(first.bid_size) > 10
    assert first.spot == pytest.approx(748.2, abs=1.5)


async def test_apple_before_its_split(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "lean-hourly-2014")
    at = sessions.new_york(date(2014, 6, 6), 15, 0)
    snapshot = await take_snapshot(market, "AAPL", at)
    assert snapshot.spot == 648.4
    assert snapshot.instrument.multiplier == 100
    assert snapshot.chain is not None
    assert snapshot.chain.strike.max() > 900
    assert snapshot.daily is not None
    assert 500 < snapshot.daily.close[-1] < 700  # raw, of those days' shares
    assert snapshot.instrument.sector is None  # no sector scheme of 2014 is known


async def test_minutes_of_a_few_contracts_without_a_price_of_the_index(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "lean-minute-2021")
    assert len(market.snapshot_times(date(2021, 1, 4), date(2021, 1, 14))) == 2430
    priced = await chain_of(market, "SPX", sessions.new_york(date(2021, 1, 14), 12, 0))
    assert 3780 < priced.spot < 3830
    bare = await chain_of(market, "SPX", sessions.new_york(date(2021, 1, 5), 12, 0))
    assert np.isnan(bare.spot)
    assert not bare.closing
    assert (await chain_of(market, "SPX", sessions.new_york(date(2021, 1, 4), 16, 15))).closing


async def test_options_on_the_future(store_dir: Path) -> None:
    market = RecordedMarket(store_dir, "es-2020-01")
    at = sessions.new_york(date(2020, 1, 6), 10, 0)
    instrument = await market.instrument("ES", at)
    assert not isinstance(instrument, Absent)
    assert (instrument.kind, instrument.multiplier, instrument.exercise) == (Kind.FUTURE, 50, Exercise.AMERICAN)
    chain = await chain_of(market, "ES", at)
    assert chain.multiplier == 50
    third_fridays = {sessions.new_york(day, 9, 30).timestamp() for day in (date(2020, 3, 20), date(2020, 6, 19))}
    assert set(chain.settles_at) == third_fridays
    assert 3210 < chain.spot < 3240  # the March future, the nearer of two
    assert not (await chain_of(market, "ES", sessions.new_york(date(2020, 1, 6), 20, 0))).closing


async def test_greeks_and_thin_chains(store_dir: Path) -> None:
    greeks = RecordedMarket(store_dir, "greeks-2026-07")
    after_hours = sessions.new_york(date(2026, 8, 19), 23, 0)
    chain = await chain_of(greeks, "NVDA", after_hours)
    assert chain.closing
    assert chain.quoted_at == sessions.new_york(date(2026, 8, 19), 16, 15)
    assert chain.known_at > chain.quoted_at
    earlier = await chain_of(greeks, "NVDA", chain.quoted_at)  # fetched at 22:46: not known at the close
    assert earlier.quoted_at.date() == date(2026, 7, 16)
    thin = RecordedMarket(store_dir, "thin-2021")
    crossed = await chain_of(thin, "SPY", sessions.new_york(date(2021, 9, 17), 16, 0))
    assert len(crossed) == 20
    assert int((crossed.bid > crossed.ask).sum()) == 17  # kept: judging them is the gate's
    october = RecordedMarket(store_dir, "yahoo-2020-10")
    assert october.snapshot_time(date(2020, 10, 5)) == datetime(2020, 10, 5, 20, 14, 59, tzinfo=UTC)


async def test_futures_of_the_vix_are_indices_with_closes_alone(archive: RecordedMarket) -> None:
    at = sessions.new_york(date(2017, 5, 11), 12, 0)
    level = await archive.index("VX1", at)
    assert not isinstance(level, Absent)
    assert level.day == date(2017, 5, 10)
    history = await archive.index_history("VX3", at, 100)
    assert isinstance(history, BarSeries)
    assert len(history) == 100
    assert np.isnan(history.open).all()
    assert np.isfinite(history.close).all()
    gone = await archive.index("VX1", sessions.new_york(date(2019, 1, 2), 12, 0))
    assert isinstance(gone, Absent)
    assert "2017-05-11" in gone.why


async def test_closes_alone_answer_only_where_no_full_bars_reach(archive: RecordedMarket) -> None:
    full = await archive.bars("EWJ", Interval.DAY, sessions.new_york(date(2022, 6, 1), 12, 0), 50)
    assert isinstance(full, BarSeries)
    assert (full.source, full.adjusted) == ("alpaca iex", True)
    assert np.isfinite(full.open).all()
    closes = await archive.bars("EWJ", Interval.DAY, sessions.new_york(date(2026, 7, 1), 12, 0), 50)
    assert isinstance(closes, BarSeries)
    assert (closes.source, closes.adjusted) == ("yahoo closes", True)
    assert np.isnan(closes.open).all()
    assert np.isfinite(closes.close).all()


async def test_the_crowd_as_of_a_moment(archive: RecordedMarket) -> None:
    at = datetime(2021, 1, 27, 15, 30, tzinfo=UTC)
    counts = await archive.social("GME", at)
    assert isinstance(counts, SocialCounts)
    assert (counts.source, counts.interval) == ("reddit wsb hourly", Interval.HOUR)
    assert counts.times[-1] == datetime(2021, 1, 27, 14, 0, tzinfo=UTC)
    assert counts.known_at == datetime(2021, 1, 27, 15, 0, tzinfo=UTC)
    assert (counts.mentions[-1], counts.totals[-1]) == (1.0, 5.0)
    assert at - counts.times[0] <= attention.REACH
    tesla = await archive.social("TSLA", at + timedelta(days=30))
    assert isinstance(tesla, SocialCounts)
    assert (tesla.source, tesla.interval) == ("reddit wsb daily", Interval.DAY)
    meta = await archive.social("META", datetime(2015, 6, 1, tzinfo=UTC))
    assert isinstance(meta, SocialCounts)
    assert meta.source == "stocknet"
    for ticker, moment, why in (
        ("GME", datetime(2024, 1, 2, tzinfo=UTC), "none after 2021-08"),
        ("GME", datetime(2019, 1, 2, tzinfo=UTC), "none known on 2019-01-02"),
        ("NOPE", at, "nothing is recorded of this name"),
    ):
        absent = await archive.social(ticker, moment)
        assert isinstance(absent, Absent)
        assert why in absent.why


def test_counts_without_totals_are_absent_and_say_so() -> None:
    start = [datetime(2026, 2, day, tzinfo=UTC) for day in (10, 11)]
    frame = pl.DataFrame(
        {
            "start": start,
            "known_at": [moment + timedelta(days=1) for moment in start],
            "interval": ["1d"] * 2,
            "mentions": [1.0, 2.0],
            "total": [None, None],
            "source": ["mine"] * 2,
        },
        schema_overrides={"total": pl.Float64},
    )
    moment = datetime(2026, 2, 12, tzinfo=UTC)
    found = attention.select(attention.counts(frame), "X", moment)
    assert isinstance(found, Absent)
    assert "mine has no totals of all posts" in found.why
    half = frame.with_columns(total=pl.Series([10.0, None]))
    some = attention.select(attention.counts(half), "X", moment)
    assert isinstance(some, SocialCounts)
    assert some.mentions == (1.0,)


@pytest.mark.parametrize(
    ("set_name", "ticker", "moment"),
    [
        ("eod-2026", "SPY", JUNE_10),
        ("lean-5min-2015", "GOOG", sessions.new_york(date(2015, 12, 24), 11, 0)),
        ("greeks-2026-07", "NVDA", sessions.new_york(date(2026, 7, 16), 11, 20)),
    ],
)
async def test_cutting_off_the_future_changes_nothing(
    store_dir: Path, cut: Callable[[Path, datetime], Path], set_name: str, ticker: str, moment: datetime
) -> None:
    whole, past = RecordedMarket(store_dir, set_name), RecordedMarket(cut(store_dir, moment), set_name)
    seen = await take_snapshot(whole, ticker, moment)
    assert digest(seen) == digest(await take_snapshot(past, ticker, moment))
