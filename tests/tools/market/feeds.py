"""A source that answers what a test says, and rows in the store's columns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from domain.errors import SourceFailed
from domain.market import Absent, Interval
from tools import sessions

DAY = date(2026, 2, 12)
MOMENT = pl.Datetime("us", "UTC")


def ny(hour: int, minute: int, second: int = 0, day: date = DAY) -> datetime:
    return sessions.new_york(day, hour, minute) + timedelta(seconds=second)


def chain_rows(
    quoted_at: datetime,
    *,
    ticker: str = "SPY",
    source: str = "one",
    bid: float = 1.0,
    spot: float = 680.0,
    strikes: tuple[float, ...] = (660.0, 670.0, 680.0, 690.0, 700.0),
    expiries: tuple[date, ...] = (date(2026, 2, 20), date(2026, 3, 20)),
    iv: float | None = 0.2,
) -> pl.DataFrame:
    """Calls and puts of every strike and expiration; the straddle at spot costs 2 x (bid + 0.05)."""
    rows = [
        {
            "quoted_at": quoted_at,
            "closing": False,
            "uncertainty_s": 0,
            "source": source,
            "spot": spot,
            "root": ticker,
            "expiry": expiry,
            "settles_at": sessions.settles_at(ticker, expiry),
            "strike": strike,
            "is_call": is_call,
            "bid": bid,
            "ask": bid + 0.1,
            "volume": 10.0,
            "open_interest": 100.0,
            "vendor_iv": iv,
            "vendor_delta": None if iv is None else (0.5 if is_call else -0.5),
        }
        for expiry in expiries
        for strike in strikes
        for is_call in (True, False)
    ]
    return pl.DataFrame(rows, schema_overrides={"quoted_at": MOMENT, "settles_at": MOMENT, "vendor_iv": pl.Float64})


def bar_rows(
    starts: list[datetime], *, source: str = "one", close: float = 680.0, adjusted: bool = False
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "start": pl.Series(starts, dtype=MOMENT),
            **{name: [close + i for i in range(len(starts))] for name in ("open", "high", "low", "close")},
            "volume": [1000.0] * len(starts),
            "adjusted": [adjusted] * len(starts),
            "source": [source] * len(starts),
        }
    )


def day_starts(first: date, last: date) -> list[datetime]:
    return [sessions.open_close(day)[0] for day in sessions.between(first, last)]


def index_rows(days: tuple[date, ...], *, source: str = "one", close: float = 17.0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "day": list(days),
            **{name: [close + i / 10 for i in range(len(days))] for name in ("open", "high", "low", "close")},
            "source": [source] * len(days),
        }
    )


class FakeSource:
    """Answers by kind ("chain", "bars", ...): rows, Absent, an error to raise, or a function of what was asked."""

    def __init__(self, name: str, *, delayed: bool = True, **answers: Any) -> None:
        self.name = name
        self.delayed = delayed
        self.answers = answers
        self.asked: list[tuple[str, ...]] = []
        self.under_way = 0
        self.most_at_once = 0

    async def _answer(self, kind: str, *words: str) -> pl.DataFrame | Absent:
        self.asked.append((kind, *words))
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await asyncio.sleep(0.001)
            answer = self.answers.get(kind, Absent(what=kind, why="not offered"))
            if isinstance(answer, Callable):  # type: ignore[arg-type]
                answer = answer(*words)
            if isinstance(answer, SourceFailed):
                raise answer
            assert isinstance(answer, pl.DataFrame | Absent)
            return answer
        finally:
            self.under_way -= 1

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        return await self._answer("chain", ticker)

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        return await self._answer("bars", ticker, interval.value)

    async def index(self, name: str) -> pl.DataFrame | Absent:
        return await self._answer("index", name)

    async def rates(self) -> pl.DataFrame | Absent:
        return await self._answer("rates")

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        return await self._answer("events", ticker)

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        return await self._answer("actions", ticker)

    async def ping(self) -> str:
        return f"{self.name} answers"

    async def close(self) -> None:
        self.asked.append(("close",))
