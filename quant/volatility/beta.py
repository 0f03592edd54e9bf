"""Beta: how much of an index's daily return a ticker's own has moved by, over about a year."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from domain.market import BarSeries, Beta, Floats

SESSIONS = 252  # returns looked at
LEAST = 126  # fewer say too little
LOOKED_AT = SESSIONS + 22  # bars asked for, so that days that one series lacks leave a year
INDICES = ("SPX", "SPY")  # measured against the first that has bars


def slope(own: Floats, index: Floats) -> float:
    """Slope of the ordinary least squares line of `own` on `index`, shape (n,) each; NaN when `index` never moves."""
    moved = index - index.mean()
    spread = float(moved @ moved)
    return float(moved @ (own - own.mean())) / spread if spread > 0.0 else float("nan")


def measured(bars: BarSeries, index: BarSeries) -> Beta | None:
    """Beta of daily bars against an index's: close-to-close log returns between the days that both have, newest 252.

    Each series is one source's unbroken run (no split, no change of adjustment inside). None with fewer than 126
    returns, and when the index did not move.
    """
    _, left, right = np.intersect1d(bars.start, index.start, assume_unique=True, return_indices=True)
    own, other = bars.close[left], index.close[right]
    good = np.isfinite(own) & np.isfinite(other) & (own > 0.0) & (other > 0.0)
    left, right = left[good][-SESSIONS - 1 :], right[good][-SESSIONS - 1 :]
    if len(left) < LEAST + 1:
        return None
    value = slope(np.diff(np.log(bars.close[left])), np.diff(np.log(index.close[right])))
    if not np.isfinite(value):
        return None
    known_at = max(int(bars.known_at[left[-1]]), int(index.known_at[right[-1]]))
    return Beta(
        value=value, against=index.ticker, sessions=len(left) - 1, known_at=datetime.fromtimestamp(known_at, UTC)
    )
