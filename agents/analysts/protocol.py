"""The seam of an analyst: a snapshot in, a reading out."""

from __future__ import annotations

from typing import Protocol

from domain.market import MarketSnapshot
from domain.views import Reading
from quant.surface import Surface


class Analyst(Protocol):
    """Reads one snapshot. Pure: it fetches nothing, knows no clock, and the same snapshot gives the same reading.

    Code computes every number. What cannot be computed is left out, never made zero; an analyst that can form no view
    gives `Abstained` with the reason while the evidence that it has still stands. A signal lists the evidence that it
    rests on; conviction 0 on an axis means that it has no view there. `surface` is None when the snapshot has no
    chain. It raises DataError only when data contradicts itself, which ends the ticker.
    """

    def __call__(self, snapshot: MarketSnapshot, surface: Surface | None) -> Reading: ...
