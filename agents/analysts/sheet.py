"""The sheet on which an analyst writes: evidence in order, what is missing and why, and the reading at the end."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

from domain.evidence import Evidence, evidence
from domain.market import BarSeries, MarketSnapshot, OptionChain
from domain.units import Unit, on_grid
from domain.views import Abstained, Horizon, Reading, Signal

FRESH_DAYS = 7  # a last daily bar older than this is history, not the present


class Origin(NamedTuple):
    """Where a number comes from, and when that could first be had."""

    known_at: datetime
    source: str


def of_chain(chain: OptionChain) -> Origin:
    """The origin of what is read off a chain."""
    return Origin(chain.known_at, f"chain of {chain.source}")


def of_bars(bars: BarSeries) -> Origin:
    """The origin of what is read off bars, the newest included."""
    return Origin(moment(bars.known_at[-1]), bars.source)


def both(one: Origin, other: Origin) -> Origin:
    """The origin of a number made of two: known when the later is."""
    return Origin(max(one.known_at, other.known_at), f"{one.source}, {other.source}")


class Sheet:
    """Evidence of one analyst about one snapshot."""

    def __init__(self, snapshot: MarketSnapshot, analyst: str) -> None:
        self._snapshot = snapshot
        self._analyst = analyst
        self._items: list[Evidence] = []
        self.missing: list[str] = []

    def add(
        self,
        name: str,
        value: float | None,
        unit: Unit,
        origin: Origin,
        *,
        percentile: float | None = None,
        zscore: float | None = None,
        note: str = "",
    ) -> float | None:
        """Write down a number and give it back on its grid; None or not finite: it is missing, which is not zero."""
        if value is None or not math.isfinite(value):
            self.missing.append(f"{name} can't be computed")
            return None
        item = evidence(
            self._snapshot.ticker,
            self._analyst,
            name,
            value,
            unit,
            as_of=self._snapshot.as_of,
            known_at=origin.known_at,
            source=origin.source,
            percentile=percentile,
            zscore=zscore,
            note=note,
        )
        self._items.append(item)
        return item.value

    def lack(self, why: str) -> None:
        """Write down that something is missing, and why."""
        self.missing.append(why)

    def abstain(self, why: str) -> Reading:
        """The reading of an analyst that forms no view; its evidence stands."""
        silent = Abstained(who=self._analyst, ticker=self._snapshot.ticker, why=why)
        return Reading(analyst=self._analyst, evidence=tuple(self._items), signal=silent)

    def signal(
        self,
        *,
        direction: tuple[float, float] = (0.0, 0.0),
        volatility: tuple[float, float] = (0.0, 0.0),
        horizon: Horizon,
        why: str,
        rests_on: tuple[str, ...],
    ) -> Reading:
        """The reading with a view: (score -1..1, conviction 0..1) per axis, resting on evidence named in `rests_on`."""
        ids = tuple(item.id for item in self._items if item.name in rests_on)
        lacking = f" Missing: {'; '.join(self.missing)}." if self.missing else ""
        made = Signal(
            ticker=self._snapshot.ticker,
            analyst=self._analyst,
            direction=_bounded(direction[0], -1.0),
            direction_conviction=_bounded(direction[1], 0.0),
            volatility=_bounded(volatility[0], -1.0),
            volatility_conviction=_bounded(volatility[1], 0.0),
            horizon=horizon,
            why=why + lacking,
            evidence=ids,
        )
        return Reading(analyst=self._analyst, evidence=tuple(self._items), signal=made)


def _bounded(value: float, low: float) -> float:
    return on_grid(min(max(value, low), 1.0), Unit.SCORE)


def moment(epoch_s: int) -> datetime:
    """Epoch seconds as aware UTC."""
    return datetime.fromtimestamp(int(epoch_s), UTC)


def recent_daily(snapshot: MarketSnapshot) -> BarSeries | str:
    """The snapshot's daily bars, or why they can't speak about the present."""
    bars = snapshot.daily
    if bars is None or len(bars) == 0:
        return "no daily bars"
    last = moment(bars.start[-1])
    age = (snapshot.as_of - last).total_seconds() / 86_400
    if age > FRESH_DAYS:
        return f"the last daily bar is {age:.0f} days old, at most {FRESH_DAYS} are usable"
    return bars
