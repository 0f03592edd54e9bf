"""The live market whole: sources over loopback sockets, the record, a snapshot. Faults end in a fall-back that is named
or in a refusal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import SourceFailed, StaleData
from domain.market import BarSeries, Interval, MarketSnapshot
from quant.vanilla.black import black76
from tests.servers import cboe, loopback, yahoo
from tests.servers.cboe import LoopbackCboe
from tests.servers.treasury import LoopbackTreasury, table
from tests.servers.yahoo import LoopbackYahoo
from tests.tools.market.feeds import DAY, day_starts, ny
from tools import sessions
from tools.clock import SystemClock
from tools.market.collecting import Allowed
from tools.market.live import LiveMarket
from tools.market.open import open_live, open_market
from tools.market.snapshot import take_snapshot
from tools.market.sources.asking import Patience
from tools.market.sources.open import open_sources

SPOT = 680.0
STRIKES = tuple(float(strike) for strike in range(640, 725, 5))
EXPIRIES = (date(2026, 2, 20), date(2026, 3, 20))
ALLOWED = Allowed(
    chains=("cboe", "yahoo"),
    greeks=("cboe", "yahoo"),
    bars=("yahoo", "store"),
    indices=("cboe", "store"),
    rates=("treasury", "store"),
    events=("file", "shipped", "yahoo"),
)


class Moved(SystemClock):
    """The wall clock, set so that the first look was at ten o'clock of the day of the payloads."""

    def __init__(self) -> None:
        self._shift = super().now() - ny(10, 0)

    def now(self) -> datetime:
        return super().now() - self._shift

    def jump(self, by: timedelta) -> None:
        self._shift -= by


def quoted(make: Any, traded_at: datetime, **changes: Any) -> list[dict[str, Any]]:
    rows = []
    for expiry in EXPIRIES:
        years = (sessions.settles_at("SPY", expiry) - traded_at).total_seconds() / (365 * 86400)
        for strike in STRIKES:
            for is_call in (True, False):
                fair = round(float(black76(SPOT, strike, years, 0.2, 1.0, is_call)), 2)
                bid, ask = max(round(fair - 0.02, 2), 0.0), round(fair + 0.03, 2)
                rows.append(make("SPY", expiry, is_call, strike, traded_at, bid=bid, ask=ask, **changes))
    return rows


class Street:
    """Three servers, a clock and the market over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Moved()
        self.cboe, self.yahoo, self.treasury = LoopbackCboe(), LoopbackYahoo(), LoopbackTreasury()

    def fill(self, traded_at: datetime) -> None:
        spot = {"spot": SPOT, "spot_at": traded_at}
        shown_at = self.clock.now() - timedelta(seconds=2)
        self.cboe.chain("SPY", cboe.chain("SPY", quoted(cboe.option, traded_at), shown_at=shown_at, **spot))
        days = sessions.between(date(2025, 12, 1), date(2026, 2, 11))
        self.cboe.history("VIX", cboe.history("VIX", [(day, 17.0, 18.0, 16.0, 17.5) for day in days]))
        self.yahoo.chain("SPY", quoted(yahoo.contract, traded_at), **spot)
        self.yahoo.bars("SPY", "1d", [(day, 680.0, 682.0, 678.0, 681.0, 5e7) for day in (*days, DAY)])
        five = [ny(9, 30) + timedelta(minutes=5 * i) for i in range(7)]
        self.yahoo.bars("SPY", "5m", [(start, 680.0, 680.5, 679.5, 680.0, 1e5) for start in five])
        self.treasury.year(2026, table({date(2026, 2, 11): {"3 Mo": 3.7, "1 Yr": 3.5, "10 Yr": 4.1}}))

    def market(self, allowed: Allowed = ALLOWED, **urls: str) -> LiveMarket:
        named = {"cboe_url": self.cboe.url, "yahoo_url": self.yahoo.url, "treasury_url": self.treasury.url, **urls}
        sources = open_sources(self.clock, timeout_s=2.0, **named)
        patience = Patience(timeout_s=2.0, attempts=2, base_s=0.01)
        return open_live(self.folder, self.clock, allowed, sources, None, patience=patience)


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    made = Street(tmp_path / "store")
    async with made.cboe, made.yahoo, made.treasury:
        made.fill(ny(9, 59, 50))
        yield made


async def look(street: Street, market: LiveMarket) -> MarketSnapshot:
    await market.refresh(("SPY",), force=True)
    return await take_snapshot(market, "SPY", street.clock.now())


async def test_a_snapshot_off_the_wire_by_way_of_the_record(street: Street) -> None:
    market = street.market()
    try:
        seen = await look(street, market)
    finally:
        await market.close()
    assert seen.chain is not None
    assert (seen.market, seen.simulated, seen.chain.source, seen.chain.delayed) == ("live", False, "cboe", True)
    assert len(seen.chain) == len(STRIKES) * 2 * 2
    assert {use.datum for use in seen.sources} & {"chain", "Greeks", "1d bars", "5m bars", "rates", "VIX"} == set()
    assert isinstance(seen.daily, BarSeries)
    assert len(seen.daily) == len(day_starts(date(2025, 12, 1), date(2026, 2, 11)))
    assert isinstance(seen.intraday, BarSeries)
    assert seen.intraday.interval is Interval.FIVE_MINUTES
    assert {level.name: level.value for level in seen.indices} == {"VIX": 17.5}
    assert seen.rates is not None
    assert seen.rates.day == date(2026, 2, 11)
    again = open_market("recorded:live", street.folder, 0)
    replay = await take_snapshot(again, "SPY", seen.as_of)
    assert replay.chain is not None
    assert replay.chain.bid.tolist() == seen.chain.bid.tolist()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (loopback.status(429), "too many requests"),
        (loopback.status(503), "a server error"),
        (loopback.hang(), "no answer within 2 s"),
        (loopback.page(), ""),
        (loopback.half({"timestamp": "2026-02-12 14:59:00", "data": {"options": [1] * 50}}), ""),
    ],
)
async def test_a_fault_ends_in_a_fall_back_that_is_named(street: Street, fault: loopback.Behaviour, why: str) -> None:
    street.cboe.chain("SPY", fault)
    market = street.market()
    try:
        seen = await look(street, market)
    finally:
        await market.close()
    assert seen.chain is not None
    assert seen.chain.source.startswith("yahoo")
    (use,) = (use for use in seen.sources if use.datum == "chain")
    assert use.source == "yahoo"
    assert use.failed[0].startswith(f"cboe: {why}")


@pytest.mark.parametrize("wrong", ["symbol", "tomorrow"])
async def test_an_answer_about_something_else_is_not_used(street: Street, wrong: str) -> None:
    shown_at = street.clock.now() - timedelta(seconds=2)
    traded_at = ny(9, 59, 50) + (timedelta(days=1) if wrong == "tomorrow" else timedelta())
    payload = cboe.chain(
        "SPY" if wrong != "symbol" else "QQQ",
        quoted(cboe.option, traded_at),
        spot=SPOT,
        spot_at=traded_at,
        shown_at=shown_at + (timedelta(days=1) if wrong == "tomorrow" else timedelta()),
    )
    street.cboe.chain("SPY", payload)
    market = street.market()
    try:
        seen = await look(street, market)
    finally:
        await market.close()
    assert seen.chain is not None
    assert seen.chain.source.startswith("yahoo")


async def test_prices_in_another_currency_are_named_and_never_used(street: Street) -> None:
    """A listing that changed its currency: the next source stands in, and with none left the ticker is refused."""
    traded_at = ny(9, 59, 50)
    foreign = quoted(yahoo.contract, traded_at, currency="EUR")
    street.yahoo.chain("SPY", foreign, spot=SPOT, spot_at=traded_at, currency="EUR")
    yahoo_first = ALLOWED._replace(chains=("yahoo", "cboe"))
    market = street.market(yahoo_first)
    try:
        seen = await look(street, market)
    finally:
        await market.close()
    assert seen.chain is not None
    assert seen.chain.source.startswith("cboe")
    (use,) = (use for use in seen.sources if use.datum == "chain")
    assert use.failed == ("yahoo: SPY in EUR, not USD",)
    street.folder = street.folder / "empty"
    alone = street.market(ALLOWED._replace(chains=("yahoo",)))
    try:
        with pytest.raises(SourceFailed, match="no chain of SPY: yahoo: SPY in EUR, not USD"):
            await look(street, alone)
    finally:
        await alone.close()


async def test_yesterdays_quotes_are_refused_by_their_age(street: Street) -> None:
    street.fill(ny(15, 59, day=date(2026, 2, 11)))
    market = street.market()
    try:
        with pytest.raises(StaleData, match="SPY's newest chain is"):
            await look(street, market)
    finally:
        await market.close()


async def test_with_everything_down_nothing_is_guessed(street: Street) -> None:
    down = "http://127.0.0.1:9"
    market = street.market(cboe_url=down, yahoo_url=down, treasury_url=down)
    try:
        with pytest.raises(SourceFailed, match=r"no chain of SPY: cboe: cannot be reached.*; yahoo: cannot be reached"):
            await look(street, market)
    finally:
        await market.close()
