"""The guard at the broker's door: it wraps any broker, and no order reaches one by another way.

It decides inside one transaction under the account's lock: read halts, book, working orders and reservations; check;
write the intent; commit; only then send. What it refuses, it refuses with every failed check, and nothing is sent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime

from domain.decision import GateReport
from domain.errors import DataError, OrderRefused, RunFatal
from domain.market import Absent, Interval, OptionChain
from domain.orders import BrokerOrder, BrokerReport, Effect
from domain.ports import Broker, Clock, Ledger, Market
from domain.regime import Regime
from quant.execution.quotes import PriceBand, Venue, price_band, too_late, too_short, untradable
from quant.execution.settlement import settled_prices
from quant.risk.gate import check, is_reducing
from quant.risk.limits import HardLimits

SETTLEMENT_BARS = 10

RegimeAt = Callable[[str], Awaitable[Regime]]
ChainsOf = Callable[[str, datetime], Awaitable[OptionChain | Absent]]
BandOf = Callable[[BrokerOrder, datetime], Awaitable[PriceBand | None]]


class GuardedBroker:
    """A broker behind the hard limits.

    `regime_at(account)` gives the present regime; when it cannot, nothing that adds risk passes. `band_of(order, now)`
    gives the prices that the order's quotes span, None when there are none: then no order passes.
    """

    def __init__(
        self,
        broker: Broker,
        ledger: Ledger,
        limits: HardLimits,
        clock: Clock,
        regime_at: RegimeAt,
        band_of: BandOf,
    ) -> None:
        self._broker = broker
        self._ledger = ledger
        self._limits = limits
        self._clock = clock
        self._regime_at = regime_at
        self._band_of = band_of
        self.name = broker.name
        self.paper = broker.paper

    async def place(self, order: BrokerOrder) -> BrokerReport:
        """Check, write the intent, send. Raises OrderRefused with every failed check; BrokerFailed when the outcome
        is unknown: then `find`, and never place again.
        """
        now = self._clock.now()
        regime = await self._regime(order.account)
        band = await self._band_of(order, now)
        async with self._ledger.door(order.account, now) as door:
            used = {order.client_order_id} if await door.known(order.client_order_id) else set()
            book = await door.book()
            report = check(
                (order,),
                book,
                regime,
                self._limits,
                now,
                known=frozenset(used),
                bands={order.client_order_id: band},
            )
            if not report.passed:
                raise OrderRefused(_told(order, report), tuple(one.name for one in report.failed))
            await door.write_intent(order, is_reducing(order, book))
        return await self._broker.place(order)

    async def _regime(self, account: str) -> Regime | None:
        """None when the regime cannot be had: a closing order must not wait for it, an opening one then fails."""
        try:
            return await self._regime_at(account)
        except (DataError, RunFatal):
            return None

    async def cancel(self, client_order_id: str) -> BrokerReport:
        """Cancelling adds no risk: no check."""
        return await self._broker.cancel(client_order_id)

    async def find(self, client_order_id: str) -> BrokerReport | None:
        """What the broker knows of this id; None when it never heard of it."""
        return await self._broker.find(client_order_id)

    async def settle_working(self, account: str, now: datetime) -> tuple[tuple[BrokerOrder, BrokerReport], ...]:
        """Resting orders were checked when they were sent; what became of them needs no check."""
        return await self._broker.settle_working(account, now)

    async def open_orders(self) -> tuple[BrokerReport, ...]:
        """Orders that still work at the broker."""
        return await self._broker.open_orders()

    async def positions(self) -> tuple[tuple[str, int], ...]:
        """(instrument key, signed quantity) of everything that the broker holds."""
        return await self._broker.positions()

    async def ping(self) -> str:
        """The broker's own read-only check."""
        return await self._broker.ping()


def quoted_band(market: Market, venue: Venue, opening: ChainsOf | None = None) -> BandOf:
    """Price bands from a market's newest chain; legs that have settled stand at what they paid.

    `opening` gives the chains that opening orders are held against, those behind the quality gate (None: the market's
    own); an exit stands at the market's own, for closing must stay possible.
    """

    async def band_of(order: BrokerOrder, now: datetime) -> PriceBand | None:
        chains = opening if opening is not None and order.effect == Effect.OPEN else market.chain
        try:
            chain = await chains(order.ticker, now)
            if isinstance(chain, Absent):
                return None
            bars = await market.bars(order.ticker, Interval.DAY, now, SETTLEMENT_BARS)
        except DataError:
            return None
        daily = None if isinstance(bars, Absent) else bars
        band = price_band(order.legs, chain, settled_prices(order.legs, daily, now))
        reasons = (*untradable(chain), too_late(chain, venue), too_short(order.legs, chain))
        restricted = "; ".join(reason for reason in reasons if reason)
        return None if band is None else dataclasses.replace(band, restricted=restricted)

    return band_of


def _told(order: BrokerOrder, report: GateReport) -> str:
    reasons = "; ".join(
        f"{one.name}: {one.value or one.note}" + (f", limit {one.limit}" if one.limit else "") for one in report.failed
    )
    return f"{order.effect.value} of {order.contracts} {order.ticker} refused at the broker's door: {reasons}"
