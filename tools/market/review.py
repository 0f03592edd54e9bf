"""All chains of a recorded set through gate, alignment and snapshot, one at a time: what is left, and how good it is.

Two figures say what quotes that passed are worth. Parity: |C - P - D (F - K)| at mid, in basis points of spot, of
strikes within 5 % of the forward. Agreement: our implied volatility of a mid against the source's, in vol points, where
quotes are liquid: two days to expiration or more, |delta| 0.10 to 0.90, a spread under 10 % of the mid; and the same
with ours reckoned without carry (forward = spot, no discount), as some sources do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import numpy as np

from domain.codec import record
from domain.errors import BadChain, DataError
from domain.market import Floats, MarketSnapshot, OptionChain, Quotes
from domain.ports import Market
from quant.alignment import LagRules
from quant.surface import SliceFit, fit
from quant.vanilla.implied import implied_vol
from tools import sessions
from tools.market.quality.contracts import keys, pairs
from tools.market.snapshot import take_snapshot

NEAR = 0.05  # of the forward, for parity
FIRST_DAYS = 2  # to expiration, for agreement
DELTAS = (0.10, 0.90)
LIQUID_SPREAD = 0.10  # of mid

# What flags and refusals say, and what they are counted under.
KINDS = (
    ("volatilities of the source", "absurd volatilities of the source"),
    ("deltas of the source", "absurd deltas of the source"),
    ("impossible volumes", "impossible volumes or open interests"),
    ("strikes missing near the money", "strikes missing near the money"),
    ("unchanged since", "nothing new since the chain before"),
    ("where parity of", "an underlying off its options' parity"),
    (", outside ", "an underlying outside its bars"),
    (", closed at ", "an underlying far from its last close"),
    ("is a copy of", "copies of the day before"),
    ("no trading session", "chains of a day without a session"),
    ("as price of the underlying", "no price of the underlying"),
    ("near the money with both", "too few two-sided quotes near the money"),
    ("quotes near the money that cannot be", "impossible quotes near the money"),
    ("no strikes near the money", "no strikes near the money"),
    ("mostly senseless", "mostly senseless rows"),
    ("single strike", "a single strike"),
)


@record
class Refusals:
    """Chains refused for one kind of reason: how many, and what was said of the first."""

    kind: str
    count: int
    first: str


@record
class Review:
    """What became of the chains of a set, or of one ticker of it. None: there was nothing to measure."""

    set_name: str
    ticker: str  # "": all of the set
    chains: int
    passed: int
    stale: int  # of the passed, older than their limit when they became known
    rows: int  # of all chains
    refused_rows: int  # of those in refused chains
    kept: int  # of the passed ones, as are the counts below
    dropped: tuple[tuple[str, int], ...]
    unquoted: tuple[tuple[str, int], ...]
    flagged: tuple[tuple[str, int], ...]  # chains by kind of flag
    refused: tuple[Refusals, ...]
    quoted: bool  # False: the source has neither bid nor ask
    parity_bp: float | None  # median
    parity_pairs: int
    iv_median: float | None  # vol points
    iv_p95: float | None
    no_carry_median: float | None  # the same, ours without carry
    no_carry_p95: float | None
    iv_quotes: int


class Tally:
    """Counts of one ticker while its chains go by, and of a set when tickers are added up."""

    def __init__(self) -> None:
        self.chains = self.passed = self.stale = self.rows = self.refused_rows = self.kept = 0
        self.quoted = False
        self.dropped: Counter[str] = Counter()
        self.unquoted: Counter[str] = Counter()
        self.flagged: Counter[str] = Counter()
        self.refused: dict[str, tuple[int, str]] = {}
        self.parity: list[Floats] = []
        self.miss: list[Floats] = []
        self.no_carry: list[Floats] = []

    def refuse(self, rows: int, error: DataError) -> None:
        """Count a chain that did not come through."""
        self.chains += 1
        self.rows += rows
        self.refused_rows += rows
        kind = _kind(str(error))
        count, first = self.refused.get(kind, (0, str(error)))
        self.refused[kind] = (count + 1, first)

    def accept(self, snapshot: MarketSnapshot) -> None:
        """Count a chain that came through, and measure its quotes."""
        chain, quality = snapshot.chain, snapshot.quality
        if chain is None or quality is None:
            return
        self.chains += 1
        self.passed += 1
        self.stale += snapshot.chain_lag_s > snapshot.lag_limit_s
        self.rows += quality.rows
        self.kept += quality.kept
        self.dropped.update(dict(quality.dropped))
        self.unquoted.update(dict(quality.unquoted))
        self.flagged.update({_kind(flag) for flag in quality.flags})
        if chain.quotes is Quotes.NONE:
            return
        self.quoted = True
        try:
            surface = fit(chain, snapshot.as_of, snapshot.rates)
        except BadChain:
            self.flagged["no surface"] += 1
            return
        self.parity.append(parity_bp(chain, surface.slices))
        miss, no_carry = iv_misses(chain, surface.slices)
        self.miss.append(miss)
        self.no_carry.append(no_carry)

    def add(self, other: Tally) -> None:
        """Add another ticker's counts."""
        for name in ("chains", "passed", "stale", "rows", "refused_rows", "kept"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.quoted |= other.quoted
        for name in ("dropped", "unquoted", "flagged"):
            getattr(self, name).update(getattr(other, name))
        for kind, (count, first) in other.refused.items():
            held, said = self.refused.get(kind, (0, first))
            self.refused[kind] = (held + count, said)
        self.parity += other.parity
        self.miss += other.miss
        self.no_carry += other.no_carry

    def review(self, set_name: str, ticker: str) -> Review:
        """The record of the counts."""
        parity, miss, no_carry = _pooled(self.parity), _pooled(self.miss), _pooled(self.no_carry)
        return Review(
            set_name=set_name,
            ticker=ticker,
            chains=self.chains,
            passed=self.passed,
            stale=self.stale,
            rows=self.rows,
            refused_rows=self.refused_rows,
            kept=self.kept,
            dropped=tuple(self.dropped.most_common()),
            unquoted=tuple(self.unquoted.most_common()),
            flagged=tuple(self.flagged.most_common()),
            refused=tuple(
                Refusals(kind=kind, count=count, first=first) for kind, (count, first) in self.refused.items()
            ),
            quoted=self.quoted,
            parity_bp=_quantile(parity, 0.5),
            parity_pairs=len(parity),
            iv_median=_quantile(miss, 0.5),
            iv_p95=_quantile(miss, 0.95),
            no_carry_median=_quantile(no_carry, 0.5),
            no_carry_p95=_quantile(no_carry, 0.95),
            iv_quotes=len(miss),
        )


async def review(market: Market, ticker: str, moments: Iterable[datetime], lags: LagRules) -> Tally:
    """The counts of a ticker's chains, each as of the moment at which it became known.

    What a chain is refused for is counted; stale ones go on as evidence, as they would for a policy that decays only.
    """
    tally = Tally()
    for moment in moments:
        try:
            tally.accept(await take_snapshot(market, ticker, moment, lags=lags, keep_stale=True))
        except DataError as error:
            chain = await market.chain(ticker, moment)
            tally.refuse(len(chain) if isinstance(chain, OptionChain) else 0, error)
    return tally


def parity_bp(chain: OptionChain, slices: tuple[SliceFit, ...]) -> Floats:
    """|C - P - D (F - K)| at mid of each pair of two-sided quotes near the money, basis points of spot. (pairs,)."""
    forward, discount = np.full(len(chain), np.nan), np.full(len(chain), np.nan)
    for one in slices:
        forward[one.rows], discount[one.rows] = one.forward, one.discount
    calls, puts = pairs(keys(chain)[0])
    mid = _mid(chain)
    miss = mid[calls] - mid[puts] - discount[calls] * (forward[calls] - chain.strike[calls])
    near = np.abs(chain.strike[calls] / forward[calls] - 1.0) <= NEAR
    found = 1e4 * np.abs(miss[near]) / chain.spot
    return np.asarray(found[np.isfinite(found)], dtype=np.float64)


def iv_misses(chain: OptionChain, slices: tuple[SliceFit, ...]) -> tuple[Floats, Floats]:
    """|our IV - the source's| in vol points of liquid quotes that have both, with carry and without, (quotes,) each."""
    own, delta, t = np.full(len(chain), np.nan), np.full(len(chain), np.nan), np.full(len(chain), np.nan)
    for one in slices:
        own[one.rows], t[one.rows] = one.row_iv, one.t
        delta[one.rows] = one.delta(chain.strike[one.rows], chain.is_call[one.rows])
    delta = np.abs(np.where(np.isfinite(chain.vendor_delta), chain.vendor_delta, delta))
    day = chain.quoted_at.astimezone(sessions.NEW_YORK).date().toordinal()
    liquid = (chain.expiry - day >= FIRST_DAYS) & (delta >= DELTAS[0]) & (delta <= DELTAS[1])
    liquid &= chain.ask - chain.bid < LIQUID_SPREAD * _mid(chain)
    rows = np.flatnonzero(liquid & np.isfinite(own) & np.isfinite(chain.vendor_iv))
    flat = implied_vol(_mid(chain)[rows], chain.spot, chain.strike[rows], t[rows], 1.0, chain.is_call[rows]).sigma
    no_carry = 100.0 * np.abs(flat - chain.vendor_iv[rows])
    return 100.0 * np.abs(own - chain.vendor_iv)[rows], no_carry[np.isfinite(no_carry)]


def _mid(chain: OptionChain) -> Floats:
    two_sided = (chain.bid > 0.0) & (chain.ask >= chain.bid)
    return np.where(two_sided, 0.5 * (chain.bid + chain.ask), np.nan)


def _pooled(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty(0)


def _quantile(values: Floats, share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None


def _kind(text: str) -> str:
    """The kind of a flag or refusal, by which it is counted; what is not known here is its own kind."""
    return next((kind for words, kind in KINDS if words in text), text)
