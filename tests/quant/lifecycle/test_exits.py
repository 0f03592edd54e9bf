"""Exit rules: one table, a stated precedence, and no exit on a guess."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.book import Mark
from domain.errors import DataAbsent
from domain.market import Calendar, Exercise, Instrument, Kind, MarketSnapshot
from domain.playbook import ExitRules
from domain.structures import Leg, Option
from quant.lifecycle.closing import closing_price
from quant.lifecycle.exits import due
from tests.fakes import AT, EXPIRY, D, chain, daily, leg, position

CREDIT = ExitRules(profit_target=0.5, stop_loss=2.0, close_dte=21)
DEBIT = ExitRules(profit_target=0.75, stop_loss=0.5, close_dte=7)
HELD = position(contracts=2, entry_net=D("-2.00"), max_profit=D("400.00"))  # 400 received


def mark(value: str, *, at: datetime = AT) -> Mark:
    return Mark(position_id="pos-1", value=D(value), at=at, note="")


def rule(value: str | None, rules: ExitRules = CREDIT, at: datetime = AT, **given: Any) -> str | None:
    held = given.pop("held", HELD)
    signal = due(held, rules, None if value is None else mark(value, at=at), at, **given)
    return None if signal is None else signal.rule


def test_profit_and_stop_of_a_credit() -> None:
    assert rule("-200") == "profit"  # 200 of 400 made
    assert rule("-200.01") is None
    assert rule("-1199.99") is None
    assert rule("-1200") == "stop"  # 800 lost: twice the credit
    signal = due(HELD, CREDIT, mark("-1200"), AT)
    assert signal is not None
    assert signal.pnl == D(-800)
    assert "credit" in signal.why


def test_profit_and_stop_of_a_debit() -> None:
    held = position((leg(1, 2800, "call"), leg(-1, 2820, "call")), entry_net=D("8.00"), max_profit=D("1200.00"))
    assert rule("1700", DEBIT, held=held) == "profit"
    assert rule("1699.99", DEBIT, held=held) is None
    assert rule("400.01", DEBIT, held=held) is None
    assert rule("400", DEBIT, held=held) == "stop"


def test_precedence() -> None:
    twenty_one = datetime(2019, 5, 31, 15, 0, tzinfo=UTC)
    expired = datetime(2019, 6, 24, 15, 0, tzinfo=UTC)
    assert rule("-100", at=expired) == "expiry"
    assert rule("-100", at=twenty_one) == "dte"
    assert rule("-100", at=twenty_one - timedelta(days=1)) == "profit"
    assert rule("-500", at=twenty_one - timedelta(days=1)) is None
    assert rule("-500", day=date(2019, 6, 1)) == "dte"


def test_without_a_fresh_mark_only_the_calendar_closes() -> None:
    old = mark("-100", at=AT - timedelta(minutes=11))
    early = mark("-100", at=AT + timedelta(seconds=1))
    assert due(HELD, CREDIT, old, AT) is None
    assert due(HELD, CREDIT, early, AT) is None
    assert due(HELD, CREDIT, None, AT) is None
    assert due(HELD, CREDIT, dataclasses.replace(old, value=D("NaN"), at=AT), AT) is None
    signal = due(HELD, CREDIT, None, datetime(2019, 6, 3, 15, 0, tzinfo=UTC))
    assert signal is not None
    assert (signal.rule, signal.pnl) == ("dte", None)


def test_rules_that_are_off_and_profits_without_limit() -> None:
    off = ExitRules(profit_target=None, stop_loss=None, close_dte=0)
    assert rule("-1", off) is None
    assert rule("-9999", off) is None
    assert rule("9999", held=dataclasses.replace(HELD, max_profit=None)) is None


def snapshot(**changes: Any) -> MarketSnapshot:
    instrument = Instrument(
        ticker="SPX",
        kind=Kind.INDEX,
        exercise=Exercise.EUROPEAN,
        sector=None,
        broad_index=True,
        multiplier=100,
        known_at=AT,
    )
    base: dict[str, Any] = {
        "ticker": "SPX",
        "as_of": AT,
        "market": "test",
        "simulated": True,
        "instrument": instrument,
        "spot": 2850.0,
        "chain": None,
        "chain_lag_s": 30.0,
        "iv_confidence": 0.9,
        "lag_limit_s": 600.0,
        "quality": None,
        "sources": (),
        "restrictions": (),
        "daily": None,
        "intraday": None,
        "vix_history": None,
        "indices": (),
        "rates": None,
        "calendar": Calendar(events=(), unknown=()),
        "social": None,
        "absent": (),
    }
    return MarketSnapshot(**{**base, **changes})


def test_the_closing_price_crosses_every_spread_and_settles_what_has_expired() -> None:
    out = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in HELD.legs)
    traded = dataclasses.replace(HELD, legs=out)
    quotes = dict(zip((one.instrument for one in out), ((1.0, 1.2), (2.0, 2.3), (3.0, 3.1), (1.5, 1.8)), strict=True))
    assert closing_price(traded, chain(quotes), None, AT) == D("2.3") + D("3.1") - D("1.0") - D("1.5")
    after = datetime(2019, 6, 24, 14, 0, tzinfo=UTC)
    assert closing_price(traded, None, daily([(EXPIRY, 2950, 2954)]), after) == D(4)
    with pytest.raises(DataAbsent, match="no option chain"):
        closing_price(traded, None, None, AT)
    with pytest.raises(DataAbsent, match="SPX 2019-06-21 P 2740"):
        closing_price(traded, chain({}), None, AT)


def test_nobody_pays_more_to_close_than_the_structure_can_come_to_owe() -> None:
    """A 10-wide spread that the quotes let go at 10.6 costs 10 at settlement: nobody bids more for it."""
    out = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in HELD.legs)
    traded = dataclasses.replace(HELD, legs=out)
    prices = ((0.0, 0.1), (0.0, 0.1), (11.0, 11.5), (1.0, 1.2))
    quotes = {one.instrument: pair for one, pair in zip(out, prices, strict=True) if isinstance(one.instrument, Option)}
    assert closing_price(traded, chain(quotes), None, AT) == D(10)
    owned = dataclasses.replace(HELD, legs=HELD.legs)  # the other way round it is worth something, and is sold for it
    assert closing_price(owned, chain(quotes), None, AT) == D("0.1") - D("11") + D("1.2")
