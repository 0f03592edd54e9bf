"""Where a level stands in its own trailing history: rank and percentile, with the window they were taken over."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.market import Floats

YEAR = 252
MAY_FLAG = 126  # days of history under which a percentile is shown with its window and raises no flag


class Standing(NamedTuple):
    """Rank = (x - min) / (max - min); percentile = share of days below; both 0..1 over `window` days."""

    rank: float
    percentile: float
    zscore: float
    window: int

    @property
    def may_flag(self) -> bool:
        """True when the history is long enough for the percentile to raise a flag."""
        return self.window >= MAY_FLAG


def standing(value: float, history: Floats, window: int = YEAR) -> Standing | None:
    """Standing of `value` among the last `window` finite items of `history` (oldest first, `value` not among them).

    A value beyond the history has rank 0 or 1. None when fewer than two distinct values are known, or the value is
    not finite: there is no scale to stand on.
    """
    known = history[np.isfinite(history)][-window:]
    if not np.isfinite(value) or len(known) < 2 or known.min() == known.max():
        return None
    low, high = float(known.min()), float(known.max())
    return Standing(
        rank=min(max((value - low) / (high - low), 0.0), 1.0),
        percentile=float(np.mean(known < value)),
        zscore=(value - float(known.mean())) / float(known.std(ddof=1)),
        window=len(known),
    )
