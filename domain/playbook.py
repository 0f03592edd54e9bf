"""A playbook: a frozen, versioned setting of the one graph."""

from __future__ import annotations

from decimal import Decimal

from domain.codec import digest, record
from domain.market import Alignment
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
class InvestorMandate:
    """What the person lets the desk do at all, over and above every playbook. None and () bind nothing."""

    horizon: int | None = None  # trading days: no verdict that looks further ahead is acted on
    min_dte: int | None = None  # calendar days to the nearest expiry of a new position
    max_dte: int | None = None  # ... and to its latest
    structures: tuple[StructureName, ...] = ()
    largest_loss: Decimal | None = None  # dollars of maximum loss per trade
    watchlist: tuple[str, ...] = ()  # the only tickers in which a position is opened

    @property
    def binds(self) -> bool:
        """True when anything at all is set."""
        return self != InvestorMandate()

    def text(self) -> str:
        """What is set, in words: "SPY, QQQ; horizon up to 21 trading days; 7 to 60 DTE"."""
        parts = [", ".join(self.watchlist)]
        if self.horizon is not None:
            parts.append(f"horizon up to {self.horizon} trading days")
        if self.min_dte is not None or self.max_dte is not None:
            least = f"{self.min_dte} " if self.min_dte is not None else ""
            parts.append(f"{least or 'up '}to {self.max_dte} DTE" if self.max_dte is not None else f"from {least}DTE")
        parts.append(", ".join(name.value.replace("_", " ") for name in self.structures))
        if self.largest_loss is not None:
            parts.append(f"at most ${self.largest_loss:,.2f} of loss a trade")
        return "; ".join(part for part in parts if part)


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
    alignment: Alignment = Alignment.DECAY_THEN_CUTOFF  # what the age of a chain does to it

    @property
    def params_hash(self) -> str:
        """Short hash of every parameter; tickets, positions and trials carry it."""
        return digest(self)[:12]
