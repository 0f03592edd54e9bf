"""Chains behind the quality gate for whoever trades without a snapshot: a quote that it took off fills nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from domain.errors import BadChain
from domain.market import Absent, BarSeries, Instrument, Interval, OptionChain, RateCurve
from domain.orders import BrokerState, Effect, FillMode
from domain.structures import Leg, Option, Right
from quant.execution.quotes import Venue
from tests.fakes import ACCOUNT, D, FakeClock, FakePaperBook, order
from tests.tools.market.quality.chains import QUOTED, RATES, clean
from tools.broker.guard import quoted_band
from tools.broker.paper import PaperBroker
from tools.market import reference
from tools.market.gated import GatedChains

PAPER = Venue(paper=True, waits=True)
NOW = QUOTED + timedelta(minutes=5)


class OneChain:
    """A market of one chain and its rates."""

    label = "test:one"
    simulated = False
    delayed = False
    live = False
    one_shot = True

    def __init__(self, chain: OptionChain) -> None:
        self.held = chain

    async def refresh(self, tickers: tuple[str, ...], held: Any = None) -> None:
        pass

    async def instrument(self, ticker: str, as_of: Any) -> Instrument | Absent:
        return reference.instrument(ticker, as_of)

    async def chain(self, ticker: str, as_of: Any) -> OptionChain | Absent:
        return self.held if as_of >= self.held.known_at else Absent(what="chain", why="none yet")

    async def bars(self, ticker: str, interval: Interval, as_of: Any, count: int) -> BarSeries | Absent:
        return Absent(what="bars", why="none")

    async def rates(self, as_of: Any) -> RateCurve | Absent:
        return RATES


def spoiled() -> tuple[OptionChain, tuple[Leg, ...]]:
    """A call vertical whose long leg is offered, and bid, at a third of its worth: too good to be a quote."""
    chain = clean()
    expiry = int(np.unique(chain.expiry)[2])
    calls = np.flatnonzero((chain.expiry == expiry) & chain.is_call & (chain.strike >= 4900) & (chain.strike <= 5000))
    long, short = int(calls[0]), int(calls[-1])
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[long], ask[long] = bid[long] / 3, ask[long] / 3
    legs = tuple(
        Leg(
            instrument=Option(
                ticker="SPX",
                root="SPXW",
                expiry=_day(expiry),
                settles_at=_moment(int(chain.settles_at[row])),
                strike=D(str(chain.strike[row])),
                right=Right.CALL,
                exercise=chain.exercise,
                multiplier=100,
            ),
            quantity=quantity,
        )
        for row, quantity in ((long, 1), (short, -1))
    )
    return dataclasses.replace(chain, bid=bid, ask=ask), legs


def _day(ordinal: int) -> Any:
    from datetime import date

    return date.fromordinal(ordinal)


def _moment(stamp: int) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(stamp, UTC)


async def test_a_quote_that_the_gate_does_not_believe_fills_no_entry() -> None:
    chain, legs = spoiled()
    market = OneChain(chain)
    gated = GatedChains(market)  # type: ignore[arg-type]
    seen = await gated.chain("SPX", NOW)
    assert isinstance(seen, OptionChain)
    assert np.isnan(seen.bid).sum() > np.isnan(chain.bid).sum()
    clock = FakeClock()
    clock.moment = NOW
    entry = order(legs, limit_price=D("500"), as_of=QUOTED - timedelta(minutes=1), session=QUOTED.date())

    def broker(opening: Any) -> PaperBroker:
        book = FakePaperBook()
        return PaperBroker(book, market, clock, FillMode.SAME_SNAPSHOT, account=ACCOUNT, opening=opening)  # type: ignore[arg-type]

    assert (await broker(None).place(entry)).state is BrokerState.FILLED, "on the raw chain it would have filled"
    refused = await broker(gated.chain).place(entry)
    assert refused.state is BrokerState.CANCELLED
    assert "no bid or no ask" in refused.reason
    leave = dataclasses.replace(entry, effect=Effect.CLOSE, position_id="p")
    assert (await broker(gated.chain).place(leave)).state is BrokerState.FILLED, "closing stays possible"
    band_of = quoted_band(market, PAPER, gated.chain)  # type: ignore[arg-type]
    assert await band_of(entry, NOW) is None
    assert await band_of(leave, NOW) is not None


async def test_a_chain_that_the_gate_refuses_carries_no_entry() -> None:
    chain, legs = spoiled()
    poor = dataclasses.replace(chain, bid=np.zeros(len(chain)))
    gated = GatedChains(OneChain(poor))  # type: ignore[arg-type]
    with pytest.raises(BadChain):
        await gated.chain("SPX", NOW)
    assert await quoted_band(OneChain(poor), PAPER, gated.chain)(order(legs), NOW) is None  # type: ignore[arg-type]
