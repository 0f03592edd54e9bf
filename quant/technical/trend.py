"""Trend and momentum of a close series, as returns: never a level."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Floats


class Slope(NamedTuple):
    """A straight line through log prices."""

    per_month: float  # log return over 21 bars
    fit: float  # R², 0..1: how straight the path was


class Momentum(NamedTuple):
    """A return over a window, and how unusual it is for this name."""

    change: float  # simple return
    zscore: float  # against the name's own daily volatility, scaled by the root of the window


def slope(close: Floats, window: int = 50) -> Slope:
    """Least-squares line through the last `window` log closes.

    Raises BadInput with fewer bars, or with a price that is not a positive number.
    """
    logs = _logs(close, window)
    x = np.arange(window, dtype=np.float64) - (window - 1) / 2.0
    logs = logs - logs[0]  # exact zeros for a frozen price
    spread = float(np.sum((logs - logs.mean()) ** 2))
    tilt = float(np.sum(x * logs) / np.sum(x * x))
    explained = tilt * tilt * float(np.sum(x * x))
    return Slope(per_month=21.0 * tilt, fit=explained / spread if spread > 0.0 else 0.0)


def momentum(close: Floats, window: int = 20, history: int = 250) -> Momentum:
    """Return over the last `window` bars and its z-score by the daily volatility of the last `history` bars.

    The volatility includes the window itself, so that a crash does not look like a twenty-sigma event.
    Raises BadInput with fewer than `history` + 1 bars, or when the price never moved.
    """
    logs = _logs(close, history + 1)
    total = float(logs[-1] - logs[-1 - window])
    daily = float(np.std(np.diff(logs), ddof=1))
    if daily <= 0.0:
        raise BadInput("the price never moved; momentum has no scale")
    return Momentum(change=float(np.expm1(total)), zscore=total / (daily * np.sqrt(window)))


def _logs(close: Floats, count: int) -> Floats:
    if len(close) < count:
        raise BadInput(f"{count} bars are needed, {len(close)} are here")
    part = close[-count:]
    if not np.all(np.isfinite(part)) or np.any(part <= 0.0):
        raise BadInput("a close that is not a positive number stands in the window")
    return np.log(part)
