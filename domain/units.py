"""Units of evidence and ranking keys, and the grid each is rounded to.

Numbers are rounded where they become `Evidence` or a ranking key, so that the decision record is the same to the
bit on every machine although the last bits of a float are not.
"""

from __future__ import annotations

import math
from enum import StrEnum

from domain.errors import BadInput


class Unit(StrEnum):
    """What a number counts; the grid is in `DECIMALS`."""

    PRICE = "price"  # dollars or index points a share
    DOLLARS = "dollars"
    DOLLARS_M = "dollars_m"  # millions of dollars
    VOL = "vol"  # annualised volatility as a decimal: 0.1432
    VOL_POINTS = "vol_points"  # 100 x a difference of volatilities
    RATIO = "ratio"
    PROBABILITY = "probability"
    SCORE = "score"  # -1 .. 1
    ZSCORE = "zscore"
    COUNT = "count"
    DAYS = "days"
    PERCENT = "percent"
    INDEX = "index"  # an oscillator on its own scale of 0 .. 100, without a unit


DECIMALS: dict[Unit, int] = {
    Unit.PRICE: 2,
    Unit.DOLLARS: 2,
    Unit.DOLLARS_M: 2,
    Unit.VOL: 4,
    Unit.VOL_POINTS: 2,
    Unit.RATIO: 4,
    Unit.PROBABILITY: 4,
    Unit.SCORE: 3,
    Unit.ZSCORE: 2,
    Unit.COUNT: 0,
    Unit.DAYS: 1,
    Unit.PERCENT: 2,
    Unit.INDEX: 2,
}


def on_grid(value: float, unit: Unit) -> float:
    """The value on its unit's grid, -0.0 made 0.0. Raises BadInput for NaN and infinities."""
    if not math.isfinite(value):
        raise BadInput(f"{value} {unit} is not a number that evidence may hold; abstain instead")
    return round(float(value), DECIMALS[unit]) + 0.0
