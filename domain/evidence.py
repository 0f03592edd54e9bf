"""Evidence: a number that code computed, that a claim may point at."""

from __future__ import annotations

from datetime import datetime

from domain.codec import record
from domain.units import Unit, on_grid


@record
class Evidence:
    """One measured fact about a ticker. `id` is stable: ticker/analyst/name. `value` stands on its unit's grid."""

    id: str
    ticker: str
    analyst: str
    name: str
    value: float
    unit: Unit
    percentile: float | None  # 0..1 within its own history, where that exists
    zscore: float | None
    as_of: datetime
    known_at: datetime  # never after as_of
    source: str
    note: str  # the convention behind the number, or how much to trust it; "" when there is nothing to add

    def __post_init__(self) -> None:
        if self.known_at > self.as_of:
            raise ValueError(f"{self.id}: known at {self.known_at}, after {self.as_of}")


def evidence(
    ticker: str,
    analyst: str,
    name: str,
    value: float,
    unit: Unit,
    *,
    as_of: datetime,
    known_at: datetime,
    source: str,
    percentile: float | None = None,
    zscore: float | None = None,
    note: str = "",
) -> Evidence:
    """Make evidence on its grid. Raises BadInput when the value is not finite: abstain instead."""
    return Evidence(
        id=f"{ticker}/{analyst}/{name}",
        ticker=ticker,
        analyst=analyst,
        name=name,
        value=on_grid(value, unit),
        unit=unit,
        percentile=None if percentile is None else on_grid(percentile, Unit.PROBABILITY),
        zscore=None if zscore is None else on_grid(zscore, Unit.ZSCORE),
        as_of=as_of,
        known_at=known_at,
        source=source,
        note=note,
    )
