"""The ladder of listed strikes near the money: expirations without one, and holes in it."""

from __future__ import annotations

from typing import NamedTuple

from domain.market import OptionChain

NEAR = 0.05  # of spot: strikes that matter to every playbook
BRACKET = 0.10  # of spot: the strikes around the money lie this close, or the expiration has none near it ...
BRACKET_DOLLARS = 2.5  # ... but for cheap underlyings, whose strikes are listed this far apart
HOLED = 3  # strikes missing: single ones are listed that way ...
HOLED_SHARE = 0.5  # ... as are coarser ladders, up to this share of what both neighbours list
HORIZON_S = 60 * 86_400  # expirations up to here are the near ones


class Ladder(NamedTuple):
    """Near expirations, how many have no strike near the money, strikes missing in how many that have holes."""

    near: int
    bare: int
    holes: int
    holed: int


def ladder(chain: OptionChain) -> Ladder:
    """The strike ladder of a chain by root and expiration, as listed.

    A hole is a strike within 5 % of spot that the expirations before and after of the same root list and this one
    doesn't; counted are the near expirations that lack at least HOLED and HOLED_SHARE of what both neighbours list.
    """
    import numpy as np

    root = np.unique(np.asarray(chain.root), return_inverse=True)[1].astype(np.int64)
    group = (root << 22) | chain.expiry
    names, first, at = np.unique(group, return_index=True, return_inverse=True)
    below = np.full(len(names), -np.inf)
    above = np.full(len(names), np.inf)
    low = chain.strike <= chain.spot
    high = chain.strike >= chain.spot
    np.maximum.at(below, at[low], chain.strike[low])
    np.minimum.at(above, at[high], chain.strike[high])
    soon = chain.settles_at[first] <= chain.quoted_at.timestamp() + HORIZON_S
    if not soon.any():
        soon = np.ones(len(names), dtype=np.bool_)
    bare = above - below > max(BRACKET * chain.spot, BRACKET_DOLLARS)
    close = np.abs(chain.strike / chain.spot - 1.0) <= NEAR
    strikes, column = np.unique(chain.strike[close], return_inverse=True)
    listed = np.zeros((len(names), len(strikes)), dtype=np.bool_)
    listed[at[close], column] = True
    both = np.zeros_like(listed)
    both[1:-1] = listed[:-2] & listed[2:]
    inner = names >> 22
    both[1:-1] &= ((inner[:-2] == inner[1:-1]) & (inner[2:] == inner[1:-1]))[:, None]
    missing = (both & ~listed).sum(axis=1)
    holed = soon & (missing >= HOLED) & (missing >= HOLED_SHARE * both.sum(axis=1))
    return Ladder(int(soon.sum()), int((bare & soon).sum()), int(missing[holed].sum()), int(holed.sum()))
