"""Which orders only reduce risk. Pure, and free of any quote: closing must stay possible when opening is not."""

from __future__ import annotations

from fractions import Fraction

from domain.book import Book
from domain.orders import BrokerOrder
from domain.structures import Option, Shares
from quant.risk.worst import Held, Worst, joined, multiplied, strikes, worst_loss


def reduces(order: BrokerOrder, book: Book) -> bool:
    """True when no leg goes past flat and the worst loss of the book in that underlying does not rise.

    Flat is measured in the position that the order names (its working closing orders taken off), or in the whole
    book when it names none. The worst loss is compared twice: on what is held, and as if everything working in that
    underlying had filled.
    """
    if not order.legs or type(order.contracts) is not int or order.contracts < 1:
        return False
    if any(leg.instrument.ticker != order.ticker for leg in order.legs):
        return False
    if past_flat(order, book):
        return False
    traded = multiplied(order.legs, order.contracts)
    return all(not _rises(held, joined(held, traded)) for held in scenarios(order, book))


def past_flat(order: BrokerOrder, book: Book) -> tuple[Option | Shares, ...]:
    """Legs of an order that are not held the other way round, or not in that number, once what works has filled."""
    traded = multiplied(order.legs, order.contracts)
    closable = _closable(order, book)
    return tuple(
        leg.instrument
        for leg in order.legs
        if closable.get(leg.instrument, 0) * leg.quantity >= 0
        or abs(traded[leg.instrument]) > abs(closable[leg.instrument])
    )


def scenarios(order: BrokerOrder, book: Book) -> tuple[Held, Held]:
    """What is held in the order's underlying now, and once every other working order in it has filled."""
    held = joined(*(multiplied(position.legs, position.contracts) for position in book.positions))
    now = {one: quantity for one, quantity in held.items() if one.ticker == order.ticker}
    working = joined(
        *(
            multiplied(one.legs, 1)
            for one in book.commitments
            if one.working and one.ticker == order.ticker and one.id != order.ticket_id
        )
    )
    return now, joined(now, working)


def _closable(order: BrokerOrder, book: Book) -> dict[Option | Shares, int]:
    positions = [one for one in book.positions if order.position_id in (None, one.id)]
    working = [
        one
        for one in book.commitments
        if one.working and one.id != order.ticket_id and one.position_id in {position.id for position in positions}
    ]
    return joined(
        *(multiplied(one.legs, one.contracts) for one in positions), *(multiplied(one.legs, 1) for one in working)
    )


def _rises(before: Held, after: Held) -> bool:
    """Compared at the same prices, so that two unbounded losses can be told apart; what is worth something for
    certain has a worst loss of nothing, so selling it raises none.
    """
    prices = strikes(before) + strikes(after)
    was: Worst = worst_loss(before, prices)
    would: Worst = worst_loss(after, prices)
    return would.loss > max(was.loss, Fraction(0)) or would.tail < was.tail
