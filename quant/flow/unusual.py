"""Today's trading against the position that stands: put/call ratios and contracts that trade out of proportion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Bools, Floats

MIN_VOLUME = 500.0  # contracts
TIMES_OPEN = 3.0


def put_call(count: Floats, is_call: Bools) -> float | None:
    """Σ puts / Σ calls of volume or open interest, NaN left out. None when no call (or nothing at all) is counted."""
    if count.shape != is_call.shape:
        raise BadInput(f"{count.shape} counts for {is_call.shape} contracts")
    held = np.where(np.isfinite(count), count, 0.0)
    calls = float(held[is_call].sum())
    return float(held[~is_call].sum()) / calls if calls > 0.0 else None


class Unusual(NamedTuple):
    """Contracts whose volume exceeds the open interest several times over. No side is known: nobody signs trades."""

    rows: tuple[int, ...]  # largest premium first
    premium: float  # dollars traded in them, at mid
    call_share: float | None  # of that premium; None when nothing is unusual


def unusual(
    volume: Floats,
    open_interest: Floats,
    mid: Floats,
    is_call: Bools,
    eligible: Bools,
    multiplier: int,
    min_volume: float = MIN_VOLUME,
    times_open: float = TIMES_OPEN,
) -> Unusual:
    """Rows with volume ≥ `min_volume` and > `times_open` × open interest (the prior close's), ranked by premium.

    `eligible` leaves out what trades that way every day, such as expiries under two days. A row needs a known
    volume, open interest and mid; a contract first listed today (open interest 0) qualifies by volume alone.
    """
    with np.errstate(invalid="ignore"):
        chosen = eligible & (volume >= min_volume) & (volume > times_open * open_interest) & (mid > 0.0)
    rows = np.flatnonzero(chosen)
    premium = volume[rows] * mid[rows] * multiplier
    order = np.lexsort((rows, -premium))
    rows, premium = rows[order], premium[order]
    total = float(premium.sum())
    return Unusual(
        rows=tuple(int(row) for row in rows),
        premium=total,
        call_share=float(premium[is_call[rows]].sum()) / total if total > 0.0 else None,
    )
