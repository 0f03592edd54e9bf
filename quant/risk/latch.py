"""The daily loss latch: when today's loss halts an account."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

CONFIRM_AFTER = timedelta(seconds=60)


def loss_latched(
    history: tuple[tuple[datetime, Decimal], ...], prior_close: Decimal | None, limit: Decimal, now: datetime
) -> str:
    """Why the latch closes, "" while it stays open.

    Loss = prior close − NLV; it counts when it is at least `limit` × NLV on the last two marks of today, at least
    60 s apart, so that one bad quote halts nothing. `history`: (time, NLV) of good marks, oldest first. Without a
    prior close there is no loss to measure.
    """
    if prior_close is None:
        return ""
    today = [(at, nlv) for at, nlv in history if at <= now and at.date() == now.date()]
    if len(today) < 2:
        return ""
    (_, last), last_at = today[-1], today[-1][0]
    earlier = [nlv for at, nlv in today[:-1] if last_at - at >= CONFIRM_AFTER]
    if not earlier:
        return ""
    if all(prior_close - nlv >= limit * max(nlv, Decimal(0)) for nlv in (last, earlier[-1])):
        return f"lost {prior_close - last} today, limit {limit:.0%} of {last} net liquidation value, on two marks"
    return ""
