"""One SPX-like snapshot with everything in it, from exact formulas, to be spoiled piece by piece."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from domain.market import (
    BarSeries,
    Calendar,
    Exercise,
    IndexLevel,
    Instrument,
    Interval,
    Kind,
    MarketSnapshot,
    OptionChain,
    RateCurve,
    SocialCounts,
)
from quant.vanilla.black import black76
from tools.randomness import generator

AS_OF = datetime(2024, 3, 5, 17, 0, tzinfo=UTC)  # a Tuesday, noon in New York
SPOT = 5000.0
DAY_S = 86_400


def chain(vol: float = 0.16, days: tuple[int, ...] = (3, 10, 24, 38, 66, 101)) -> OptionChain:
    """sigma(k) = vol - 0.25 k + 0.5 k²; spreads 1 % of the price; round open interest, puts over calls."""
    strikes = np.arange(0.7 * SPOT, 1.3 * SPOT + 1.0, 25.0)
    rows: list[tuple[int, int, float, bool, float]] = []
    for ahead in days:
        expiry = AS_OF.date() + timedelta(days=ahead)
        settles = int(datetime(expiry.year, expiry.month, expiry.day, 21, tzinfo=UTC).timestamp())
        t = (settles - AS_OF.timestamp()) / (365.0 * DAY_S)
        forward, discount = SPOT * np.exp(0.03 * t), np.exp(-0.045 * t)
        k = np.log(strikes / forward)
        sigma = np.maximum(vol - 0.25 * k + 0.5 * k * k, 0.04)
        for call in (True, False):
            prices = black76(forward, strikes, t, sigma, discount, call)
            rows += [(expiry.toordinal(), settles, k, call, p) for k, p in zip(strikes, prices, strict=True)]
    expiry_, settles_, strike, is_call, price = (np.array(column) for column in zip(*rows, strict=True))
    half = np.maximum(0.005 * price, 0.025)
    nearness = np.exp(-(((strike / SPOT - np.where(is_call, 1.03, 0.95)) / 0.05) ** 2))
    held = np.round(np.where(is_call, 6_000.0, 8_000.0) * nearness)
    return OptionChain(
        ticker="SPX",
        exercise=Exercise.EUROPEAN,
        multiplier=100,
        spot=SPOT,
        quoted_at=AS_OF - timedelta(seconds=60),
        known_at=AS_OF - timedelta(seconds=60),
        source="test",
        closing=False,
        root=np.full(len(rows), "SPX"),
        expiry=expiry_.astype(np.int64),
        settles_at=settles_.astype(np.int64),
        strike=strike.astype(np.float64),
        is_call=is_call.astype(np.bool_),
        bid=np.where(price - half > 0.05, price - half, 0.0),
        ask=price + half,
        last=price,
        volume=np.round(0.1 * held),
        open_interest=held,
        vendor_iv=np.full(len(rows), np.nan),
        vendor_delta=np.full(len(rows), np.nan),
    )


def bars(close: np.ndarray, ticker: str = "SPX", last: date = date(2024, 3, 4)) -> BarSeries:
    """Weekday bars that end on `last`, known a quarter of an hour after the close."""
    days: list[date] = []
    day = last
    while len(days) < len(close):
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    days.reverse()
    start = np.array([int(datetime(d.year, d.month, d.day, 14, 30, tzinfo=UTC).timestamp()) for d in days], np.int64)
    return BarSeries(
        ticker=ticker,
        interval=Interval.DAY,
        source="test",
        adjusted=False,
        start=start,
        known_at=start + 6 * 3_600 + 2_700,
        open=close,
        high=close * 1.005,
        low=close * 0.995,
        close=close,
        volume=np.full(len(close), np.nan),
    )


def walk(n: int, vol: float, seed: int, drift: float = 0.0) -> np.ndarray:
    steps = generator(seed).standard_normal(n) * vol / np.sqrt(252.0) + drift
    path = np.exp(np.cumsum(steps))
    return np.asarray(SPOT * path / path[-1])


def level(name: str, value: float) -> IndexLevel:
    known = datetime(2024, 3, 4, 21, 15, tzinfo=UTC)
    return IndexLevel(name=name, value=value, day=date(2024, 3, 4), known_at=known)


def counts(last: float = 100.0) -> SocialCounts:
    times = tuple(AS_OF.replace(hour=0) - timedelta(days=back) for back in range(40, 0, -1))
    mentions = (*(100.0 + (i * 37) % 11 for i in range(39)), last)
    return SocialCounts(
        source="test",
        interval=Interval.DAY,
        times=times,
        mentions=mentions,
        totals=(10_000.0,) * 40,
        known_at=AS_OF - timedelta(hours=17),
    )


def whole() -> MarketSnapshot:
    vix = np.concatenate((15.0 + 3.0 * np.sin(np.arange(300) / 9.0), [18.0]))
    option_chain = chain()
    return MarketSnapshot(
        ticker="SPX",
        as_of=AS_OF,
        market="recorded:test",
        simulated=False,
        instrument=Instrument(
            ticker="SPX",
            kind=Kind.INDEX,
            exercise=Exercise.EUROPEAN,
            sector="broad index",
            broad_index=True,
            multiplier=100,
            known_at=AS_OF,
        ),
        spot=SPOT,
        chain=option_chain,
        chain_lag_s=60.0,
        iv_confidence=0.87,
        lag_limit_s=600.0,
        quality=None,
        sources=(),
        restrictions=(),
        daily=bars(walk(400, 0.11, 11)),
        intraday=None,
        vix_history=bars(vix, "VIX"),
        indices=(level("VIX", 18.0), level("VIX9D", 17.0), level("VIX3M", 19.5)),
        rates=RateCurve(tenors=(0.1, 1.0), yields=(0.046, 0.046), day=date(2024, 3, 4), known_at=AS_OF),
        calendar=Calendar(events=(), unknown=()),
        social=counts(),
        absent=(),
    )


Spoil = Callable[..., MarketSnapshot]


@pytest.fixture(scope="session")
def snapshot() -> MarketSnapshot:
    return whole()


@pytest.fixture(scope="session")
def spoiled(snapshot: MarketSnapshot) -> Spoil:
    """The snapshot with fields replaced; `chain_fields` replaces columns of the chain."""

    def make(chain_fields: dict[str, object] | None = None, **fields: object) -> MarketSnapshot:
        assert snapshot.chain is not None
        if chain_fields is not None:
            fields["chain"] = dataclasses.replace(snapshot.chain, **chain_fields)  # type: ignore[arg-type]
        return dataclasses.replace(snapshot, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., BarSeries]:
    return bars


@pytest.fixture(scope="session")
def make_walk() -> Callable[..., np.ndarray]:
    return walk


@pytest.fixture(scope="session")
def make_chain() -> Callable[..., OptionChain]:
    return chain


@pytest.fixture(scope="session")
def make_counts() -> Callable[..., SocialCounts]:
    return counts
