"""The door over PostgreSQL: two processes cannot both spend one budget, and closing stays possible."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from domain.errors import OrderRefused
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Fill, LegFill
from domain.regime import Regime
from quant.execution.quotes import PriceBand
from quant.risk.limits import LIMITS
from tests import fakes
from tests.desk import desk_house
from tests.graph.conftest import Zygote
from tools.broker.guard import GuardedBroker


@pytest.mark.slow
def test_two_processes_that_each_add_four_percent_cannot_both_pass_five(
    make_database: Callable[[], str], zygote: Zygote
) -> None:
    uri = make_database()
    for name in ("a", "b", "c"):
        zygote.start(uri=uri, do="four_percent", id=name)
    assert sorted(zygote.join()) == [0, 1, 1]
    assert asyncio.run(_promised(uri)) == Decimal(4_000)


async def _promised(uri: str) -> Decimal:
    async with desk_house(uri) as house:
        book = await house.store.portfolio.book(fakes.ACCOUNT, fakes.AT)
        return sum((one.max_loss for one in book.commitments), Decimal(0))


async def test_a_halted_stale_account_over_its_limits_still_closes(postgres_uri: str) -> None:
    async def regime_at(account: str) -> Regime:
        return fakes.regime()

    async def band_of(order: BrokerOrder, now: datetime) -> PriceBand:
        return PriceBand(better=order.limit_price, natural=order.limit_price, quoted_at=fakes.AT)

    async with desk_house(postgres_uri) as house:
        portfolio, acts = house.store.portfolio, house.store.acts
        broker = fakes.FakeBroker()
        guard = GuardedBroker(broker, portfolio, LIMITS, fakes.FakeClock(), regime_at=regime_at, band_of=band_of)
        await portfolio.ensure_account(fakes.ACCOUNT, Decimal(100_000))
        opening = fakes.order(client_order_id="in", ticket_id="in")
        await guard.place(opening)
        fill = Fill(
            client_order_id="in",
            contracts=1,
            net=Decimal(-2),
            legs=tuple(LegFill(leg=leg, price=Decimal(1)) for leg in opening.legs),
            fees=Decimal(4),
            at=fakes.AT,
            mode="same_snapshot",
            note="",
        )
        report = BrokerReport(client_order_id="in", state=BrokerState.FILLED, fills=(fill,), reason="")
        await portfolio.settle(opening, report, fakes.AT)
        (held,) = await portfolio.open_positions(fakes.ACCOUNT)
        # A crash of NLV below what is at risk, an old mark, and a halt.
        await portfolio.save_marks(
            fakes.ACCOUNT, (), Decimal(900), datetime.fromisoformat("2019-05-20T15:00Z"), close=True
        )
        await acts.write("halt", "me", "test", "desk", "n", {"reason": "drill"}, fakes.AT)
        with pytest.raises(OrderRefused) as refused:
            await guard.place(fakes.order(client_order_id="more", ticket_id="more"))
        assert {"halts", "nlv_age"} <= set(refused.value.failed)
        await guard.place(fakes.closing(held))
        assert [order.client_order_id for order in broker.sent] == ["in", "close-1"]
        with pytest.raises(OrderRefused, match="duplicate"):
            await guard.place(fakes.closing(held))
