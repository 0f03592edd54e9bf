"""What options paid that have settled: the underlying's price at their settlement, from bars known by now.

AM-settled contracts take the opening price of their expiry, all others its close. Adjusted bars give returns only,
never a level, so they settle nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from domain.market import BarSeries
from domain.structures import Leg, Option, Right

NEW_YORK = ZoneInfo("America/New_York")
NOON = 12


def settled_prices(legs: Iterable[Leg], bars: BarSeries | None, at: datetime) -> dict[Option, Decimal]:
    """What each leg that has settled by `at` paid, dollars a share; legs whose bar is not known are left out."""
    paid: dict[Option, Decimal] = {}
    for leg in legs:
        option = leg.instrument
        if not isinstance(option, Option) or option.settles_at > at or bars is None or bars.adjusted:
            continue
        level = _level(option, bars, at)
        if level is not None:
            gain = level - option.strike if option.right == Right.CALL else option.strike - level
            paid[option] = max(gain, Decimal(0))
    return paid


def unsettled(legs: Iterable[Leg], paid: Mapping[Option, Decimal], at: datetime) -> tuple[Option, ...]:
    """Legs that have settled at a price that is not known."""
    options = (leg.instrument for leg in legs if isinstance(leg.instrument, Option))
    return tuple(option for option in options if option.settles_at <= at and option not in paid)


def _level(option: Option, bars: BarSeries, at: datetime) -> Decimal | None:
    morning = option.settles_at.astimezone(NEW_YORK).hour < NOON
    days = [datetime.fromtimestamp(int(start), UTC).astimezone(NEW_YORK).date() for start in bars.start]
    rows = [row for row, day in enumerate(days) if day == option.expiry and int(bars.known_at[row]) <= at.timestamp()]
    if len(rows) != 1:
        return None
    price = float((bars.open if morning else bars.close)[rows[0]])
    if not np.isfinite(price) or price <= 0:
        return None
    return Decimal(repr(round(price, 4)))
