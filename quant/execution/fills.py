"""How an order meets the quotes of one chain, in the two declared fill modes. Pure and pessimistic.

`same_snapshot`: every leg trades at its full natural price in the chain that the order was made from. `next_quote`:
the limit rests and fills only when a *later* chain's natural is at or through it. In both the order fills whole or
not at all, at the natural net price, and only when that is no worse than its limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from domain.codec import record
from domain.market import OptionChain
from domain.orders import BrokerOrder, Effect, Fill, FillMode, LegFill
from domain.structures import Option, instrument_key
from quant.execution.quotes import NONE_SETTLED, Unquoted, leg_quote


@record
class NotFilled:
    """Why an order did not fill; `final` when no later quote of this mode can change that."""

    reason: str
    final: bool


def fill(
    order: BrokerOrder,
    chain: OptionChain,
    mode: FillMode,
    *,
    at: datetime,
    settled: Mapping[Option, Decimal] = NONE_SETTLED,
) -> Fill | NotFilled:
    """The order's execution against one chain as of `at`, or why there is none.

    Buying needs a displayed ask, selling a displayed bid; only a closing order may give a leg away that nobody bids
    for, at zero. `settled` holds what legs paid that have settled: they are closed at that price.
    """
    one_shot = mode == FillMode.SAME_SNAPSHOT
    if chain.quoted_at > at:
        return NotFilled(reason=f"the chain is quoted at {chain.quoted_at}, after {at}", final=False)
    if not one_shot and chain.quoted_at <= order.as_of:
        return NotFilled(reason="no quotes since the order was made", final=False)
    legs: list[LegFill] = []
    net = Decimal(0)
    for leg in order.legs:
        key = instrument_key(leg.instrument)
        quote = leg_quote(leg, chain, settled)
        if isinstance(quote, Unquoted):
            return NotFilled(reason=f"{key} has no quote: {quote.why}", final=one_shot)
        price = quote.ask if leg.quantity > 0 else quote.bid
        if price == 0 and order.effect == Effect.OPEN:
            return NotFilled(reason=f"nobody bids for {key}", final=one_shot)
        legs.append(LegFill(leg=leg, price=price))
        net += leg.quantity * price
    if net > order.limit_price:
        return NotFilled(reason=f"natural {net} is worse than the limit {order.limit_price}", final=one_shot)
    return Fill(
        client_order_id=order.client_order_id,
        contracts=order.contracts,
        net=net,
        legs=tuple(legs),
        fees=order.fees,
        at=at,
        mode=mode.value,
        note=_note(order, legs, settled),
    )


def _note(order: BrokerOrder, legs: list[LegFill], settled: Mapping[Option, Decimal]) -> str:
    expired = sum(isinstance(one.leg.instrument, Option) and one.leg.instrument in settled for one in legs)
    given = sum(one.price == 0 for one in legs) if order.effect == Effect.CLOSE else 0
    parts = ["natural price of every leg"]
    if expired:
        parts.append(f"{expired} at settlement")
    if given > expired:
        parts.append("worthless legs given away")
    return ", ".join(parts)
