"""Chains for the tests of `quant`: recorded ones read straight from the files, and exact Black ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from domain.market import (
    BarSeries,
    Calendar,
    Exercise,
    Instrument,
    Interval,
    Kind,
    MarketSnapshot,
    OptionChain,
    RateCurve,
)
from quant.vanilla.black import black76

NEW_YORK = ZoneInfo("America/New_York")
ChainOf = Callable[[date], OptionChain]


def new_york(day: date, at: time) -> datetime:
    return datetime.combine(day, at, NEW_YORK).astimezone(UTC)


def _epoch(days: np.ndarray, at: time) -> dict[date, int]:
    return {day: int(new_york(day, at).timestamp()) for day in days}


def chain_of(frame: pl.DataFrame, ticker: str, quoted: datetime, exercise: Exercise) -> OptionChain:
    """Rows of one snapshot in the common vendor columns as an option chain; SPX's own root settles at the open."""
    expiry = frame["expiration"].cast(pl.Date)
    days = expiry.unique().to_list()
    late, early = _epoch(days, time(16)), _epoch(days, time(9, 30))
    root = frame["root"].to_numpy().astype(str)
    morning = root == "SPX"
    ends = [early[day] if am else late[day] for day, am in zip(expiry.to_list(), morning, strict=True)]
    nothing = np.full(frame.height, np.nan)

    def floats(name: str) -> np.ndarray:
        return frame[name].cast(pl.Float64).to_numpy().copy() if name in frame.columns else nothing.copy()

    return OptionChain(
        ticker=ticker,
        exercise=exercise,
        multiplier=100,
        spot=float(frame["underlying_price"][0]),
        quoted_at=quoted,
        known_at=quoted,
        source="test",
        closing=False,
        root=root,
        expiry=np.array([day.toordinal() for day in expiry.to_list()], dtype=np.int64),
        settles_at=np.array(ends, dtype=np.int64),
        strike=floats("strike"),
        is_call=(frame["right"] == "C").to_numpy(),
        bid=np.round(floats("bid"), 4),
        ask=np.round(floats("ask"), 4),
        last=floats("last"),
        volume=floats("volume"),
        open_interest=floats("open_interest"),
        vendor_iv=floats("iv"),
        vendor_delta=floats("delta"),
    )


@pytest.fixture(scope="session")
def spx_frame(shared_data: Path) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "options" / "spx_cboe_eod_2019-04-25_2019-06-28.parquet")


@pytest.fixture(scope="session")
def spx_days(spx_frame: pl.DataFrame) -> list[date]:
    return list(spx_frame["quote_ts"].dt.date().unique().sort().to_list())


@pytest.fixture(scope="session")
def spx_chain(spx_frame: pl.DataFrame) -> ChainOf:
    """The SPX chain of a day of 2019, stamped 15:45 New York (10:55 on 04-25)."""

    def load(day: date) -> OptionChain:
        moment = new_york(day, time(10, 55) if day == date(2019, 4, 25) else time(15, 45))
        return chain_of(spx_frame.filter(pl.col("quote_ts").dt.date() == day), "SPX", moment, Exercise.EUROPEAN)

    return load


@pytest.fixture(scope="session")
def rates_of(shared_data: Path) -> Callable[[date], RateCurve]:
    """The Treasury curve known on a day."""
    frame = pl.read_parquet(shared_data / "vol_rates" / "fred_treasury_yields_daily.parquet")
    names = {"DGS1MO": 1 / 12, "DGS3MO": 0.25, "DGS6MO": 0.5, "DGS1": 1.0, "DGS2": 2.0, "DGS5": 5.0}
    frame = frame.with_columns(pl.col("date").cast(pl.Date)).drop_nulls(list(names))

    def curve(day: date) -> RateCurve:
        row = frame.filter(pl.col("date") < day).sort("date").row(-1, named=True)
        return RateCurve(
            tenors=tuple(names.values()),
            yields=tuple(row[name] / 100.0 for name in names),
            day=row["date"],
            known_at=new_york(row["date"], time(18)),
        )

    return curve


def _bars(frame: pl.DataFrame, ticker: str) -> BarSeries:
    days = frame["date"].cast(pl.Date).to_list()
    return BarSeries(
        ticker=ticker,
        interval=Interval.DAY,
        source="test",
        adjusted=False,
        start=np.array([int(new_york(day, time(9, 30)).timestamp()) for day in days], dtype=np.int64),
        known_at=np.array([int(new_york(day, time(16, 15)).timestamp()) for day in days], dtype=np.int64),
        open=frame["open"].to_numpy(),
        high=frame["high"].to_numpy(),
        low=frame["low"].to_numpy(),
        close=frame["close"].to_numpy(),
        volume=np.full(frame.height, np.nan),
    )


@pytest.fixture(scope="session")
def spx_daily(shared_data: Path) -> BarSeries:
    """Daily SPX since 1990."""
    frame = pl.read_parquet(shared_data / "bars" / "daily_index_etf_to_2026-08.parquet")
    spx = frame.filter((pl.col("ticker") == "GSPC") & (pl.col("date").cast(pl.Date) >= date(1990, 1, 2)))
    return _bars(spx.sort("date"), "SPX")


@pytest.fixture(scope="session")
def vix_daily(shared_data: Path) -> BarSeries:
    """Daily VIX since 1990."""
    return _bars(pl.read_parquet(shared_data / "vol_rates" / "vix_daily_1990_2026_pddl.parquet").sort("date"), "VIX")


AS_OF = new_york(date(2024, 3, 4), time(12))


def black_chain(
    *,
    spot: float = 500.0,
    days: tuple[int, ...] = (18, 32, 46, 74),
    vol: float = 0.2,
    skew: float = -0.25,
    smile: float = 0.6,
    rate: float = 0.04,
    carry: float = 0.01,
    step: float = 5.0,
    half_spread: float = 0.01,
    exercise: Exercise = Exercise.EUROPEAN,
    ticker: str = "SPX",
) -> OptionChain:
    """An exact Black chain: sigma(k) = vol + skew k + smile k^2; spreads a share of the price, at least 5 cents."""
    strikes = np.arange(0.6 * spot, 1.4 * spot + step / 2, step)
    parts = []
    for ahead in days:
        day = AS_OF.date() + timedelta(days=ahead)
        ends = int(new_york(day, time(16)).timestamp())
        t = (ends - AS_OF.timestamp()) / (365 * 86_400)
        forward = spot * np.exp((rate - carry) * t)
        k = np.log(strikes / forward)
        sigma = np.maximum(vol + skew * k + smile * k * k, 0.03)
        for call in (True, False):
            value = black76(forward, strikes, t, sigma, np.exp(-rate * t), call)
            half = np.maximum(half_spread * value, 0.025)
            bid = np.where(value - half > 0.02, value - half, 0.0)
            parts.append(
                (np.full(len(strikes), day.toordinal()), np.full(len(strikes), ends), strikes, call, bid, value + half)
            )
    size = sum(len(part[2]) for part in parts)
    nothing = np.full(size, np.nan)
    return OptionChain(
        ticker=ticker,
        exercise=exercise,
        multiplier=100,
        spot=spot,
        quoted_at=AS_OF,
        known_at=AS_OF,
        source="test",
        closing=False,
        root=np.full(size, ticker),
        expiry=np.concatenate([part[0] for part in parts]).astype(np.int64),
        settles_at=np.concatenate([part[1] for part in parts]).astype(np.int64),
        strike=np.concatenate([part[2] for part in parts]),
        is_call=np.concatenate([np.full(len(part[2]), part[3]) for part in parts]),
        bid=np.concatenate([part[4] for part in parts]),
        ask=np.concatenate([part[5] for part in parts]),
        last=nothing,
        volume=nothing,
        open_interest=nothing,
        vendor_iv=nothing,
        vendor_delta=nothing,
    )


def flat_rates(rate: float = 0.04, day: date = date(2024, 3, 1)) -> RateCurve:
    """A flat curve whose continuously compounded rate is `rate`."""
    y = float(np.expm1(rate))
    return RateCurve(tenors=(0.1, 1.0, 5.0), yields=(y, y, y), day=day, known_at=new_york(day, time(18)))


def snapshot_of(chain: OptionChain, as_of: datetime, rates: RateCurve | None = None) -> MarketSnapshot:
    """A snapshot that holds little more than a chain."""
    return MarketSnapshot(
        ticker=chain.ticker,
        as_of=as_of,
        market="recorded:test",
        simulated=False,
        instrument=Instrument(
            ticker=chain.ticker,
            kind=Kind.INDEX,
            exercise=chain.exercise,
            sector="broad index",
            broad_index=True,
            multiplier=chain.multiplier,
            known_at=as_of,
        ),
        spot=chain.spot,
        chain=chain,
        chain_lag_s=0.0,
        iv_confidence=1.0,
        lag_limit_s=600.0,
        quality=None,
        sources=(),
        restrictions=(),
        daily=None,
        intraday=None,
        vix_history=None,
        indices=(),
        rates=rates,
        calendar=Calendar(events=(), unknown=()),
        social=None,
        absent=(),
    )


@pytest.fixture(scope="session")
def make_black_chain() -> Callable[..., OptionChain]:
    return black_chain


@pytest.fixture(scope="session")
def make_snapshot() -> Callable[..., MarketSnapshot]:
    return snapshot_of


@pytest.fixture(scope="session")
def make_flat_rates() -> Callable[..., RateCurve]:
    return flat_rates


@pytest.fixture(scope="session")
def black_as_of() -> datetime:
    return AS_OF


@pytest.fixture(scope="session")
def make_chain_of() -> Callable[[pl.DataFrame, str, datetime, Exercise], OptionChain]:
    return chain_of
