"""The quality gate that every chain passes on its way in: rows that make no sense go, each counted with its reason."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.errors import BadChain
from domain.market import BarSeries, ChainQuality, OptionChain, RateCurve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROW_FIELDS = (
    "root",
    "expiry",
    "settles_at",
    "strike",
    "is_call",
    "bid",
    "ask",
    "last",
    "volume",
    "open_interest",
    "vendor_iv",
    "vendor_delta",
)


def take(chain: OptionChain, rows: NDArray[np.int64] | NDArray[np.bool_]) -> OptionChain:
    """The chain with only these rows (mask or indices)."""
    parts: dict[str, Any] = {name: getattr(chain, name)[rows] for name in ROW_FIELDS}
    return dataclasses.replace(chain, **parts)


class Beside(NamedTuple):
    """What a chain is held against; None where it is not known."""

    previous: OptionChain | None  # the chain of the same ticker that was known before this one
    daily: BarSeries | None
    intraday: BarSeries | None
    rates: RateCurve | None


ALONE = Beside(previous=None, daily=None, intraday=None, rates=None)


def screen(chain: OptionChain, beside: Beside = ALONE) -> tuple[OptionChain, ChainQuality]:
    """The chain without its senseless rows, and the count. Row order is kept.

    A row goes for the first of: no strike, negative quote, expired (settled at or before the quote), crossed (bid above
    a positive ask), duplicate (same root, expiry, strike and side as an earlier row). A missing or zero side is a fact
    and stays. Raises BadChain when what is left cannot be priced: no rows, no positive spot,
    one strike, no bid, nothing quoted on both sides.
    """
    import numpy as np

    name = f"{chain.ticker}'s chain of {chain.quoted_at:%Y-%m-%d %H:%M} UTC"
    if len(chain) == 0:
        raise BadChain(f"{name} has no rows")
    if not np.isfinite(chain.spot) or chain.spot <= 0:
        raise BadChain(f"{name} has {chain.spot} as price of the underlying")
    quoted = int(chain.quoted_at.timestamp())
    reasons = (
        ("without strike", ~(np.isfinite(chain.strike) & (chain.strike > 0))),
        ("negative quote", (chain.bid < 0) | (chain.ask < 0)),
        ("expired", chain.settles_at <= quoted),
        ("crossed", (chain.ask > 0) & (chain.bid > chain.ask)),
    )
    keep = np.ones(len(chain), dtype=np.bool_)
    dropped: list[tuple[str, int]] = []
    for reason, bad in reasons:
        count = int((keep & bad).sum())
        if count:
            dropped.append((reason, count))
            keep &= ~bad
    rows = np.flatnonzero(keep)
    _, codes = np.unique(chain.root[rows], return_inverse=True)
    key = np.rec.fromarrays([codes, chain.expiry[rows], chain.strike[rows], chain.is_call[rows]])
    first = np.unique(key, return_index=True)[1]
    if len(first) < len(rows):
        dropped.append(("duplicate", len(rows) - len(first)))
        rows = rows[np.sort(first)]
    quality = ChainQuality(rows=len(chain), kept=len(rows), dropped=tuple(dropped), unquoted=(), flags=())
    said = f"{quality.kept} of {quality.rows} rows left" + (f" ({quality.text()})" if dropped else "")
    if len(rows) == 0:
        raise BadChain(f"{name} has no usable row: {said}")
    strikes = len(np.unique(chain.strike[rows]))
    if strikes < 2:
        raise BadChain(f"{name} has a single strike: {said}")
    bids = int((chain.bid[rows] > 0).sum())
    if bids == 0:
        raise BadChain(f"{name} has no bid above zero: {said}")
    if not ((chain.bid[rows] > 0) & (chain.ask[rows] >= chain.bid[rows])).any():
        raise BadChain(f"{name} has no contract with both a bid and an ask: {said}")
    return (take(chain, rows) if len(rows) < len(chain) else chain), quality
