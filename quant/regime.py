"""The market's regime from the last known VIX close. The only `step`; everyone else reads its result."""

from __future__ import annotations

import math
from datetime import datetime

from domain.market import IndexLevel
from domain.regime import Regime, RegimeName, RegimeState

LEVELS = ((14.0, RegimeName.LOW_VOL), (22.0, RegimeName.NEUTRAL), (32.0, RegimeName.HIGH_VOL))
OLDEST_DAYS = 7  # calendar days: five sessions


def step(state: RegimeState | None, vix: IndexLevel | None, as_of: datetime) -> tuple[RegimeState, Regime]:
    """The regime as of a moment: below 14 low_vol, below 22 neutral, below 32 high_vol, else crisis.

    No VIX, one older than five sessions, one not yet known or one that is no level is a crisis: what cannot be
    measured is taken at its worst.
    """
    name, reason = _judged(vix, as_of)
    seen = vix if vix is not None and vix.known_at <= as_of and math.isfinite(vix.value) else None
    regime = Regime(
        name=name,
        as_of=as_of,
        vix=None if seen is None else seen.value,
        vix_known_at=None if seen is None else seen.known_at,
        reasons=(reason,),
    )
    if state is not None and state.name == name:
        return state, regime
    return RegimeState(name=name, since=as_of), regime


def _judged(vix: IndexLevel | None, as_of: datetime) -> tuple[RegimeName, str]:
    if vix is None:
        return RegimeName.CRISIS, "no VIX is known: treated as a crisis"
    if vix.known_at > as_of:
        return RegimeName.CRISIS, f"the VIX of {vix.day} was known only later: treated as a crisis"
    age = (as_of.date() - vix.day).days
    if age > OLDEST_DAYS:
        return RegimeName.CRISIS, f"the last VIX close is {age} days old ({vix.day}): treated as a crisis"
    if not math.isfinite(vix.value) or vix.value <= 0:
        return RegimeName.CRISIS, f"VIX {vix.value} is no level: treated as a crisis"
    told = f"VIX closed at {vix.value:.2f} on {vix.day}"
    for level, name in LEVELS:
        if vix.value < level:
            return name, f"{told}, below {level:g}: {name.value}"
    return RegimeName.CRISIS, f"{told}, at or above {LEVELS[-1][0]:g}: crisis"
