"""The hard limits, with their denominators. Settings may tighten them and never loosen them.

Shares are of net liquidation value (NLV). The gate obeys this file early, the guard at the broker's door.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal, InvalidOperation

from domain.codec import record
from domain.errors import SettingsError
from domain.playbook import InvestorMandate
from domain.regime import Regime, RegimeName


@record
class HardLimits:
    """Every hard limit. A figure for a crisis also holds when the regime is not known."""

    daily_loss: Decimal = Decimal("0.03")  # fall of NLV since the prior close
    position: Decimal = Decimal("0.05")  # maximum loss of one ticker and expiry cycle
    position_crisis: Decimal = Decimal("0.02")
    sector: Decimal = Decimal("0.15")  # sum of maximum losses of one sector bucket
    total: Decimal = Decimal("0.30")  # sum of all maximum losses
    total_crisis: Decimal = Decimal("0.15")
    free_margin: Decimal = Decimal("0.20")  # left after the order; a floor
    contracts: int = 10  # largest leg, per order and per ticker-day
    nlv_age_s: int = 600  # age of the last mark in session
    nlv_age_closed_s: int = 345_600  # ... and out of session: the last session's, over a long weekend
    quote_age_s: int = 900  # since quotes were due on the screen, for what is priced or filled on them
    regime_age_s: int = 86_400
    bars_age_days: int = 7  # calendar days since the last daily bar, for what needs a forecast
    iv_confidence: Decimal = Decimal("0.125")  # a floor: 900 s of lag at a half-life of 300 s
    band_slack: Decimal = Decimal("0.25")  # how far past the quotes a limit price may stand, in widths of the market
    investor: InvestorMandate = InvestorMandate()  # the person's own, from `[mandate]`; it rides here to every gate

    def position_share(self, regime: Regime | None) -> Decimal:
        """The position limit in this regime."""
        return min(self.position, self.position_crisis) if in_crisis(regime) else self.position

    def total_share(self, regime: Regime | None) -> Decimal:
        """The limit on all open maximum losses in this regime."""
        return min(self.total, self.total_crisis) if in_crisis(regime) else self.total


LIMITS = HardLimits()
FLOORS = ("free_margin", "iv_confidence")  # tighter means higher; everything else is tighter when lower


def in_crisis(regime: Regime | None) -> bool:
    """True in a crisis, and when nobody knows the regime."""
    return regime is None or regime.name == RegimeName.CRISIS


def tightened(limits: HardLimits, **overrides: Decimal | int | float | str) -> HardLimits:
    """The limits with some of them made tighter. Raises SettingsError, naming the key, for anything else."""
    known = {field.name for field in dataclasses.fields(limits)} - {"investor"}
    changes: dict[str, Decimal | int] = {}
    for key, given in overrides.items():
        if key not in known:
            raise SettingsError(f"limits.{key} is no hard limit; the limits are {', '.join(sorted(known))}")
        held: Decimal | int = getattr(limits, key)
        value = _number(key, given)
        if value < 0:
            raise SettingsError(f"limits.{key} = {given} is negative")
        if (value < held) if key in FLOORS else (value > held):
            way = "at least" if key in FLOORS else "at most"
            raise SettingsError(f"limits.{key} = {given} loosens a hard limit; it must be {way} {held}")
        if isinstance(held, int):
            if value != int(value):
                raise SettingsError(f"limits.{key} = {given} must be a whole number")
            changes[key] = int(value)
        else:
            changes[key] = value
    return dataclasses.replace(limits, **changes)  # type: ignore[arg-type]


def _number(key: str, given: Decimal | int | float | str) -> Decimal:
    try:
        value = Decimal(str(given))
    except InvalidOperation as error:
        raise SettingsError(f"limits.{key} = {given!r} is not a number") from error
    if isinstance(given, bool) or not value.is_finite():
        raise SettingsError(f"limits.{key} = {given!r} is not a number")
    return value
