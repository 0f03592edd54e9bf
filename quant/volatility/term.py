"""Implied volatility by constant maturity: straight lines in total variance, never beyond what is quoted."""

from __future__ import annotations

import math

import numpy as np

from domain.errors import BadInput
from domain.market import Floats

YEAR_DAYS = 365.0


def constant_maturity(t: Floats, vol: Floats, days: float, reach_days: float = 3.0) -> float | None:
    """Volatility at a tenor of `days` calendar days, linear in total variance between the two nearest maturities.

    `t` in calendar years and `vol` annualised, shapes (n,), any order; rows with a NaN or a non-positive value are
    left out. None when the tenor lies outside the quoted maturities by more than `reach_days` (inside that reach the
    nearest volatility is used): an extrapolated maturity would be an invention.
    """
    if t.shape != vol.shape or t.ndim != 1:
        raise BadInput(f"maturities {t.shape} and volatilities {vol.shape} must be two columns of one length")
    good = np.isfinite(t) & np.isfinite(vol) & (t > 0.0) & (vol > 0.0)
    if not good.any():
        return None
    order = np.argsort(t[good], kind="stable")
    years, vols = t[good][order], vol[good][order]
    target = days / YEAR_DAYS
    if not years[0] - reach_days / YEAR_DAYS <= target <= years[-1] + reach_days / YEAR_DAYS:
        return None
    if target <= years[0] or target >= years[-1]:
        return float(vols[0] if target <= years[0] else vols[-1])
    variance = float(np.interp(target, years, vols * vols * years))
    return math.sqrt(variance / target)


def bracket(t: Floats, days: float) -> tuple[int, ...]:
    """Indices of the maturity at or before a tenor and the one after it: the two that carry it, or the nearest one.

    `t` in calendar years, shape (n,), any order; empty in, empty out.
    """
    target = days / YEAR_DAYS
    before = [int(i) for i in np.flatnonzero(t <= target)]
    after = [int(i) for i in np.flatnonzero(t > target)]
    near = [max(before, key=lambda i: (t[i], -i))] if before else []
    far = [min(after, key=lambda i: (t[i], i))] if after else []
    return tuple(near + far)


def slope(near: float, far: float) -> float:
    """Far over near volatility minus one: above 0 in contango, below 0 in backwardation. Raises BadInput if not > 0."""
    if not (near > 0.0 and far > 0.0):
        raise BadInput(f"volatilities {near} and {far} have no slope")
    return far / near - 1.0


def forward_vol(near_vol: float, near_days: float, far_vol: float, far_days: float) -> float | None:
    """Volatility implied between two tenors; None when total variance falls between them (a calendar arbitrage)."""
    if not 0.0 < near_days < far_days:
        raise BadInput(f"tenors {near_days} and {far_days} days are not in order")
    variance = far_vol**2 * far_days - near_vol**2 * near_days
    return math.sqrt(variance / (far_days - near_days)) if variance > 0.0 else None


def skew(put25: float, call25: float, atm: float) -> float:
    """(σ 25Δ put - σ 25Δ call) / σ at the money, forward deltas. Raises BadInput for a volatility of 0 or less."""
    if not min(put25, call25, atm) > 0.0:
        raise BadInput(f"volatilities {put25}, {call25}, {atm} have no skew")
    return (put25 - call25) / atm
