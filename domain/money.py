"""Money at the books: Decimal cents. `to_cents` is the one place where a float becomes money."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Literal

from domain.errors import BadInput

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

_ROUNDING = {"even": ROUND_HALF_EVEN, "up": ROUND_CEILING, "down": ROUND_FLOOR}


def to_cents(amount: float | int | Decimal, towards: Literal["even", "up", "down"] = "even") -> Decimal:
    """Round an amount in dollars to cents; a loss limit rounds `up`, an allowance rounds `down`.

    Raises BadInput for NaN and infinities: money is never a guess.
    """
    if isinstance(amount, float) and not math.isfinite(amount):
        raise BadInput(f"{amount} is not an amount of money; the figure behind it is missing or broken")
    value = amount if isinstance(amount, Decimal) else Decimal(repr(amount))
    return value.quantize(CENT, rounding=_ROUNDING[towards])
