"""The market's regime: one service steps it, everyone else reads it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.codec import record


class RegimeName(StrEnum):
    """Named regimes, calm to worst."""

    LOW_VOL = "low_vol"
    NEUTRAL = "neutral"
    HIGH_VOL = "high_vol"
    CRISIS = "crisis"


@record
class Regime:
    """The regime as of a moment, with the datum behind it and the reason in words."""

    name: RegimeName
    as_of: datetime
    vix: float | None
    vix_known_at: datetime | None
    reasons: tuple[str, ...]


@record
class RegimeState:
    """What `step` carries from one decision to the next."""

    name: RegimeName
    since: datetime
