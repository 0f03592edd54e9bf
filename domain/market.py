"""What the market is known to be at a moment. Every datum carries `known_at`: when a trader could first have had it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
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


# What exchanges let a source show without charge comes fifteen minutes late, underlying and options alike.
DISPLAY_DELAY = timedelta(minutes=15)


class Kind(StrEnum):
    """What an underlying is."""

    INDEX = "index"
    ETF = "etf"
    STOCK = "stock"
    FUTURE = "future"


class Exercise(StrEnum):
    """When an option may be exercised."""

    EUROPEAN = "european"
    AMERICAN = "american"


class Interval(StrEnum):
    """Length of a bar."""

    DAY = "1d"
    HOUR = "1h"
    FIFTEEN_MINUTES = "15m"
    FIVE_MINUTES = "5m"
    MINUTE = "1m"


class Quotes(StrEnum):
    """Where the bids and asks of a chain come from."""

    MARKET = "market"  # displayed by the market
    MODEL = "model"  # made from the source's implied volatilities by a stated spread model; paper only
    NONE = "none"  # the source has none: the chain feeds analysts and carries no order


class Alignment(StrEnum):
    """What the age of a chain does to it; a playbook chooses. `quant/alignment.py` says what each means."""

    HARD_CUTOFF = "hard_cutoff"
    DECAY_THEN_CUTOFF = "decay_then_cutoff"
    DECAY_ONLY = "decay_only"


class EventKind(StrEnum):
    """Scheduled events that move a price or a volatility."""

    EARNINGS = "earnings"
    EX_DIVIDEND = "ex_dividend"
    FOMC = "fomc"
    CPI = "cpi"
    JOBS = "jobs"
    OPEX = "opex"  # the monthly expiration of listed options


class ActionKind(StrEnum):
    """What a company does to its shares, or an exchange to its contracts."""

    SPLIT = "split"
    DIVIDEND = "dividend"
    SYMBOL_CHANGE = "symbol_change"
    ADJUSTED_CONTRACT = "adjusted_contract"


@record
class CorporateAction:
    """One corporate action; `day` is the first session on which it holds (the ex-date)."""

    kind: ActionKind
    day: date
    ratio: float | None  # of a split: new shares for an old one
    amount: float | None  # of a dividend: dollars a share
    note: str  # the old or new symbol, the new deliverable; "" when there is nothing to add
    source: str
    known_at: datetime


@record
class Beta:
    """Sensitivity of a ticker's daily returns to an index's, over so many sessions."""

    value: float
    against: str
    sessions: int
    known_at: datetime


@record
class Instrument:
    """Reference data of an underlying, resolved once before any agent sees the ticker."""

    ticker: str
    kind: Kind
    exercise: Exercise
    sector: str | None  # None: unknown, a bucket of its own
    broad_index: bool  # SPX, SPY, QQQ, IWM ... share one sector bucket
    multiplier: int
    known_at: datetime
    company: str | None = None  # None: unknown
    beta: Beta | None = None  # None: unknown
    actions: tuple[CorporateAction, ...] = ()  # known at the moment, oldest first

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
    """A scheduled event. `known_at` is when this date (estimated or confirmed) could first have been had."""

    kind: EventKind
    day: date
    confirmed: bool
    before_open: bool | None  # None: not said
    known_at: datetime
    source: str = ""  # where the date comes from


@record
class Calendar:
    """Events around an underlying. A kind in `unknown` is one that nobody told us of, which is not the same as none."""

    events: tuple[Event, ...]
    unknown: tuple[EventKind, ...]

    @property
    def earnings_known(self) -> bool:
        """True when the next earnings are known, or known not to exist (index, ETF)."""
        return EventKind.EARNINGS not in self.unknown


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

    `adjusted` True: prices are adjusted for later dividends or splits, so they give returns only, never a level. A
    source of closes alone has NaN in open, high and low; it answers only where no full source reaches.
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


@record
class ChainQuality:
    """What the quality gate found: rows that came and stayed, why others went, and which lost their quotes."""

    rows: int
    kept: int
    dropped: tuple[tuple[str, int], ...]  # rows gone, by reason, in the order of the checks
    unquoted: tuple[tuple[str, int], ...]  # rows kept without their quotes, by reason
    flags: tuple[str, ...]  # what concerns the chain as a whole

    def text(self) -> str:
        """The counts in words: "12 crossed, 3 duplicate; without quotes: 4 stale"; "" when nothing was found."""
        parts = [", ".join(f"{count} {reason}" for reason, count in self.dropped)]
        if self.unquoted:
            parts.append("without quotes: " + ", ".join(f"{count} {reason}" for reason, count in self.unquoted))
        return "; ".join(part for part in (*parts, *self.flags) if part)


@record
class SourceUse:
    """Which source answered for a datum, and which were asked before it in vain. A fall-back is never silent."""

    datum: str  # "chain", "daily bars", "VIX", "rates", "events", ...
    source: str  # "": none of the allowed sources answered
    failed: tuple[str, ...]  # "cboe: no answer within 5 s", in the order of asking

    def text(self) -> str:
        """In words: "chain from yahoo, after cboe: no answer within 5 s"."""
        reasons = "; ".join(self.failed)
        return f"{self.datum} from {self.source}, after {reasons}" if self.source else f"no {self.datum}: {reasons}"


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
    quotes: Quotes = Quotes.MARKET
    spread_model: str = ""  # of model quotes: which model, fitted on what
    delayed: bool = False  # displayed late by the source: `known_at` is when it was received
    spot_at: datetime | None = None  # when the price of the underlying was taken; None: with the quotes
    uncertainty_s: int = 0  # of a stated time: by how much earlier the quotes may be
    early_exercise: bool = True  # American quotes hold its whole premium; False: European values over intrinsic floors
    bid_size: Floats | None = None  # contracts; None: the source shows no sizes
    ask_size: Floats | None = None
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

    @property
    def shown_at(self) -> datetime:
        """When quotes of this moment are due on the source's screen: their own time, or of a delayed source a declared
        delay later, and never after they were received.
        """
        return min(self.quoted_at + DISPLAY_DELAY, self.known_at) if self.delayed else self.quoted_at


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
    chain_lag_s: float  # since the quotes were due on the source's screen (`OptionChain.shown_at`)
    iv_confidence: float  # 0.5 ** (lag / half-life)
    lag_limit_s: float  # beyond it the chain is stale
    quality: ChainQuality | None  # None: no chain
    sources: tuple[SourceUse, ...]  # where a source was asked in vain
    restrictions: tuple[str, ...]  # why no order that adds risk may rest on this snapshot; () when one may
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
    lag_limit_s: float = 600.0
    sources: tuple[SourceUse, ...] = ()
    restrictions: tuple[str, ...] = ()
    company: str = ""  # "" unknown
    events: tuple[Event, ...] = ()  # of the next weeks, soonest first
    chain_source: str = ""
    delayed: bool = False
    spread_model: str = ""
    quality: str = ""  # what the gate found, in words

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a reader must know of what was seen: delays, fall-backs, model quotes, restrictions."""
        found = ["delayed quotes: indicative"] if self.delayed else []
        if self.spread_model:
            found.append(f"bid and ask by spread model {self.spread_model}")
        return (*found, *(use.text() for use in self.sources if use.failed), *self.restrictions)

    @property
    def stale(self) -> bool:
        """True when the chain was older than its limit: evidence at most."""
        return self.chain_lag_s > self.lag_limit_s
