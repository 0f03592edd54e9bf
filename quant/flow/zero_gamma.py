"""Where dealer gamma changes sign, found by repricing the whole chain over a grid of spots, four ways."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.market import Floats
from quant.flow.exposure import NAIVE, Dealers, OpenExpiry, gamma, signed

FRONT_YEARS = 45.0 / 365.0
GRID = np.linspace(0.80, 1.20, 81)  # spot multiples


class ZeroGamma(NamedTuple):
    """Level nearest to spot at which net gamma is zero, by smile dynamics and by expiries; None: no change of sign."""

    strike_front: float | None  # sticky strike, ≤ 45 days
    strike_all: float | None
    moneyness_front: float | None  # sticky moneyness, ≤ 45 days
    moneyness_all: float | None
    net_front: float  # exposure at spot, dollars per 1 % move; 0 where nothing is open
    net_all: float

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels that exist, ascending; their spread is the uncertainty of the level."""
        return tuple(sorted(level for level in self[:4] if level is not None))

    def undetermined(self, spot: float) -> bool:
        """True when the four ways disagree on which side of zero gamma the spot is.

        A way without a level has one sign over the whole grid; it disagrees only if that sign does.
        """
        levels = self.levels
        inside = bool(levels) and levels[0] <= spot <= levels[-1]
        return inside or self.net_front * self.net_all < 0.0


def profile(expiry: OpenExpiry, spot: float, levels: Floats, sticky_moneyness: bool, weights: Floats) -> Floats:
    """Exposure of one expiry at each spot of `levels` (shape (m,)), dollars per 1 % move; `weights` from `signed`.

    The forward moves in proportion to the spot. Sticky strike keeps each contract's volatility; sticky moneyness
    reads the smile at the new k = ln(K/F).
    """
    forward = expiry.forward * levels / spot
    if sticky_moneyness:
        k = np.log(expiry.strike[None, :] / forward[:, None])
        sigma = np.interp(k, expiry.knots_k, expiry.knots_vol)
    else:
        sigma = expiry.sigma[None, :]
    each = gamma(levels[:, None], forward[:, None], expiry.discount, expiry.strike[None, :], expiry.t, sigma)
    return np.asarray((each @ weights) * levels * levels * 0.01, dtype=np.float64)


def crossing(levels: Floats, values: Floats, spot: float) -> float | None:
    """The zero of `values` nearest to spot, linear between grid points; None without a change of sign."""
    signs = np.sign(values)
    turns = np.flatnonzero(signs[:-1] * signs[1:] < 0.0)
    zeros = [float(levels[i]) for i in np.flatnonzero(signs == 0.0) if np.any(values != 0.0)]
    for i in turns:
        part = values[i] / (values[i] - values[i + 1])
        zeros.append(float(levels[i] + part * (levels[i + 1] - levels[i])))
    return min(zeros, key=lambda level: (abs(level - spot), level)) if zeros else None


def zero_gamma(
    expiries: tuple[OpenExpiry, ...], spot: float, multiplier: int, dealers: Dealers = NAIVE, grid: Floats = GRID
) -> ZeroGamma:
    """All four levels of a chain. `grid` in multiples of spot, ascending."""
    levels = spot * grid
    totals = {(sticky, front): np.zeros(len(levels)) for sticky in (False, True) for front in (False, True)}
    net = {True: 0.0, False: 0.0}
    for expiry in expiries:
        held = signed(expiry, multiplier, dealers)
        open_rows = held != 0.0
        if not open_rows.any():
            continue
        part = expiry._replace(
            strike=expiry.strike[open_rows], is_call=expiry.is_call[open_rows], sigma=expiry.sigma[open_rows]
        )
        groups = (False, True) if expiry.t <= FRONT_YEARS else (False,)
        here = float(profile(part, spot, np.array([spot]), False, held[open_rows])[0])
        for front in groups:
            net[front] += here
        for sticky in (False, True):
            values = profile(part, spot, levels, sticky, held[open_rows])
            for front in groups:
                totals[sticky, front] += values
    return ZeroGamma(
        strike_front=crossing(levels, totals[False, True], spot),
        strike_all=crossing(levels, totals[False, False], spot),
        moneyness_front=crossing(levels, totals[True, True], spot),
        moneyness_all=crossing(levels, totals[True, False], spot),
        net_front=net[True],
        net_all=net[False],
    )
