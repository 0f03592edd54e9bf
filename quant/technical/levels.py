"""Support and resistance: the nearest swing lows and highs, as distances from the last close of the same series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Floats


class Distances(NamedTuple):
    """Percent of the last close down to the support and up to the resistance; None: none stands in the window."""

    support: float | None
    resistance: float | None


def pivots(values: Floats, wing: int = 5) -> Floats:
    """Swing highs: values that no other within `wing` bars on either side exceeds. Shape (m,), oldest first.

    A pivot needs `wing` bars after it, so the newest bars can't be one: nothing is known before its time.
    """
    if len(values) < 2 * wing + 1:
        return np.empty(0)
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * wing + 1)
    centre = windows[:, wing]
    return np.asarray(centre[centre >= windows.max(axis=1)], dtype=np.float64)


def distances(high: Floats, low: Floats, close: Floats, window: int = 120, wing: int = 5) -> Distances:
    """Distance to the nearest confirmed swing low below and swing high above the last close.

    Working in percent of the series' own last close makes the result right for dividend-adjusted bars too.
    Raises BadInput when a price in the window is not a positive number.
    """
    highs, lows, last = high[-window:], low[-window:], float(close[-1]) if len(close) else np.nan
    columns = np.concatenate((highs, lows, [last]))
    if not np.all(np.isfinite(columns)) or np.any(columns <= 0.0):
        raise BadInput("a price that is not a positive number stands in the window")
    below = -pivots(-lows, wing)
    above = pivots(highs, wing)
    below, above = below[below < last], above[above > last]
    return Distances(
        support=100.0 * (last - float(below.max())) / last if len(below) else None,
        resistance=100.0 * (float(above.min()) - last) / last if len(above) else None,
    )
