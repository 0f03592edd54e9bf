"""What surrounds simulated prices: the calendar, corporate actions, and social mentions.

Mentions follow the size of the day's move, and now and then a campaign is planted (`campaigns`): a burst that no price
knows of, before, during or after it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from domain.market import ActionKind, Calendar, CorporateAction, Event, EventKind, Interval, SocialCounts
from tools import sessions
from tools.market.simulated.bars import SOURCE
from tools.market.simulated.carry import drops, reports
from tools.market.simulated.paths import closes, grid, path
from tools.market.simulated.presets import FIRST, PROFILES
from tools.randomness import uniforms

_SOCIAL_DAYS = 60
_AHEAD_DAYS = 120  # how far ahead the calendar reaches
_ESTIMATED_DAYS, _CONFIRMED_DAYS = 100, 21  # before the date
_CAMPAIGN_EVERY = 130  # sessions, on average
_LISTED = datetime(2021, 1, 4, tzinfo=UTC)  # when the exchange had told its expirations


def calendar(ticker: str, as_of: datetime) -> Calendar:
    """Events ahead as known at a moment. There are no macroeconomic releases in this market: a known none."""
    profile = PROFILES[ticker]
    today = as_of.astimezone(sessions.NEW_YORK).date()
    until = today + timedelta(days=_AHEAD_DAYS)
    found: list[Event] = []
    for report in reports(ticker):
        if today <= report.day <= until and profile.reports is not None:
            found += _event(EventKind.EARNINGS, report.day, as_of, profile.reports.before_open)
    for drop in drops(ticker):
        if today <= drop.day <= until:
            found += _event(EventKind.EX_DIVIDEND, drop.day, as_of, None)
    for months in range(_AHEAD_DAYS // 30 + 1):
        first = (today.replace(day=1) + timedelta(days=31 * months)).replace(day=1)
        third = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
        day = sessions.on_or_before(third)
        if today <= day <= until:
            found.append(
                Event(kind=EventKind.OPEX, day=day, confirmed=True, before_open=None, known_at=_LISTED, source=SOURCE)
            )
    return Calendar(events=tuple(sorted(found, key=lambda event: (event.day, event.kind))), unknown=())


def _event(kind: EventKind, day: date, as_of: datetime, before_open: bool | None) -> tuple[Event, ...]:
    """The date as estimated, then as confirmed; nothing before it was estimated."""
    estimated = sessions.new_york(day - timedelta(days=_ESTIMATED_DAYS), 16, 30)
    confirmed = sessions.new_york(day - timedelta(days=_CONFIRMED_DAYS), 16, 30)
    if as_of < estimated:
        return ()
    sure = as_of >= confirmed
    return (
        Event(
            kind=kind,
            day=day,
            confirmed=sure,
            before_open=before_open if sure else None,
            known_at=confirmed if sure else estimated,
            source=SOURCE,
        ),
    )


def actions(seed: int, ticker: str, as_of: datetime) -> tuple[CorporateAction, ...]:
    """Dividends whose amounts are known: fifteen minutes after the close before their ex-dates. Oldest first."""
    found: list[CorporateAction] = []
    about = grid()
    for drop in drops(ticker):
        eve = int(np.searchsorted(about.days, drop.day.toordinal())) - 1
        if eve < 0 or eve + 1 >= len(about.days):
            continue
        known_at = sessions.daily_known_at(date.fromordinal(int(about.days[eve])))
        if known_at > as_of:
            break
        amount = round(drop.share * float(path(seed, ticker).price[eve, -1]), 4)
        found.append(
            CorporateAction(
                kind=ActionKind.DIVIDEND,
                day=drop.day,
                ratio=None,
                amount=amount,
                note="",
                source=SOURCE,
                known_at=known_at,
            )
        )
    return tuple(found)


class Campaign(NamedTuple):
    """A planted burst of mentions: it reaches its height on the second day and then halves from day to day."""

    begins: date  # UTC day
    days: int
    height: float  # multiple of the quiet level that it adds


@lru_cache(maxsize=32)
def campaigns(seed: int, ticker: str) -> tuple[Campaign, ...]:
    """Every campaign of the plan, oldest first. Nothing else in the market knows of them."""
    days = grid().days
    start, length, size = (uniforms(seed, (ticker, "campaign", what), days) for what in range(3))
    found: list[Campaign] = []
    for at in np.flatnonzero(start < 1 / _CAMPAIGN_EVERY).tolist():
        day = date.fromordinal(int(days[at]))
        if found and day <= found[-1].begins + timedelta(days=found[-1].days):
            continue
        found.append(Campaign(day, 4 + int(4 * length[at]), 6 + 14 * float(size[at])))
    return tuple(found)


def social(seed: int, ticker: str, as_of: datetime) -> SocialCounts | None:
    """Daily mentions of the last complete UTC days; None before the first session's day is over."""
    about = grid()
    profile = PROFILES[ticker]
    last = as_of.astimezone(UTC).date() - timedelta(days=1)
    first = max(last - timedelta(days=_SOCIAL_DAYS - 1), FIRST)
    last = min(last, date.fromordinal(int(about.days[-1])))
    days = np.arange(first.toordinal(), last.toordinal() + 1)
    if len(days) == 0:
        return None
    place = np.searchsorted(about.days, days, side="right") - 1
    open_day = about.days[place] == days
    price = path(seed, ticker).price[:, -1]
    moves = np.diff(np.log(price), prepend=np.log(profile.start))
    steady = profile.law.floor + sum(jump.variance for jump in profile.law.jumps)
    deviation = np.sqrt((closes(seed)[ticker].variance + steady) / 252)
    shock = np.where(open_day, np.abs(moves[place]) / deviation[place], 0.0)
    chance = uniforms(seed, (ticker, "mentions"), days)
    crowd = uniforms(seed, ("everyone", "mentions"), days)
    quiet = np.where(open_day, 1.0, 0.45)
    usual = quiet * (0.7 + 0.25 * np.minimum(shock**2, 40.0)) * np.exp(0.8 * (chance - 0.5))
    mentions = np.round(profile.mentions * (usual + _burst(seed, ticker, days)))
    totals = np.round(sum(each.mentions for each in PROFILES.values()) * 4 * quiet * np.exp(0.4 * (crowd - 0.5)))
    ends = [datetime.combine(date.fromordinal(int(day)) + timedelta(days=1), time(0), UTC) for day in days]
    return SocialCounts(
        source=SOURCE,
        interval=Interval.DAY,
        times=tuple(end - timedelta(days=1) for end in ends),
        mentions=tuple(float(value) for value in mentions),
        totals=tuple(float(value) for value in totals + mentions),
        known_at=ends[-1],
    )


def _burst(seed: int, ticker: str, days: np.ndarray) -> np.ndarray:
    """What campaigns add on each day (ordinals), as a multiple of the quiet level."""
    added = np.zeros(len(days))
    for campaign in campaigns(seed, ticker):
        since = days - campaign.begins.toordinal()
        on = (since >= 0) & (since < campaign.days)
        added += np.where(on, campaign.height * np.where(since == 0, 0.5, 0.5 ** np.maximum(since - 1, 0)), 0.0)
    return added
