"""Reference data of underlyings: kinds, exercise, sectors, companies, corporate actions and calendars, each with its
source and the moment since when it could be known.

`universe.toml` is what ships; `facts` reads it and a person's own file; `rules` derives dates; `almanac` answers as
of a moment.
"""

from __future__ import annotations

from datetime import date

from tools.market.reference.almanac import Almanac, instrument, open_almanac, shipped
from tools.market.reference.names import (
    BROAD,
    ETFS,
    FUTURES,
    INDICES,
    ROUND_THE_CLOCK,
    SYMBOLS,
    kind,
    symbol,
)

__all__ = [
    "BROAD",
    "ETFS",
    "FUTURES",
    "INDICES",
    "ROUND_THE_CLOCK",
    "SECTORS",
    "SPLITS",
    "SYMBOLS",
    "Almanac",
    "instrument",
    "kind",
    "open_almanac",
    "shipped",
    "symbol",
]

# As the shipped facts have them: sectors by ticker, and ex-dates of splits (raw prices before and after don't compare).
SECTORS: dict[str, str] = shipped().sectors()
SPLITS: dict[str, tuple[date, ...]] = shipped().split_days()
