"""Rules on the orders themselves: identity, sense, known positions, price, cover, and an honest worst case.

All but the last bind every order, reducing ones too.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction

from domain.decision import Check
from domain.orders import BrokerOrder, Effect
from domain.structures import Option, instrument_key
from quant.risk.asked import Asked, BadFigure, as_working, check_of, dollars, figure
from quant.risk.cover import naked
from quant.risk.reducing import past_flat, scenarios
from quant.risk.worst import Worst, joined, multiplied, worst_loss

LEAST_SLACK = Decimal("0.05")  # dollars a share; one tick of most options above 3 dollars


def duplicate_id(asked: Asked) -> Check:
    """No order carries an id that was ever used, or that another order here carries."""
    ids = [order.client_order_id for order in asked.orders]
    twice = sorted({one for one in ids if ids.count(one) > 1 or one in asked.known or not one})
    return check_of("duplicate_id", not twice, limit="never used", value=", ".join(twice) or "new")


def order_sane(asked: Asked) -> Check:
    """Every figure of the order is there, finite and fits the others."""
    faults = [f"{order.client_order_id}: {fault}" for order in asked.orders for fault in _faults(order, asked)]
    return check_of("order_sane", not faults, limit="no fault", value="; ".join(faults) or "none")


def position_known(asked: Asked) -> Check:
    """A closing order closes a position of the book and takes no leg past flat; what works already is counted."""
    faults = []
    book = asked.book
    for order in asked.orders:
        if order.effect != Effect.CLOSE:
            continue
        if all(one.id != order.position_id for one in book.positions):
            faults.append(f"{order.client_order_id} closes {order.position_id}, which the book does not hold")
        elif past := past_flat(order, book):
            legs = ", ".join(dict.fromkeys(instrument_key(one) for one in past))
            faults.append(f"{order.client_order_id} takes {legs} of {order.position_id} past flat")
        else:
            book = dataclasses.replace(book, commitments=(*book.commitments, as_working(order)))
    return check_of("position_known", not faults, limit="held, up to flat", value="; ".join(faults) or "yes")


def broker_agrees(asked: Asked) -> Check:
    """The broker holds nothing that the book does not know: anywhere for an order that adds, in these names else."""
    unknown = asked.book.broker_only
    if not asked.adding:
        ours = {order.ticker for order in asked.orders} | {
            instrument_key(leg.instrument).split()[0] for order in asked.orders for leg in order.legs
        }
        unknown = tuple(key for key in unknown if not key.strip() or key.split()[0] in ours)
    return check_of("broker_agrees", not unknown, limit="nothing unknown", value=", ".join(unknown) or "nothing")


def price_band(asked: Asked) -> Check:
    """The limit price stands where the quotes are, give or take a slack; only for reducing orders may they be old."""
    assert asked.bands is not None
    faults, ages = [], []
    for order in asked.orders:
        band = asked.bands.get(order.client_order_id)
        if band is None:
            faults.append(f"{order.client_order_id}: no quotes to hold its limit price against")
            continue
        better, natural = figure(band.better, "the better net price"), figure(band.natural, "the natural net price")
        limit = figure(order.limit_price, "the limit price")
        slack = max(LEAST_SLACK, (natural - better) * asked.limits.band_slack)
        age = (asked.at - band.quoted_at).total_seconds()
        ages.append(age)
        if not better - slack <= limit <= natural + slack:
            faults.append(f"{order.client_order_id}: {limit} is outside {better - slack} .. {natural + slack}")
        if age < 0 or (age > asked.limits.quote_age_s and order in asked.adding):
            faults.append(f"{order.client_order_id}: its quotes are {age:.0f} s old, limit {asked.limits.quote_age_s}")
    return check_of(
        "price_band",
        not faults,
        limit="within the quotes",
        value="; ".join(faults) or "within",
        age_s=max(ages, default=None),
    )


def quotes_tradable(asked: Asked) -> Check:
    """Orders that add risk are priced on quotes that may carry one; `PriceBand.restricted` says why some may not."""
    found = [(order, (asked.bands or {}).get(order.client_order_id)) for order in asked.adding]
    faults = [f"{order.client_order_id}: {band.restricted}" for order, band in found if band and band.restricted]
    value = "; ".join(faults) or "yes"
    return check_of("quotes_tradable", not faults, limit="quotes that may carry an order", value=value)


def uncovered_short(asked: Asked) -> Check:
    """No order leaves a short call uncovered, or a short put without cash for its whole assignment.

    Looked at now and as if everything working had filled; what stood uncovered before may only shrink.
    """
    faults = []
    for order in asked.orders:
        for held in scenarios(order, asked.book):
            before, after = naked(held), naked(joined(held, multiplied(order.legs, order.contracts)))
            if after.shares > before.shares:
                faults.append(f"{order.client_order_id}: calls on {after.shares} shares would stand uncovered")
            elif after.cash > before.cash and after.cash > _free_cash(asked, order):
                faults.append(
                    f"{order.client_order_id}: assignment of its puts takes {dollars(after.cash)}, "
                    f"{dollars(_free_cash(asked, order))} is free"
                )
    return check_of("uncovered_short", not faults, limit="none", value="; ".join(dict.fromkeys(faults)) or "none")


def stated_loss(asked: Asked) -> Check:
    """The stated maximum loss is no less than what the legs can lose at the limit price, computed anew."""
    faults = []
    for order in asked.adding:
        stated = Fraction(figure(order.max_loss, "the stated maximum loss"))
        least = _least_loss(order, asked)
        if least is None:
            faults.append(f"{order.client_order_id} can lose without bound")
        elif stated < least:
            faults.append(f"{order.client_order_id} states {order.max_loss}, its legs can lose {float(least):.2f}")
    return check_of("stated_loss", not faults, limit="what the legs can lose", value="; ".join(faults) or "honest")


def _least_loss(order: BrokerOrder, asked: Asked) -> Fraction | None:
    """Dollars an order can lose whatever happens; for a closing order what it adds to the book. None: unbounded."""
    legs = multiplied(order.legs, order.contracts)
    if order.effect == Effect.CLOSE:
        pairs = [(worst_loss(held), worst_loss(joined(held, legs))) for held in scenarios(order, asked.book)]
        if any(would.tail < was.tail for was, would in pairs):
            return None
        return max(would.loss - was.loss for was, would in pairs)
    alone: Worst = worst_loss(legs)
    if not alone.bounded:
        return None  # covered by what the book holds or not, this order's own loss is not known
    paid = Fraction(figure(order.limit_price, "the limit price")) * order.multiplier * order.contracts
    return alone.loss + paid + Fraction(figure(order.fees, "the fees"))


def _free_cash(asked: Asked, order: BrokerOrder) -> Decimal:
    """Cash that no other worst case may need: working and reserved orders, and puts sold on other names."""
    book = asked.book
    taken = [figure(one.max_loss, "a commitment") for one in book.commitments if one.id != order.ticket_id]
    for ticker in sorted({one.ticker for one in book.positions} - {order.ticker}):
        legs = (multiplied(one.legs, one.contracts) for one in book.positions if one.ticker == ticker)
        taken.append(naked(joined(*legs)).cash)
    return figure(book.cash, "cash") - sum(taken, Decimal(0))


def _faults(order: BrokerOrder, asked: Asked) -> list[str]:
    faults = []
    if order.account != asked.book.account:
        faults.append(f"it is for {order.account}, the book is {asked.book.account}")
    if type(order.contracts) is not int or order.contracts < 1:
        faults.append(f"{order.contracts} contracts")
    if type(order.multiplier) is not int or order.multiplier < 1:
        faults.append(f"multiplier {order.multiplier}")
    if not order.sector or not order.ticker or not order.ticket_id:
        faults.append("its ticker, sector or ticket is not named")
    for what in ("limit_price", "max_loss", "fees"):
        try:
            amount = figure(getattr(order, what), what)
        except BadFigure as error:
            faults.append(str(error))
            continue
        if what != "limit_price" and amount < 0:
            faults.append(f"{what} is {amount}")
    return faults + _leg_faults(order, asked)


def _leg_faults(order: BrokerOrder, asked: Asked) -> list[str]:
    if not order.legs:
        return ["it has no legs"]
    faults = []
    if any(type(leg.quantity) is not int for leg in order.legs):
        faults.append("a leg has no whole quantity")
    if any(leg.instrument.ticker != order.ticker for leg in order.legs):
        faults.append(f"a leg is not on {order.ticker}")
    options = [leg.instrument for leg in order.legs if isinstance(leg.instrument, Option)]
    if any(not option.strike.is_finite() or option.strike <= 0 for option in options):
        faults.append("a strike is not a positive number")
    if any(option.multiplier != order.multiplier for option in options):
        faults.append("a leg has another multiplier")
    if order.effect == Effect.OPEN and any(option.settles_at <= asked.at for option in options):
        faults.append("a leg has settled")
    if order.effect == Effect.OPEN and options and order.cycle != min(option.expiry for option in options):
        faults.append(f"its cycle is {order.cycle}, its nearest expiry is another")
    return faults
