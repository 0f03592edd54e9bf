"""What the age of a chain does to it: lag limits, the worth of an implied volatility, and the three policies.

An implied volatility that is `lag` old is worth 0.5^(lag / half-life) of a fresh one.

hard_cutoff        worth all of it up to the limit, refused beyond
decay_then_cutoff  decays up to the limit, refused beyond
decay_only         decays; beyond the limit it is evidence, and no order that adds risk rests on it
"""

from __future__ import annotations

import math
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from domain.codec import record
from domain.market import Alignment, Kind


@record
class LagRules:
    """How old a chain may be, in seconds: indices (their quotes come late), all others, and single tickers by name."""

    limit_s: float = 600.0
    index_limit_s: float = 900.0
    half_life_s: float = 300.0
    by_ticker: tuple[tuple[str, float], ...] = ()

    def limit(self, ticker: str, kind: Kind) -> float:
        """The limit of one ticker."""
        named = dict(self.by_ticker)
        return named.get(ticker, self.index_limit_s if kind is Kind.INDEX else self.limit_s)


class Use(StrEnum):
    """What a chain may still be used for."""

    TRADE = "trade"
    EVIDENCE = "evidence"
    REFUSED = "refused"


class Weighed(NamedTuple):
    """What is left of an implied volatility's worth (0..1), and what it may be used for."""

    confidence: float
    use: Use


def confidence(lag_s: float, half_life_s: float) -> float:
    """Worth of an implied volatility that is `lag_s` old, 1 to 0."""
    return float(0.5 ** (lag_s / half_life_s))


def weigh(policy: Alignment, lag_s: float, limit_s: float, worth: float) -> Weighed:
    """Confidence and use of a chain under a policy, `worth` being what the lag left of its IV (`confidence`).

    Figures that are no numbers, or a negative lag, are refused.
    """
    if not (math.isfinite(lag_s) and math.isfinite(worth)) or lag_s < 0:
        return Weighed(0.0, Use.REFUSED)
    within = lag_s <= limit_s
    if policy is Alignment.DECAY_ONLY:
        return Weighed(worth, Use.TRADE if within else Use.EVIDENCE)
    if not within:
        return Weighed(0.0, Use.REFUSED)
    return Weighed(1.0 if policy is Alignment.HARD_CUTOFF else worth, Use.TRADE)


def too_many_stale(stale: Collection[str], tickers: int, share: float) -> str:
    """Why a run over so many tickers is analysis only: more than `share` of its chains are stale. "" when it is not."""
    if len(stale) <= share * tickers:
        return ""
    named = ", ".join(sorted(stale))
    return f"{len(stale)} of {tickers} chains are stale ({named}), more than {share:.0%}: analysis only"
