"""The door: nothing reaches a broker unchecked, and what is refused leaves no trace."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.book import Book, Halt
from domain.errors import BrokerFailed, OrderRefused, SourceFailed
from domain.market import Quotes
from domain.orders import BrokerOrder, BrokerState, Effect
from domain.ports import Broker
from domain.regime import Regime, RegimeName
from quant.execution.quotes import PriceBand, Venue
from quant.risk.limits import LIMITS
from tests.fakes import (
    ACCOUNT,
    AT,
    EXPIRY,
    D,
    FakeBroker,
    FakeClock,
    FakeLedger,
    FakeMarket,
    book,
    chain,
    closing,
    commitment,
    condor_legs,
    daily,
    order,
    position,
    regime,
)
from tools.broker.guard import GuardedBroker, quoted_band

PAPER = Venue(paper=True, waits=True)
HALT = Halt(scope="desk", reason="drill", since=AT)


class Regimes:
    """A regime source that a test sets, and can break."""

    def __init__(self) -> None:
        self.now: Regime | Exception = regime()

    async def __call__(self, account: str) -> Regime:
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


async def fair_band(order: BrokerOrder, now: datetime) -> PriceBand | None:
    return PriceBand(better=order.limit_price, natural=order.limit_price, quoted_at=now)


async def no_band(order: BrokerOrder, now: datetime) -> PriceBand | None:
    return None


def guarded(held: Book | None = None, band=fair_band) -> tuple[GuardedBroker, FakeBroker, FakeLedger, Regimes]:  # type: ignore[no-untyped-def]
    broker, ledger, regimes = FakeBroker(), FakeLedger(held or book()), Regimes()
    return GuardedBroker(broker, ledger, LIMITS, FakeClock(), regimes, band), broker, ledger, regimes


async def test_an_order_within_the_limits_is_written_then_sent() -> None:
    guard, broker, ledger, _ = guarded()
    report = await guard.place(order())
    assert report.state == BrokerState.WORKING
    assert [one.client_order_id for one in broker.sent] == ["o-1"]
    assert ledger.intents["o-1"] == (order(), False)


async def test_a_refused_order_leaves_nothing_and_names_every_check() -> None:
    guard, broker, ledger, _ = guarded(book(halts=(HALT,)))
    with pytest.raises(OrderRefused) as caught:
        await guard.place(order(max_loss=D(6000)))
    assert caught.value.failed == ("halts", "position_loss")
    assert "drill" in str(caught.value)
    assert "5,000.00" in str(caught.value)
    assert broker.sent == []
    assert ledger.intents == {}


async def test_an_id_is_sent_once_even_after_silence() -> None:
    guard, broker, ledger, _ = guarded()
    broker.silent = True
    with pytest.raises(BrokerFailed):
        await guard.place(order())
    assert "o-1" in ledger.intents
    broker.silent = False
    with pytest.raises(OrderRefused) as caught:
        await guard.place(order())
    assert caught.value.failed == ("duplicate_id",)
    assert len(broker.sent) == 1
    assert (await guard.find("o-1")) is not None


async def test_the_same_order_placed_many_times_at_once_is_sent_once() -> None:
    guard, broker, _, _ = guarded()
    answers = await asyncio.gather(*(guard.place(order()) for _ in range(5)), return_exceptions=True)
    assert len(broker.sent) == 1
    assert sum(isinstance(one, OrderRefused) for one in answers) == 4


async def test_two_orders_that_fit_alone_cannot_both_pass() -> None:
    guard, broker, _, _ = guarded()
    pair = [order(client_order_id=f"o-{n}", ticket_id=f"t-{n}", max_loss=D(4000)) for n in (1, 2)]
    answers = await asyncio.gather(*(guard.place(one) for one in pair), return_exceptions=True)
    assert len(broker.sent) == 1
    refused = [one for one in answers if isinstance(one, OrderRefused)]
    assert [one.failed for one in refused] == [("position_loss",)]


async def test_the_intent_takes_the_place_of_the_tickets_reservation() -> None:
    reserved = commitment(id="t-1", max_loss=D(5000), contracts=1)
    guard, broker, ledger, _ = guarded(book(commitments=(reserved,)))
    await guard.place(order(max_loss=D(5000)))
    assert len(broker.sent) == 1
    assert [one.max_loss for one in ledger.read(order().account).commitments] == [D(5000)]


@pytest.mark.parametrize("fault", [SourceFailed("VIX source is down"), None])
async def test_without_a_regime_only_closing_passes(fault: Exception | None) -> None:
    held = position()
    guard, broker, _, regimes = guarded(book(positions=(held,)))
    regimes.now = fault or regime(as_of=AT - timedelta(days=3))
    with pytest.raises(OrderRefused) as caught:
        await guard.place(order())
    assert caught.value.failed == ("regime_known",)
    await guard.place(closing(held))
    assert [one.effect for one in broker.sent] == [Effect.CLOSE]


async def test_a_halted_stale_over_margin_book_lets_a_close_through_and_writes_it_as_reducing() -> None:
    held = position(contracts=12, max_loss=D(90_000))
    troubled = book(positions=(held,), halts=(HALT,), nlv=D(50_000), nlv_at=AT - timedelta(days=2))
    guard, broker, ledger, regimes = guarded(troubled)
    regimes.now = regime(RegimeName.CRISIS)
    await guard.place(closing(held))
    assert len(broker.sent) == 1
    assert ledger.intents["close-1"][1] is True
    with pytest.raises(OrderRefused):
        await guard.place(order())


async def test_without_quotes_nothing_passes() -> None:
    held = position()
    guard, broker, _, _ = guarded(book(positions=(held,)), no_band)
    for one in (order(), closing(held)):
        with pytest.raises(OrderRefused) as caught:
            await guard.place(one)
        assert caught.value.failed == ("price_band",)
    assert broker.sent == []


async def test_a_second_close_waits_for_the_first() -> None:
    held = position(contracts=2)
    guard, broker, ledger, _ = guarded(book(positions=(held,), halts=(HALT,)))
    await guard.place(closing(held, contracts=2))
    with pytest.raises(OrderRefused):
        await guard.place(closing(held, contracts=1, client_order_id="close-2", ticket_id="t-close-2"))
    assert len(broker.sent) == 1
    ledger.end("close-1")
    await guard.place(closing(held, contracts=1, client_order_id="close-3", ticket_id="t-close-3"))
    assert len(broker.sent) == 2


async def test_the_rest_of_the_broker_is_reached_through_the_guard() -> None:
    guard, broker, _, _ = guarded()
    as_broker: Broker = guard
    await as_broker.place(order())
    assert (await as_broker.cancel("o-1")).state == BrokerState.CANCELLED
    assert len(await as_broker.open_orders()) == 1
    assert [one.client_order_id for one, _ in await as_broker.settle_working(ACCOUNT, AT)] == ["o-1"]
    assert await as_broker.positions() == await broker.positions()
    assert (await as_broker.ping(), as_broker.name, as_broker.paper) == ("fake", "fake", True)
    assert await as_broker.find("o-2") is None


async def test_bands_come_from_the_markets_chain_and_from_settlement() -> None:
    legs = condor_legs()
    quotes = {one.instrument: (1.0, 1.5) for one in legs}
    market = FakeMarket(chain(quotes))
    band_of = quoted_band(market, PAPER)
    expected = PriceBand(better=D("-1.0"), natural=D("1.0"), quoted_at=AT - timedelta(seconds=30))
    assert await band_of(order(), AT) == expected
    assert await band_of(order(), AT - timedelta(hours=1)) is None
    market.fault = SourceFailed("down")
    assert await band_of(order(), AT) is None
    after = datetime.combine(EXPIRY + timedelta(days=3), AT.timetz())
    settled = FakeMarket(chain({}, quoted_at=after), bars=daily([(EXPIRY, 2950, 2954)]))
    band = await quoted_band(settled, PAPER)(dataclasses.replace(closing(position()), as_of=after), after)
    assert band is not None
    assert band.natural == band.better == D(4)


@pytest.mark.parametrize(
    ("changes", "venue", "said"),
    [
        ({"delayed": True}, Venue(paper=True, waits=False), "must wait for the next quote"),
        ({"delayed": True}, Venue(paper=False, waits=True), "delayed quotes carry no live order"),
        ({"delayed": True, "spot_at": AT - timedelta(minutes=5)}, PAPER, "not of one moment"),
        ({"quotes": Quotes.MODEL, "spread_model": "m"}, Venue(paper=False, waits=True), "carry no live order"),
        ({"quotes": Quotes.NONE}, PAPER, "neither bid nor ask"),
        ({"uncertainty_s": 300, "quoted_at": AT - timedelta(seconds=30)}, PAPER, ""),
        ({}, Venue(paper=False, waits=False), ""),
    ],
)
async def test_a_band_says_what_its_quotes_may_not_carry(changes: dict[str, Any], venue: Venue, said: str) -> None:
    quotes = {one.instrument: (1.0, 1.5) for one in condor_legs()}
    market = FakeMarket(dataclasses.replace(chain(quotes), **changes))
    band = await quoted_band(market, venue)(order(), AT)
    assert band is not None
    assert (said in band.restricted) if said else not band.restricted


async def test_what_expires_tomorrow_is_not_traded_on_a_stated_time() -> None:
    tomorrow = condor_legs(expiry=AT.date() + timedelta(days=1))
    stated = dataclasses.replace(chain({one.instrument: (1.0, 1.5) for one in tomorrow}), uncertainty_s=300)
    band = await quoted_band(FakeMarket(stated), PAPER)(order(tomorrow), AT)
    assert band is not None
    assert "time is only stated" in band.restricted


async def test_an_exit_passes_on_quotes_that_carry_no_entry() -> None:
    """Delayed quotes stop what adds risk; a position can still be closed on them."""

    async def band_of(asked: BrokerOrder, now: datetime) -> PriceBand | None:
        band = await fair_band(asked, now)
        assert band is not None
        return dataclasses.replace(band, restricted="delayed quotes carry no live order")

    held = position()
    guard, broker, _, _ = guarded(book(positions=(held,)), band_of)
    with pytest.raises(OrderRefused) as caught:
        await guard.place(order())
    assert caught.value.failed == ("quotes_tradable",)
    await guard.place(closing(held))
    assert [one.client_order_id for one in broker.sent] == ["close-1"]
