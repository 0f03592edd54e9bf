"""Exercise value of an option."""

from __future__ import annotations

import numpy as np

from domain.market import Floats
from domain.structures import Option, Right


def intrinsic(option: Option, spot: Floats) -> Floats:
    """Exercise value a share at each price of the underlying, same shape."""
    away = spot - float(option.strike)
    return np.maximum(away if option.right is Right.CALL else -away, 0.0)
