"""What the gate is asked: the orders, split into those that add risk and those that only reduce it, and the book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from domain.book import Book, Commitment
from domain.decision import Check
from domain.orders import BrokerOrder
from domain.regime import Regime
from domain.structures import Leg, Option, Shares
from quant.execution.quotes import PriceBand
from quant.risk.limits import HardLimits
from quant.risk.worst import multiplied


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to the gate. `bands` None: asked at a stage that holds no quotes yet."""

    adding: tuple[BrokerOrder, ...]
    reducing: tuple[BrokerOrder, ...]
    book: Book
    regime: Regime | None
    limits: HardLimits
    at: datetime
    known: frozenset[str]
    bands: Mapping[str, PriceBand | None] | None
    in_session: bool

    @property
    def orders(self) -> tuple[BrokerOrder, ...]:
        """All orders, those that add risk first."""
        return self.adding + self.reducing


class Loss(NamedTuple):
    """One worst case that counts against the limits."""

    ticker: str
    sector: str
    cycle: date
    amount: Decimal


class BadFigure(ValueError):
    """A figure that a limit needs is missing or makes no sense; the check fails with this reason."""


def check_of(
    name: str,
    passed: bool,
    *,
    limit: str = "",
    value: str = "",
    headroom: str = "",
    age_s: float | None = None,
    note: str = "",
) -> Check:
    """A hard check's line in the report."""
    return Check(
        name=name, hard=True, limit=limit, value=value, headroom=headroom, passed=passed, age_s=age_s, note=note
    )


def dollars(amount: Decimal) -> str:
    """Money as the report shows it."""
    return f"{amount:,.2f}"


def figure(value: object, what: str) -> Decimal:
    """A finite Decimal. Raises BadFigure naming what it should have been."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise BadFigure(f"{what} is {value}, not an amount")
    return value


def positive(value: object, what: str) -> Decimal:
    """A finite Decimal above zero. Raises BadFigure."""
    amount = figure(value, what)
    if amount <= 0:
        raise BadFigure(f"{what} is {amount}, not above zero")
    return amount


def losses(book: Book, own: frozenset[str] = frozenset()) -> tuple[Loss, ...]:
    """Worst cases already in the book: positions, and everything working or reserved but for `own` tickets.

    Raises BadFigure when one of them is no amount or negative.
    """
    found = [Loss(one.ticker, one.sector, one.cycle, one.max_loss) for one in book.positions]
    found += [Loss(one.ticker, one.sector, one.cycle, one.max_loss) for one in book.commitments if one.id not in own]
    for one in found:
        if figure(one.amount, f"the maximum loss of a {one.ticker} position or commitment") < 0:
            raise BadFigure(f"the maximum loss of a {one.ticker} position or commitment is {one.amount}")
    return tuple(found)


def added(orders: tuple[BrokerOrder, ...]) -> tuple[Loss, ...]:
    """Worst cases that orders would add. Raises BadFigure."""
    for order in orders:
        if figure(order.max_loss, f"the maximum loss of {order.client_order_id}") < 0:
            raise BadFigure(f"the maximum loss of {order.client_order_id} is {order.max_loss}")
    return tuple(Loss(one.ticker, one.sector, one.cycle, one.max_loss) for one in orders)


def largest_leg(order: BrokerOrder) -> int:
    """Contracts of the order's largest leg, repeated legs added up; a hundred shares count as one contract."""
    count: dict[Option | Shares, int] = {}
    for leg in order.legs:
        count[leg.instrument] = count.get(leg.instrument, 0) + abs(leg.quantity) * order.contracts
    lots = [-(-n // 100) if isinstance(instrument, Shares) else n for instrument, n in count.items()]
    return max(lots, default=0)


def as_working(order: BrokerOrder) -> Commitment:
    """An order as the book counts it while it works."""
    legs = multiplied(order.legs, order.contracts)
    return Commitment(
        id=order.client_order_id,
        ticker=order.ticker,
        sector=order.sector,
        cycle=order.cycle,
        max_loss=order.max_loss,
        contracts=order.contracts * max((abs(leg.quantity) for leg in order.legs), default=0),
        working=True,
        legs=tuple(Leg(instrument=one, quantity=quantity) for one, quantity in legs.items() if quantity),
        position_id=order.position_id,
    )
