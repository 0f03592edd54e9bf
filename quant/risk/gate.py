"""The gate: one pure function that is asked about orders early, jointly, again at new prices, and at the broker's door.

It lists every hard check with its limit, value, headroom and age, passed or not, and the person's own rules where a
mandate sets any. A check that cannot be made is a check that failed. Limits bind orders that add risk; an order that
only reduces passes halts, counts, margin, losses, mandates and stale data, but never a duplicate id, a price band, an
unknown position or an uncovered short.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from domain.book import Book
from domain.codec import record
from domain.decision import Check, GateReport
from domain.money import ZERO, to_cents
from domain.orders import BrokerOrder, Effect
from domain.regime import Regime
from quant.execution.quotes import PriceBand
from quant.risk import account_rules, investor_rules, order_rules
from quant.risk.asked import Asked, as_working, check_of
from quant.risk.limits import HardLimits
from quant.risk.reducing import reduces

Rule = Callable[[Asked], Check]

# These bind every order, whatever it does to the book.
ALWAYS: tuple[tuple[str, Rule], ...] = (
    ("duplicate_id", order_rules.duplicate_id),
    ("order_sane", order_rules.order_sane),
    ("position_known", order_rules.position_known),
    ("broker_agrees", order_rules.broker_agrees),
    ("uncovered_short", order_rules.uncovered_short),
    ("price_band", order_rules.price_band),
)
# These bind orders that add risk.
ACCOUNT: tuple[tuple[str, Rule], ...] = (
    ("halts", account_rules.halts),
    ("daily_loss", account_rules.daily_loss),
    ("nlv_age", account_rules.nlv_age),
    ("regime_known", account_rules.regime_known),
)
ADDING: tuple[tuple[str, Rule], ...] = (
    *ACCOUNT,
    ("quotes_tradable", order_rules.quotes_tradable),
    ("stated_loss", order_rules.stated_loss),
    ("position_loss", account_rules.position_loss),
    ("sector_loss", account_rules.sector_loss),
    ("total_loss", account_rules.total_loss),
    ("free_margin", account_rules.free_margin),
    ("contracts_order", account_rules.contracts_order),
    ("contracts_day", account_rules.contracts_day),
)


# Made where quotes are at hand, and left out, not passed, where there are none yet.
ON_QUOTES = frozenset({"price_band", "quotes_tradable"})


@record
class Headroom:
    """What the limits still admit for a new cycle of one ticker; `fault` says why nothing can be said."""

    loss: Decimal  # dollars of maximum loss, rounded down, never negative
    binding: str
    contracts: int  # of the largest leg, this session
    by_limit: tuple[tuple[str, Decimal], ...]
    fault: str


def check(
    orders: tuple[BrokerOrder, ...],
    book: Book,
    regime: Regime | None,
    limits: HardLimits,
    at: datetime,
    *,
    known: frozenset[str] = frozenset(),
    bands: Mapping[str, PriceBand | None] | None = None,
    in_session: bool = True,
) -> GateReport:
    """Every hard check of these orders together against the book as it stands.

    `known` holds ids that were ever used. `bands` maps an order's id to the prices that its quotes span; None leaves
    the price check out (no quotes are at hand at that stage), an order without an entry fails it. The reservation of
    an order's own ticket is not counted beside the order.
    """
    adding, reducing = split(orders, book)
    asked = Asked(adding, reducing, book, regime, limits, at, known, bands, in_session)
    checks = [_made(name, rule, asked) for name, rule in ALWAYS if name not in ON_QUOTES or bands is not None]
    for name, rule in (*ADDING, *investor_rules.rules(limits.investor)):
        if name in ON_QUOTES and bands is None:
            continue
        made = _made(name, rule, asked)
        if not made.passed and reducing and not adding:
            note = f"does not bind an order that only reduces; {made.note}".rstrip("; ")
            made = dataclasses.replace(made, passed=True, note=note)
        checks.append(made)
    subject = ", ".join(f"{order.effect.value} {order.contracts} {order.ticker}" for order in orders)
    return GateReport(subject=subject or "no order", checks=tuple(checks))


def account_checks(
    book: Book, regime: Regime | None, limits: HardLimits, at: datetime, *, in_session: bool = True
) -> tuple[Check, ...]:
    """The checks that need no order: halts, the day's loss, the age of the mark and of the regime."""
    asked = Asked((), (), book, regime, limits, at, frozenset(), None, in_session)
    return tuple(_made(name, rule, asked) for name, rule in ACCOUNT)


def headroom(ticker: str, sector: str, book: Book, regime: Regime | None, limits: HardLimits) -> Headroom:
    """Solve the sums of the gate for what a new cycle of this ticker may still lose.

    An existing cycle has less; the sizing asks for it by order. A figure that is missing leaves no room.
    """
    try:
        room = account_rules.loss_room(book, ticker, sector, regime, limits)
        contracts = max(0, limits.contracts - account_rules.contracts_used(book, ticker))
    except (ValueError, ArithmeticError) as error:
        return Headroom(loss=ZERO, binding="figures", contracts=0, by_limit=(), fault=str(error))
    binding = min(room, key=lambda name: room[name])
    return Headroom(
        loss=max(ZERO, to_cents(room[binding], "down")),
        binding=binding,
        contracts=contracts,
        by_limit=tuple((name, to_cents(amount, "down")) for name, amount in room.items()),
        fault="",
    )


def is_reducing(order: BrokerOrder, book: Book) -> bool:
    """True for a closing order that only reduces; an opening order is held to every limit whatever it does."""
    return order.effect == Effect.CLOSE and reduces(order, book)


def split(orders: tuple[BrokerOrder, ...], book: Book) -> tuple[tuple[BrokerOrder, ...], tuple[BrokerOrder, ...]]:
    """Orders that add risk, and orders that only reduce it, each judged as if those before it were working."""
    adding: list[BrokerOrder] = []
    reducing: list[BrokerOrder] = []
    for order in orders:
        if _judged(order, book):
            reducing.append(order)
            book = dataclasses.replace(book, commitments=(*book.commitments, as_working(order)))
        else:
            adding.append(order)
    return tuple(adding), tuple(reducing)


def _judged(order: BrokerOrder, book: Book) -> bool:
    try:
        return is_reducing(order, book)
    except (ValueError, ArithmeticError):  # a strike that is no number: not shown to reduce, so it adds
        return False


def _made(name: str, rule: Rule, asked: Asked) -> Check:
    """The rule's line; a figure that it cannot work with fails it, with the reason."""
    try:
        return rule(asked)
    except (ValueError, ArithmeticError) as error:
        return check_of(name, False, note=f"cannot be checked: {error}")
