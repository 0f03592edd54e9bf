"""Which rows of a chain are contracts at all, and how contracts are told apart, paired and found again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.market import Bools, Exercise, Ints, OptionChain
from tools.market import reference

if TYPE_CHECKING:
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
SIZES = ("bid_size", "ask_size")

# Roots of one underlying besides the ticker itself; all of them deliver the standard contract.
ROOTS = {
    "SPX": ("SPXW",),
    "NDX": ("NDXP",),
    "RUT": ("RUTW",),
    "XSP": ("XSPW",),
    "VIX": ("VIXW",),
}
LAST_DAY = 3_652_059  # 9999-12-31 as an ordinal; beyond it there are no dates

_STRIKE_GRID = 1000  # strikes are told apart to a tenth of a cent
_STRIKE_BITS = 30  # up to 1,073,741 points
_ROOT_BITS = 10
_EXPIRY_BITS = 22


class Pairs(NamedTuple):
    """Rows of the call and of the put of one contract, both (n,)."""

    calls: Ints
    puts: Ints


def take(chain: OptionChain, rows: NDArray[Any]) -> OptionChain:
    """The chain with only these rows (mask or indices)."""
    parts: dict[str, Any] = {name: getattr(chain, name)[rows] for name in ROW_FIELDS}
    parts |= {name: value[rows] for name in SIZES if (value := getattr(chain, name)) is not None}
    return dataclasses.replace(chain, **parts)


def senseless(chain: OptionChain) -> tuple[tuple[str, Bools], ...]:
    """Rows that are no contract one could price, by reason in the order of the checks. Masks (n,)."""
    import numpy as np

    return (
        ("without strike", ~(np.isfinite(chain.strike) & (chain.strike > 0))),
        ("without expiration", (chain.expiry < 1) | (chain.expiry > LAST_DAY)),
        ("negative quote", (chain.bid < 0) | (chain.ask < 0)),
        ("expired", chain.settles_at <= int(chain.quoted_at.timestamp())),
        ("adjusted contract", _adjusted(chain)),
        ("crossed", (chain.ask > 0) & (chain.bid > chain.ask)),
    )


def _adjusted(chain: OptionChain) -> Bools:
    """Roots that are neither the ticker nor one of its own: contracts with another deliverable, such as AAPL1.

    A class of shares is written with and without its point (BRK.B, BRKB). The options of a future have a root for
    every series, so there all roots are its own.
    """
    import numpy as np

    foreign = np.zeros(len(chain), dtype=np.bool_)
    if chain.ticker in reference.ROUND_THE_CLOCK:
        return foreign
    own = {chain.ticker, chain.ticker.replace(".", "").replace("-", ""), *ROOTS.get(chain.ticker, ())}
    rest = np.ones(len(chain), dtype=np.bool_)
    for root in sorted(own):
        rest &= np.asarray(chain.root) != root
    return rest


def keys(*chains: OptionChain) -> tuple[Ints, ...]:
    """A number for every row, equal where root, expiration, strike and side are, across these chains; ordered so.

    The last bit is the side (1: call). -1 for a row whose strike or expiration has no number.
    """
    import numpy as np

    roots = np.concatenate([np.asarray(chain.root) for chain in chains])
    names, codes = np.unique(roots, return_inverse=True)
    if len(names) >= 1 << _ROOT_BITS:
        codes = np.where(codes < (1 << _ROOT_BITS), codes, -1)
    strike = np.concatenate([chain.strike for chain in chains])
    expiry = np.concatenate([chain.expiry for chain in chains])
    call = np.concatenate([chain.is_call for chain in chains]).astype(np.int64)
    grid = strike * _STRIKE_GRID
    good = np.isfinite(grid) & (grid > 0) & (grid < (1 << _STRIKE_BITS)) & (expiry > 0) & (expiry <= LAST_DAY)
    good &= codes >= 0
    steps = np.rint(np.where(good, grid, 0.0)).astype(np.int64)
    packed = (codes.astype(np.int64) << _EXPIRY_BITS) | np.where(good, expiry, 0)
    packed = np.where(good, (packed << (_STRIKE_BITS + 1)) | (steps << 1) | call, -1)
    cuts = np.cumsum([len(chain) for chain in chains])[:-1]
    return tuple(np.split(packed, cuts))


def repeated(key: Ints, among: Bools) -> Bools:
    """Rows whose contract an earlier row among these already has, (n,)."""
    import numpy as np

    rows = np.flatnonzero(among & (key >= 0))
    order = rows[np.argsort(key[rows], kind="stable")]
    again = np.zeros(len(key), dtype=np.bool_)
    again[order[1:][key[order[1:]] == key[order[:-1]]]] = True
    return again


def pairs(key: Ints) -> Pairs:
    """Call and put rows of each contract that lists both. Keys are unique but for -1."""
    import numpy as np

    rows = np.flatnonzero(key >= 0)
    order = rows[np.argsort(key[rows], kind="stable")]
    put, call = order[:-1], order[1:]
    both = (key[put] >> 1 == key[call] >> 1) & (key[put] & 1 == 0) & (key[call] & 1 == 1)
    return Pairs(calls=call[both], puts=put[both])


def matched(key: Ints, others: Ints) -> Ints:
    """For each row the row of the other chain with the same contract (its first), -1 where it has none. (n,)."""
    import numpy as np

    if len(key) == len(others) and np.array_equal(key, others):
        return np.where(key >= 0, np.arange(len(key)), -1)
    found, first = np.unique(others, return_index=True)
    if len(found) == 0:
        return np.full(len(key), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(found, key), len(found) - 1)
    return np.where((found[at] == key) & (key >= 0), first[at], -1)


def european(chain: OptionChain) -> bool:
    """True when its options cannot be exercised early."""
    return chain.exercise is Exercise.EUROPEAN
