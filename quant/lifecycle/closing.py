"""The price at which a position can be closed now."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from decimal import Decimal

from domain.book import Position
from domain.errors import DataAbsent
from domain.market import BarSeries, OptionChain
from domain.structures import Option, instrument_key
from quant.execution.quotes import Unquoted, leg_quote
from quant.execution.settlement import settled_prices
from quant.risk.worst import multiplied, worst_loss


def closing_price(position: Position, chain: OptionChain | None, daily: BarSeries | None, at: datetime) -> Decimal:
    """Natural net price a share of the legs *as they will be traded* (a closing position holds them reversed), and no
    more than the most that they can come to owe at settlement: paying above it locks in a loss beyond the maximum.

    Legs that have settled count at what they paid. Raises DataAbsent when a leg has neither quote nor settlement.
    """
    settled = settled_prices(position.legs, daily, at)
    paid = [
        leg.quantity * settled[leg.instrument]
        for leg in position.legs
        if isinstance(leg.instrument, Option) and leg.instrument in settled
    ]
    if len(paid) == len(position.legs):
        return sum(paid, Decimal(0))
    if chain is None:
        raise DataAbsent(f"{position.ticker} has no option chain to close {position.id} against")
    net = Decimal(0)
    for leg in position.legs:
        quote = leg_quote(leg, chain, settled)
        if isinstance(quote, Unquoted):
            raise DataAbsent(
                f"{position.id} cannot be priced for closing: {instrument_key(leg.instrument)}, {quote.why}"
            )
        net += leg.quantity * (quote.ask if leg.quantity > 0 else quote.bid)
    if settled:
        return net
    most = worst_loss(multiplied((dataclasses.replace(leg, quantity=-leg.quantity) for leg in position.legs), 1))
    owed = Decimal(most.loss.numerator) / Decimal(most.loss.denominator) / position.multiplier
    return min(net, owed) if most.bounded else net
