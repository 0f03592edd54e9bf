"""The gate itself: every check in its order, the counts, and when a chain is refused."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any, NamedTuple

from domain.errors import BadChain
from domain.market import BarSeries, Bools, ChainQuality, Ints, OptionChain, Quotes, RateCurve
from quant.vanilla.forwards import survey
from tools import sessions
from tools.market import reference
from tools.market.quality import contracts, previous, underlying
from tools.market.quality.arbitrage import HIGHEST_VOL, LOWEST_VOL, absurd, off_parity, out_of_order, terms
from tools.market.quality.contracts import take
from tools.market.quality.ladder import BRACKET_DOLLARS, ladder
from tools.market.quality.previous import Twin

NEAR_MONEY = 0.10  # of spot: where a chain must be quoted to be traded
MIN_TWO_SIDED = 4  # contracts near the money with both sides: one put-call pair on each side of the forward
MOST_UNQUOTED = 0.5  # of the near-money quotes; a chain that loses more is wrong as a whole
MOST_DROPPED = 0.5  # of the rows, apart from expired and adjusted ones


class Beside(NamedTuple):
    """What a chain is held against; None where it is not known."""

    previous: OptionChain | None  # the chain of the same ticker that was known before this one
    daily: BarSeries | None
    intraday: BarSeries | None
    rates: RateCurve | None
    splits: tuple[date, ...] = ()  # ex-dates known of the underlying


ALONE = Beside(previous=None, daily=None, intraday=None, rates=None)


class Tally:
    """Counts and flags as the checks find them."""

    def __init__(self, rows: int) -> None:
        self.rows = self.kept = rows
        self.dropped: list[tuple[str, int]] = []
        self.unquoted: list[tuple[str, int]] = []
        self.flags: list[str] = []

    def quality(self) -> ChainQuality:
        """The record of what was found."""
        return ChainQuality(
            rows=self.rows,
            kept=self.kept,
            dropped=tuple(self.dropped),
            unquoted=tuple(self.unquoted),
            flags=tuple(self.flags),
        )

    def said(self) -> str:
        """How many rows were left, and what became of the others."""
        text = self.quality().text()
        return f"{self.kept} of {self.rows} rows left" + (f" ({text})" if text else "")


def screen(chain: OptionChain, beside: Beside = ALONE) -> tuple[OptionChain, ChainQuality]:
    """The chain without its senseless rows and without the quotes that cannot be, and the counts. Row order is kept.

    Each row goes, or loses bid and ask (NaN), under the first reason that holds; docs/market-data.md lists them with
    their thresholds. A source without quotes is judged by all that does not need them. Raises BadChain, with the
    counts, for a chain that cannot be read (no rows, no price, no session), is a copy of an earlier day's, disagrees
    with bars or with itself about the underlying, or is too poor to trade.
    """
    import numpy as np

    with np.errstate(all="ignore"):  # hostile numbers give NaN and infinities, and every comparison says what they mean
        return _screen(chain, beside)


def _screen(chain: OptionChain, beside: Beside) -> tuple[OptionChain, ChainQuality]:
    import numpy as np

    name = f"{chain.ticker}'s chain of {chain.quoted_at:%Y-%m-%d %H:%M} UTC"
    if len(chain) == 0:
        raise BadChain(f"{name} has no rows")
    if not np.isfinite(chain.spot) or chain.spot <= 0:
        raise BadChain(f"{name} has {chain.spot} as price of the underlying")
    _in_session(chain, name)
    tally = Tally(len(chain))
    twin = previous.twin(chain, beside.previous)
    _not_a_copy(chain, twin, name, tally)
    key = contracts.keys(chain)[0] if twin is None else twin.key
    keep = _contracts(chain, key, name, tally)
    if tally.kept < tally.rows:
        chain, key = take(chain, keep), key[keep]
        twin = None if twin is None else twin._replace(key=key, row=twin.row[keep])
    chain = _vendor_numbers(chain, tally)
    tally.flags += underlying.against_bars(chain, beside.daily, beside.intraday, beside.splits)
    steps = ladder(chain)
    if 2 * steps.bare > steps.near:
        raise BadChain(
            f"{name} has no strikes near the money in {steps.bare} of {steps.near} near expirations: {tally.said()}"
        )
    if steps.holed:
        tally.flags.append(
            f"{steps.holes} strikes missing near the money in {steps.holed} of {steps.near} near expirations"
        )
    if chain.quotes is not Quotes.NONE:
        chain = _quotes(chain, key, twin, beside.rates, name, tally)
    return chain, tally.quality()


def _in_session(chain: OptionChain, name: str) -> None:
    """Refuse quotes dated on a day on which the exchange is shut; futures have hours of their own."""
    if chain.ticker in reference.ROUND_THE_CLOCK:
        return
    day = chain.quoted_at.astimezone(sessions.NEW_YORK).date()
    if not sessions.FIRST <= day <= sessions.LAST:
        raise BadChain(f"{name} is dated outside the session calendar, {sessions.FIRST} to {sessions.LAST}")
    if not sessions.is_session(day):
        raise BadChain(f"{name} is dated {day:%A} {day}, no trading session")


def _not_a_copy(chain: OptionChain, twin: Twin | None, name: str, tally: Tally) -> None:
    if twin is None or not previous.unchanged(chain, twin):
        return
    before = twin.previous.quoted_at.astimezone(sessions.NEW_YORK)
    if before.date() != chain.quoted_at.astimezone(sessions.NEW_YORK).date():
        raise BadChain(f"{name} is a copy of that of {before:%Y-%m-%d}: quotes, volumes and price are the same")
    tally.flags.append(f"unchanged since {before:%H:%M} New York")


def _contracts(chain: OptionChain, key: Ints, name: str, tally: Tally) -> Bools:
    """Rows that are contracts, (n,). Raises BadChain when nothing, a single strike or less than half is left."""
    import numpy as np

    keep = np.ones(len(chain), dtype=np.bool_)

    def drop(reason: str, bad: Bools) -> None:
        count = int((keep & bad).sum())
        if count:
            tally.dropped.append((reason, count))
            keep[bad] = False

    for reason, bad in contracts.senseless(chain):
        drop(reason, bad)
    drop("duplicate", contracts.repeated(key, keep))
    tally.kept = int(keep.sum())
    if tally.kept == 0:
        raise BadChain(f"{name} has no usable row: {tally.said()}")
    if len(np.unique(chain.strike[keep])) < 2:
        raise BadChain(f"{name} has a single strike: {tally.said()}")
    spoilt = sum(count for reason, count in tally.dropped if reason not in ("expired", "adjusted contract"))
    if spoilt > MOST_DROPPED * tally.rows:
        raise BadChain(f"{name} is mostly senseless: {tally.said()}")
    return keep


def _vendor_numbers(chain: OptionChain, tally: Tally) -> OptionChain:
    """Blank the source's volatilities, deltas, volumes and open interest that cannot be."""
    import numpy as np

    wild = ~np.isnan(chain.vendor_iv) & ~((chain.vendor_iv >= LOWEST_VOL) & (chain.vendor_iv <= HIGHEST_VOL))
    steep = ~np.isnan(chain.vendor_delta) & ~(np.abs(chain.vendor_delta) <= 1.0)
    counts = {name: getattr(chain, name) for name in ("volume", "open_interest")}
    impossible = {name: ~np.isnan(value) & ~((value >= 0) & (value < np.inf)) for name, value in counts.items()}
    found = (
        (int(wild.sum()), "volatilities of the source outside 0.1 % to 500 %"),
        (int(steep.sum()), "deltas of the source outside -1 to 1"),
        (sum(int(bad.sum()) for bad in impossible.values()), "impossible volumes or open interests"),
    )
    if not any(count for count, _ in found):
        return chain
    tally.flags += [f"{count} {what}, left out" for count, what in found if count]
    return dataclasses.replace(
        chain,
        vendor_iv=np.where(wild, np.nan, chain.vendor_iv),
        vendor_delta=np.where(wild | steep, np.nan, chain.vendor_delta),
        volume=np.where(impossible["volume"], np.nan, chain.volume),
        open_interest=np.where(impossible["open_interest"], np.nan, chain.open_interest),
    )


def _quotes(
    chain: OptionChain, key: Ints, twin: Twin | None, rates: RateCurve | None, name: str, tally: Tally
) -> OptionChain:
    """Take the quotes from rows whose quotes cannot be. Raises BadChain when too little is left to trade."""
    import numpy as np

    quoted = np.ones(len(chain), dtype=np.bool_)
    near = np.abs(chain.strike - chain.spot) <= max(NEAR_MONEY * chain.spot, BRACKET_DOLLARS)

    def unquote(reason: str, bad: Bools) -> bool:
        count = int((quoted & bad).sum())
        if count:
            tally.unquoted.append((reason, count))
            quoted[bad] = False
        return count > 0

    unquote("no market", ~(chain.bid > 0) & ~(chain.ask > 0))
    came = int((quoted & near).sum())
    unquote("infinite", np.isinf(chain.bid) | np.isinf(chain.ask))
    chain = _without_quotes(chain, quoted)
    found = survey(chain, chain.quoted_at, rates).slices
    against = underlying.against_parity(chain, found)
    tally.flags += against.flags
    known = terms(chain, found, rates, against.implied)
    if twin is not None and unquote("stale", previous.stale(chain, twin, known)):
        chain = _without_quotes(chain, quoted)
        found = survey(chain, chain.quoted_at, rates).slices
        known = terms(chain, found, rates, against.implied)
    if unquote("absurd", absurd(chain, known)):
        chain = _without_quotes(chain, quoted)
    if unquote("out of order", out_of_order(chain, found)):
        chain = _without_quotes(chain, quoted)
    if unquote("off parity", off_parity(chain, key, known)):
        chain = _without_quotes(chain, quoted)
    two_sided = (chain.bid > 0) & (chain.ask >= chain.bid)
    if not (chain.bid > 0).any():
        raise BadChain(f"{name} has no bid above zero: {tally.said()}")
    if not two_sided.any():
        raise BadChain(f"{name} has no contract with both a bid and an ask: {tally.said()}")
    lost = came - int((quoted & near).sum())
    if lost > MOST_UNQUOTED * came:
        raise BadChain(f"{name} has {lost} of {came} quotes near the money that cannot be: {tally.said()}")
    left = int((two_sided & near).sum())
    if left < MIN_TWO_SIDED:
        raise BadChain(
            f"{name} has {left} contracts near the money with both a bid and an ask, {MIN_TWO_SIDED} needed: "
            f"{tally.said()}"
        )
    return chain


def _without_quotes(chain: OptionChain, quoted: Bools) -> OptionChain:
    """The chain with bid, ask and sizes only where they are to be believed; itself when nothing changes."""
    import numpy as np

    names = [name for name in ("bid", "ask", *contracts.SIZES) if getattr(chain, name) is not None]
    blank: dict[str, Any] = {name: np.where(quoted, getattr(chain, name), np.nan) for name in names}
    if all(np.array_equal(blank[name], getattr(chain, name), equal_nan=True) for name in names):
        return chain
    return dataclasses.replace(chain, **blank)
