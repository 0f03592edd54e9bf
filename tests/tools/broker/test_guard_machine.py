"""A machine of random orders, fills, halts and stale marks: no order that breaks a hard limit reaches the broker.

What must hold is computed here anew from the ledger, by sums of its own, not by the gate.
"""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.book import Halt
from domain.errors import OrderRefused
from domain.orders import BrokerOrder, Effect
from domain.regime import Regime, RegimeName
from domain.structures import Leg, Right
from quant.execution.quotes import PriceBand
from quant.risk.limits import LIMITS
from tests.fakes import AT, D, FakeBroker, FakeClock, FakeLedger, book, closing, leg, order, regime
from tools.broker.guard import GuardedBroker

TICKERS = {"SPX": "broad_index", "SPY": "broad_index", "NVDA": "technology", "XOM": "energy"}


def vertical(ticker: str, low: int, high: int, right: str, *, sold: bool) -> tuple[Leg, ...]:
    sign = -1 if sold else 1
    return (leg(sign, low, right, ticker=ticker), leg(-sign, high, right, ticker=ticker))


class Desk(RuleBasedStateMachine):
    """One account behind the guard."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = FakeLedger(book())
        self.broker = FakeBroker()
        self.regime: Regime | None = regime()
        self.count = 0
        self.guard = GuardedBroker(self.broker, self.ledger, LIMITS, FakeClock(), self._regime, self._band)

    async def _regime(self, account: str) -> Regime:
        assert self.regime is not None
        return self.regime

    async def _band(self, order: BrokerOrder, now: datetime) -> PriceBand | None:
        return PriceBand(better=D("-2"), natural=D("2"), quoted_at=now)

    def _place(self, asked: BrokerOrder) -> bool:
        self._mark()
        try:
            asyncio.run(self.guard.place(asked))
        except OrderRefused:
            return False
        return True

    def _mark(self) -> None:
        """A good mark, unless a rule made it old."""
        if self.ledger.base.nlv_at is None and self.ledger.positions:
            self.ledger.base = dataclasses.replace(self.ledger.base, nlv_at=AT, nlv_prior_close=D(100_000))

    @rule(
        ticker=st.sampled_from(sorted(TICKERS)),
        low=st.sampled_from((100, 105, 110)),
        width=st.sampled_from((2, 5, 20)),
        right=st.sampled_from(("call", "put")),
        sold=st.booleans(),
        contracts=st.sampled_from((1, 1, 1, 2, 3, 7, 10, 11)),
        shaved=st.sampled_from((0, 0, 0, 1, 5000)),
        naked=st.sampled_from((False, False, False, True)),
        filled=st.booleans(),
    )
    def open_something(
        self,
        ticker: str,
        low: int,
        width: int,
        right: str,
        sold: bool,
        contracts: int,
        shaved: int,
        naked: bool,
        filled: bool,
    ) -> None:
        """A vertical at fair odds, at times with an understated loss or without its long leg."""
        self.count += 1
        legs = vertical(ticker, low, low + width, right, sold=sold)
        if naked:
            legs = tuple(one for one in legs if one.quantity < 0)
        at_most = width if (right == "call") == sold else 0
        loss = D(at_most * 100 * contracts + 100 * contracts)
        asked = order(
            legs,
            client_order_id=f"o-{self.count}",
            ticket_id=f"t-{self.count}",
            sector=TICKERS[ticker],
            contracts=contracts,
            limit_price=D(1),
            max_loss=max(loss - shaved, D(0)),
        )
        before = self.ledger.read(asked.account)
        if not self._place(asked):
            return
        assert not naked
        assert not shaved
        assert not before.halts
        assert self.regime is not None
        assert contracts <= 10
        assert dict(self.ledger.read(asked.account).contracts_today)[ticker] <= 10
        self._sums(ticker)
        if filled:
            self.ledger.fill(asked.client_order_id)

    def _sums(self, ticker: str) -> None:
        """The limits hold for what was just added to, at the regime of this moment."""
        now = self.ledger.read(book().account)
        held = [(one.ticker, one.sector, one.max_loss) for one in (*now.positions, *now.commitments)]
        crisis = self.regime is None or self.regime.name == RegimeName.CRISIS
        same = sum((loss for name, _, loss in held if name == ticker), Decimal(0))
        sector = sum((loss for _, name, loss in held if name == TICKERS[ticker]), Decimal(0))
        total = sum((loss for _, _, loss in held), Decimal(0))
        assert same <= (2_000 if crisis else 5_000)
        assert sector <= 15_000
        assert total <= (15_000 if crisis else 30_000)

    @rule(data=st.data())
    def close_something(self, data: st.DataObject) -> None:
        """Close all or part of a position: always possible, unless it is being closed already."""
        if not self.ledger.positions:
            return
        held = data.draw(st.sampled_from(sorted(self.ledger.positions.values(), key=lambda one: one.id)))
        busy = any(one.position_id == held.id for one in self.ledger.working.values())
        hedged = sum(one.ticker == held.ticker for one in self.ledger.positions.values()) > 1
        hedged = hedged or any(one.ticker == held.ticker for one in self.ledger.working.values())
        self.count += 1
        asked = closing(
            held,
            contracts=data.draw(st.integers(1, held.contracts)),
            client_order_id=f"o-{self.count}",
            ticket_id=f"t-{self.count}",
        )
        placed = self._place(asked)
        assert placed or busy or hedged

    @rule(data=st.data(), filled=st.booleans())
    def end_a_working_order(self, data: st.DataObject, filled: bool) -> None:
        if self.ledger.working:
            name = data.draw(st.sampled_from(sorted(self.ledger.working)))
            (self.ledger.fill if filled else self.ledger.end)(name)

    @rule()
    def send_an_old_order_again(self) -> None:
        if self.broker.sent:
            assert not self._place(self.broker.sent[0])

    @rule(name=st.sampled_from((*RegimeName, RegimeName.NEUTRAL)))
    def change_the_regime(self, name: RegimeName) -> None:
        self.regime = regime(name)

    @rule(halted=st.booleans())
    def halt_or_lift(self, halted: bool) -> None:
        halts = (Halt(scope="desk", reason="drill", since=AT),) if halted else ()
        self.ledger.base = dataclasses.replace(self.ledger.base, halts=halts)

    @rule(old=st.booleans())
    def age_the_mark(self, old: bool) -> None:
        if self.ledger.positions:
            at = AT - timedelta(hours=1) if old else AT
            self.ledger.base = dataclasses.replace(self.ledger.base, nlv_at=at, nlv_prior_close=D(100_000))

    @invariant()
    def each_id_was_sent_once_after_its_intent(self) -> None:
        ids = [one.client_order_id for one in self.broker.sent]
        assert len(ids) == len(set(ids))
        assert set(ids) == set(self.ledger.intents)

    @invariant()
    def no_call_is_short_without_a_long_one(self) -> None:
        for ticker in TICKERS:
            legs = [
                one.quantity * held.contracts
                for held in self.ledger.positions.values()
                for one in held.legs
                if held.ticker == ticker and getattr(one.instrument, "right", None) == Right.CALL
            ]
            assert sum(legs) >= 0

    @invariant()
    def no_position_went_past_flat(self) -> None:
        for one in self.ledger.working.values():
            if one.effect == Effect.CLOSE:
                closing_now = sum(
                    other.contracts for other in self.ledger.working.values() if other.position_id == one.position_id
                )
                assert closing_now <= self.ledger.positions[str(one.position_id)].contracts


TestDesk = Desk.TestCase
TestDesk.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
