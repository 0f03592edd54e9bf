"""The paper broker: idempotent, two modes, deadlines, and books of its own."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.errors import BadInput, NotFound, SourceFailed
from domain.market import OptionChain
from domain.orders import BrokerState, Effect, FillMode
from domain.structures import Leg
from tests.fakes import ACCOUNT, AT, D, FakeClock, FakeMarket, FakePaperBook, chain, condor_legs, order
from tools.broker.paper import PaperBroker, next_session_end

LEGS = condor_legs()
LIMIT = D("-2.00")
FAIR = ((9.9, 10.1), (11.0, 11.2), (8.0, 8.3), (6.0, 6.2))  # natural -2.7
POOR = ((9.9, 10.1), (10.0, 11.2), (7.0, 8.3), (6.0, 6.2))  # natural -0.7


def quoted(quotes: tuple[tuple[float, float], ...], at: datetime) -> OptionChain:
    return chain(dict(zip((one.instrument for one in LEGS), quotes, strict=True)), quoted_at=at)


class Bench:
    """A paper broker with everything around it."""

    def __init__(self, mode: FillMode, *chains: OptionChain) -> None:
        self.market = FakeMarket(*chains)
        self.clock = FakeClock()
        self.book = FakePaperBook()
        self.broker = PaperBroker(self.book, self.market, self.clock, mode, account=ACCOUNT)


SAME, NEXT = FillMode.SAME_SNAPSHOT, FillMode.NEXT_QUOTE


async def test_same_snapshot_fills_at_once_and_once() -> None:
    bench = Bench(SAME, quoted(FAIR, AT - timedelta(seconds=30)))
    first = await bench.broker.place(order(limit_price=LIMIT, fees=D("2.66")))
    assert first.state == BrokerState.FILLED
    assert (first.fills[0].net, first.fills[0].fees) == (D("-2.7"), D("2.66"))
    bench.market.chains = []
    assert await bench.broker.place(order(limit_price=LIMIT, contracts=9)) == first
    assert await bench.broker.find("o-1") == first
    assert await bench.broker.find("o-2") is None
    assert await bench.broker.positions() == (
        ("SPX 2019-06-21 C 2950", -1),
        ("SPX 2019-06-21 C 2960", 1),
        ("SPX 2019-06-21 P 2740", 1),
        ("SPX 2019-06-21 P 2750", -1),
    )


async def test_same_snapshot_ends_unfilled_with_the_reason() -> None:
    bench = Bench(SAME, quoted(POOR, AT - timedelta(seconds=30)))
    missed = await bench.broker.place(order(limit_price=LIMIT))
    assert missed.state == BrokerState.CANCELLED
    assert "-0.7" in missed.reason
    assert await bench.broker.positions() == ()
    for number, trouble in enumerate((SourceFailed("line is down"), None)):
        bench.market.fault = trouble
        bench.market.chains = []
        report = await bench.broker.place(order(limit_price=LIMIT, client_order_id=f"x-{number}"))
        assert report.state == BrokerState.CANCELLED
        assert "no quotes" in report.reason


async def test_old_quotes_fill_nothing() -> None:
    bench = Bench(SAME, quoted(FAIR, AT - timedelta(seconds=901)))
    assert "901 s old" in (await bench.broker.place(order(limit_price=LIMIT))).reason


async def test_next_quote_rests_until_the_market_comes() -> None:
    bench = Bench(NEXT, quoted(FAIR, AT - timedelta(seconds=30)))
    resting = await bench.broker.place(order(limit_price=LIMIT))
    assert resting.state == BrokerState.WORKING
    assert await bench.broker.open_orders() == (resting,)
    assert await bench.broker.settle_working(ACCOUNT, AT) == ()  # the very quotes it was made from
    later = AT + timedelta(minutes=30)
    bench.market.chains.append(quoted(POOR, later - timedelta(seconds=5)))
    assert await bench.broker.settle_working(ACCOUNT, later) == ()
    latest = AT + timedelta(minutes=60)
    bench.market.chains.append(quoted(FAIR, latest - timedelta(seconds=5)))
    ((done, report),) = await bench.broker.settle_working(ACCOUNT, latest)
    assert (done.client_order_id, report.state, report.fills[0].at) == ("o-1", BrokerState.FILLED, latest)
    assert await bench.broker.settle_working(ACCOUNT, latest) == ()
    assert await bench.broker.open_orders() == ()


async def test_a_resting_order_ends_with_its_session() -> None:
    bench = Bench(NEXT, quoted(FAIR, AT - timedelta(seconds=30)))
    await bench.broker.place(order(limit_price=LIMIT))
    close = datetime(2019, 5, 21, 20, 0, tzinfo=UTC)
    assert await bench.broker.settle_working(ACCOUNT, close - timedelta(seconds=1)) == ()
    bench.market.chains.append(quoted(FAIR, close + timedelta(hours=18)))  # tomorrow's quotes are too late
    ((_, report),) = await bench.broker.settle_working(ACCOUNT, close + timedelta(hours=18))
    assert report.state == BrokerState.CANCELLED
    assert "expired" in report.reason
    assert report.fills == ()


async def test_a_stated_deadline_takes_the_place_of_the_session_end() -> None:
    bench = Bench(NEXT, quoted(FAIR, AT - timedelta(seconds=30)))
    until = AT + timedelta(days=1)
    broker = PaperBroker(bench.book, bench.market, bench.clock, NEXT, account=ACCOUNT, deadline=lambda _: until)
    await broker.place(order(limit_price=LIMIT))
    bench.market.chains.append(quoted(FAIR, until))
    ((_, report),) = await broker.settle_working(ACCOUNT, until)
    assert report.state == BrokerState.FILLED


async def test_cancel() -> None:
    bench = Bench(NEXT, quoted(FAIR, AT - timedelta(seconds=30)))
    await bench.broker.place(order(limit_price=LIMIT))
    assert (await bench.broker.cancel("o-1")).state == BrokerState.CANCELLED
    assert (await bench.broker.cancel("o-1")).reason == "cancelled"
    assert await bench.broker.open_orders() == ()
    with pytest.raises(NotFound):
        await bench.broker.cancel("o-2")


async def test_a_filled_order_is_not_cancelled() -> None:
    bench = Bench(SAME, quoted(FAIR, AT - timedelta(seconds=30)))
    await bench.broker.place(order(limit_price=LIMIT))
    assert (await bench.broker.cancel("o-1")).state == BrokerState.FILLED


async def test_positions_net_out_and_settle_away() -> None:
    bench = Bench(SAME, quoted(FAIR, AT - timedelta(seconds=30)))
    await bench.broker.place(order(limit_price=LIMIT, contracts=3))
    out = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in LEGS)
    back = order(out, client_order_id="o-2", effect=Effect.CLOSE, position_id="p", limit_price=D(50), contracts=2)
    await bench.broker.place(back)
    held = dict(await bench.broker.positions())
    assert held["SPX 2019-06-21 C 2950"] == -1
    bench.clock.moment = datetime(2019, 6, 22, tzinfo=UTC)
    assert await bench.broker.positions() == ()


async def test_listing_needs_an_account() -> None:
    bench = Bench(SAME)
    nameless = PaperBroker(bench.book, bench.market, bench.clock, SAME)
    with pytest.raises(BadInput, match="account"):
        await nameless.positions()
    assert "test:chains" in await nameless.ping()
    other = dataclasses.replace(order(limit_price=LIMIT), account="paper/other")
    await nameless.place(other)
    assert await bench.broker.open_orders() == ()


def test_the_next_session_skips_days_without_one() -> None:
    friday = order(session=date(2019, 5, 24))  # Monday the 27th is Memorial Day
    assert next_session_end(friday) == datetime(2019, 5, 28, 20, 0, tzinfo=UTC)
