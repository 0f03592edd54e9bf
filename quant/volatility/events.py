"""Scheduled events seen in the term structure: more variance between two expiries than on either side of them.

A jump on a known day adds a lump of variance to every expiry after it and none before (A. Dubinsky, M. Johannes,
A. Kaeck and N. Seeger, "Option pricing of earnings announcement risks", Review of Financial Studies 2019). Between
neighbouring expiries it shows as a forward variance a day above that of the intervals around. Long intervals drown it,
and the first one is left out: there the hours of a day weigh more than an event.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.errors import BadInput
from domain.market import Floats

NEIGHBOURS = 2  # intervals looked at on each side
LONGEST = 10.5  # trading days of an interval that can show an event
FURTHEST = 45.0  # trading days ahead: beyond, expiries are sparse
BUMP = 1.6  # times the variance a day around it
FLAT = 1.15  # below this an interval is like those around it
SIZE = 1.5  # the move that the excess stands for, in daily moves around it: less is noise of the quotes


class Interval(NamedTuple):
    """The time between two neighbouring expiries, in trading days from now."""

    begins: float
    ends: float
    ratio: float  # its forward variance a day over the median of the intervals around it
    move: float  # standard deviation of the one log move that the excess stands for; 0: no excess
    usual: float  # daily log move of the intervals around it

    @property
    def bump(self) -> bool:
        """True when an event seems to lie in it."""
        return self.ratio >= BUMP and self.move >= SIZE * self.usual

    @property
    def flat(self) -> bool:
        """True when no event of any size seems to lie in it."""
        return self.ratio < FLAT


def intervals(days: Floats, variance: Floats) -> tuple[Interval, ...]:
    """Every interval that is short and near enough to tell, with one at least on each side.

    `days`: trading days to each expiry, ascending; `variance`: total implied variance at the money to it; shapes (n,).

    An interval whose variance falls (a calendar arbitrage: bad quotes) tells nothing and stands for no neighbour.
    Raises BadInput when the two don't fit or days don't ascend.
    """
    if days.shape != variance.shape or days.ndim != 1 or bool((np.diff(days) <= 0.0).any()):
        raise BadInput(f"expiries {days.shape} and variances {variance.shape} must be two columns, expiries ascending")
    span = np.diff(days)
    rate = np.diff(variance) / span
    rate = np.where(np.isfinite(rate) & (rate > 0.0), rate, np.nan)
    found: list[Interval] = []
    for i in range(len(rate)):
        before, after = rate[max(0, i - NEIGHBOURS) : i], rate[i + 1 : i + 1 + NEIGHBOURS]
        around = [side[np.isfinite(side)] for side in (before, after)]
        if (
            span[i] > LONGEST
            or days[i + 1] > FURTHEST
            or not np.isfinite(rate[i])
            or not all(len(side) for side in around)
        ):
            continue
        usual = float(np.median(np.concatenate(around)))
        excess = max(0.0, float(rate[i] - usual) * float(span[i]))
        found.append(
            Interval(float(days[i]), float(days[i + 1]), float(rate[i]) / usual, float(np.sqrt(excess)), usual**0.5)
        )
    return tuple(found)


class Due(NamedTuple):
    """When a scheduled event reaches the price, in trading days from now: on one of two days where its hour is open."""

    first: float
    last: float

    def within(self, one: Interval) -> bool:
        """True when it may lie in the interval."""
        return one.begins < self.last and self.first <= one.ends

    def inside(self, one: Interval) -> bool:
        """True when it lies in the interval whatever its hour."""
        return one.begins < self.first and self.last <= one.ends


def unexplained(found: tuple[Interval, ...], due: tuple[Due, ...]) -> tuple[Interval, ...]:
    """Intervals that look as if they held an event where the calendar has none."""
    return tuple(one for one in found if one.bump and not any(event.within(one) for event in due))


def unseen(found: tuple[Interval, ...], due: tuple[Due, ...]) -> tuple[Due, ...]:
    """Events of the calendar that lie in an interval without any sign of one."""
    return tuple(event for event in due if any(one.flat and event.inside(one) for one in found))
