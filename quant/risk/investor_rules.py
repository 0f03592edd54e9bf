"""Rules of the person's own mandate: what the desk may trade at all, over and above every limit and playbook.

They stand in the report only where the mandate sets something, and bind orders that add risk; watchlist, DTE and
structures bind those that open a position. What only reduces is never held back by them.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from domain.decision import Check
from domain.orders import BrokerOrder, Effect
from domain.playbook import InvestorMandate
from domain.structures import Option
from quant.risk.asked import Asked, check_of, dollars, figure
from quant.structures.catalogue import is_made

NEW_YORK = ZoneInfo("America/New_York")


def rules(investor: InvestorMandate) -> tuple[tuple[str, Callable[[Asked], Check]], ...]:
    """The rules of what a mandate sets; () when it sets nothing that an order can break."""
    found: list[tuple[str, Callable[[Asked], Check]]] = []
    if investor.watchlist:
        found.append(("mandate_watchlist", watchlist))
    if investor.min_dte is not None or investor.max_dte is not None:
        found.append(("mandate_dte", dte))
    if investor.structures:
        found.append(("mandate_structures", structures))
    if investor.largest_loss is not None:
        found.append(("mandate_loss", largest_loss))
    return tuple(found)


def watchlist(asked: Asked) -> Check:
    """Positions are opened in tickers of the watchlist alone."""
    wanted = asked.limits.investor.watchlist
    strangers = sorted({order.ticker for order in _opening(asked)} - set(wanted))
    return check_of(
        "mandate_watchlist", not strangers, limit=", ".join(wanted), value=", ".join(strangers) or "on the list"
    )


def dte(asked: Asked) -> Check:
    """Calendar days from the New York day to the nearest expiry and to the latest lie in the mandate's window."""
    investor = asked.limits.investor
    today = asked.at.astimezone(NEW_YORK).date()
    least = investor.min_dte or 0
    faults = []
    for order in _opening(asked):
        days = [(leg.instrument.expiry - today).days for leg in order.legs if isinstance(leg.instrument, Option)]
        if not days:
            faults.append(f"{order.client_order_id} has no expiry")
        elif min(days) < least or (investor.max_dte is not None and max(days) > investor.max_dte):
            faults.append(f"{order.client_order_id} expires in {min(days)} to {max(days)} days")
    most = "any" if investor.max_dte is None else str(investor.max_dte)
    return check_of("mandate_dte", not faults, limit=f"{least} to {most} DTE", value="; ".join(faults) or "within")


def structures(asked: Asked) -> Check:
    """The legs of an opening order make one of the permitted structures, whatever it calls itself."""
    wanted = asked.limits.investor.structures
    strangers = [
        order.client_order_id for order in _opening(asked) if not any(is_made(name, order.legs) for name in wanted)
    ]
    value = f"{', '.join(strangers)}: another structure" if strangers else "permitted"
    limit = ", ".join(name.value for name in wanted)
    return check_of("mandate_structures", not strangers, limit=limit, value=value)


def largest_loss(asked: Asked) -> Check:
    """No order states a maximum loss beyond the mandate's largest for one trade."""
    limit = figure(asked.limits.investor.largest_loss, "the largest loss per trade")
    most = max((figure(order.max_loss, "the maximum loss") for order in asked.adding), default=None)
    if most is None:
        return check_of("mandate_loss", True, limit=dollars(limit), value="no order")
    return check_of(
        "mandate_loss", most <= limit, limit=dollars(limit), value=dollars(most), headroom=dollars(limit - most)
    )


def _opening(asked: Asked) -> tuple[BrokerOrder, ...]:
    return tuple(order for order in asked.adding if order.effect == Effect.OPEN)
