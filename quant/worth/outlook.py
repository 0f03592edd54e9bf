"""What the chain implies for a stretch of time, and what is forecast for it.

Implied total variance of a slice is w = -2 E_Q[ln(S/F)] (A. Neuberger, 1994), as the VIX has it; between slices it is
linear in time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.market import Floats, MarketSnapshot
from quant.surface import Surface
from quant.volatility.forecast import VarianceForecast, curve
from quant.worth.measure import Held, density, trading_days_of

TENOR = 30 / 365  # years, the VIX's
LONGEST = 0.35  # years; later slices say nothing about the next weeks


class Implied(NamedTuple):
    """Implied total variance by settlement: years and trading days from now, w never falling. Arrays (n,)."""

    years: Floats
    days: Floats
    total: Floats


def implied_variance(surface: Surface) -> Implied:
    """Implied total variance of every slice of the next four months, one per settlement."""
    slices = {one.settles_at: one for one in surface.slices if 0.0 < one.t <= LONGEST}
    ordered = [slices[key] for key in sorted(slices)]
    total = []
    for one in ordered:
        nodes, weights = density(one)
        total.append(-2.0 * float(weights @ np.log(nodes / one.forward)))
    return Implied(
        years=np.array([one.t for one in ordered]),
        days=np.array([trading_days_of(one) for one in ordered]),
        total=np.maximum.accumulate(np.array(total)) if total else np.zeros(0),
    )


def thirty_day(surface: Surface) -> float | None:
    """Annualised implied variance over the next 30 days; None when no two settlements enclose them."""
    found = implied_variance(surface)
    if len(found.years) < 2 or not found.years[0] <= TENOR <= found.years[-1]:
        return None
    return float(np.interp(TENOR, found.years, found.total)) / TENOR


def outlook(snapshot: MarketSnapshot, surface: Surface) -> tuple[VarianceForecast, ...]:
    """Forecasts of realised variance as of a snapshot, by horizon, from its bars and its own implied variance."""
    return curve(snapshot.daily, snapshot.vix_history, thirty_day(surface))


def held_until(surface: Surface, index: int, close_dte: int, found: Implied) -> Held:
    """How long a structure of a slice is held that is closed `close_dte` calendar days before it expires."""
    one = surface.slices[index]
    days = trading_days_of(one, close_dte)
    whole = trading_days_of(one)
    if close_dte <= 0 or days >= whole:
        return Held(days=whole, share=1.0)
    nodes, weights = density(one)
    total = -2.0 * float(weights @ np.log(nodes / one.forward))
    known = found.years < one.t
    xs = np.concatenate([[0.0], found.days[known], [whole]])
    ws = np.concatenate([[0.0], np.minimum(found.total[known], total), [total]])
    return Held(days=days, share=float(np.interp(days, xs, ws)) / total)
