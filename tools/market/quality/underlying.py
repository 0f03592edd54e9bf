"""The chain's price of the underlying against bars of the same underlying and against the chain's own parity."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import NamedTuple

from domain.errors import BadChain, BadInput
from domain.market import BarSeries, Interval, OptionChain
from quant.vanilla.forwards import Slice
from tools import sessions
from tools.market import reference

LENGTH_S = {Interval.DAY: 86_400, Interval.HOUR: 3600, Interval.FIFTEEN_MINUTES: 900, Interval.FIVE_MINUTES: 300}
BAR_AGE_S = 3600  # an intraday bar that ended longer before the quotes says nothing about them
OUTSIDE_FLAG = 0.005  # beyond the range of the bars around the quotes: worth saying ...
OUTSIDE_GROSS = 0.05  # ... and another underlying, another day or a split
CLOSE_FLAG = 0.10  # from the last close known, in logs: a great move ...
CLOSE_GROSS = 0.40  # ... and one that is far likelier a split or another symbol
PARITY_FLAG = 0.005  # from the price that the nearest expiration's parity implies ...
PARITY_GROSS = 0.05  # ... and quotes and price of two different things
DAY_YEARS = 1.0 / 365.0


class Found(NamedTuple):
    """Price of the underlying that parity implies (the displayed one where there is no parity), and what to flag."""

    implied: float
    flags: tuple[str, ...]


def against_bars(
    chain: OptionChain, daily: BarSeries | None, intraday: BarSeries | None, splits: tuple[date, ...] = ()
) -> tuple[str, ...]:
    """Flags from unadjusted bars (adjusted ones give no level). Raises BadChain, with both numbers, when gross.

    Intraday: the range of the bars that hold the quotes' moment (from its uncertainty on) and of the last one before.
    Daily: the range of the quotes' own session where its bar is known, else the last close, unless a split is between.
    """
    flags: list[str] = []
    for bars in (intraday, daily):
        if bars is None or bars.adjusted or len(bars) == 0:
            continue
        if bars.interval is Interval.DAY:
            flags += _against_day(chain, bars, splits)
        else:
            flags += _against_minutes(chain, bars)
    return tuple(flags)


def against_parity(chain: OptionChain, slices: tuple[Slice, ...]) -> Found:
    """The first usable expiration at least a day away implies S = D F (dividends up to it left out).

    Raises BadChain when that is not the price displayed with the chain by far.
    """
    usable = [one for one in slices if one.t >= DAY_YEARS]
    if not usable:
        return Found(chain.spot, ())
    first = min(usable, key=lambda one: one.t)
    implied = first.forward * first.discount
    off = implied / chain.spot - 1.0
    day = date.fromordinal(first.expiry)
    text = f"the underlying at {chain.spot:.2f} where parity of {first.root} {day} implies {implied:.2f} ({off:+.1%})"
    if not abs(off) <= PARITY_GROSS:
        raise BadChain(f"{chain.ticker}'s chain of {chain.quoted_at:%Y-%m-%d %H:%M} UTC has {text}: not of one moment")
    return Found(implied, (text,) if abs(off) > PARITY_FLAG else ())


def _against_minutes(chain: OptionChain, bars: BarSeries) -> list[str]:
    import numpy as np

    quoted = int(chain.quoted_at.timestamp())
    earliest = quoted - max(chain.uncertainty_s, 0)
    end = bars.start + LENGTH_S.get(bars.interval, 60)
    last = int(np.searchsorted(bars.start, quoted, side="right"))
    first = int(np.searchsorted(end, earliest, side="left"))
    first = max(min(first, last) - 1, 0) if first > 0 and end[first - 1] >= earliest - BAR_AGE_S else first
    if first >= last:
        return []
    low, high = _range(bars, first, last)
    return _outside(chain, low, high, f"{bars.interval} bars of {bars.source}")


def _against_day(chain: OptionChain, bars: BarSeries, splits: tuple[date, ...]) -> list[str]:
    import numpy as np

    quoted = int(chain.quoted_at.timestamp())
    last = int(np.searchsorted(bars.start, quoted, side="right")) - 1
    if last < 0:
        return []
    bar_day = datetime.fromtimestamp(int(bars.start[last]), UTC).astimezone(sessions.NEW_YORK).date()
    day = chain.quoted_at.astimezone(sessions.NEW_YORK).date()
    if bar_day == day:
        return _outside(chain, *_range(bars, last, last + 1), f"the day's bar of {bars.source}")
    if any(bar_day < split <= day for split in (*reference.SPLITS.get(chain.ticker, ()), *splits)):
        return []
    try:
        fresh = bar_day >= sessions.previous(day)
    except BadInput:
        fresh = False
    close = float(bars.close[last])
    if not fresh or not close > 0:
        return []
    move = math.log(chain.spot / close)
    text = f"the underlying at {chain.spot:.2f}, closed at {close:.2f} on {bar_day} ({chain.spot / close - 1:+.1%})"
    if abs(move) > CLOSE_GROSS:
        raise BadChain(f"{_name(chain)} has {text} by {bars.source}: a split that is not known, or another underlying")
    return [text] if abs(move) > CLOSE_FLAG else []


def _range(bars: BarSeries, first: int, last: int) -> tuple[float, float]:
    low, high = bars.low[first:last], bars.high[first:last]
    lows = [float(value) for value in low if value > 0 and math.isfinite(value)]
    highs = [float(value) for value in high if value > 0 and math.isfinite(value)]
    return (min(lows), max(highs)) if lows and highs else (math.nan, math.nan)


def _outside(chain: OptionChain, low: float, high: float, what: str) -> list[str]:
    beyond = max(chain.spot / high - 1.0, 1.0 - chain.spot / low)
    text = f"the underlying at {chain.spot:.2f}, outside {low:.2f} to {high:.2f} of {what}"
    if beyond > OUTSIDE_GROSS:
        raise BadChain(f"{_name(chain)} has {text}: another underlying, another day or a split")
    return [text] if beyond > OUTSIDE_FLAG else []


def _name(chain: OptionChain) -> str:
    return f"{chain.ticker}'s chain of {chain.quoted_at:%Y-%m-%d %H:%M} UTC"
