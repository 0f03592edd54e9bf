"""Combine the readings of one ticker into a composite per axis, and order tickers by the edge left after costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from domain.errors import BadInput
from domain.units import Unit, on_grid
from domain.views import Composite, Horizon, Reading, Signal

COST_EVIDENCE = "round_trip_cost"
UNKNOWN_COST = 0.10  # of the straddle, charged where no quotes tell: a wide single name's


class Axis(NamedTuple):
    """One axis combined."""

    score: float
    conviction: float
    agreement: float


def aggregate(
    ticker: str, readings: tuple[Reading, ...], weights: Mapping[str, float], cost: float | None = None
) -> Composite | None:
    """The composite of one ticker; None when every analyst with a weight abstained.

    Per axis, over the signals with conviction c > 0 on it: score = Σ w·c·s / Σ w·c, conviction = 1 - Π (1 - c)^w (who
    agrees adds to it, who disagrees takes from the score), agreement = |Σ w·c·s| / Σ w·c·|s|; w is a weight over the
    mean of all weights. An abstention, like a conviction of 0, is absent everywhere: it is neither neutral nor zero.

    The edge is the larger |score|·conviction of the two axes less the round-trip cost, which is a share of what an
    at-the-money straddle costs; without `cost` it is read from the evidence, and where that is missing too the cost of
    a wide name is charged. Raises BadInput for a reading of another ticker, an analyst heard twice, or a weight that
    is missing or negative.
    """
    if cost is not None and not cost >= 0.0:
        raise BadInput(f"{ticker}: a round trip can't cost {cost}")
    signals = _signals(ticker, readings, weights)
    if not signals:
        return None
    mean = sum(weights.values()) / len(weights)
    share = {analyst: weight / mean for analyst, weight in weights.items()}
    direction = _combine([(share[s.analyst], s.direction_conviction, s.direction) for s in signals])
    volatility = _combine([(share[s.analyst], s.volatility_conviction, s.volatility) for s in signals])
    strongest = max((volatility, direction), key=lambda axis: abs(axis.score) * axis.conviction)
    charged = cost if cost is not None else round_trip_cost(readings)
    return Composite(
        ticker=ticker,
        direction=on_grid(direction.score, Unit.SCORE),
        volatility=on_grid(volatility.score, Unit.SCORE),
        direction_conviction=on_grid(direction.conviction, Unit.SCORE),
        volatility_conviction=on_grid(volatility.conviction, Unit.SCORE),
        horizon=_horizon(signals, strongest, volatility, weights),
        agreement=on_grid(strongest.agreement, Unit.SCORE),
        edge=on_grid(abs(strongest.score) * strongest.conviction - charged, Unit.RATIO),
    )


def rank(composites: Iterable[Composite], top_n: int) -> tuple[str, ...]:
    """The `top_n` tickers with the largest edge, best first; equal edges stand by ticker.

    A ticker whose edge does not cover its cost still ranks, behind those whose edge does: whether it may trade is the
    gate's decision. Raises BadInput for a negative `top_n` or a ticker given twice.
    """
    found = tuple(composites)
    if top_n < 0:
        raise BadInput(f"a shortlist of {top_n} tickers makes no sense")
    if len({one.ticker for one in found}) < len(found):
        raise BadInput("a ticker was ranked twice")
    return tuple(one.ticker for one in sorted(found, key=lambda one: (-one.edge, one.ticker))[:top_n])


def round_trip_cost(readings: tuple[Reading, ...]) -> float:
    """The estimated round trip as a share of the straddle, from the evidence; UNKNOWN_COST without any."""
    for reading in readings:
        for item in reading.evidence:
            if item.name == COST_EVIDENCE:
                return item.value
    return UNKNOWN_COST


def _signals(ticker: str, readings: tuple[Reading, ...], weights: Mapping[str, float]) -> tuple[Signal, ...]:
    if any(not weight >= 0.0 for weight in weights.values()):
        raise BadInput(f"analysts' weights {dict(weights)} must be 0 or more")
    signals = tuple(reading.signal for reading in readings if isinstance(reading.signal, Signal))
    for signal in signals:
        if signal.ticker != ticker:
            raise BadInput(f"a signal about {signal.ticker} was given for {ticker}")
        if signal.analyst not in weights:
            raise BadInput(f"analyst {signal.analyst} has no weight")
    if len({reading.analyst for reading in readings}) < len(readings):
        raise BadInput(f"{ticker}: an analyst was heard twice")
    # One order whoever finished first: sums of floats depend on it.
    return tuple(sorted((s for s in signals if weights[s.analyst] > 0.0), key=lambda signal: signal.analyst))


def _combine(views: list[tuple[float, float, float]]) -> Axis:
    heard = [(w * c, s) for w, c, s in views if c > 0.0]
    if not heard:
        return Axis(0.0, 0.0, 0.0)
    mass = sum(wc for wc, _ in heard)
    lean = sum(wc * s for wc, s in heard)
    strength = sum(wc * abs(s) for wc, s in heard)
    return Axis(
        score=lean / mass,
        conviction=1.0 - math.prod((1.0 - c) ** w for w, c, _ in views if c > 0.0),
        agreement=abs(lean) / strength if strength > 0.0 else 0.0,
    )


def _horizon(signals: tuple[Signal, ...], strongest: Axis, volatility: Axis, weights: Mapping[str, float]) -> Horizon:
    """The horizon of the signal that carries the stronger axis most; of equals the shorter."""
    on_volatility = strongest is volatility

    def carried(signal: Signal) -> float:
        value = signal.volatility * signal.volatility_conviction
        if not on_volatility:
            value = signal.direction * signal.direction_conviction
        return weights[signal.analyst] * max(value * (1.0 if strongest.score >= 0.0 else -1.0), 0.0)

    return max(signals, key=lambda signal: (carried(signal), -signal.horizon, signal.analyst)).horizon
