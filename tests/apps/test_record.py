"""`parley record` against loopback sources: one pass, duplicates, a source that is down, a clean end."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from apps.cli.exits import Exit
from apps.cli.recording import AFTER_CLOSE, _go_on, after, next_pass
from apps.doctor import _market, _market_advice
from apps.settings import load
from domain.errors import SourceFailed
from tests.apps.conftest import Parley, Said
from tests.servers import cboe, loopback
from tests.servers.cboe import LoopbackCboe
from tools import sessions
from tools.clock import ManualClock, SystemClock
from tools.market.collecting import Round
from tools.market.live import LiveMarket
from tools.market.recording import Kept
from tools.market.store import Store

NOW = SystemClock().now()


def payload(bid: float = 1.0) -> dict[str, Any]:
    """A chain of SPY traded twenty minutes ago."""
    traded_at = NOW - timedelta(minutes=20)
    expiry = sessions.on_or_before(NOW.date() + timedelta(days=30))
    rows = [
        cboe.option("SPY", expiry, is_call, strike, traded_at, bid=bid)
        for strike in (670.0, 680.0, 690.0)
        for is_call in (True, False)
    ]
    return cboe.chain("SPY", rows, spot=680.0, spot_at=traded_at, shown_at=NOW - timedelta(minutes=5))


@pytest.fixture
async def quotes() -> AsyncIterator[LoopbackCboe]:
    async with LoopbackCboe() as server:
        server.chain("SPY", payload())
        yield server


class Desk:
    """Runs `parley record` with the sources at a loopback server, while the server serves."""

    def __init__(self, parley: Parley, server: LoopbackCboe) -> None:
        self._parley = parley
        self.sources = json.dumps(
            {
                **{name: ["cboe"] for name in ("chains", "greeks", "indices")},
                **{name: ["store"] for name in ("bars", "rates")},
                "events": ["shipped"],
                "cboe_url": server.url,
                "attempts": 1,
                "timeout_s": 5,
            }
        )

    async def record(self, *words: str) -> Said:
        return await asyncio.to_thread(self._parley, "record", *words, PARLEY_SOURCES=self.sources)


@pytest.fixture
def desk(alone: Parley, quotes: LoopbackCboe) -> Desk:
    return Desk(alone, quotes)


def chains_of(said: Said) -> list[dict[str, Any]]:
    return [one for one in said.document["kept"] if one["what"].startswith("chain")]


async def test_a_pass_appends_and_a_second_one_finds_it_held(desk: Desk, alone: Parley, quotes: LoopbackCboe) -> None:
    first = await desk.record("spy", "--json")
    assert first.code == 0, first.err
    (chain,) = chains_of(first)
    assert (chain["what"], chain["source"], chain["written"], chain["held"]) == ("chain SPY", "cboe", 6, 0)
    vix = [one for one in first.document["in_vain"] if one["datum"] == "VIX"]
    assert vix[0]["failed"] == ["cboe: absent, unknown symbol"]
    second = await desk.record("SPY", "--json", "--once")
    assert [(one["written"], one["held"]) for one in chains_of(second)] == [(0, 6)]
    store = Store(alone.home / "data" / "store")
    day = (NOW - timedelta(minutes=20)).astimezone(sessions.NEW_YORK).date()
    assert len(store.chain_moments("live", "SPY", day)) == 1
    quotes.chain("SPY", payload(bid=1.1))
    said = await desk.record("SPY")
    assert said.code == 0
    assert "chains of 1 of 1 tickers, 1 new" in said.out
    assert "VIX: nobody answered; in vain cboe: absent, unknown symbol" in said.out
    assert len(store.chain_moments("live", "SPY", day)) == 2


async def test_a_source_that_is_down_is_an_environment_and_an_unknown_ticker_a_refusal(
    desk: Desk, quotes: LoopbackCboe
) -> None:
    quotes.chain("SPY", loopback.status(503))
    down = await desk.record("SPY")
    assert down.code == 5
    assert "chain SPY: nobody answered; in vain cboe: a server error (HTTP 503)" in " ".join(down.out.split())
    assert "nothing new" in down.out
    unknown = await desk.record("NOSUCH", "--json")
    assert (unknown.code, unknown.document["exit"]) == (1, 1)
    quotes.chain("SPY", payload(bid=1.2))
    assert (await desk.record("SPY", "NOSUCH")).code == 0


async def test_what_makes_no_sense_is_refused(desk: Desk) -> None:
    for words in (("--market", "simulated:vrp"), ("--once", "--every", "5"), ("--every", "0")):
        assert (await desk.record("SPY", *words)).code == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_goes_on_until_it_is_interrupted_and_ends_cleanly(
    desk: Desk, alone: Parley, how: signal.Signals
) -> None:
    """In session hours after its first pass, outside them while it waits for the open."""
    process = alone.start("record", "SPY", "--every", "60", "--json", PARLEY_SOURCES=desk.sources)
    waits = next_pass(SystemClock().now()) > SystemClock().now()
    stream = process.stderr if waits else process.stdout
    assert stream is not None
    line = await asyncio.to_thread(stream.readline)
    assert "recording goes on" in line if waits else json.loads(line)["exit"] == 0
    process.send_signal(how)
    _, shown = await asyncio.to_thread(process.communicate, None, 60)
    assert process.returncode == 0
    assert "interrupted; what was received is kept" in shown


class Counted:
    """A market that notes when it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[datetime] = []

    async def collect(self, tickers: tuple[str, ...], *, force: bool = False) -> Round:
        self.asked.append(self.clock.now())
        return Round((Kept("chain SPY", "one", 1, 0, 0, self.clock.now()),))


async def test_a_day_of_recording(capsys: pytest.CaptureFixture[str]) -> None:
    """Begun before the open of a half day: passes from the open on, the last a while after the close, then none."""
    clock, stop = ManualClock(at(FRIDAY, 8, 0)), asyncio.Event()
    market = Counted(clock)
    working = asyncio.create_task(_go_on(cast(LiveMarket, market), ("SPY",), clock, timedelta(hours=1), stop, True))
    for _ in range(24):
        for _ in range(10):
            await asyncio.sleep(0)
        clock.advance(timedelta(minutes=20))
    for _ in range(10):
        await asyncio.sleep(0)
    stop.set()
    assert await working is Exit.OK
    assert [f"{moment.astimezone(sessions.NEW_YORK):%H:%M}" for moment in market.asked] == [
        "09:40", "10:40", "11:40", "12:40", "13:20",
    ]  # fmt: skip
    said = capsys.readouterr()
    assert [json.loads(line)["exit"] for line in said.out.splitlines()] == [0] * 5
    assert "recording goes on 2026-11-30 14:30 UTC" in said.err


async def test_the_doctor_asks_the_sources_of_a_live_market(desk: Desk, alone: Parley, quotes: LoopbackCboe) -> None:
    quotes.quote("VIX", {**payload(), "symbol": "_VIX", "data": {"symbol": "_VIX", "current_price": 17.25}})
    wanted = load({"PARLEY_SOURCES": desk.sources, "PARLEY_MARKET": "live", "PARLEY_DATA_DIR": str(alone.home)})
    assert (await _market(wanted)).startswith("live (delayed): cboe: VIX 17.25, shown ")
    quotes.quote("VIX", loopback.status(503))
    with pytest.raises(SourceFailed, match="no source of chains answers: cboe fails: a server error"):
        await _market(wanted)
    assert "network" in _market_advice(wanted)


def test_pruning_tells_how_much_went(alone: Parley) -> None:
    assert alone("data", "prune", "--json").document == {"pruned": 0, "watch_days": 30}
    assert "0 watch ticks older than 7 days" in alone("data", "prune", PARLEY_WATCH_DAYS="7").out


FRIDAY = date(2026, 11, 27)  # a half day: the exchange closes at 13:00


def at(day: date, hour: int, minute: int) -> datetime:
    return sessions.new_york(day, hour, minute)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (at(FRIDAY, 6, 0), at(FRIDAY, 9, 30)),
        (at(FRIDAY, 11, 1), at(FRIDAY, 11, 1)),
        (at(FRIDAY, 13, 20), at(FRIDAY, 13, 20)),
        (at(FRIDAY, 13, 21), at(date(2026, 11, 30), 9, 30)),
        (at(date(2026, 11, 28), 12, 0), at(date(2026, 11, 30), 9, 30)),
        (at(date(2026, 11, 26), 12, 0), at(FRIDAY, 9, 30)),  # Thanksgiving
    ],
)
def test_passes_are_made_in_session_hours(now: datetime, then: datetime) -> None:
    assert next_pass(now) == then.astimezone(UTC)


def test_the_last_pass_of_a_day_is_a_while_after_the_close() -> None:
    every = timedelta(minutes=15)
    end = at(FRIDAY, 13, 0) + AFTER_CLOSE
    assert after(at(FRIDAY, 11, 0), every) == at(FRIDAY, 11, 15)
    assert after(at(FRIDAY, 13, 10), every) == end
    assert next_pass(after(end, every)) == at(date(2026, 11, 30), 9, 30)
