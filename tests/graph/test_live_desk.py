"""A desk on a live market of delayed quotes: the run is indicative, its order rests, a quote made after it fills it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from apps.cli.exits import Exit
from apps.cli.standing import standing
from apps.wiring import House, fills_of
from domain.errors import SourceFailed
from domain.market import Absent, BarSeries, Interval, OptionChain, RateCurve
from domain.orders import FillMode, TicketState
from tests.desk import desk_house
from tools import sessions
from tools.clock import ManualClock
from tools.market.collecting import Allowed, Collector
from tools.market.live import LiveMarket
from tools.market.recorded import RecordedMarket
from tools.market.simulated.market import SimulatedMarket
from tools.market.store import Store

DELAY = timedelta(minutes=15)
ONE = ("street",)


class Street:
    """A source that shows the simulated market a quarter of an hour late."""

    name = "street"
    delayed = True

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._market = SimulatedMarket("vrp", 43)
        self.down = False

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        if self.down:
            raise SourceFailed("HTTP 503")
        found = await self._market.chain(ticker, self._clock.now() - DELAY)
        assert isinstance(found, OptionChain)
        epoch = date(1970, 1, 1).toordinal()
        return pl.DataFrame(
            {
                "quoted_at": [found.quoted_at] * len(found),
                "spot": [found.spot] * len(found),
                "source": [self.name] * len(found),
                "closing": [False] * len(found),
                "uncertainty_s": [0] * len(found),
                "root": found.root.tolist(),
                "expiry": pl.Series(found.expiry - epoch, dtype=pl.Int32).cast(pl.Date),
                "settles_at": pl.from_epoch(pl.Series(found.settles_at), "s").dt.replace_time_zone("UTC"),
                "strike": found.strike,
                "is_call": found.is_call,
                "bid": found.bid,
                "ask": found.ask,
                "volume": found.volume,
                "open_interest": found.open_interest,
            }
        )

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        found = await self._market.bars(ticker, interval, self._clock.now(), 3000)
        return found if isinstance(found, Absent) else _rows(found, self.name)

    async def index(self, name: str) -> pl.DataFrame | Absent:
        found = await self._market.index_history(name, self._clock.now(), 3000)
        if isinstance(found, Absent):
            return found
        rows = _rows(found, self.name)
        return rows.with_columns(day=pl.col("start").dt.convert_time_zone("America/New_York").dt.date())

    async def rates(self) -> pl.DataFrame | Absent:
        curve = await self._market.rates(self._clock.now())
        assert isinstance(curve, RateCurve)
        count = len(curve.tenors)
        return pl.DataFrame(
            {"day": [curve.day] * count, "tenor": curve.tenors, "yield": curve.yields, "source": [self.name] * count}
        )

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        return Absent(what="events", why="not offered")

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        return Absent(what="actions", why="not offered")

    async def ping(self) -> str:
        return "here"

    async def close(self) -> None:
        """Nothing to let go."""


def _rows(found: BarSeries, source: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "start": pl.from_epoch(pl.Series(found.start), "s").dt.replace_time_zone("UTC"),
            **{name: np.asarray(getattr(found, name)) for name in ("open", "high", "low", "close", "volume")},
            "adjusted": [False] * len(found),
            "source": [source] * len(found),
        }
    )


@pytest.fixture
async def desk(postgres_uri: str, tmp_path: Path) -> AsyncIterator[tuple[House, ManualClock, Street]]:
    clock = ManualClock(sessions.new_york(date(2026, 6, 30), 12, 45))
    street = Street(clock)
    allowed = Allowed(chains=ONE, greeks=(), bars=ONE, indices=ONE, rates=ONE, events=())
    collector = Collector(Store(tmp_path), {"street": street}, allowed, clock)
    market = LiveMarket(tmp_path, collector, clock, lambda name: RecordedMarket(tmp_path, name))
    change = {"store_dir": tmp_path, "ticket_minutes": 60}
    async with desk_house(
        postgres_uri, change=change, markets=lambda name: market, clock_for=lambda asked, as_of: clock
    ) as house:
        yield house, clock, street


async def decided(house: House, clock: ManualClock, *tickers: str) -> str:
    """A run on what was just received; the id of its one ticket."""
    await house.markets("live").refresh(tickers)
    spec = house.spec(tickers, "live", clock.now())
    assert spec.account == "paper/live"
    assert spec.fill_mode == FillMode.NEXT_QUOTE, "delayed quotes fill at nothing that was already seen"
    row = await house.runs.start(spec)
    assert row.decision is not None
    (scan,) = row.decision.scans
    assert scan.snapshot.delayed
    assert "delayed quotes: indicative" in scan.snapshot.caveats
    assert scan.snapshot.chain_at == clock.now() - DELAY
    assert not scan.snapshot.stale
    (ticket,) = row.decision.tickets
    return ticket


async def test_an_order_on_delayed_quotes_waits_for_quotes_made_after_it(
    desk: tuple[House, ManualClock, Street],
) -> None:
    house, clock, _ = desk
    ticket_id = await decided(house, clock, "SPX")
    asked = (await house.store.tickets.get(ticket_id)).ticket
    assert asked.order is not None
    made_at = clock.now()
    row = await house.runs.answer(
        ticket_id,
        "edit",
        who="test",
        through="test",
        at=clock.now(),
        limit_price=asked.order.proposal.net_natural + Decimal("0.05"),
    )
    assert row.state is TicketState.WORKING
    assert "next quote" in row.reason
    look = house.spec(("SPX",), "live", clock.now(), account=asked.account)
    while clock.now() < made_at + DELAY:
        clock.advance(timedelta(minutes=5))
        await house.runs.settle_working(look)
        working = (await house.store.tickets.get(ticket_id)).state is TicketState.WORKING
        assert working, "nothing quoted before the order fills it"
    for _ in range(12):
        clock.advance(timedelta(minutes=5))
        await house.runs.settle_working(look)
        if (await house.store.tickets.get(ticket_id)).state is not TicketState.WORKING:
            break
    (done,) = await house.store.portfolio.fills(asked.account)
    assert done.mode == FillMode.NEXT_QUOTE
    assert done.at > made_at + DELAY
    assert done.net <= asked.order.proposal.net_natural + Decimal("0.05")


async def test_a_run_that_was_cut_off_sees_the_same_market(desk: tuple[House, ManualClock, Street]) -> None:
    """What a moment saw is on record: the same question an hour later has the same answer, the street down or not."""
    house, clock, street = desk
    market = house.markets("live")
    await market.refresh(("SPX",))
    then = clock.now()
    before = await market.chain("SPX", then)
    street.down = True
    clock.advance(timedelta(hours=1))
    await market.refresh(("SPX",))
    after = await market.chain("SPX", then)
    assert isinstance(before, OptionChain)
    assert isinstance(after, OptionChain)
    assert after.quoted_at == before.quoted_at
    assert np.array_equal(after.bid, before.bid, equal_nan=True)
    (note,) = [use for use in market.uses("SPX") if use.datum == "chain"]
    assert note.text() == "no chain: street: HTTP 503"
    late = await house.runs.start(house.spec(("SPX",), "live", datetime.fromtimestamp(clock.now().timestamp(), UTC)))
    assert late.decision is not None
    (refused,) = late.decision.refused
    assert refused.stale
    assert late.decision.analysis_only.startswith("1 of 1 chains are stale")


async def test_with_every_source_down_a_run_says_so_and_ends_as_down(desk: tuple[House, ManualClock, Street]) -> None:
    house, clock, street = desk
    street.down = True
    await house.markets("live").refresh(("SPX",))
    row = await house.runs.start(house.spec(("SPX",), "live", clock.now()))
    assert row.decision is not None
    (refused,) = row.decision.refused
    assert refused.reason == "no chain of SPX: street: HTTP 503"
    assert refused.down
    assert standing(row, ()) is Exit.ENVIRONMENT


async def test_the_record_fills_as_live_did(desk: tuple[House, ManualClock, Street], tmp_path: Path) -> None:
    """What was recorded of a delayed source is delayed in replay too: no fill on quotes that were already seen."""
    house, _, _ = desk
    await house.markets("live").refresh(("SPX",))
    recorded = RecordedMarket(tmp_path, "live")
    assert recorded.delayed
    assert fills_of(recorded, FillMode.SAME_SNAPSHOT) is FillMode.NEXT_QUOTE
