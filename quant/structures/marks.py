"""Marks: live legs at their surface value clamped inside their own bid and ask, settled legs at what they paid.

A mark is what closing at a fair mid would give; it is never guessed: a position that cannot be marked raises.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from domain.book import Mark, Position
from domain.errors import DataAbsent, StaleData
from domain.market import Exercise, MarketSnapshot, OptionChain
from domain.money import to_cents
from domain.structures import Leg, Option, Right, Shares
from quant.execution.settlement import settled_prices
from quant.surface import Surface

MAX_LAG = timedelta(minutes=15)


def find_row(chain: OptionChain, option: Option) -> int | None:
    """The chain row of a contract, or None when it is not listed exactly once."""
    same = (
        (chain.expiry == option.expiry.toordinal())
        & (np.abs(chain.strike - float(option.strike)) < 1e-6)
        & (chain.is_call == (option.right is Right.CALL))
        & (np.asarray(chain.root) == option.root)
    )
    rows = np.flatnonzero(same)
    return int(rows[0]) if len(rows) == 1 else None


def _fresh(chain: OptionChain, now: datetime) -> None:
    age = now - chain.quoted_at
    limit = timedelta(hours=12) if chain.closing else MAX_LAG  # quotes of the close stand until the next session
    if age > limit:
        raise StaleData(
            f"{chain.ticker}: the quotes are {age.total_seconds() / 60:.0f} minutes old, a mark needs them within "
            f"{limit.total_seconds() / 60:.0f}; take a newer snapshot"
        )


def _value(option: Option, chain: OptionChain, surface: Surface | None) -> tuple[float, str]:
    """(dollars a share, how) of one live option. Raises DataAbsent with neither a quote nor a slice."""
    label = f"{option.root} {option.expiry} {option.strike} {option.right}"
    one = None if surface is None else surface.find(option.root, option.expiry.toordinal())
    row = find_row(chain, option)
    quoted = row is not None and bool(chain.ask[row] > 0.0) and not bool(chain.bid[row] > chain.ask[row])
    bid = float(np.nan_to_num(chain.bid[row], nan=0.0)) if row is not None and quoted else 0.0
    ask = float(chain.ask[row]) if row is not None and quoted else 0.0
    if one is None:
        if not quoted:
            raise DataAbsent(f"{label}: no sound quote and no fitted slice; the position cannot be marked")
        return 0.5 * (bid + ask), "mid"
    call = option.right is Right.CALL
    value = float(one.price(float(option.strike), call))
    if option.exercise is Exercise.AMERICAN:
        away = chain.spot - float(option.strike)
        value = max(value, away if call else -away)
    if not quoted:
        return value, "surface, no quote"
    return min(max(value, bid), ask), "surface" if bid <= value <= ask else "surface clamped to the quote"


def mark(position: Position, snapshot: MarketSnapshot, surface: Surface | None, now: datetime | None = None) -> Mark:
    """The value of a position in dollars, all contracts; positive is what closing would bring in.

    `now` defaults to the snapshot's moment. Raises DataAbsent when a leg has neither quote nor slice, or settled at a
    price that is not known, and StaleData when the quotes are over 15 minutes old (those of the close stand 12 hours).
    """
    at = snapshot.as_of if now is None else now
    paid = settled_prices(position.legs, snapshot.daily, at)
    live: list[Leg] = []
    total = 0.0
    how: dict[str, int] = {}
    for leg in position.legs:
        option = leg.instrument
        if isinstance(option, Shares):
            total += leg.quantity * snapshot.spot
            how["spot"] = how.get("spot", 0) + 1
        elif option.settles_at > at:
            live.append(leg)
        elif option in paid:
            total += leg.quantity * option.multiplier * float(paid[option])
            how["settled"] = how.get("settled", 0) + 1
        else:
            raise DataAbsent(
                f"{option.root} {option.expiry}: settled at {option.settles_at:%Y-%m-%d %H:%M} UTC and no unadjusted "
                "daily bar of that day is known yet; the position is marked when it is"
            )
    if live:
        if snapshot.chain is None:
            raise DataAbsent(f"{position.ticker}: the snapshot holds no option chain to mark with")
        _fresh(snapshot.chain, at)
    for leg in live:
        option = leg.instrument
        if isinstance(option, Option) and snapshot.chain is not None:
            value, word = _value(option, snapshot.chain, surface)
            total += leg.quantity * option.multiplier * value
            how[word] = how.get(word, 0) + 1
    note = ", ".join(f"{count} {word}" for word, count in sorted(how.items()))
    return Mark(position_id=position.id, value=to_cents(Decimal(repr(total)) * position.contracts), at=at, note=note)
