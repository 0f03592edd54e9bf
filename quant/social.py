"""Attention: how fast mentions of a name grow, measured as a share of all posts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Floats, Ints

MAD_TO_SD = 1.482602218505602  # 1 / Φ⁻¹(¾): scales a median absolute deviation to a normal standard deviation


class Velocity(NamedTuple):
    """Mentions of the newest period against the trailing window, both as shares of all posts."""

    share: float  # mentions / all posts in the newest period
    usual: float  # the window's median share
    zscore: float  # of the log share
    ratio: float  # share over usual, with half a mention added to both
    window: int  # periods behind the z-score


def on_clock(times: Ints, values: Floats, step: int) -> Floats:
    """Values on an unbroken grid of `step` seconds that ends at the newest time; NaN where nothing was counted.

    `times` in epoch seconds, ascending and distinct once divided by `step`, shape (n,). Raises BadInput otherwise.
    """
    if times.shape != values.shape or times.ndim != 1:
        raise BadInput(f"times {times.shape} and values {values.shape} must be two columns of one length")
    if len(times) == 0:
        return np.empty(0)
    slots = times // step
    if np.any(np.diff(slots) <= 0):
        raise BadInput("the times of counts must ascend, one count a slot")
    grid = np.full(int(slots[-1] - slots[0]) + 1, np.nan)
    grid[slots - slots[0]] = values
    return grid


def velocity(mentions: Floats, totals: Floats, period: int = 1, window: int = 28) -> Velocity | None:
    """Velocity of the newest `period` items against up to `window` such periods before it.

    x = log((mentions + ½) / (totals + 1)); z = (x - median) / s, where s is the larger of the window's scaled median
    absolute deviation and the Poisson noise 1/√(m̂ + ½), with m̂ the mentions that the window's median expects now: a
    thinly mentioned name needs several mentions before it is news. Dividing by all posts keeps a collector that
    suddenly samples more or fewer posts from looking like a change of attention.

    Arrays of shape (n,), oldest first. Items with a NaN are left out; a period with fewer than half of its items, or
    without any post, is unknown. None when the newest period is unknown or fewer than half of `window` periods (at
    least 7) are known before it. Raises BadInput on negative counts or unequal shapes.
    """
    if mentions.shape != totals.shape or mentions.ndim != 1:
        raise BadInput(f"mentions {mentions.shape} and totals {totals.shape} must be two columns of one length")
    if np.any(mentions < 0.0) or np.any(totals < 0.0):
        raise BadInput("a count of posts is negative")
    count = min(len(mentions) // period, window + 1)
    tail = slice(len(mentions) - count * period, len(mentions))
    counted = np.isfinite(mentions[tail]) & np.isfinite(totals[tail])
    m = np.where(counted, mentions[tail], 0.0).reshape(count, period).sum(axis=1)
    n = np.where(counted, totals[tail], 0.0).reshape(count, period).sum(axis=1)
    good = (2 * counted.reshape(count, period).sum(axis=1) >= period) & (n > 0.0)
    if count == 0 or not good[-1]:
        return None
    known = int(good[:-1].sum())
    if known < max(window // 2, 7):
        return None
    x = np.log((m[good] + 0.5) / (n[good] + 1.0))
    centre = float(np.median(x[:-1]))
    expected = float(np.exp(centre) * (n[-1] + 1.0))
    noise = 1.0 / float(np.sqrt(expected + 0.5))
    scale = max(MAD_TO_SD * float(np.median(np.abs(x[:-1] - centre))), noise)
    return Velocity(
        share=float(m[-1] / n[-1]),
        usual=float(np.median(m[good][:-1] / n[good][:-1])),
        zscore=float(x[-1] - centre) / scale,
        ratio=float(np.exp(x[-1] - centre)),
        window=known,
    )
