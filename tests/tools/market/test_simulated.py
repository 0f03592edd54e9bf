"""The simulated market: repeats to the bit, knows no future, is quoted without arbitrage, and pays what it says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from domain.codec import digest
from domain.errors import BadInput, DataAbsent, StaleData
from domain.market import Absent, BarSeries, IndexLevel, Interval, OptionChain, RateCurve, SocialCounts
from tools import sessions
from tools.market.open import open_market
from tools.market.simulated import bars as simulated_bars
from tools.market.simulated import indices as simulated_indices
from tools.market.simulated.carry import accrued, kept
from tools.market.simulated.market import SimulatedMarket
from tools.market.simulated.paths import closes, jumps, path
from tools.market.simulated.presets import PROFILES
from tools.market.snapshot import take_snapshot

ROOT = Path(__file__).resolve().parents[3]
NOON = sessions.new_york(date(2026, 6, 30), 12, 0)


async def chain_of(market: SimulatedMarket, ticker: str, moment: datetime) -> OptionChain:
    chain = await market.chain(ticker, moment)
    assert isinstance(chain, OptionChain)
    return chain


async def test_equal_presets_and_seeds_repeat_to_the_bit() -> None:
    at = SimulatedMarket("vrp", 7).last_session_middle()
    first = [digest(await take_snapshot(SimulatedMarket("vrp", 7), ticker, at)) for ticker in ("SPX", "NVDA")]
    closes.cache_clear()
    path.cache_clear()
    jumps.cache_clear()
    simulated_bars._daily.cache_clear()
    simulated_indices._daily.cache_clear()
    market = SimulatedMarket("vrp", 7)
    await chain_of(market, "NVDA", at - timedelta(days=700))  # whatever was asked before
    again = await asyncio.gather(*(take_snapshot(market, ticker, at) for ticker in ("NVDA", "SPX")))
    assert [digest(snapshot) for snapshot in reversed(again)] == first
    other = digest(await take_snapshot(SimulatedMarket("vrp", 8), "SPX", at))
    assert other != first[0]


def test_another_process_makes_the_same_bits() -> None:
    code = (
        "import asyncio\n"
        "from domain.codec import digest\n"
        "from tools.market.simulated.market import SimulatedMarket\n"
        "market = SimulatedMarket('planted:0.10', 9)\n"
        "print(digest(asyncio.run(market.chain('SPY', market.last_session_middle()))))\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4", "OMP_NUM_THREADS": "2"}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    market = SimulatedMarket("planted:0.10", 9)
    assert said.stdout.strip() == digest(asyncio.run(chain_of(market, "SPY", market.last_session_middle())))


async def test_the_preset_moves_quotes_and_not_prices() -> None:
    fair, vrp = SimulatedMarket("fair", 3), SimulatedMarket("vrp", 3)
    a, b = await chain_of(fair, "SPY", NOON), await chain_of(vrp, "SPY", NOON)
    assert a.spot == b.spot
    assert (a.strike == b.strike).all()
    straddle = np.abs(a.strike - a.spot) < 1
    assert (b.ask[straddle] > a.ask[straddle]).all()


async def test_a_snapshot_is_whole_labelled_and_of_its_moment() -> None:
    market = SimulatedMarket("vrp", 7)
    at = market.last_session_middle()
    assert at == datetime(2026, 6, 30, 16, 45, tzinfo=UTC)
    snapshot = await take_snapshot(market, "NVDA", at)
    assert snapshot.market == "simulated:vrp:7"
    assert snapshot.simulated
    assert snapshot.chain_lag_s == 0.0
    assert snapshot.daily is not None
    assert len(snapshot.daily) > 3 * 250
    assert snapshot.calendar.earnings_known
    assert any(event.kind == "earnings" and event.day > date(2026, 6, 30) for event in snapshot.calendar.events)
    assert snapshot.social is not None
    assert len(snapshot.social.times) == len(snapshot.social.mentions) == len(snapshot.social.totals) == 60
    assert {level.name for level in snapshot.indices} == {"VIX", "VIX9D", "VIX3M", "VIX6M"}
    assert snapshot.rates is not None
    year = float(accrued(at.timestamp() + 365 * 86400) - accrued(at.timestamp()))
    assert snapshot.rates.at(1.0) == pytest.approx(year, abs=1e-5)


@pytest.mark.parametrize("ticker", ["SPX", "TSLA"])
async def test_nothing_is_known_before_its_time(ticker: str) -> None:
    market = SimulatedMarket("fair", 5)
    for moment in (NOON, NOON + timedelta(hours=4), NOON + timedelta(hours=4, minutes=14), NOON + timedelta(hours=5)):
        stamp = moment.timestamp()
        for interval in Interval:
            bars = await market.bars(ticker, interval, moment, 500)
            assert isinstance(bars, BarSeries)
            assert (np.diff(bars.start) > 0).all()
            assert bars.known_at.max() <= stamp
            assert len(bars) == 500
            assert (bars.high >= np.maximum(bars.open, bars.close)).all()
            assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        vix = await market.index("VIX", moment)
        assert isinstance(vix, IndexLevel)
        assert vix.day == (date(2026, 6, 30) if moment >= NOON + timedelta(hours=4, minutes=15) else date(2026, 6, 29))
        for answer in (await market.rates(moment), await market.social(ticker, moment)):
            assert isinstance(answer, RateCurve | SocialCounts)
            assert answer.known_at <= moment
        for event in (await market.calendar(ticker, moment)).events:
            assert event.known_at <= moment
        assert (await chain_of(market, ticker, moment)).known_at <= moment


async def series(market: SimulatedMarket, ticker: str, interval: Interval, moment: datetime, count: int) -> BarSeries:
    found = await market.bars(ticker, interval, moment, count)
    assert isinstance(found, BarSeries)
    return found


@pytest.mark.parametrize("day", [date(2026, 6, 30), date(2025, 11, 28)])
@pytest.mark.parametrize(
    ("interval", "minutes"), [(Interval.FIVE_MINUTES, 5), (Interval.FIFTEEN_MINUTES, 15), (Interval.HOUR, 60)]
)
async def test_coarse_bars_are_made_of_minutes(day: date, interval: Interval, minutes: int) -> None:
    market = SimulatedMarket("fair", 2)
    opened, closed = sessions.open_close(day)
    length = (closed - opened).seconds // 60
    fine = await series(market, "QQQ", Interval.MINUTE, closed, length)
    coarse = await series(market, "QQQ", interval, closed, -(-length // minutes))
    assert fine.start[0] == coarse.start[0] == int(opened.timestamp())
    for at in range(len(coarse)):
        part = slice(at * minutes, (at + 1) * minutes)
        assert (coarse.open[at], coarse.close[at]) == (fine.open[part][0], fine.close[part][-1])
        assert (coarse.high[at], coarse.low[at]) == (fine.high[part].max(), fine.low[part].min())
        assert coarse.volume[at] == fine.volume[part].sum()
        assert coarse.known_at[at] == fine.known_at[part][-1]
    whole = await series(market, "QQQ", Interval.DAY, closed + timedelta(minutes=15), 1)
    assert (whole.open[0], whole.close[0]) == (fine.open[0], fine.close[-1])
    assert (whole.high[0], whole.low[0]) == (fine.high.max(), fine.low.min())
    assert whole.volume[0] == fine.volume.sum()


async def test_bars_do_not_depend_on_how_many_are_asked_for() -> None:
    market = SimulatedMarket("fair", 2)
    for interval in (Interval.MINUTE, Interval.FIVE_MINUTES, Interval.HOUR):
        few, many = [await series(market, "TSLA", interval, NOON, count) for count in (7, 900)]
        assert (many.close[-7:] == few.close).all()
        assert (many.volume[-7:] == few.volume).all()
        assert (many.start[-7:] == few.start).all()
        assert len(many) == 900


async def test_the_quotes_spot_is_the_last_bars_close() -> None:
    market = SimulatedMarket("fair", 2)
    fine = await series(market, "QQQ", Interval.FIVE_MINUTES, NOON, 3)
    assert (await chain_of(market, "QQQ", NOON)).spot == fine.close[-1]


async def test_half_days_are_short() -> None:
    market = SimulatedMarket("fair", 2)
    day = date(2025, 11, 28)
    bars = await market.bars("SPY", Interval.FIVE_MINUTES, sessions.new_york(day, 18, 0), 50)
    assert isinstance(bars, BarSeries)
    starts = [datetime.fromtimestamp(int(start), UTC).astimezone(sessions.NEW_YORK) for start in bars.start]
    assert [f"{start:%d %H:%M}" for start in starts[-42:]][:1] == ["28 09:30"]
    assert f"{starts[-1]:%d %H:%M}" == "28 12:55"
    assert market.snapshot_time(day) == sessions.new_york(day, 12, 45)
    assert (await chain_of(market, "SPY", sessions.new_york(day, 18, 0))).quoted_at == sessions.new_york(day, 13, 0)


async def test_quotes_come_every_five_minutes_and_grow_stale_after_the_close() -> None:
    market = SimulatedMarket("fair", 2)
    assert (await chain_of(market, "SPY", NOON + timedelta(seconds=299))).quoted_at == NOON
    assert (await chain_of(market, "SPY", NOON + timedelta(seconds=300))).quoted_at == NOON + timedelta(seconds=300)
    with pytest.raises(StaleData, match="60 min old"):
        await take_snapshot(market, "SPY", sessions.new_york(date(2026, 6, 30), 17, 0))


@pytest.mark.parametrize("ticker", ["SPX", "SPY", "NVDA"])
@pytest.mark.parametrize(
    "moment", [NOON, sessions.new_york(date(2024, 6, 21), 9, 30), sessions.new_york(date(2024, 6, 20), 15, 55)]
)
async def test_quotes_hold_no_arbitrage(ticker: str, moment: datetime) -> None:
    """Parity within the quotes; no vertical, butterfly or box that pays at bid and ask."""
    chain = await chain_of(SimulatedMarket("vrp", 11), ticker, moment)
    assert (chain.bid <= chain.ask).all()
    assert (chain.ask > 0).all()
    assert (chain.settles_at > moment.timestamp()).all()
    seconds = chain.settles_at - moment.timestamp()
    discount = np.exp(accrued(moment.timestamp()) - accrued(moment.timestamp() + seconds))
    american = chain.exercise == "american"
    for key in {(root, expiry) for root, expiry in zip(chain.root.tolist(), chain.expiry.tolist(), strict=True)}:
        rows = (chain.root == key[0]) & (chain.expiry == key[1])
        strike, bid, ask = (getattr(chain, name)[rows] for name in ("strike", "bid", "ask"))
        calls, puts = chain.is_call[rows], ~chain.is_call[rows]
        k = strike[calls]
        assert (k == strike[puts]).all()
        assert (np.diff(k) > 0).all()
        share = kept(ticker, int(moment.timestamp()), int(chain.settles_at[rows][0]))
        years = seconds[rows][calls] / (365 * 86400)
        prepaid = chain.spot * share * np.exp(-PROFILES[ticker].carry * years)
        slack = 0.011  # the spot is shown in cents
        low, high = (prepaid - k, chain.spot - k * discount[rows][calls])
        if not american:
            low = high = prepaid - k * discount[rows][calls]
        assert (bid[calls] - ask[puts] <= high + slack).all()
        assert (ask[calls] - bid[puts] >= low - slack).all()
        assert (bid[calls][1:] <= ask[calls][:-1]).all()
        assert (bid[puts][:-1] <= ask[puts][1:]).all()
        assert (bid[calls][:-1] - ask[calls][1:] <= np.diff(k) + 1e-9).all()
        left, right = np.diff(k)[:-1], np.diff(k)[1:]
        body = bid[calls][1:-1] * (left + right)
        assert (body <= ask[calls][:-2] * right + ask[calls][2:] * left + 1e-9).all()


async def test_a_listed_contract_stays_listed_until_it_settles() -> None:
    market = SimulatedMarket("fair", 4)
    held: dict[tuple[str, int, float, bool], int] = {}
    for day in sessions.between(date(2026, 4, 1), date(2026, 4, 17)):
        moment = sessions.new_york(day, 11, 0)
        chain = await chain_of(market, "AMZN", moment)
        keys = zip(
            chain.root.tolist(), chain.expiry.tolist(), chain.strike.tolist(), chain.is_call.tolist(), strict=True
        )
        now = dict(zip(keys, chain.settles_at.tolist(), strict=True))
        lost = [key for key, settles in held.items() if settles > moment.timestamp() and key not in now]
        assert lost == []
        held |= now


async def test_listings_settle_as_their_roots_do() -> None:
    chain = await chain_of(SimulatedMarket("fair", 4), "SPX", sessions.new_york(date(2026, 6, 10), 12, 0))
    june = date(2026, 6, 18).toordinal()  # the third Friday is Juneteenth
    for root, hour in (("SPX", 9), ("SPXW", 16)):
        rows = (chain.root == root) & (chain.expiry == june)
        assert rows.any()
        local = {datetime.fromtimestamp(stamp, sessions.NEW_YORK).hour for stamp in chain.settles_at[rows].tolist()}
        assert local == {hour}
    assert set(chain.expiry[chain.root == "SPX"]) < set(chain.expiry[chain.root == "SPXW"])


async def test_the_chain_looks_like_a_recorded_one() -> None:
    chain = await chain_of(SimulatedMarket("vrp", 7), "SPX", NOON)
    assert 8_000 < len(chain) < 25_000
    assert 0.03 < (chain.bid == 0).mean() < 0.2
    assert ((chain.open_interest == 0) & (chain.volume == 0)).mean() > 0.05
    assert np.isnan(chain.last[chain.volume == 0]).all()
    near = np.abs(chain.strike / chain.spot - 1) < 0.02
    month = (chain.settles_at - NOON.timestamp()) / 86400
    rows = near & (month > 20) & (month < 35) & ((chain.strike > chain.spot) == chain.is_call)
    share = 2 * (chain.ask - chain.bid)[rows] / (chain.ask + chain.bid)[rows]
    assert 0.008 < np.median(share) < 0.03  # SPX 2019, 8-35 days, near the money: 1.5 %


def test_snapshot_times_are_two_a_session() -> None:
    """An order of the first can wait for the quotes of the second: it ends with its session."""
    market = SimulatedMarket("fair", 1)
    times = market.snapshot_times(date(2025, 11, 24), date(2025, 11, 30))
    assert [f"{moment.astimezone(sessions.NEW_YORK):%d %H:%M}" for moment in times] == [
        "24 10:30",
        "24 15:45",
        "25 10:30",
        "25 15:45",
        "26 10:30",
        "26 15:45",
        "28 10:30",
        "28 12:45",
    ]
    for day in (date(2025, 11, 27), date(2020, 1, 2)):
        with pytest.raises(DataAbsent, match="no session"):
            market.snapshot_time(day)


async def test_what_is_not_simulated_is_absent() -> None:
    market = SimulatedMarket("fair", 1)
    early = sessions.new_york(date(2021, 6, 1), 12, 0)
    answers = [
        await market.instrument("GME", NOON),
        await market.chain("GME", NOON),
        await market.chain("SPY", early),
        await market.bars("GME", Interval.DAY, NOON, 5),
        await market.bars("SPY", Interval.DAY, early, 5),
        await market.index("SKEW", NOON),
        await market.index("VIX", early),
        await market.rates(early),
        await market.social("GME", NOON),
        await market.social("SPY", early),
    ]
    assert all(isinstance(answer, Absent) for answer in answers)
    assert not (await market.calendar("GME", NOON)).earnings_known
    spy = await market.calendar("SPY", NOON)
    assert spy.earnings_known
    assert not any(event.kind == "earnings" for event in spy.events)


def test_markets_open_by_name(tmp_path: Path) -> None:
    assert open_market("simulated", tmp_path, 5).label == "simulated:fair:5"
    assert open_market("simulated:vrp", tmp_path, 5).label == "simulated:vrp:5"
    assert open_market("simulated:vrp:7", tmp_path, 5).label == "simulated:vrp:7"
    assert open_market("simulated:planted:0.10", tmp_path, 5).label == "simulated:planted:0.10:5"
    assert open_market("simulated:planted:-0.10:7", tmp_path, 5).label == "simulated:planted:-0.10:7"
    for name, what in (
        ("simulated:boom", "no simulator preset 'boom'"),
        ("simulated:planted", "'' in the preset 'planted' is no edge"),
        ("simulated:planted:much:7", "'much' in the preset"),
        ("simulated:planted:0.9:7", "cannot be planted"),
        ("simulated:planted:nan:7", "cannot be planted"),
        ("simulated:planted:0.1:x", "is no seed"),
        ("simulated:planted:0.1:7:8", "there is no market"),
        ("simulated:vrp:x", "is no seed"),
        ("simulated:vrp:-1", "is no seed"),
        ("simulated:vrp:7:8", "there is no market"),
        ("recorded", "there is no market"),
        ("recorded:", "there is no market"),
        ("live", "there is no market"),
        ("recorded:spx-2019", "parley data import PATH"),
    ):
        with pytest.raises(BadInput, match=what):
            open_market(name, tmp_path, 5)
    with pytest.raises(BadInput, match="zero or more"):
        SimulatedMarket("fair", -1)


def test_every_profile_is_complete() -> None:
    assert set(PROFILES) == {"SPY", "QQQ", "SPX", "IWM", "NVDA", "AAPL", "TSLA", "AMZN", "META", "MSFT"}
    for ticker in PROFILES:
        walk = path(9, ticker)
        assert np.isfinite(walk.price).all()
        assert (walk.price > 0).all()
        assert (walk.variance > 0).all()
