"""The ladder of listed strikes near the money: expirations without one, and holes in it."""

from __future__ import annotations

from typing import NamedTuple

from domain.market import Bools, Floats, OptionChain

NEAR = 0.05  # of spot: strikes that matter to every playbook
BRACKET = 0.10  # of spot: the strikes around the money lie this close, or the expiration has none near it ...
BRACKET_DOLLARS = 2.5  # ... but for cheap underlyings, whose strikes are listed this far apart
AROUND = 2.0  # of that range is looked at to know an expiration's own steps
HOLED = 3  # strikes missing: single ones are listed that way ...
HOLED_SHARE = 0.25  # ... as is this share of what both neighbours list
WIDE = 2.5  # of its own usual steps: a gap; a new expiration is listed coarsely but evenly
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
    doesn't, in a gap of this one's ladder wider than WIDE of its steps; counted are the near expirations that lack at
    least HOLED of them and HOLED_SHARE of what both neighbours list.
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
    off = np.abs(chain.strike / chain.spot - 1.0)
    close = off <= AROUND * NEAR
    strikes, column = np.unique(chain.strike[close], return_inverse=True)
    listed = np.zeros((len(names), len(strikes)), dtype=np.bool_)
    listed[at[close], column] = True
    both = np.zeros_like(listed)
    both[1:-1] = listed[:-2] & listed[2:]
    both[:, np.abs(strikes / chain.spot - 1.0) > NEAR] = False
    inner = names >> 22
    both[1:-1] &= ((inner[:-2] == inner[1:-1]) & (inner[2:] == inner[1:-1]))[:, None]
    missing = both & ~listed & soon[:, None]
    few = missing.sum(axis=1) < np.maximum(HOLED, HOLED_SHARE * both.sum(axis=1))
    missing[few] = False
    for row in np.flatnonzero(~few & soon):
        missing[row] &= _gaps(strikes, listed[row])
    holes = missing.sum(axis=1)
    holes[holes < HOLED] = 0
    return Ladder(int(soon.sum()), int((bare & soon).sum()), int(holes.sum()), int((holes > 0).sum()))


def _gaps(strikes: Floats, listed: Bools) -> Bools:
    """Which strikes lie in a gap of one expiration's ladder, wider than WIDE of its own steps, (m,)."""
    import numpy as np

    own = strikes[listed]
    if len(own) < 2:
        return np.ones(len(strikes), dtype=np.bool_)
    step = float(np.median(np.diff(own)))
    edges = np.concatenate(([-np.inf], own, [np.inf]))
    above = np.searchsorted(own, strikes, side="right")
    return np.asarray(edges[above + 1] - edges[above] > WIDE * step, dtype=np.bool_)
