"""Single converters on small files: stated times, quotes carried on, corporate actions, windows, what was not known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from domain.market import Interval
from tools import sessions
from tools.market.importers import (
    cboe_daily,
    close_chains,
    lean,
    lean_quotes,
    stocknet,
    trends,
    usdjpy,
    volatility,
    wsb,
    yahoo_chains,
)
from tools.market.store import Store


def naive(text: str) -> datetime:
    """A vendor's wall time, without zone as in its file."""
    return datetime.fromisoformat(text)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def daily_row(day: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "quote_ts": naive(day),
        "underlying": "SPY",
        "underlying_price": 690.0,
        "root": "SPY",
        "expiration": naive("2026-12-18"),
        "strike": 690.0,
        "right": "C",
        "last": 1.0,
        "volume": 5,
        "open_interest": 10,
        "iv": 0.2,
        "delta": 0.5,
    }
    return row | changes


def test_a_dated_chain_stands_at_the_close_half_days_at_one_and_holiday_copies_go(store: Store) -> None:
    frame = pl.DataFrame(
        [
            daily_row("2025-11-26"),
            daily_row("2025-11-27"),  # Thanksgiving: a copy of the day before
            daily_row("2025-11-28", underlying_price=None, iv=0.0, last=0.0),  # half day
            daily_row("2025-11-26", expiration=naive("2025-11-26"), strike=680.0),  # settled at that close
        ]
    )
    made = close_chains.convert_full(frame, store)
    assert made.chains is not None
    name, rows = made.chains
    assert name == "eod-2025"
    assert made.dropped == {"not a session": 1, "expired": 1}
    closes = [datetime(2025, 11, 26, 21, 0, tzinfo=UTC), datetime(2025, 11, 28, 18, 0, tzinfo=UTC)]
    assert rows["quoted_at"].to_list() == rows["known_at"].to_list() == closes
    assert rows["uncertainty_s"].to_list() == [300, 300]
    assert rows["closing"].to_list() == [False, False]
    assert rows["bid"].is_null().all()
    assert rows["ask"].is_null().all()
    assert rows.select("spot", "vendor_iv", "last").row(1) == (None, None, None)


def test_the_copy_of_a_holiday_is_dropped_as_no_session_whatever_states_its_time(store: Store) -> None:
    row = daily_row("2019-05-27", bid=1.0, ask=1.1, gamma=0.0, underlying="SPX", root="SPX")  # Memorial Day
    made = cboe_daily.convert(pl.DataFrame([row, row | {"quote_ts": naive("2019-05-28")}]), store)
    assert made.chains is not None
    assert made.dropped == {"not a session": 1}
    assert made.chains[1]["day"].to_list() == [date(2019, 5, 28)]


def quote(ts: str, strike: float, bid: float | None, ask: float | None, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "quote_ts": naive(ts),
        "underlying": "GOOG",
        "root": "GOOG",
        "expiration": naive("2026-03-20"),
        "strike": strike,
        "right": "C",
        "bid": bid,
        "ask": ask,
        "bid_size": 1.0,
        "ask_size": 2.0,
        "underlying_price": 700.0,
        "open_interest": 3.0,
    }
    return row | changes


def test_an_unchanged_quote_is_carried_on_within_the_day_and_never_back() -> None:
    frame = pl.DataFrame(
        [
            quote("2026-02-12 10:00", 700, 5.0, 5.2),
            quote("2026-02-12 10:05", 710, 1.0, 1.2, underlying_price=701.0),
            quote("2026-02-12 10:10", 700, None, 5.5, underlying_price=702.0),
            quote("2026-02-13 10:00", 710, 2.0, 2.2, underlying_price=703.0),
        ]
    )
    full = lean_quotes.carry(frame).sort("quote_ts", "strike")
    assert full.select(
        pl.col("quote_ts").dt.strftime("%d %H:%M"), "strike", "bid", "ask", "underlying_price"
    ).rows() == [
        ("12 10:00", 700.0, 5.0, 5.2, 700.0),
        ("12 10:05", 700.0, 5.0, 5.2, 701.0),
        ("12 10:05", 710.0, 1.0, 1.2, 701.0),
        ("12 10:10", 700.0, None, 5.5, 702.0),  # one-sided is what it is, not the older bid
        ("12 10:10", 710.0, 1.0, 1.2, 702.0),
        ("13 10:00", 710.0, 2.0, 2.2, 703.0),  # yesterday's 700 is not carried over night
    ]


def test_stamps_of_a_quarter_past_the_close_are_closing_quotes(store: Store) -> None:
    """Also on half days, where the close is at 13:00; a market that trades on has no closing quotes."""
    convert = next(layout.convert for layout in lean_quotes.LAYOUTS if layout.name == "lean-minute-quotes")
    stamps = ("2021-01-04 16:14", "2021-01-04 16:15", "2015-12-24 13:05", "2015-12-24 13:15")
    made = convert(pl.DataFrame([quote(stamp, 700, 5.0, 5.2) for stamp in stamps]), store)
    assert made.chains is not None
    found = dict(made.chains[1].sort("quoted_at").select("quoted_at", "closing").iter_rows())
    assert list(found.values()) == [False, True, False, True]
    es = [quote("2020-01-06 20:00", 3200, 5.0, 5.2, underlying="ES", root="ES202003", fut="202003")]
    late = lean_quotes.convert_futures(pl.DataFrame(es), store)
    assert late.chains is not None
    assert late.chains[1].select("closing", "root").row(0) == (False, "ES")


def test_options_on_two_futures_each_have_their_own_price_and_settle_at_the_opening_print(store: Store) -> None:
    rows = [
        quote(
            "2020-01-06 10:00",
            3200,
            60.0,
            61.0,
            underlying="ES",
            root="ES202003",
            fut="202003",
            underlying_price=3230.0,
        )
        | {"expiration": naive("2020-03-20")},
        quote(
            "2020-01-06 10:00",
            3200,
            90.0,
            91.0,
            underlying="ES",
            root="ES202006",
            fut="202006",
            underlying_price=3226.0,
        )
        | {"expiration": naive("2020-06-19")},
    ]
    made = lean_quotes.convert_futures(pl.DataFrame(rows), store)
    assert made.chains is not None
    found = made.chains[1].sort("expiry").select("root", "spot", "settles_at").rows()
    assert found == [
        ("ES", 3230.0, sessions.new_york(date(2020, 3, 20), 9, 30)),
        ("ES", 3226.0, sessions.new_york(date(2020, 6, 19), 9, 30)),
    ]


def test_what_is_fetched_after_hours_was_quoted_at_the_close_and_known_when_fetched(store: Store) -> None:
    row = daily_row("2026-08-19 22:46:55", bid=1.0, ask=1.1, gamma=0.01, theta=-0.05, vega=0.3)
    made = yahoo_chains.convert_greeks(pl.DataFrame([row, row | {"quote_ts": naive("2026-08-20 10:06:52")}]), store)
    assert made.chains is not None
    rows = made.chains[1].sort("known_at")
    assert rows["known_at"].to_list() == [
        datetime(2026, 8, 20, 2, 46, 55, tzinfo=UTC),
        datetime(2026, 8, 20, 14, 6, 52, tzinfo=UTC),
    ]
    assert rows["quoted_at"].to_list()[0] == datetime(2026, 8, 19, 20, 15, tzinfo=UTC)
    assert rows["quoted_at"].to_list()[1] == rows["known_at"].to_list()[1]
    assert rows["closing"].to_list() == [True, False]
    assert rows.select("vendor_gamma", "vendor_theta", "vendor_vega").row(0) == (0.01, -0.05, 0.3)


@pytest.mark.data
def test_dividends_and_splits_out_of_factors(store_dir: Path) -> None:
    """Apple paid $2.65 on 2012-08-09 and $0.82 on 2020-08-07; it split 7:1 on 2014-06-09 and 4:1 on 2020-08-31."""
    lazy = Store(store_dir).rows("actions", "AAPL")
    assert lazy is not None
    rows = {(row["kind"], row["day"]): row for row in lazy.collect().iter_rows(named=True)}
    assert rows["dividend", date(2012, 8, 9)]["amount"] == pytest.approx(2.65, abs=1e-2)
    assert rows["dividend", date(2020, 8, 7)]["amount"] == pytest.approx(0.82, abs=1e-2)
    splits = {day: row["ratio"] for (kind, day), row in rows.items() if kind == "split"}
    assert splits[date(2014, 6, 9)] == pytest.approx(7, abs=1e-3)
    assert splits[date(2020, 8, 31)] == 4.0
    assert rows["split", date(2014, 6, 9)]["known_at"] == sessions.new_york(date(2014, 6, 9), 9, 30)
    assert rows["split", date(2014, 6, 9)]["amount"] is None


def test_a_day_that_splits_and_pays_gives_both(store: Store) -> None:
    frame = pl.DataFrame(
        {
            "ticker": ["X", "X"],
            "date": [20200828, 20501231],
            "price_factor": [0.99, 1.0],
            "split_factor": [0.5, 1.0],
            "ref_price": [100.0, 0.0],
        }
    )
    made = lean.convert_factors(frame, store)
    ((shelf, rows),) = made.reference
    assert shelf == "actions"
    assert rows.sort("kind").select("kind", "day", "ratio", "amount").rows() == [
        ("dividend", date(2020, 8, 31), None, 1.0),
        ("split", date(2020, 8, 31), 2.0, None),
    ]
    assert (made.dropped, made.added) == ({"no action": 1}, {"split and dividend of one day": 1})


def test_a_trends_window_is_known_when_it_has_ended(store: Store) -> None:
    days = [naive("2020-08-02"), naive("2020-08-09")]
    weekly = pl.DataFrame({"term": ["a", "a"], "file": ["f", "f"], "date": days, "interest": [100, 7]})
    ((_, rows),) = trends.convert_weekly(weekly, store).reference
    assert rows["window"].to_list() == ["2020-08-02..2020-08-15"] * 2
    assert set(rows["known_at"]) == {datetime(2020, 8, 16, 4, 0, tzinfo=UTC)}  # midnight in New York
    halves = pl.DataFrame(
        {"ticker": ["T"] * 2, "date": [naive("2023-06-30"), naive("2024-03-31")], "interest": [100, 100]}
    )
    ((_, rows),) = trends.convert_daily(halves, store).reference
    assert rows["window"].to_list() == ["2023-01-01..2023-06-30", "2024-01-01..2024-06-30"]
    brands = pl.DataFrame(
        {
            "term": ["one: (United States)", "two: (United States)"],
            "granularity": ["Month", "Month"],
            "date": [naive("2024-01-01"), naive("2024-02-01")],
            "interest": [100.0, 0.5],
            "src": ["x", "x"],
        }
    )
    ((_, rows),) = trends.convert_brands(brands, store).reference
    assert rows["term"].to_list() == ["one", "two"]
    assert set(rows["window"]) == {"2024-01-01..2024-02-29"}  # one export, one scale


def test_the_hour_of_the_crowd_is_known_at_its_end_and_copied_bars_go(store: Store) -> None:
    hours = [naive("2021-01-27 13:00") + timedelta(hours=hour) for hour in range(3)]
    price = {"open_price": 10.0, "high_price": 12.0, "low_price": 9.0, "close_price": 11.0}
    rows = [
        {"hour": hour, "cnt_all_post": 100, "cnt_gme_post": count, "avg_gme_post_pos": 0.3, "avg_gme_post_neg": 0.1}
        | price
        | {"volume": volume}
        for hour, count, volume in zip(hours, (5, 0, 7), (50.0, 50.0, 60.0), strict=True)
    ]
    made = wsb.convert_hourly(pl.DataFrame(rows), store)
    ((_, social),) = made.reference
    assert social["start"].to_list()[0] == datetime(2021, 1, 27, 13, 0, tzinfo=UTC)
    assert social["known_at"].to_list()[0] == datetime(2021, 1, 27, 14, 0, tzinfo=UTC)
    assert social["sentiment"].to_list() == [pytest.approx(0.2), None, pytest.approx(0.2)]
    assert social["total"].to_list() == [100, 100, 100]
    ((interval, bars),) = made.bars
    assert interval is Interval.HOUR
    assert bars["volume"].to_list() == [50.0, 60.0]
    assert made.dropped == {"bar copied from the hour before": 1}
    assert bars["session"].to_list() == [False, True]  # 13:00 UTC is 08:00 in New York


def test_a_dated_post_stands_at_the_end_of_its_day_and_its_later_fame_is_not_kept(store: Store) -> None:
    url = "https://www.reddit.com/r/x/comments/abc/two_words/"
    frame = pl.DataFrame(
        {"date": [naive("2021-01-26")], "id": ["abc"], "url": [url], "score": [9], "num_comments": [4]}
    )
    ((_, rows),) = wsb.convert_dated_posts(frame, store).reference
    row = rows.row(0, named=True)
    assert (row["at"], row["known_at"]) == (datetime(2021, 1, 27, tzinfo=UTC),) * 2
    assert (row["title"], row["ticker"]) == ("two words", "GME")
    assert "score" not in rows.columns
    assert "comments" not in rows.columns


def test_tweets_are_counted_with_the_silence_of_others(store: Store) -> None:
    at = [naive("2014-01-02 10:00"), naive("2014-01-02 11:00"), naive("2014-01-03 10:00")]
    frame = pl.DataFrame(
        {"ticker": ["FB", "AAPL", "AAPL"], "created_at": at, "text": ["t"] * 3, "user_hash": ["u"] * 3}
    )
    made = stocknet.convert_tweets(pl.concat([frame, frame.head(1)]), store)
    (_, posts), (_, social) = made.reference
    assert made.dropped == {"duplicate": 1}
    assert posts["ticker"].to_list() == ["META", "AAPL", "AAPL"]
    assert posts["id"].n_unique() == 3
    counts = {
        (row[0], row[1].day): row[2:] for row in social.select("ticker", "start", "mentions", "total").iter_rows()
    }
    assert counts == {("META", 2): (1, 2), ("AAPL", 2): (1, 2), ("META", 3): (0, 1), ("AAPL", 3): (1, 1)}


def test_settlements_are_closes_alone_and_listed_maturities_only(store: Store) -> None:
    frame = pl.DataFrame({"date": [naive("2017-05-10")], **{f"M{rank}": [10.0 + rank] for rank in range(1, 9)}})
    made = volatility.convert_futures(frame.with_columns(M8=pl.lit(None, pl.Float64), M7=pl.lit(0.0)), store)
    ((_, rows),) = made.reference
    assert rows["ticker"].to_list() == ["VX1", "VX2", "VX3", "VX4", "VX5", "VX6"]
    assert rows["open"].is_null().all()
    assert set(rows["known_at"]) == {datetime(2017, 5, 10, 21, 0, tzinfo=UTC)}
    assert made.dropped == {"no sound prices": 1}


def test_the_brokers_day_is_five_to_five_in_new_york(store: Store) -> None:
    price = {"open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0], "tick_volume": [9]}
    ((_, day),) = usdjpy.convert_daily(pl.DataFrame({"date": [naive("2019-03-12")], **price}), store).bars
    assert day["start"].to_list() == [sessions.new_york(date(2019, 3, 11), 17, 0)]
    assert day["known_at"].to_list() == [sessions.new_york(date(2019, 3, 12), 17, 0)]
    ((_, hour),) = usdjpy.convert_hourly(pl.DataFrame({"ts": [naive("2019-03-12 16:00")], **price}), store).bars
    assert hour["start"].to_list() == [sessions.new_york(date(2019, 3, 12), 9, 0)]
    assert hour["volume"].to_list() == [None]


@pytest.mark.data
def test_the_brokers_clock_agrees_with_another_source(store_dir: Path) -> None:
    """Hourly closes of the broker lie on HistData's, in winter, in summer and in the weeks between the changes."""
    store = Store(store_dir)
    hourly, fine = store.bars("USDJPY", Interval.HOUR), store.bars("USDJPY", Interval.FIVE_MINUTES)
    assert hourly is not None
    assert fine is not None
    ends = fine.select("known_at", other="close").collect()
    both = hourly.select("known_at", "close").collect().join(ends, on="known_at")
    for first, last in (((2019, 1, 10), (2019, 3, 1)), ((2019, 3, 11), (2019, 3, 30)), ((2019, 5, 1), (2019, 9, 1))):
        part = both.filter(pl.col("known_at").dt.date().is_between(date(*first), date(*last)))
        assert part.height > 200
        apart = (part["close"] / part["other"] - 1).abs().median()
        assert isinstance(apart, float)
        assert apart < 1e-4
