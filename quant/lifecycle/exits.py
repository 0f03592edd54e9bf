"""When a position is closed: one table of rules, asked in this order; the first that holds decides.

1. expiry: a leg has settled; 2. n DTE: the nearest expiry is at most so many calendar days off; 3. profit target:
so much of the maximum profit is made; 4. stop: so many times the credit received, or so much of the debit paid, is
lost. Profit is the mark against the entry price, fees apart. Without a fresh mark only the first two can hold: no
snapshot is no exit, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from domain.book import Mark, Position
from domain.codec import record
from domain.money import to_cents
from domain.playbook import ExitRules
from domain.structures import Option

NEW_YORK = ZoneInfo("America/New_York")
OLDEST_MARK = timedelta(minutes=10)


@record
class ExitSignal:
    """A position that is to be closed, by which rule and why."""

    position_id: str
    rule: Literal["expiry", "dte", "profit", "stop"]
    why: str
    pnl: Decimal | None  # dollars since entry, before fees; None without a fresh mark


@dataclass(frozen=True, slots=True)
class _Seen:
    position: Position
    rules: ExitRules
    pnl: Decimal | None
    at: datetime
    day: date


def due(
    position: Position, rules: ExitRules, mark: Mark | None, as_of: datetime, day: date | None = None
) -> ExitSignal | None:
    """The exit that is due, or None. `day` is the New York session day, that of `as_of` unless given."""
    fresh = mark is not None and timedelta(0) <= as_of - mark.at <= OLDEST_MARK
    entry = position.entry_net * position.multiplier * position.contracts
    pnl = to_cents(mark.value - entry) if mark is not None and fresh and mark.value.is_finite() else None
    seen = _Seen(position, rules, pnl, as_of, day or as_of.astimezone(NEW_YORK).date())
    for name, rule in TABLE:
        why = rule(seen)
        if why:
            return ExitSignal(position_id=position.id, rule=name, why=why, pnl=pnl)
    return None


def _expiry(seen: _Seen) -> str:
    options = [leg.instrument for leg in seen.position.legs if isinstance(leg.instrument, Option)]
    settled = [option for option in options if option.settles_at <= seen.at]
    return f"{len(settled)} of {len(options)} legs have settled" if settled else ""


def _dte(seen: _Seen) -> str:
    left = (seen.position.cycle - seen.day).days
    return f"{left} days to expiry, closed at {seen.rules.close_dte}" if left <= seen.rules.close_dte else ""


def _profit(seen: _Seen) -> str:
    target, most = seen.rules.profit_target, seen.position.max_profit
    if seen.pnl is None or target is None or most is None or most <= 0:
        return ""
    if seen.pnl < most * Decimal(str(target)):
        return ""
    return f"{seen.pnl} of at most {most} made, target {target:.0%}"


def _stop(seen: _Seen) -> str:
    stop, position = seen.rules.stop_loss, seen.position
    if seen.pnl is None or stop is None:
        return ""
    base = to_cents(abs(position.entry_net * position.multiplier * position.contracts))
    if base == 0 or -seen.pnl < base * Decimal(str(stop)):
        return ""
    what = "the credit received" if position.entry_net < 0 else "the debit paid"
    return f"{-seen.pnl} lost, {stop:g} times {what} of {base}"


TABLE: tuple[tuple[Literal["expiry", "dte", "profit", "stop"], Callable[[_Seen], str]], ...] = (
    ("expiry", _expiry),
    ("dte", _dte),
    ("profit", _profit),
    ("stop", _stop),
)
