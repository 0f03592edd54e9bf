"""The two axes of a debate and what each side argues on them.

The bull argues *up* and *volatility rich* (the calm side: what options charge will not be realised), the bear *down*
and *volatility cheap*. So on both axes the bull's sign is +1 and the bear's -1, the signs of `Signal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from domain.views import Side, Signal

Axis = Literal["direction", "volatility"]
AXES: tuple[Axis, ...] = ("direction", "volatility")
SIGN: Mapping[Side, int] = {Side.BULL: 1, Side.BEAR: -1}


def stance(side: Side, axis: Axis) -> str:
    """What a side argues on an axis: "up", "down", "rich" or "cheap"."""
    if axis == "direction":
        return "up" if side is Side.BULL else "down"
    return "rich" if side is Side.BULL else "cheap"


def lean(signal: Signal, axis: Axis) -> tuple[float, float]:
    """A signal's value (-1..1) and conviction (0..1) on an axis."""
    if axis == "direction":
        return signal.direction, signal.direction_conviction
    return signal.volatility, signal.volatility_conviction
