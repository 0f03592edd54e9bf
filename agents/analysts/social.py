"""social: how fast attention to a name grows. Attention says little about direction, something about volatility."""

from __future__ import annotations

import numpy as np

from agents.analysts.sheet import Origin, Sheet
from domain.errors import BadInput, DataError
from domain.market import Interval, MarketSnapshot
from domain.units import Unit
from domain.views import Reading
from quant.social import on_clock, velocity
from quant.surface import Surface

NAME = "social"
SLOTS = {Interval.HOUR: (3_600, 24), Interval.DAY: (86_400, 1)}  # seconds of a slot, slots of a day
WINDOW = 28  # days
FRESH_SLOTS = 3
QUIET = 2.0  # standard deviations under which attention is ordinary
CAP = 0.25  # of conviction: what crowds write may sway the desk by no more


def read(snapshot: MarketSnapshot, surface: Surface | None) -> Reading:
    """Velocity of the last day's mentions as a share of all posts, against the four weeks before.

    Message counts predict volatility far better than returns (W. Antweiler and M. Frank, "Is all that talk just
    noise?", J. Finance 2004), so a burst speaks only on the volatility axis, for cheap. Ordinary attention is a
    reading without a lean.
    """
    sheet = Sheet(snapshot, NAME)
    counts = snapshot.social
    if counts is None:
        return sheet.abstain("no source of social counts has this name")
    if counts.interval not in SLOTS:
        return sheet.abstain(f"counts by {counts.interval.value} can't be read; hourly or daily ones can")
    step, period = SLOTS[counts.interval]
    times = np.array([int(time.timestamp()) for time in counts.times], dtype=np.int64)
    if len(times) == 0:
        return sheet.abstain(f"{counts.source} holds no counts")
    age = snapshot.as_of.timestamp() - float(times[-1])
    if age > FRESH_SLOTS * step:
        return sheet.abstain(f"the newest count of {counts.source} is {age / 3600:.0f} hours old")
    try:
        mentions = on_clock(times, np.array(counts.mentions, dtype=np.float64), step)
        totals = on_clock(times, np.array(counts.totals, dtype=np.float64), step)
        found = velocity(mentions, totals, period, WINDOW)
    except BadInput as error:
        raise DataError(
            f"{snapshot.ticker}: social counts of {counts.source} contradict themselves: {error}"
        ) from error
    if found is None:
        return sheet.abstain(f"{counts.source}: too few days with counts before this one")
    origin = Origin(counts.known_at, counts.source)
    note = f"share of all posts, last day against {found.window} days before"
    sheet.add(
        "mention_velocity",
        found.ratio,
        Unit.RATIO,
        origin,
        zscore=found.zscore,
        note=note,
    )
    sheet.add("mention_share", 100.0 * found.share, Unit.PERCENT, origin, note="of all posts")
    loud = max(found.zscore - QUIET, 0.0)
    return sheet.signal(
        volatility=(-float(np.tanh(loud / 3.0)), CAP if loud > 0.0 else 0.0),
        horizon=5,
        why=f"Mentions run at {found.ratio:.2f} times their usual share of posts, {found.zscore:+.1f} sd.",
        rests_on=("mention_velocity",),
    )
