"""What the market is known to be at a moment. Every datum carries `known_at`: when a trader could first have had it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from domain.codec import columnar, record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
else:
    Floats = Ints = Bools = Any


class Kind(StrEnum):
    """What an underlying is."""

    INDEX = "index"
    ETF = "etf"
    STOCK = "stock"


class Exercise(StrEnum):
    """When an option may be exercised."""

    EUROPEAN = "european"
    AMERICAN = "american"


class Interval(StrEnum):
    """Length of a bar."""

    DAY = "1d"
    HOUR = "1h"
    FIVE_MINUTES = "5m"
    MINUTE = "1m"


@record
class Instrument:
    """Reference data of an underlying."""

    ticker: str
    kind: Kind
    exercise: Exercise
    sector: str | None  # None: unknown, a bucket of its own
    broad_index: bool  # SPX, SPY, QQQ, IWM ... share one sector bucket
    multiplier: int
    known_at: datetime

    @property
    def bucket(self) -> str:
        """The sector bucket its risk is counted in: broad indices share one, an unknown sector is its own."""
        if self.broad_index:
            return "broad_index"
        return self.sector or f"unknown:{self.ticker}"


@record
class Absent:
    """The source answered and has no such datum. Absent is not failed, not zero and not neutral."""

    what: str
    why: str


@record
class IndexLevel:
    """The last known level of an index such as VIX."""

    name: str
    value: float
    day: date
    known_at: datetime


@record
class RateCurve:
    """Treasury par yields as decimals, by tenor in years, last known."""

    tenors: tuple[float, ...]
    yields: tuple[float, ...]
    day: date
    known_at: datetime

    def at(self, years: float) -> float:
        """Continuously compounded rate for a maturity in years, linear between tenors, flat outside."""
        from math import log1p

        pairs = tuple(zip(self.tenors, self.yields, strict=True))
        before = [pair for pair in pairs if pair[0] <= years]
        after = [pair for pair in pairs if pair[0] > years]
        if not before:
            rate = after[0][1]
        elif not after:
            rate = before[-1][1]
        else:
            (t0, y0), (t1, y1) = before[-1], after[0]
            rate = y0 + (y1 - y0) * (years - t0) / (t1 - t0)
        return log1p(rate)


@record
class Event:
    """A scheduled event: earnings, ex-dividend, FOMC, CPI, jobs, expiry."""

    kind: str
    day: date
    confirmed: bool
    before_open: bool | None
    known_at: datetime


@record
class Calendar:
    """Events ahead of an underlying. `earnings_known` False: nobody told us, which is not the same as none."""

    earnings_known: bool
    events: tuple[Event, ...]


@record
class SocialCounts:
    """Mentions of a ticker by hour or day, newest last, with the total of all posts to normalise by."""

    source: str
    interval: Interval
    times: tuple[datetime, ...]
    mentions: tuple[float, ...]
    totals: tuple[float, ...]
    known_at: datetime


@columnar
class BarSeries:
    """Bars of one ticker, oldest first. Arrays of shape (n,); times in epoch seconds, UTC.

    `adjusted` True: prices are adjusted for later dividends, so they give returns only, never a level.
    """

    ticker: str
    interval: Interval
    source: str
    adjusted: bool
    start: Ints
    known_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats  # NaN: unknown

    def __len__(self) -> int:
        return len(self.close)


@columnar
class OptionChain:
    """All listed options of one underlying at one moment, one row a contract. Arrays of shape (n,).

    NaN in a float column means absent. `settles_at` is the moment the payoff is fixed (09:30 New York for AM-settled
    roots, 16:00 otherwise, 13:00 on half days), epoch seconds UTC; `expiry` is the listed expiration as a proleptic
    ordinal (`date.toordinal`).
    """

    ticker: str
    exercise: Exercise
    multiplier: int
    spot: float
    quoted_at: datetime
    known_at: datetime
    source: str
    closing: bool  # quotes of the close (stamped 16:15), not of the session
    root: Any  # unicode array
    expiry: Ints
    settles_at: Ints
    strike: Floats
    is_call: Bools
    bid: Floats
    ask: Floats
    last: Floats
    volume: Floats
    open_interest: Floats
    vendor_iv: Floats
    vendor_delta: Floats

    def __len__(self) -> int:
        return len(self.strike)


@columnar
class MarketSnapshot:
    """Everything known about one ticker as of one moment; nothing in it is later. Stored by content hash."""

    ticker: str
    as_of: datetime
    market: str  # label shown wherever a result is shown
    simulated: bool
    instrument: Instrument
    spot: float
    chain: OptionChain | None
    chain_lag_s: float
    iv_confidence: float  # 0.5 ** (lag / half-life)
    daily: BarSeries | None
    intraday: BarSeries | None
    vix_history: BarSeries | None
    indices: tuple[IndexLevel, ...]
    rates: RateCurve | None
    calendar: Calendar
    social: SocialCounts | None
    absent: tuple[Absent, ...]


@record
class SnapshotRef:
    """What graph state keeps of a snapshot: its hash and what a reader wants at a glance."""

    hash: str
    ticker: str
    as_of: datetime
    market: str
    simulated: bool
    spot: float
    chain_at: datetime | None
    chain_lag_s: float
    iv_confidence: float
    absent: tuple[Absent, ...]
