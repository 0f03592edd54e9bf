"""A playbook: a frozen, versioned setting of the one graph."""

from __future__ import annotations

from domain.codec import digest, record
from domain.regime import RegimeName
from domain.structures import StructureName


@record
class SearchSpace:
    """Which expiries and strikes the price node may enumerate."""

    min_dte: int
    max_dte: int
    short_delta: tuple[float, float]  # |delta| range of short (or, for debit structures, long) strikes
    widths: tuple[float, ...]  # wing widths as a share of spot


@record
class ExitRules:
    """When a position is closed; checked in this order: expiry, n DTE, profit target, stop."""

    profit_target: float | None  # share of maximum profit
    stop_loss: float | None  # multiple of the credit received, or share of the debit paid
    close_dte: int
    roll: bool = False  # at n DTE, open the next cycle through a new decision instead of only closing


@record
class Playbook:
    """Universe, entry gates, permitted structures and their search space, exits, and a sizing overlay."""

    name: str
    version: int
    universe: tuple[str, ...]  # () = any ticker
    broad_index_only: bool
    direction: tuple[str, ...]  # permitted verdict directions
    volatility: tuple[str, ...]  # permitted verdict volatility views
    needs: str  # "direction" or "volatility": the axis that must be conclusive
    regimes: tuple[RegimeName, ...]
    structures: tuple[StructureName, ...]
    search: SearchSpace
    exits: ExitRules
    kelly_scale: float  # <= 1, multiplies the desk's fraction
    largest_loss: float  # share of NLV per trade, below the hard limit

    @property
    def params_hash(self) -> str:
        """Short hash of every parameter; tickets, positions and trials carry it."""
        return digest(self)[:12]
