"""The quality gate that every chain passes on its way in: `screen` judges one chain beside what is known around it."""

from tools.market.quality.contracts import take
from tools.market.quality.gate import ALONE, Beside, screen

__all__ = ["ALONE", "Beside", "screen", "take"]
