"""The paper broker: fills against a market's own quotes, in one of the two declared modes. It never leaves the desk.

Its orders and fills are kept apart from the desk's books, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.errors import BadInput, DataError, NotFound
from domain.market import Absent, Interval, OptionChain
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Effect, Fill, FillMode
from domain.ports import Clock, Market, PaperBook
from domain.structures import Option, instrument_key
from quant.execution.fills import NotFilled, fill
from quant.execution.settlement import settled_prices
from tools import sessions
from tools.broker.guard import ChainsOf

SETTLEMENT_BARS = 10

Deadline = Callable[[BrokerOrder], datetime]


def session_end(order: BrokerOrder) -> datetime:
    """A day order: it rests until the close of its session."""
    return sessions.open_close(order.session)[1]


def next_session_end(order: BrokerOrder) -> datetime:
    """In a market with one snapshot a session the next quote comes in the next session; the order rests until then."""
    return sessions.open_close(sessions.next(order.session))[1]


class PaperBroker:
    """A broker on paper, idempotent by client order id.

    `same_snapshot` orders fill or end at once; `next_quote` orders rest until `settle_working` finds a later chain
    whose natural is at or through their limit, or their deadline passes. `account` is needed by `open_orders` and
    `positions` alone. `opening` gives the chains that opening orders fill on, those behind the quality gate (None: the
    market's own); quotes shown more than `oldest_s` ago trade nothing.
    """

    paper = True

    def __init__(
        self,
        book: PaperBook,
        market: Market,
        clock: Clock,
        mode: FillMode,
        *,
        account: str | None = None,
        deadline: Deadline = session_end,
        opening: ChainsOf | None = None,
        oldest_s: float = 900.0,
    ) -> None:
        self._book = book
        self._market = market
        self._clock = clock
        self._mode = mode
        self._account = account
        self._deadline = deadline
        self._opening = opening if opening is not None else market.chain
        self._oldest_s = oldest_s
        self.name = f"paper on {market.label}, fills {mode.value}"

    async def place(self, order: BrokerOrder) -> BrokerReport:
        """Fill at once, rest, or end unfilled with the reason; the same id again returns what the first call led to."""
        known = await self._book.paper_find(order.client_order_id)
        if known is not None:
            return known
        if self._mode == FillMode.NEXT_QUOTE:
            report = _report(order, BrokerState.WORKING, "resting until the next quote")
        else:
            report = _ended(order, await self._try(order, self._clock.now()))
        return await self._book.paper_put(order.account, order, report)

    async def settle_working(self, account: str, now: datetime) -> tuple[tuple[BrokerOrder, BrokerReport], ...]:
        """Try each resting order of an account against the newest quotes; cancel what is past its deadline.

        Returns the orders that ended, with their reports.
        """
        ended: list[tuple[BrokerOrder, BrokerReport]] = []
        for order, _ in await self._book.paper_open(account):
            deadline = self._deadline(order)
            outcome = await self._try(order, now, until=deadline)
            if isinstance(outcome, Fill):
                report = _report(order, BrokerState.FILLED, outcome.note, (outcome,))
            elif now >= deadline:
                report = _report(order, BrokerState.CANCELLED, f"expired unfilled at {deadline}: {outcome.reason}")
            else:
                continue
            await self._book.paper_update(report)
            ended.append((order, report))
        return tuple(ended)

    async def cancel(self, client_order_id: str) -> BrokerReport:
        """Cancel a resting order; one that has ended stays as it is. Raises NotFound for an unknown id."""
        known = await self._book.paper_find(client_order_id)
        if known is None:
            raise NotFound(f"the paper broker knows no order {client_order_id}")
        if known.state != BrokerState.WORKING:
            return known
        report = BrokerReport(
            client_order_id=client_order_id, state=BrokerState.CANCELLED, fills=known.fills, reason="cancelled"
        )
        await self._book.paper_update(report)
        return await self._book.paper_find(client_order_id) or report

    async def find(self, client_order_id: str) -> BrokerReport | None:
        """What this broker knows of an id; None when it never heard of it."""
        return await self._book.paper_find(client_order_id)

    async def open_orders(self) -> tuple[BrokerReport, ...]:
        """Resting orders of the broker's account."""
        return tuple(report for _, report in await self._book.paper_open(self._named()))

    async def positions(self) -> tuple[tuple[str, int], ...]:
        """(instrument key, signed quantity) from this broker's own fills; what has settled is gone."""
        held: dict[str, int] = {}
        for _, done in await self._book.paper_fills(self._named()):
            for one in done.legs:
                instrument = one.leg.instrument
                if isinstance(instrument, Option) and instrument.settles_at <= self._clock.now():
                    continue
                key = instrument_key(instrument)
                held[key] = held.get(key, 0) + one.leg.quantity * done.contracts
        return tuple(sorted((key, quantity) for key, quantity in held.items() if quantity))

    async def ping(self) -> str:
        """Always there."""
        return f"{self.name}; no money moves"

    def _named(self) -> str:
        if self._account is None:
            raise BadInput("this paper broker was opened without an account; name one to list what it holds")
        return self._account

    async def _try(self, order: BrokerOrder, now: datetime, *, until: datetime | None = None) -> Fill | NotFilled:
        """One attempt against the newest chain known now. A source that fails fills nothing."""
        try:
            await self._market.refresh((order.ticker,))
            chains = self._opening if order.effect == Effect.OPEN else self._market.chain
            chain = await chains(order.ticker, now)
            bars = await self._market.bars(order.ticker, Interval.DAY, now, SETTLEMENT_BARS)
        except DataError as error:
            return NotFilled(reason=f"no quotes: {error}", final=False)
        if isinstance(chain, Absent):
            return NotFilled(reason=f"no quotes: {chain.why}", final=False)
        stale = _stale(chain, now, until, self._oldest_s)
        if stale:
            return NotFilled(reason=stale, final=False)
        settled = settled_prices(order.legs, None if isinstance(bars, Absent) else bars, now)
        return fill(order, chain, self._mode, at=now, settled=settled)


def _stale(chain: OptionChain, now: datetime, until: datetime | None, oldest_s: float) -> str:
    age = (now - chain.shown_at).total_seconds()
    if until is not None and chain.quoted_at > until:
        return f"the newest quotes ({chain.quoted_at}) come after the order's deadline"
    return f"the newest quotes are {age:.0f} s old" if age > oldest_s else ""


def _ended(order: BrokerOrder, outcome: Fill | NotFilled) -> BrokerReport:
    if isinstance(outcome, Fill):
        return _report(order, BrokerState.FILLED, outcome.note, (outcome,))
    return _report(order, BrokerState.CANCELLED, outcome.reason)


def _report(order: BrokerOrder, state: BrokerState, reason: str, fills: tuple[Fill, ...] = ()) -> BrokerReport:
    return BrokerReport(client_order_id=order.client_order_id, state=state, fills=fills, reason=reason)
