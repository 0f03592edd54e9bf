"""Fakes and makers for tests: an in-memory ledger, paper book, market and broker, and orders that make sense."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from domain.book import Book, Commitment, Position
from domain.errors import BrokerFailed, OrderRefused
from domain.market import Absent, BarSeries, Exercise, Interval, OptionChain
from domain.orders import BrokerOrder, BrokerReport, BrokerState, Effect, Fill
from domain.regime import Regime, RegimeName
from domain.structures import Leg, Option, Right, instrument_key

AT = datetime(2019, 5, 21, 15, 45, tzinfo=UTC)
EXPIRY = date(2019, 6, 21)
LATER = date(2019, 7, 19)
ACCOUNT = "paper/test"
D = Decimal


def settles(expiry: date) -> datetime:
    return datetime(expiry.year, expiry.month, expiry.day, 20, 0, tzinfo=UTC)


def option(strike: float, right: str = "put", *, expiry: date = EXPIRY, ticker: str = "SPX") -> Option:
    return Option(
        ticker=ticker,
        root=ticker,
        expiry=expiry,
        settles_at=settles(expiry),
        strike=D(str(strike)),
        right=Right(right),
        exercise=Exercise.EUROPEAN,
        multiplier=100,
    )


def leg(quantity: int, strike: float, right: str = "put", *, expiry: date = EXPIRY, ticker: str = "SPX") -> Leg:
    return Leg(instrument=option(strike, right, expiry=expiry, ticker=ticker), quantity=quantity)


def condor_legs(
    width: float = 10, *, expiry: date = EXPIRY, ticker: str = "SPX", middle: float = 2850
) -> tuple[Leg, ...]:
    """Shorts 100 points away from the middle, wings `width` further."""
    return (
        leg(1, middle - 100 - width, expiry=expiry, ticker=ticker),
        leg(-1, middle - 100, expiry=expiry, ticker=ticker),
        leg(-1, middle + 100, "call", expiry=expiry, ticker=ticker),
        leg(1, middle + 100 + width, "call", expiry=expiry, ticker=ticker),
    )


def order(legs: tuple[Leg, ...] | None = None, **changes: Any) -> BrokerOrder:
    """A plain index condor of 1 % maximum loss of a 100,000 account: 10 points wide, no credit, no fees counted."""
    legs = condor_legs() if legs is None else legs
    base: dict[str, Any] = {
        "client_order_id": "o-1",
        "account": ACCOUNT,
        "ticker": legs[0].instrument.ticker,
        "sector": "broad_index",
        "legs": legs,
        "contracts": 1,
        "limit_price": D(0),
        "effect": Effect.OPEN,
        "position_id": None,
        "max_loss": D("1000.00"),
        "cycle": min((one.instrument.expiry for one in legs if isinstance(one.instrument, Option)), default=EXPIRY),
        "multiplier": 100,
        "fees": D(0),
        "playbook": "index_iron_condor",
        "params_hash": "0" * 12,
        "ticket_id": "t-1",
        "as_of": AT,
        "session": AT.date(),
    }
    return BrokerOrder(**{**base, **changes})


def position(legs: tuple[Leg, ...] | None = None, **changes: Any) -> Position:
    legs = condor_legs() if legs is None else legs
    base: dict[str, Any] = {
        "id": "pos-1",
        "account": ACCOUNT,
        "ticker": legs[0].instrument.ticker,
        "sector": "broad_index",
        "name": "iron_condor",
        "legs": legs,
        "contracts": 1,
        "entry_net": D("-2.00"),
        "fees": D("4.00"),
        "max_loss": D("1000.00"),
        "max_profit": D("200.00"),
        "multiplier": 100,
        "cycle": min((one.instrument.expiry for one in legs if isinstance(one.instrument, Option)), default=EXPIRY),
        "opened_at": AT - timedelta(days=1),
        "playbook": "index_iron_condor",
        "params_hash": "0" * 12,
        "ticket_id": "t-0",
    }
    return Position(**{**base, **changes})


def closing(held: Position, **changes: Any) -> BrokerOrder:
    legs = tuple(Leg(instrument=one.instrument, quantity=-one.quantity) for one in held.legs)
    base: dict[str, Any] = {
        "client_order_id": "close-1",
        "ticket_id": "t-close-1",
        "contracts": held.contracts,
        "limit_price": D("2.00"),
        "effect": Effect.CLOSE,
        "position_id": held.id,
        "max_loss": D(0),
        "sector": held.sector,
        "cycle": held.cycle,
    }
    return order(legs, **{**base, **changes})


def book(**changes: Any) -> Book:
    """A fresh account of 100,000; with positions, one that was marked a minute ago and at the prior close."""
    base: dict[str, Any] = {
        "account": ACCOUNT,
        "at": AT,
        "cash": D(100_000),
        "nlv": D(100_000),
        "nlv_at": None,
        "nlv_prior_close": None,
        "positions": (),
        "commitments": (),
        "contracts_today": (),
        "halts": (),
        "broker_only": (),
    }
    if changes.get("positions"):
        base |= {"nlv_at": AT - timedelta(seconds=60), "nlv_prior_close": D(100_000)}
    return Book(**{**base, **changes})


def commitment(**changes: Any) -> Commitment:
    base: dict[str, Any] = {
        "id": "t-9",
        "ticker": "SPX",
        "sector": "broad_index",
        "cycle": EXPIRY,
        "max_loss": D("1000.00"),
        "contracts": 1,
        "working": False,
    }
    return Commitment(**{**base, **changes})


def regime(name: RegimeName = RegimeName.NEUTRAL, *, as_of: datetime = AT) -> Regime:
    return Regime(name=name, as_of=as_of, vix=16.0, vix_known_at=as_of - timedelta(hours=18), reasons=("test",))


def chain(
    quotes: dict[Option, tuple[float, float]],
    *,
    quoted_at: datetime = AT - timedelta(seconds=30),
    spot: float = 2850.0,
    ticker: str = "SPX",
) -> OptionChain:
    """A chain of exactly these bids and asks."""
    options = list(quotes)
    blank = np.full(len(options), np.nan)
    return OptionChain(
        ticker=ticker,
        exercise=Exercise.EUROPEAN,
        multiplier=100,
        spot=spot,
        quoted_at=quoted_at,
        known_at=quoted_at,
        source="test",
        closing=False,
        root=np.array([one.root for one in options], dtype="U8"),
        expiry=np.array([one.expiry.toordinal() for one in options], dtype=np.int64),
        settles_at=np.array([int(one.settles_at.timestamp()) for one in options], dtype=np.int64),
        strike=np.array([float(one.strike) for one in options]),
        is_call=np.array([one.right == Right.CALL for one in options]),
        bid=np.array([bid for bid, _ in quotes.values()], dtype=np.float64),
        ask=np.array([ask for _, ask in quotes.values()], dtype=np.float64),
        last=blank,
        volume=blank,
        open_interest=blank,
        vendor_iv=blank,
        vendor_delta=blank,
    )


def daily(days: list[tuple[date, float, float]], *, adjusted: bool = False, ticker: str = "SPX") -> BarSeries:
    """Daily bars of (day, open, close), known fifteen minutes after the close."""
    opens = np.array([row[1] for row in days])
    closes = np.array([row[2] for row in days])
    start = [int(datetime(d.year, d.month, d.day, 13, 30, tzinfo=UTC).timestamp()) for d, _, _ in days]
    return BarSeries(
        ticker=ticker,
        interval=Interval.DAY,
        source="test",
        adjusted=adjusted,
        start=np.array(start, dtype=np.int64),
        known_at=np.array([at + 24_300 for at in start], dtype=np.int64),
        open=opens,
        high=np.maximum(opens, closes),
        low=np.minimum(opens, closes),
        close=closes,
        volume=np.full(len(days), np.nan),
    )


class FakeClock:
    """A clock that a test sets."""

    def __init__(self, moment: datetime = AT) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    async def sleep_until(self, moment: datetime) -> None:
        self.moment = max(self.moment, moment)


class FakeMarket:
    """A market of chains that become known at their quote time, and of daily bars."""

    label = "test:chains"
    simulated = True
    delayed = False
    live = False
    one_shot = True

    def __init__(self, *chains: OptionChain, bars: BarSeries | None = None) -> None:
        self.chains = list(chains)
        self.daily = bars
        self.fault: Exception | None = None

    async def chain(self, ticker: str, as_of: datetime) -> OptionChain | Absent:
        if self.fault is not None:
            raise self.fault
        known = [one for one in self.chains if one.ticker == ticker and one.known_at <= as_of]
        return max(known, key=lambda one: one.quoted_at) if known else Absent(what="chain", why="none known")

    async def refresh(self, tickers: tuple[str, ...], held: Any = None) -> None:
        pass

    async def bars(self, ticker: str, interval: Interval, as_of: datetime, count: int) -> BarSeries | Absent:
        return self.daily or Absent(what="bars", why="none")


class FakeDoor:
    """One turn at the fake ledger; what it writes counts only when the turn ends well."""

    def __init__(self, ledger: FakeLedger, account: str) -> None:
        self._ledger = ledger
        self._account = account
        self.intents: list[tuple[BrokerOrder, bool]] = []
        self.reservations: list[Commitment] = []

    async def book(self) -> Book:
        return self._ledger.read(self._account)

    async def known(self, client_order_id: str) -> bool:
        return client_order_id in self._ledger.intents

    async def write_intent(self, order: BrokerOrder, reducing: bool) -> None:
        if order.client_order_id in self._ledger.intents:
            raise OrderRefused("written before", ("duplicate",))
        self.intents.append((order, reducing))

    async def reserve(self, commitment_id: str, order: BrokerOrder, expires_at: datetime) -> None:
        self.reservations.append(commitment(id=commitment_id, ticker=order.ticker, max_loss=order.max_loss))


class FakeLedger:
    """Books in memory: a lock per account, intents that commit whole, fills that become positions."""

    def __init__(self, opening: Book) -> None:
        self.base = opening
        self.intents: dict[str, tuple[BrokerOrder, bool]] = {}
        self.working: dict[str, BrokerOrder] = {}
        self.reserved: dict[str, Commitment] = {one.id: one for one in opening.commitments}
        self.positions: dict[str, Position] = {one.id: one for one in opening.positions}
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def door(self, account: str, at: datetime) -> AsyncIterator[FakeDoor]:
        async with self._lock:
            door = FakeDoor(self, account)
            yield door
            for order, reducing in door.intents:
                self.intents[order.client_order_id] = (order, reducing)
                self.working[order.client_order_id] = order
                self.reserved.pop(order.ticket_id, None)
            for one in door.reservations:
                self.reserved[one.id] = one

    def read(self, account: str) -> Book:
        assert account == self.base.account
        sent: dict[str, int] = {}
        for order, reducing in self.intents.values():
            if not reducing:
                largest = order.contracts * max(abs(one.quantity) for one in order.legs)
                sent[order.ticker] = sent.get(order.ticker, 0) + largest
        working = tuple(
            commitment(
                id=order.ticket_id,
                ticker=order.ticker,
                sector=order.sector,
                cycle=order.cycle,
                max_loss=order.max_loss,
                working=True,
                legs=tuple(Leg(instrument=x.instrument, quantity=x.quantity * order.contracts) for x in order.legs),
                position_id=order.position_id,
            )
            for order in self.working.values()
        )
        today = tuple(sorted({**dict(self.base.contracts_today), **sent}.items()))
        return dataclasses.replace(
            self.base,
            positions=tuple(self.positions.values()),
            commitments=tuple(self.reserved.values()) + working,
            contracts_today=today,
        )

    def fill(self, order_id: str) -> None:
        """A working order has filled whole."""
        order = self.working.pop(order_id)
        if order.effect == Effect.CLOSE:
            held = self.positions[str(order.position_id)]
            left = held.contracts - order.contracts
            del self.positions[held.id]
            if left:
                share = held.max_loss * left / held.contracts
                self.positions[held.id] = dataclasses.replace(held, contracts=left, max_loss=share)
            return
        made = position(
            order.legs,
            id=f"pos-{order_id}",
            ticker=order.ticker,
            sector=order.sector,
            contracts=order.contracts,
            max_loss=order.max_loss,
            cycle=order.cycle,
        )
        self.positions[made.id] = made

    def end(self, order_id: str) -> None:
        """A working order has ended unfilled."""
        self.working.pop(order_id)


class FakeBroker:
    """A broker that keeps what it is sent, and can fall silent."""

    name = "fake"
    paper = True

    def __init__(self) -> None:
        self.sent: list[BrokerOrder] = []
        self.silent = False

    async def place(self, order: BrokerOrder) -> BrokerReport:
        self.sent.append(order)
        if self.silent:
            raise BrokerFailed("no answer")
        return self._report(order.client_order_id)

    async def cancel(self, client_order_id: str) -> BrokerReport:
        return dataclasses.replace(self._report(client_order_id), state=BrokerState.CANCELLED)

    async def find(self, client_order_id: str) -> BrokerReport | None:
        known = [one for one in self.sent if one.client_order_id == client_order_id]
        return self._report(client_order_id) if known else None

    async def settle_working(self, account: str, now: datetime) -> tuple[tuple[BrokerOrder, BrokerReport], ...]:
        return tuple((one, self._report(one.client_order_id)) for one in self.sent if one.account == account)

    async def open_orders(self) -> tuple[BrokerReport, ...]:
        return tuple(self._report(one.client_order_id) for one in self.sent)

    async def positions(self) -> tuple[tuple[str, int], ...]:
        held: dict[str, int] = {}
        for order in self.sent:
            for one in order.legs:
                key = instrument_key(one.instrument)
                held[key] = held.get(key, 0) + one.quantity * order.contracts
        return tuple(sorted(held.items()))

    async def ping(self) -> str:
        return "fake"

    def _report(self, order_id: str) -> BrokerReport:
        return BrokerReport(client_order_id=order_id, state=BrokerState.WORKING, fills=(), reason="")


class FakePaperBook:
    """The paper broker's memory, in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, BrokerOrder, BrokerReport]] = {}

    async def paper_find(self, client_order_id: str) -> BrokerReport | None:
        row = self.rows.get(client_order_id)
        return None if row is None else row[2]

    async def paper_put(self, account: str, order: BrokerOrder, report: BrokerReport) -> BrokerReport:
        return self.rows.setdefault(order.client_order_id, (account, order, report))[2]

    async def paper_update(self, report: BrokerReport) -> None:
        account, order, _ = self.rows[report.client_order_id]
        self.rows[report.client_order_id] = (account, order, report)

    async def paper_open(self, account: str) -> tuple[tuple[BrokerOrder, BrokerReport], ...]:
        rows = [row for row in self.rows.values() if row[0] == account]
        return tuple((row[1], row[2]) for row in rows if row[2].state == BrokerState.WORKING)

    async def paper_fills(self, account: str) -> tuple[tuple[BrokerOrder, Fill], ...]:
        rows = [row for row in self.rows.values() if row[0] == account]
        return tuple((row[1], fill) for row in rows for fill in row[2].fills)
