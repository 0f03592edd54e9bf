"""The person's mandate at the gate and the door: each rule stops its order, reducing ones pass, unset binds nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book import Book
from domain.errors import OrderRefused
from domain.orders import BrokerOrder
from domain.playbook import InvestorMandate
from domain.structures import StructureName
from quant.execution.quotes import PriceBand
from quant.risk import gate, investor_rules
from quant.risk.limits import LIMITS, HardLimits
from tests.fakes import (
    AT,
    EXPIRY,
    LATER,
    D,
    FakeBroker,
    FakeClock,
    FakeLedger,
    book,
    closing,
    condor_legs,
    leg,
    order,
    position,
    regime,
)
from tools.broker.guard import GuardedBroker

BAND = PriceBand(better=D("-0.10"), natural=D("0.10"), quoted_at=AT - timedelta(seconds=20))
DAYS = (EXPIRY - AT.date()).days


def own(**what: Any) -> HardLimits:
    return dataclasses.replace(LIMITS, investor=InvestorMandate(**what))


def failed(asked: BrokerOrder, limits: HardLimits, held: Book | None = None) -> set[str]:
    bands = {asked.client_order_id: BAND}
    return {one.name for one in gate.check((asked,), held or book(), regime(), limits, AT, bands=bands).failed}


CALENDAR = order((leg(-1, 2850, "call"), leg(1, 2850, "call", expiry=LATER)))
CASES: dict[str, tuple[str, BrokerOrder, dict[str, Any]]] = {
    "not on the watchlist": ("mandate_watchlist", order(), {"watchlist": ("SPY", "QQQ")}),
    "expires too soon": ("mandate_dte", order(), {"min_dte": DAYS + 1}),
    "expires too late": ("mandate_dte", order(), {"max_dte": DAYS - 1}),
    "one leg expires too late": ("mandate_dte", CALENDAR, {"max_dte": (LATER - AT.date()).days - 1}),
    "another structure": ("mandate_structures", order(), {"structures": (StructureName.IRON_BUTTERFLY,)}),
    "no structure at all": ("mandate_structures", order(condor_legs()[:2]), {"structures": (StructureName.CALENDAR,)}),
    "loses too much": ("mandate_loss", order(), {"largest_loss": D("999.99")}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_stops_its_order_and_nothing_else_would(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, asked, what = CASES[case]
    assert failed(asked, own(**what)) == {name}
    kept = investor_rules.rules
    monkeypatch.setattr(investor_rules, "rules", lambda own: tuple(one for one in kept(own) if one[0] != name))
    assert failed(asked, own(**what)) == set()


def test_the_plain_condor_passes_a_mandate_that_it_fits() -> None:
    fits = own(
        watchlist=("SPX",),
        min_dte=DAYS,
        max_dte=DAYS,
        structures=(StructureName.IRON_CONDOR, StructureName.CALENDAR),
        largest_loss=D(1000),
    )
    assert failed(order(), fits) == set()
    assert failed(order(condor_legs()[::-1]), fits) == set(), "the order of the legs tells nothing"


STRICT = own(watchlist=("XYZ",), min_dte=900, structures=(StructureName.CALENDAR,), largest_loss=D("0.01"))


@given(st.integers(1, 3))
@settings(deadline=None)
def test_no_mandate_holds_back_an_order_that_only_reduces(contracts: int) -> None:
    held = position(contracts=3, max_loss=D(3000))
    assert failed(closing(held, contracts=contracts, limit_price=D("0.05")), STRICT, book(positions=(held,))) == set()


@given(
    st.decimals(min_value=0, max_value=20_000, places=2),
    st.integers(1, 12),
    st.sampled_from(["SPX", "XYZ"]),
)
@settings(deadline=None)
def test_a_mandate_that_sets_nothing_changes_nothing(loss: Decimal, contracts: int, ticker: str) -> None:
    asked = order(condor_legs(ticker=ticker), contracts=contracts, max_loss=loss)
    plain = gate.check((asked,), book(), regime(), LIMITS, AT)
    assert gate.check((asked,), book(), regime(), own(), AT) == plain
    assert not any(one.name.startswith("mandate_") for one in plain.checks)


def test_a_loss_that_is_no_amount_fails() -> None:
    assert "mandate_loss" in failed(order(max_loss=D("NaN")), own(largest_loss=D(500)))


async def test_the_door_asks_again() -> None:
    async def band(asked: BrokerOrder, now: object) -> PriceBand:
        return BAND

    async def present(account: str) -> Any:
        return regime()

    broker = FakeBroker()
    guard = GuardedBroker(broker, FakeLedger(book()), own(watchlist=("SPY",)), FakeClock(), present, band)
    with pytest.raises(OrderRefused, match="mandate_watchlist"):
        await guard.place(order())
    assert broker.sent == []
