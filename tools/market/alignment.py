"""How old a chain may be: its lag behind the moment of the decision, and what is left of its IV's worth."""

from __future__ import annotations

from datetime import datetime

from domain.errors import SourceFailed, StaleData
from domain.market import OptionChain

LAG_LIMIT_S = 600.0
INDEX_LAG_LIMIT_S = 900.0
HALF_LIFE_S = 300.0


def confidence(lag_s: float, half_life_s: float = HALF_LIFE_S) -> float:
    """Worth of an implied volatility that is `lag_s` old, 1 to 0: 0.5^(lag / half-life)."""
    return float(0.5 ** (lag_s / half_life_s))


def lag(chain: OptionChain, as_of: datetime, limit_s: float) -> float:
    """Seconds from a chain's quotes to the moment. Raises StaleData beyond the limit, SourceFailed for a later chain.

    A closing chain counts from its stamp like any other.
    """
    if max(chain.known_at, chain.quoted_at) > as_of:
        raise SourceFailed(f"{chain.ticker}'s chain is of {chain.quoted_at.isoformat()}, after {as_of.isoformat()}")
    seconds = (as_of - chain.quoted_at).total_seconds()
    if seconds > limit_s:
        raise StaleData(f"{chain.ticker}'s newest chain is {_age(seconds)} old, limit {limit_s / 60:g} min")
    return seconds


def _age(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
