"""Max pain: the settlement at which an expiry's option holders together receive least."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from domain.errors import BadInput
from domain.market import Bools, Floats, Ints


def third_friday(year: int, month: int) -> date:
    """The listed day of a standard monthly expiry, before any holiday shift."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def front_monthly(expiries: Ints) -> int | None:
    """The nearest standard monthly among listed expiries (proleptic ordinals), or the Thursday in a holiday's place.

    The caller passes only expiries that are still open. None when no monthly is listed.
    """
    listed = {int(ordinal) for ordinal in expiries}
    for ordinal in sorted(listed):
        day = date.fromordinal(ordinal)
        friday = third_friday(day.year, day.month).toordinal()
        if ordinal == friday or (ordinal == friday - 1 and friday not in listed):
            return ordinal
    return None


def max_pain(strike: Floats, is_call: Bools, open_interest: Floats) -> float | None:
    """The listed strike that minimises Σ OI·intrinsic; the lowest of equals. None when no contract is open.

    Columns of shape (n,), one expiry; NaN open interest counts as none. Raises BadInput on unequal shapes.
    """
    if not strike.shape == is_call.shape == open_interest.shape:
        raise BadInput(f"columns of {strike.shape}, {is_call.shape} and {open_interest.shape} rows are no chain")
    held = np.where(np.isfinite(open_interest), open_interest, 0.0)
    if not np.any(held > 0.0):
        return None
    levels = np.unique(strike)
    away = levels[:, None] - strike[None, :]
    worth = np.maximum(np.where(is_call[None, :], away, -away), 0.0)
    return float(levels[int(np.argmin(worth @ held))])
