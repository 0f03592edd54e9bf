"""Volatility indices of the simulated market, by the definition of its own chains.

VIX and its kin are the model-free variance of SPX under Q, −2·E ln(S_T/F), to the two SPXW expirations around the term,
interpolated linearly in total variance (Cboe, *VIX methodology*): what the strip of out-of-the-money quotes of those
two expirations measures, with all strikes there. Jumps are in it.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from domain.market import BarSeries, Interval
from tools import sessions
from tools.market.simulated.bars import PUBLISHED_S, cut, series
from tools.market.simulated.listings import weekly_settlements
from tools.market.simulated.paths import NODES, grid, path
from tools.market.simulated.presets import OVERNIGHT, PROFILES, STEP_S, YEAR, variance_ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TERMS = {"VIX9D": 9, "VIX": 30, "VIX3M": 93, "VIX6M": 184}  # calendar days
UNDERLYING = "SPX"
_DAY_S = 86_400


def index(preset: str, seed: int, name: str, stamp: float, count: int) -> BarSeries | None:
    """The last `count` daily values of an index in TERMS known at a moment; None when there is none."""
    return cut(_daily(variance_ratio(preset), seed, name), stamp, count)


@lru_cache(maxsize=24)
def _daily(m: float, seed: int, name: str) -> BarSeries:
    about = grid()
    level = np.round(levels(m, seed, name), 2)
    volume = np.full(len(level), np.nan)
    high, low = level.max(axis=1), level.min(axis=1)
    known_at = about.closes + PUBLISHED_S
    return series(name, Interval.DAY, about.opens, known_at, level[:, 0], high, low, level[:, -1], volume)


def levels(m: float, seed: int, name: str) -> Floats:
    """An index in points at every node, shape (sessions, NODES); `m` is the preset's variance ratio."""
    about, walk = grid(), path(seed, UNDERLYING)
    law = PROFILES[UNDERLYING].law
    kappa, theta = law.diffusion.kappa, law.diffusion.theta
    steady = law.floor + sum(jump.log_contract for jump in law.jumps)
    nodes = np.minimum(np.arange(NODES), about.steps[:, None])
    left = (1 - OVERNIGHT) * (1 - nodes / about.steps[:, None])
    now = about.opens[:, None] + STEP_S * nodes
    term = TERMS[name] * _DAY_S
    totals, times = [], []
    for settles_at, place in _around(name):
        clock = (left + place[:, None]) / YEAR
        total = theta * clock + (walk.variance - theta) * -np.expm1(-kappa * clock) / kappa + steady * clock
        totals.append(total)
        times.append(settles_at[:, None] - now)
    (near, far), (before, after) = totals, times
    weight = (after - term) / (after - before)
    variance = (weight * near + (1 - weight) * far) / m * (365 / TERMS[name])
    return np.asarray(100 * np.sqrt(variance))


@lru_cache(maxsize=8)
def _around(name: str) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]:
    """For the last expiration within the term of each session's open and the first beyond it: its settlement (epoch
    seconds) and how many sessions end from that session's close to it. Arrays of shape (sessions,)."""
    about, table = grid(), sessions.schedule()
    stamps, listed = weekly_settlements(UNDERLYING)
    found: list[list[tuple[int, int]]] = [[], []]
    for day, opens in zip(about.days.tolist(), about.opens.tolist(), strict=True):
        today = bisect_left(table.days, day)
        open_now = [
            stamp for stamp, since in zip(stamps, listed, strict=True) if since <= day and stamp > opens + _DAY_S
        ]
        at = bisect_left(open_now, opens + TERMS[name] * _DAY_S)
        at = min(max(at, 1), len(open_now) - 1)
        for side, stamp in enumerate((open_now[at - 1], open_now[at])):
            found[side].append((stamp, bisect_left(table.closes, stamp) - today))
    columns = [np.array(side, dtype=np.int64).T for side in found]
    return tuple((column[0], column[1]) for column in columns)
