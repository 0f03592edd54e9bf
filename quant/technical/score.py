"""One direction score out of the technical readings: stated rules, bounded, the same for every name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """A score -1..1, a conviction 0..1, and the parts that made it."""

    value: float
    conviction: float
    parts: tuple[tuple[str, float], ...]


def trend_part(gap: float, fit: float) -> float:
    """Gap of the 50- over the 200-bar average (a fraction), full at 5 %, weighed by how straight the path was."""
    return float(np.tanh(gap / 0.05)) * (0.5 + 0.5 * fit)


def momentum_part(zscore: float) -> float:
    """Momentum in its own standard deviations, saturating near two."""
    return float(np.tanh(zscore / 2.0))


def reversal_part(rsi: float) -> float:
    """Against an extreme RSI: 0 between 30 and 70, +1 at 10 (oversold), -1 at 90."""
    if rsi < 30.0:
        return min((30.0 - rsi) / 20.0, 1.0)
    if rsi > 70.0:
        return -min((rsi - 70.0) / 20.0, 1.0)
    return 0.0


def score(parts: tuple[tuple[str, float], ...]) -> Score:
    """Mean of the parts; conviction is half their agreement, |Σ part| / Σ |part|, shrunk by their mean strength.

    The cap of one half is deliberate: textbook indicators have earned no record here. Parts in -1..1, at least one.
    """
    values = np.array([value for _, value in parts], dtype=np.float64)
    strength = float(np.abs(values).mean())
    agreement = float(abs(values.sum()) / np.abs(values).sum()) if strength > 0.0 else 0.0
    return Score(value=float(values.mean()), conviction=0.5 * agreement * min(2.0 * strength, 1.0), parts=parts)
